/** A relay and a kernel's transport on Node, which tests in a page ask for: `commands.startNetwork()`. As the build leaves them. */
import { randomBytes } from 'node:crypto';
import { startRelay } from '../sdk/dist/host/node/relay.js';
import { NodejsPlatformServices } from '../sdk/dist/host/node/platform-services.js';

/** @type {(() => Promise<void>)[]} */
const stops = [];

/** The addresses of a new relay, and the peer id of a party on Node that sends back each frame. */
export async function startNetwork() {
  const relay = await startRelay({ keySeed: randomBytes(32), listen: ['/ip4/127.0.0.1/tcp/0/ws'] });
  stops.push(relay.stop);
  const transport = await new NodejsPlatformServices().startTransport(
    { keySeed: randomBytes(32), relays: relay.addresses },
    {
      onLink: (link) => ({
        onFrame: (frame) => link.send(frame),
        onDrain: () => {},
        onClosed: () => {},
      }),
      onAddresses: () => {},
      onAwake: () => {},
    },
  );
  stops.push(transport.stop);
  return { relays: [...relay.addresses], echo: transport.peerId };
}

export async function stopNetwork() {
  await Promise.all(stops.splice(0).map((stop) => stop()));
}
