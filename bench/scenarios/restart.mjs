/** A kernel that comes back on its file, from makeKernel to the first answer of one vat and of all. */
import { openStore } from '../floors/sqlite.mjs';
import { startWorkers } from '../floors/worker-start.mjs';
import { cluster, openKernel } from '../kernels.mjs';
import { floor, ours } from '../rows.mjs';
import { newFile } from '../scratch.mjs';

const restart = (count) => async () => {
  const file = newFile();
  const first = await openKernel('normal', file);
  await first.launchSubcluster(await cluster('counter', count));
  const roots = first.getVatIds().map((id) => first.getRootObject(id));
  await Promise.all(roots.map((root) => first.queueMessage(root, 'increment', [])));
  await first.stop();
  return {
    async sample(meter) {
      meter.start();
      const kernel = await openKernel('normal', file);
      meter.mark(`${count}.made`);
      await kernel.queueMessage(roots[0], 'increment', []);
      meter.mark(`${count}.first`);
      if (count > 1) {
        await Promise.all(roots.map((root) => kernel.queueMessage(root, 'increment', [])));
        meter.mark(`${count}.all`);
      }
      await kernel.stop();
    },
  };
};

const bareStart = (count) => async () => {
  const file = newFile();
  return {
    async sample(meter) {
      meter.start();
      const store = openStore('normal', file);
      if (count === 1) meter.mark('open');
      const workers = await startWorkers(count);
      meter.mark(`open+${count}`);
      store.close();
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
};

export const restartGroup = {
  name: 'restart',
  title: 'restart of a kernel',
  unit: 'restart',
  rounds: { quick: 2, full: 7 },
  rows: [
    floor('open', 'SQLite opens the file'),
    floor('open+1', '… and a bare worker starts'),
    floor('open+50', '… and 50 bare workers start'),
    ours('1.made', '1 vat: makeKernel', 'open'),
    ours('1.first', '1 vat: first answer', 'open+1'),
    ours('50.made', '50 vats: makeKernel', 'open'),
    ours('50.first', '50 vats: first answer of one', 'open+1'),
    ours('50.all', '50 vats: first answers of all', 'open+50', { peer: '54 s' }),
  ],
  subjects: [bareStart(1), bareStart(50), restart(1), restart(50)],
};
