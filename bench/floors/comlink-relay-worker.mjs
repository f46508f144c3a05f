/** Between the host and the worker that answers, as a kernel's worker stands between a page and a vat. */
import { Worker, parentPort } from 'node:worker_threads';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';

const worker = new Worker(new URL('comlink-worker.mjs', import.meta.url));
const remote = Comlink.wrap(nodeEndpoint(worker));
Comlink.expose(
  { answer: () => remote.answer(), echo: (value) => remote.echo(value) },
  nodeEndpoint(parentPort),
);
