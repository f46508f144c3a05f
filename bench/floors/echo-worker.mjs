/** Sends back what it gets: at once, or as a vat must, when the jobs of the message have been done. */
import { parentPort, workerData } from 'node:worker_threads';

const answer = (message) => parentPort.postMessage({ type: 'done', id: message.id });
parentPort.on('message', (message) => {
  if (workerData.atOnce) answer(message);
  else setImmediate(answer, message);
});
parentPort.postMessage({ type: 'ready' });
