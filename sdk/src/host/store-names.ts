/** Names that one store alone gives, and secrets that one store alone can check. */
import { toHex } from '../protocol/hex.js';
import { KernelError } from '../errors.js';
import { toBase64 } from '../protocol/base64.js';
import type { KRef, VatId } from '../protocol/refs.js';
import type { EventLoop } from './event-loop.js';
import type { PlatformServices } from './platform-services.js';

/** 128 bits. */
const idBytes = 16;

export type StoreNames = ReturnType<typeof makeStoreNames>;

export function makeStoreNames(loop: () => EventLoop, platform: PlatformServices) {
  const random = (): string => toHex(crypto.getRandomValues(new Uint8Array(idBytes)));
  let epoch = random();

  const store = (): { id: string; secret: string } => {
    const { rows, feed, commit } = loop();
    const known = rows().store.get('store');
    if (known !== undefined) return known;
    feed({ type: 'identify-store', id: random(), secret: random() });
    commit();
    return rows().store.getRequired('store');
  };

  const mac = (text: string): Uint8Array => {
    if (platform.hmacSha256 === undefined)
      throw new KernelError(
        'INTERNAL_ERROR',
        'this platform has no hmacSha256, which client sessions need',
      );
    return platform.hmacSha256(store().secret, text);
  };

  const id = (text: string): string =>
    toBase64(mac(text).subarray(0, idBytes))
      .replace(/\+/g, '-')
      .replace(/\//g, '_')
      .replace(/=+$/, '');

  return {
    random,
    /** Of one run of the kernel. */
    epoch: (): string => epoch,
    beginEpoch: (): void => void (epoch = random()),
    storeId: (): string => store().id,
    /** The same for an object as long as the store lives, and not to be guessed from another one's. */
    stableId: (kref: KRef): string => id(`object ${kref}`),
    /** The same for a vat as long as this run lasts. */
    opaqueVatId: (vatId: VatId): string => id(`vat ${epoch} ${vatId}`),
    secretHash: (secret: string): string => toHex(mac(`session ${secret}`)),
  };
}
