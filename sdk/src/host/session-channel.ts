/** The channel of a client session as its host sees it, and how one is made of a MessagePort. */
import type { ToClient } from '../protocol/session-wire.js';

export type SessionChannel = {
  /** Posts a message. To a channel that is closed it does nothing. */
  post: (message: ToClient) => void;
  /** Begins to listen. `onClose` comes once, however the channel ends, `close` here excepted. */
  listen: (onMessage: (message: unknown) => void, onClose: () => void) => void;
  close: () => void;
};

/** What is needed of a MessagePort, a Worker or a worker's own scope, in a browser or on Node. */
export type PortLike = {
  postMessage(message: unknown): void;
  addEventListener?(type: string, listener: (event: Event) => void): void;
  /** Of Node's, which tell more this way. */
  on?(type: string, listener: (value: unknown) => void): unknown;
  start?(): void;
  close?(): void;
};

/** @throws TypeError where `port` is no port. */
export function portChannel(port: PortLike): SessionChannel {
  const { on, addEventListener } = port;
  if (typeof port.postMessage !== 'function' || (on ?? addEventListener) === undefined)
    throw new TypeError('a client session is served on a MessagePort; found something else');
  let isClosed = false;
  return {
    post(message) {
      if (!isClosed) port.postMessage(message);
    },
    listen(onMessage, onClose) {
      const receive = (message: unknown): void => {
        if (!isClosed) onMessage(message);
      };
      const closed = (): void => {
        if (isClosed) return;
        isClosed = true;
        onClose();
      };
      // What cannot be read is a message that nobody could have meant.
      const unreadable = (): void => receive(undefined);
      if (on !== undefined) {
        on.call(port, 'message', receive);
        on.call(port, 'messageerror', unreadable);
        on.call(port, 'close', closed);
      } else {
        addEventListener?.call(port, 'message', (event) =>
          receive((event as MessageEvent<unknown>).data),
        );
        addEventListener?.call(port, 'messageerror', unreadable);
        addEventListener?.call(port, 'close', closed);
        port.start?.();
      }
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      port.close?.();
    },
  };
}
