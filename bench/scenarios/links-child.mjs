/** The other side: sends back what comes, over a raw stream of libp2p and over a link. Ends with its standard input. */
import { randomBytes } from 'node:crypto';
import { NodejsPlatformServices } from '../../sdk/dist/host/node/platform-services.js';
import { startRawEcho } from './links-raw.mjs';

const relays = process.argv.slice(2);
const echo = {
  onLink: (link) => ({
    onFrame: (frame) => link.send(frame),
    onDrain: () => {},
    onClosed: () => {},
  }),
  onAddresses: () => {},
  onAwake: () => {},
};
const keySeed = randomBytes(32);
const directListenAddresses = ['/ip4/127.0.0.1/tcp/0'];
const platform = new NodejsPlatformServices();
const options = { maxMessagesPerSecond: 1_000_000 };
const direct = await platform.startTransport({ keySeed, directListenAddresses, ...options }, echo);
const relayed = await platform.startTransport(
  { keySeed: randomBytes(32), relays, ...options },
  echo,
);
while (relayed.relays().some(({ state }) => state !== 'reserved')) {
  await new Promise((done) => setTimeout(done, 20));
}
const place = ({ peerId, addresses }) => ({ peerId, addresses: addresses() });
const places = { raw: await startRawEcho() };
console.log(JSON.stringify({ ...places, direct: place(direct), relayed: place(relayed) }));
process.stdin.resume().once('end', () => process.exit());
