/** What a page asks of the whole store, on the channel of its session; see `protocol/tab-wire.ts`. */
import { KernelError } from '../../errors.js';
import { isStoreReply, type StoreReply, type StoreRequest } from '../../protocol/tab-wire.js';
import type { Channel, ChannelEvents } from '../channel.js';
import { errorOfWire } from '../errors.js';

/** @param file - what the store is replaced by; without it, the store is given. */
export type AskStore = (file?: Blob) => Promise<Blob | undefined>;

export function makeStoreRequests() {
  const waiting = new Map<number, (reply: StoreReply | undefined) => void>();
  let lastId = 0;
  let channel: Channel | undefined;

  const ask: AskStore = (file) =>
    new Promise((resolve, reject) => {
      if (channel === undefined)
        return reject(
          new KernelError(
            'UNSUPPORTED_ENVIRONMENT',
            "Only a kernel in a browser's worker exports and imports its store so; elsewhere it is a file",
          ),
        );
      const id = (lastId += 1);
      waiting.set(id, (reply) => {
        waiting.delete(id);
        if (reply?.type === 'store-done') resolve(reply.file);
        else if (reply !== undefined) reject(errorOfWire(reply.error));
        else reject(new KernelError('SERVICE_INTERRUPTED', 'The kernel went away before it answered'));
      });
      const request: StoreRequest =
        file === undefined ? { type: 'store-export', id } : { type: 'store-import', id, file };
      channel.post(request);
    });

  return {
    ask,
    open: (opened: Channel): void => void (channel = opened),
    /** The channel is lost. */
    close(): void {
      channel = undefined;
      for (const settle of [...waiting.values()]) settle(undefined);
    },
    within: ({ onMessage, onLost }: ChannelEvents): ChannelEvents => ({
      onLost,
      onMessage(message) {
        if (isStoreReply(message)) waiting.get(message.id)?.(message);
        else onMessage(message);
      },
    }),
  };
}
