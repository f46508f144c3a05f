/** What threads cost: a small object to a worker and one back. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export async function startEcho({ atOnce = false } = {}) {
  const worker = new Worker(new URL('echo-worker.mjs', import.meta.url), {
    workerData: { atOnce },
  });
  await once(worker, 'message');
  return worker;
}

/** @param then - what the host does with each answer before it goes on. */
export const pingPong =
  (key, { atOnce = false, inFlight = false, then } = {}) =>
  async () => {
    const worker = await startEcho({ atOnce });
    let left = 0;
    let whenDone;
    const ping = () => worker.postMessage({ type: 'deliver', id: left });
    worker.on('message', () => {
      then?.();
      left -= 1;
      if (left === 0) whenDone();
      else if (!inFlight) ping();
    });
    return {
      async sample(meter, effort) {
        const calls = inFlight ? 1_000 : sequentialCalls[effort];
        left = calls;
        meter.start();
        const done = new Promise((resolve) => (whenDone = resolve));
        if (inFlight) for (let i = 0; i < calls; i += 1) ping();
        else ping();
        await done;
        meter.mark(key, calls);
      },
      close: () => worker.terminate(),
    };
  };

/** Between two workers, through the host, as the messages of vats go: one there and one back is four posts. */
export const relay = (key) => async () => {
  const workers = [await startEcho(), await startEcho()];
  let left = 0;
  let whenDone;
  workers.forEach((worker, index) =>
    worker.on('message', () => {
      left -= 1;
      if (left === 0) whenDone();
      else workers[1 - index].postMessage({ type: 'deliver', id: left });
    }),
  );
  return {
    async sample(meter, effort) {
      const hops = sequentialCalls[effort];
      left = 2 * hops;
      meter.start();
      const done = new Promise((resolve) => (whenDone = resolve));
      workers[1].postMessage({ type: 'deliver', id: left });
      await done;
      meter.mark(key, hops);
    },
    close: () => Promise.all(workers.map((worker) => worker.terminate())),
  };
};

/** How many calls one sample makes, one after another. */
export const sequentialCalls = { quick: 300, full: 1_000 };
