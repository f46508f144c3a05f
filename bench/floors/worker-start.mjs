/** What a thread with its own heap costs before any program is in it. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export async function startWorkers(count) {
  const workers = Array.from(
    { length: count },
    () => new Worker(new URL('empty-worker.mjs', import.meta.url), { env: {}, execArgv: [] }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  return workers;
}

export const workerStart = (key, count) => async () => ({
  async sample(meter) {
    meter.start();
    const workers = await startWorkers(count);
    meter.mark(key, count);
    await Promise.all(workers.map((worker) => worker.terminate()));
  },
});
