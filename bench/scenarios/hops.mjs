/** Messages from vat to vat. */
import { relay, sequentialCalls } from '../floors/ping-pong.mjs';
import { cluster, openKernel } from '../kernels.mjs';
import { floor, ours } from '../rows.mjs';

const hops = (key, store, method, countOf) => async () => {
  const kernel = await openKernel(store);
  const { rootKref } = await kernel.launchSubcluster(await cluster('player', 2));
  return {
    async sample(meter, effort) {
      const count = countOf(effort);
      meter.start();
      await kernel.queueMessage(rootKref, method, [count]);
      meter.mark(key, count);
    },
    close: () => kernel.stop(),
  };
};

/** A question and its answer count as one hop; so does each time that something is passed on. */
const sequential = (effort) => sequentialCalls[effort];

export const hopGroup = {
  name: 'hops',
  title: 'vat to vat',
  unit: 'hop',
  perSecond: true,
  rounds: { quick: 5, full: 11 },
  rows: [
    floor('relay', 'two workers through the host'),
    ours('ask', 'ask, await the answer, file', 'relay', { peer: '185/s' }),
    ours('ask-memory', 'ask, await the answer, :memory:', 'relay'),
    ours('pass', 'pass on, answers at the end, file', 'relay'),
    ours('at-once', 'ask 1,000 times at once, file', 'relay'),
  ],
  subjects: [
    relay('relay'),
    hops('ask', 'normal', 'ask', sequential),
    hops('ask-memory', 'memory', 'ask', sequential),
    hops('pass', 'normal', 'pass', sequential),
    hops('at-once', 'normal', 'askAtOnce', () => 1_000),
  ],
};
