/** Messages from vat to vat. */
import { relay, sequentialCalls } from '../floors/ping-pong.mjs';
import { cluster, openKernel } from '../kernels.mjs';

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

const sequential = (effort) => sequentialCalls[effort];

export const hopGroup = {
  name: 'hops',
  title: 'vat to vat',
  unit: 'hop',
  rounds: { quick: 5, full: 11 },
  rows: [
    { key: 'relay', label: 'ping-pong of two workers through the host', perSecond: true },
    {
      ...{ key: 'ask', label: 'ask and wait for the answer, file', floor: 'relay' },
      ...{ perSecond: true, ours: true, peer: '185/s' },
    },
    {
      ...{ key: 'ask-memory', label: 'the same, :memory:', floor: 'relay' },
      ...{ perSecond: true, ours: true },
    },
    {
      ...{ key: 'pass', label: 'pass on, answer at the end, file', floor: 'relay' },
      ...{ perSecond: true, ours: true },
    },
    {
      ...{ key: 'at-once', label: 'ask 1,000 times at once, file', floor: 'relay' },
      ...{ perSecond: true, ours: true },
    },
  ],
  subjects: [
    relay('relay'),
    hops('ask', 'normal', 'ask', sequential),
    hops('ask-memory', 'memory', 'ask', sequential),
    hops('pass', 'normal', 'pass', sequential),
    hops('at-once', 'normal', 'askAtOnce', () => 1_000),
  ],
};
