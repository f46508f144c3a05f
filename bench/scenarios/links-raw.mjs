/** libp2p by itself, over TCP. */
import { identify } from '@libp2p/identify';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { providePlatform } from '../../sdk/dist/comms/libp2p/polyfills.js';

export const rawProtocol = '/bench/1';

export const startRaw = (listen = []) => {
  // Node 20 lacks what libp2p uses.
  providePlatform();
  return createLibp2p({
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify() },
  });
};

/** Sends back what comes, and gives the addresses at which it does. */
export async function startRawEcho() {
  const raw = await startRaw(['/ip4/127.0.0.1/tcp/0']);
  await raw.handle(rawProtocol, (stream) => {
    stream.addEventListener('message', ({ data }) => stream.send(data));
  });
  return raw.getMultiaddrs().map(String);
}
