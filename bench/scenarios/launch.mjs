/** A subcluster's launch: workers started, code evaluated, roots built, the answer committed. */
import { workerStart } from '../floors/worker-start.mjs';
import { cluster, openKernel } from '../kernels.mjs';
import { floor, ours } from '../rows.mjs';

const launch = (key, count) => async () => {
  const kernel = await openKernel('normal');
  const config = await cluster('counter', count);
  return {
    async sample(meter) {
      meter.start();
      const { subclusterId } = await kernel.launchSubcluster(config);
      meter.mark(key, count);
      await kernel.terminateSubcluster(subclusterId);
      // The workers' threads end after the answer; the next sample must not share the processor with them.
      await new Promise((resolve) => setTimeout(resolve, 30 + 10 * count));
    },
    close: () => kernel.stop(),
  };
};

export const launchGroup = {
  name: 'launch',
  title: 'launch of a subcluster',
  unit: 'vat',
  rounds: { quick: 5, full: 11 },
  rows: [
    floor('worker', 'a bare worker'),
    floor('workers', '10 bare workers, each'),
    ours('one', '1 vat', 'worker', { peer: '950 ms' }),
    ours('ten', '10 vats, each', 'workers'),
  ],
  subjects: [
    workerStart('worker', 1),
    workerStart('workers', 10),
    launch('one', 1),
    launch('ten', 10),
  ],
};
