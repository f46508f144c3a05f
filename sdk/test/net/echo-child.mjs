/** A kernel's transport in a process of its own, which sends back each frame. Prints its peer id and address. */
import { randomBytes } from 'node:crypto';
import { NodejsPlatformServices } from '../../dist/host/node/platform-services.js';

const transport = await new NodejsPlatformServices().startTransport(
  { keySeed: randomBytes(32), directListenAddresses: ['/ip4/127.0.0.1/tcp/0'] },
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
process.stdout.write(`${transport.peerId} ${transport.addresses()[0]}\n`);
