/** What the usual way to call a worker costs: no kernel, no store, no isolation. */
import { Worker } from 'node:worker_threads';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { sequentialCalls } from './ping-pong.mjs';

export const comlinkCalls =
  (key, { inFlight = false } = {}) =>
  async () => {
    const worker = new Worker(new URL('comlink-worker.mjs', import.meta.url));
    const remote = Comlink.wrap(nodeEndpoint(worker));
    await remote.answer();
    return {
      async sample(meter, effort) {
        const calls = inFlight ? 1_000 : sequentialCalls[effort];
        meter.start();
        if (inFlight) await Promise.all(Array.from({ length: calls }, () => remote.answer()));
        else for (let i = 0; i < calls; i += 1) await remote.answer();
        meter.mark(key, calls);
      },
      close: () => worker.terminate(),
    };
  };
