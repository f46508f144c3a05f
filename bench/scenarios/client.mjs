/** Calls of a page's client to a vat, with the kernel in a worker of its own: two workers away, as Comlink's are. */
import { Worker } from 'node:worker_threads';
import { createKernel } from '@vatkit/sdk';
import { startKernelWorker } from '@vatkit/sdk/node';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { sequentialCalls } from '../floors/ping-pong.mjs';
import { cluster } from '../kernels.mjs';
import { floor, ours } from '../rows.mjs';
import { newFile } from '../scratch.mjs';

const oneByOne = (method, callsOf) => async (target, effort) => {
  const calls = callsOf(effort);
  for (let i = 0; i < calls; i += 1) await method(target);
  return calls;
};
const atOnce = (method) => async (target) => {
  await Promise.all(Array.from({ length: 1_000 }, () => method(target)));
  return 1_000;
};

const subject = (open) => (key, work) => async () => {
  const { target, close } = await open();
  return {
    async sample(meter, effort) {
      meter.start();
      const calls = await work(target, effort);
      meter.mark(key, calls);
    },
    close,
  };
};

const throughComlink = subject(async () => {
  const worker = new Worker(new URL('../floors/comlink-relay-worker.mjs', import.meta.url));
  const target = Comlink.wrap(nodeEndpoint(worker));
  await target.answer();
  return { target, close: () => worker.terminate() };
});

const throughGuards = subject(async () => {
  const url = new URL('../floors/guarded-relay-worker.mjs', import.meta.url);
  const worker = new Worker(url, { workerData: { file: newFile() } });
  const remote = Comlink.wrap(nodeEndpoint(worker));
  const call = async (...methargs) => JSON.parse(await remote.call(JSON.stringify(methargs)));
  const target = { answer: () => call('answer', []), echo: (value) => call('echo', [value]) };
  await target.answer();
  return { target, close: () => worker.terminate() };
});

const throughClient = (options) =>
  subject(async () => {
    const kernel = createKernel({ worker: () => startKernelWorker(options()) });
    const config = await cluster('counter', 1);
    const { root } = await kernel.launch({ name: 'bench', config });
    return { target: root, close: () => kernel.close() };
  });
const inMemory = throughClient(() => ({}));
const onFile = throughClient(() => ({ dbFilename: newFile() }));

const answer = (target) => target.answer();
const echo = (payload) => (target) => target.echo(payload);

/** Records, as an app passes them: about 100 bytes each as JSON. */
const payloadOf = (bytes) =>
  Array.from({ length: bytes / 100 }, (_, id) => ({
    id,
    title: `the title of record ${String(id).padStart(6, '0')}`,
    tags: ['one', 'two'],
    done: id % 2 === 0,
  }));

const group = (name, title, work, rounds) => ({
  name,
  title,
  unit: 'call',
  perSecond: true,
  rounds,
  rows: [
    floor('comlink', 'Comlink through a worker'),
    floor('guarded', 'Comlink, an exo, answers committed', { floor: 'comlink' }),
    ours('memory', 'client, :memory:', 'comlink'),
    ours('file', 'client, file', 'comlink'),
  ],
  subjects: [
    throughComlink('comlink', work),
    throughGuards('guarded', work),
    inMemory('memory', work),
    onFile('file', work),
  ],
});

const rounds = { quick: 5, full: 11 };
const few = () => 20;

export const clientGroups = [
  group(
    'client',
    "calls of a page's client, one after another",
    oneByOne(answer, (effort) => sequentialCalls[effort]),
    rounds,
  ),
  group('client-at-once', "calls of a page's client, 1,000 at once", atOnce(answer), rounds),
  group(
    'client-100kB',
    "a page's client, 100 kB there and back",
    oneByOne(echo(payloadOf(100_000)), few),
    rounds,
  ),
  group(
    'client-1MB',
    "a page's client, 1 MB there and back",
    oneByOne(echo(payloadOf(1_000_000)), few),
    rounds,
  ),
];
