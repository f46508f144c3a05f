/**
 * Who this kernel is to other kernels: made, found or recovered when it is first asked for, and kept in the store, in
 * clear or locked with a passphrase.
 */
import { fromHex, toHex } from '../protocol/hex.js';
import { KernelError } from '../errors.js';
import {
  derivedNumber,
  isKeySeed,
  mnemonicToSeed,
  peerIdOf,
  randomSeed,
  seedBytes,
  sign,
  type KeySeed,
} from '../comms/identity.js';
import type { PeerId } from '../comms/transport.js';
import type { IdentityRow } from '../kernel/rows.js';
import { limits } from '../limits.js';
import type { EventLoop } from './event-loop.js';

export type IdentityOptions = {
  /** The phrase that the key is made of: it recovers an identity. Found with another identity, it is refused. */
  mnemonic?: string;
  /** 64 hexadecimal digits that the key is made of, where no phrase is given. */
  keySeed?: string;
  /** Locks the key in the store. Needed again whenever it is used; lost with it is the identity. */
  passphrase?: string;
};

export type Identity = {
  readonly peerId: PeerId;
  readonly seed: Uint8Array;
  readonly sign: (text: string) => string;
  /** The number of an ocap URL that always comes back with this identity. */
  readonly numberOf: (name: string) => string;
};

export type Identities = ReturnType<typeof makeIdentities>;

export function makeIdentities(loop: EventLoop, own: IdentityOptions) {
  let known: Promise<Identity> | undefined;

  const givenSeed = async ({ mnemonic, keySeed }: IdentityOptions): Promise<KeySeed | undefined> =>
    mnemonic === undefined ? keySeed?.toLowerCase() : mnemonicToSeed(mnemonic);

  const unlock = async (row: IdentityRow): Promise<KeySeed> => {
    if (row.keySeed !== undefined) return row.keySeed;
    if (own.passphrase === undefined) {
      throw new KernelError(
        'BAD_CONFIG',
        'this kernel’s key is locked: give the option passphrase',
      );
    }
    const seed = await open(row.locked as Locked, own.passphrase);
    if (seed !== undefined) return seed;
    throw new KernelError('BAD_CONFIG', 'the passphrase does not open this kernel’s key');
  };

  const keep = async (seed: KeySeed): Promise<void> => {
    const peerId = peerIdOf(seed);
    const key =
      own.passphrase === undefined
        ? { keySeed: seed }
        : { locked: await lock(seed, own.passphrase) };
    loop.feed({ type: 'identify-kernel', identity: { peerId, ...key } });
    loop.commit();
    const over = loop.over();
    if (over !== undefined) throw over;
  };

  const provide = async (given: IdentityOptions): Promise<Identity> => {
    const row = loop.rows().identity.get('identity');
    const wanted = (await givenSeed(given)) ?? (await givenSeed(own));
    if (row !== undefined && wanted !== undefined && peerIdOf(wanted) !== row.peerId) {
      const what = (given.mnemonic ?? own.mnemonic) === undefined ? 'keySeed' : 'mnemonic';
      throw new KernelError(
        'BAD_CONFIG',
        `Cannot use ${what}: kernel identity already exists. Use resetStorage to clear existing identity first. ` +
          `The store has ${row.peerId}, and this would be ${peerIdOf(wanted)}`,
      );
    }
    const seed = row === undefined ? (wanted ?? randomSeed()) : await unlock(row);
    const isClear = row?.keySeed !== undefined && own.passphrase !== undefined;
    if (row === undefined || isClear) await keep(seed);
    return {
      peerId: peerIdOf(seed),
      seed: seedBytes(seed),
      sign: (text) => sign(seed, text),
      numberOf: (name) => derivedNumber(seed, `vatkit ocap url ${name}`),
    };
  };

  return {
    /** The peer id of the store's identity, where it has one. */
    peerId: (): PeerId | undefined => loop.rows().identity.get('identity')?.peerId,

    /**
     * The identity; the first call makes or finds it.
     *
     * @throws KernelError BAD_CONFIG where the store has another one, or its key cannot be opened; Error `Invalid BIP39
     * mnemonic`.
     */
    provide(given: IdentityOptions = {}): Promise<Identity> {
      // One after the other: two that come at once must not make two identities.
      const before: Promise<unknown> = known ?? Promise.resolve();
      const next = before.catch(() => undefined).then(() => provide(given));
      known = next;
      return next;
    },
  };
}

/** What is wrong with options that a caller gave; they are not repeated, being secrets. */
export function checkIdentityOptions({ mnemonic, keySeed, passphrase }: IdentityOptions): void {
  if (mnemonic !== undefined && typeof mnemonic !== 'string')
    throw new TypeError(`mnemonic takes a BIP39 phrase as text; found ${typeof mnemonic}`);
  if (keySeed !== undefined && !isKeySeed(keySeed))
    throw new TypeError('keySeed takes 64 hexadecimal digits');
  if (passphrase !== undefined && (typeof passphrase !== 'string' || passphrase === ''))
    throw new TypeError('passphrase takes text that is not empty');
}

type Locked = NonNullable<IdentityRow['locked']>;

async function passphraseKey(
  passphrase: string,
  salt: Uint8Array<ArrayBuffer>,
  iterations: number,
): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey(
    'raw',
    new TextEncoder().encode(passphrase.normalize('NFKC')),
    'PBKDF2',
    false,
    ['deriveKey'],
  );
  return crypto.subtle.deriveKey(
    { name: 'PBKDF2', hash: 'SHA-256', salt, iterations },
    material,
    { name: 'AES-GCM', length: 256 },
    false,
    ['encrypt', 'decrypt'],
  );
}

async function lock(seed: KeySeed, passphrase: string): Promise<Locked> {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const iterations = limits.passphraseRounds;
  const key = await passphraseKey(passphrase, salt, iterations);
  const text = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, fromHex(seed));
  return { salt: toHex(salt), iv: toHex(iv), text: toHex(new Uint8Array(text)), iterations };
}

/** `undefined` for another passphrase. */
async function open(locked: Locked, passphrase: string): Promise<KeySeed | undefined> {
  const key = await passphraseKey(passphrase, fromHex(locked.salt), locked.iterations);
  try {
    const seed = await crypto.subtle.decrypt(
      { name: 'AES-GCM', iv: fromHex(locked.iv) },
      key,
      fromHex(locked.text),
    );
    return toHex(new Uint8Array(seed));
  } catch {
    return undefined;
  }
}
