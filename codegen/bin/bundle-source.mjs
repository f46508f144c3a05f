// The worker of src/bundler/endo-formats.ts: locks its own realm down, bundles one vat, answers.
import '@endo/init';
import bundleSource from '@endo/bundle-source';
import { parentPort, workerData } from 'node:worker_threads';

const { entry, format } = workerData;
let answer;
try {
  const { source } = await bundleSource(entry, { format });
  answer = { source };
} catch (error) {
  answer = { failure: error instanceof Error ? error.message : String(error) };
}
parentPort.postMessage(answer);
