/** libp2p on Node: TCP and WebSockets, with what Node 20 lacks. Imported when comms start, and not before. */
import { tcp } from '@libp2p/tcp';
import { listeningWebSockets } from './listening-web-sockets.js';
import type { StartTransport } from '../transport.js';
import { makeStartTransport } from './libp2p-transport.js';

export const startTransport: StartTransport = makeStartTransport({
  transports: [tcp(), listeningWebSockets()],
  canListen: true,
  // Node tells nobody of its network. What was cut is found by silence, sleep by the clock.
  onOnline: () => () => {},
});
