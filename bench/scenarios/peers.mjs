/** Calls from a kernel of this process to a vat of a kernel in another one, over libp2p: directly, and over a relay. */
import { sequentialCalls } from '../floors/ping-pong.mjs';
import { openKernel } from '../kernels.mjs';
import { floor, ours } from '../rows.mjs';
import { atOnce, echo, openStream, shareProcess } from './two-processes.mjs';

const shared = shareProcess('peers-child.mjs');

/** @param place - which of the other kernels; the one here has a store of the same kind. */
const calls = (place, inFlight) => async () => {
  const { places, relay } = await shared.enter();
  const kernel = await openKernel(place === 'memory' ? 'memory' : 'normal');
  await kernel.initRemoteComms(place === 'relayed' ? { relays: [...relay.addresses] } : {});
  const target = await kernel.redeemOcapURL(places[place]);
  const call = () => kernel.queueMessage(target, 'answer', []);
  await call();
  return {
    async sample(meter, effort) {
      const count = inFlight ? atOnce : sequentialCalls[effort];
      meter.start();
      if (inFlight) await Promise.all(Array.from({ length: count }, call));
      else for (let made = 0; made < count; made += 1) await call();
      meter.mark(inFlight ? `${place}-at-once` : place, count);
    },
    async close() {
      await kernel.stop();
      await shared.leave();
    },
  };
};

export const peerGroup = {
  name: 'peers',
  title: 'calls to a kernel of another process',
  unit: 'call',
  perSecond: true,
  rounds: { quick: 5, full: 11 },
  rows: [
    floor('stream', 'a stream of libp2p, in sequence'),
    ours('memory', 'directly, :memory:, in sequence', 'stream', { peer: '59/s' }),
    ours('file', 'directly, file, in sequence', 'stream', { peer: '59/s' }),
    ours('relayed', 'over a relay, file, in sequence', 'stream', { peer: '59/s' }),
    floor('stream-at-once', 'a stream of libp2p, 1,000 at once'),
    ours('memory-at-once', 'directly, :memory:, 1,000 at once', 'stream-at-once', {
      peer: '129/s',
    }),
    ours('file-at-once', 'directly, file, 1,000 at once', 'stream-at-once', { peer: '129/s' }),
    ours('relayed-at-once', 'over a relay, file, 1,000 at once', 'stream-at-once', {
      peer: '129/s',
    }),
  ],
  subjects: [
    echo(shared, 'stream', false, openStream),
    calls('memory', false),
    calls('file', false),
    calls('relayed', false),
    echo(shared, 'stream-at-once', true, openStream),
    calls('memory', true),
    calls('file', true),
    calls('relayed', true),
  ],
};
