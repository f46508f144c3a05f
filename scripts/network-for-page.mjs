/** A relay and a kernel's transport on Node, which tests in a page ask for: `commands.startNetwork()`. As the build leaves them. */
import { randomBytes } from 'node:crypto';
import { startRelay } from '../sdk/dist/host/node/relay.js';
import { makeKernel } from '../sdk/dist/host/node/make-kernel.js';
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

/**
 * A kernel on Node at these relays: an ocap URL of its root object, which greets, and asks another one to.
 *
 * @param {string[]} relays
 */
export async function startPeer(relays) {
  const kernel = await makeKernel({ dbFilename: ':memory:' });
  stops.push(() => kernel.stop());
  const code = `const __vatExports__ = (() => {
    const { E, makeDefaultExo } = $vatkit['@vatkit/sdk/vat'];
    return { buildRootObject: () => makeDefaultExo('root', {
      bootstrap() {},
      greet: (name) => 'Node greets ' + name,
      ask: (other, name) => E(other).greet(name),
    }) };
  })();`;
  const bundleSpec = JSON.stringify({ moduleFormat: 'vatkit', abi: 1, code });
  const { rootKref } = await kernel.launchSubcluster({
    bootstrap: 'a',
    vats: { a: { bundleSpec } },
  });
  await kernel.initRemoteComms({ relays });
  return kernel.issueOcapURL(rootKref);
}

export async function stopNetwork() {
  await Promise.all(stops.splice(0).map((stop) => stop()));
}
