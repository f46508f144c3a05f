/** The channel to another tab, as the kernel's worker has it: it ends when the tab lets go of the lock of its name. */
import type { Leader, OpenMessage } from '../../protocol/tab-wire.js';
import type { PortLike } from '../session-channel.js';

/** @param name - of the BroadcastChannel, and of the lock that the tab holds. */
export function makeTabChannel(name: string, leader: Leader): PortLike {
  const channel = new BroadcastChannel(name);
  const waiting = new AbortController();
  const close = (): void => {
    waiting.abort();
    channel.close();
  };
  return {
    postMessage: (message) => channel.postMessage(message),
    addEventListener(type, listener) {
      if (type !== 'close') return channel.addEventListener(type, listener);
      navigator.locks
        .request(name, { signal: waiting.signal }, () => {
          channel.close();
          listener(new Event('close'));
        })
        // Closed by this side.
        .catch(() => undefined);
    },
    start: () => channel.postMessage({ type: 'open', leader } satisfies OpenMessage),
    close,
  };
}
