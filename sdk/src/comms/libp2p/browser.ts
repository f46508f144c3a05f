/** libp2p in a browser's worker: WebSockets, over which it dials and cannot listen. */
import { webSockets } from '@libp2p/websockets';
import { makeStartTransport } from './libp2p-transport.js';

export const startTransport = makeStartTransport({
  transports: [webSockets()],
  canListen: false,
  onOnline: (listener) => {
    globalThis.addEventListener('online', listener);
    return () => globalThis.removeEventListener('online', listener);
  },
});
