/** Calls from the host to a vat: one after another, and 1,000 at once. */
import { comlinkCalls } from '../floors/comlink.mjs';
import { pingPong, sequentialCalls } from '../floors/ping-pong.mjs';
import { openStore, replayCommits } from '../floors/sqlite.mjs';
import { cluster, openKernel, recordCommits } from '../kernels.mjs';

const oneByOne = (method) => async (kernel, target, calls) => {
  for (let i = 0; i < calls; i += 1) await kernel.queueMessage(target, method, []);
};
const atOnce = (method) => (kernel, target, calls) =>
  Promise.all(Array.from({ length: calls }, () => kernel.queueMessage(target, method, [])));

const kernelCalls = (key, store, call, callsOf) => async () => {
  const kernel = await openKernel(store);
  const { rootKref } = await kernel.launchSubcluster(await cluster('counter', 1));
  return {
    async sample(meter, effort) {
      const calls = callsOf(effort);
      meter.start();
      await call(kernel, rootKref, calls);
      meter.mark(key, calls);
    },
    close: () => kernel.stop(),
  };
};

const recorded = new Map();
const commitsOf = (name, work) => () => {
  if (!recorded.has(name)) recorded.set(name, recordCommits(work));
  return recorded.get(name);
};
const RECORDED = 500;
const sequentialCommits = commitsOf('one by one', (kernel, target) =>
  oneByOne('increment')(kernel, target, RECORDED),
);
const batchCommits = commitsOf('at once', (kernel, target) =>
  atOnce('increment')(kernel, target, 1_000),
);

/** The least that a durable call can be: a ping, a pong, and the rows of one call committed. */
const pingPongCommit = (key, durability) => async () => {
  const store = openStore(durability);
  const commits = await sequentialCommits();
  let next = 0;
  const then = () => {
    store.commit(commits[next % commits.length]);
    next += 1;
  };
  const floor = await pingPong(key, { then })();
  return {
    ...floor,
    async close() {
      await floor.close();
      store.close();
    },
  };
};

const sequential = (key, store, method) =>
  kernelCalls(key, store, oneByOne(method), (effort) => sequentialCalls[effort]);
const thousand = (key, store, method) => kernelCalls(key, store, atOnce(method), () => 1_000);

const rounds = { quick: 5, full: 11 };

export const callGroups = [
  {
    name: 'calls',
    title: 'calls to a vat, one after another',
    unit: 'call',
    rounds,
    rows: [
      { key: 'bare', label: 'ping-pong', perSecond: true },
      { key: 'crank', label: 'ping-pong with a turn of the loop', perSecond: true },
      { key: 'comlink', label: 'Comlink', perSecond: true, peer: '10,700/s' },
      { key: 'normal', label: "SQLite's commits, NORMAL", perSecond: true },
      { key: 'full', label: "SQLite's commits, FULL", perSecond: true },
      { key: 'crank+normal', label: 'ping-pong with turn and commit', perSecond: true },
      { key: 'crank+full', label: 'the same, FULL', perSecond: true },
      { key: 'memory', label: 'method, :memory:', floor: 'crank', perSecond: true, ours: true },
      {
        ...{ key: 'file', label: 'method, file', floor: 'crank+normal', perSecond: true },
        ...{ ours: true, peer: '91/s; 548/s WAL NORMAL' },
      },
      {
        ...{ key: 'increment', label: 'durable increment, file', floor: 'crank+normal' },
        ...{ perSecond: true, ours: true },
      },
      {
        ...{ key: 'increment-full', label: 'durable increment, FULL', floor: 'crank+full' },
        ...{ perSecond: true, ours: true },
      },
    ],
    subjects: [
      pingPong('bare', { atOnce: true }),
      pingPong('crank'),
      comlinkCalls('comlink'),
      replayCommits('normal', 'normal', sequentialCommits, RECORDED),
      replayCommits('full', 'full', sequentialCommits, RECORDED),
      pingPongCommit('crank+normal', 'normal'),
      pingPongCommit('crank+full', 'full'),
      sequential('memory', 'memory', 'answer'),
      sequential('file', 'normal', 'answer'),
      sequential('increment', 'normal', 'increment'),
      sequential('increment-full', 'full', 'increment'),
    ],
  },
  {
    name: 'at-once',
    title: 'calls to a vat, 1,000 at once',
    unit: 'call',
    rounds,
    rows: [
      { key: 'bare', label: 'ping-pong', perSecond: true },
      { key: 'crank', label: 'ping-pong with a turn of the loop', perSecond: true },
      { key: 'comlink', label: 'Comlink', perSecond: true },
      { key: 'normal', label: "SQLite's commits, NORMAL", perSecond: true },
      { key: 'memory', label: 'method, :memory:', floor: 'crank', perSecond: true, ours: true },
      {
        ...{ key: 'file', label: 'method, file', floor: 'crank', perSecond: true, ours: true },
        peer: '94/s',
      },
      {
        ...{ key: 'increment', label: 'durable increment, file', floor: 'crank' },
        ...{ perSecond: true, ours: true },
      },
    ],
    subjects: [
      pingPong('bare', { atOnce: true, inFlight: true }),
      pingPong('crank', { inFlight: true }),
      comlinkCalls('comlink', { inFlight: true }),
      replayCommits('normal', 'normal', batchCommits, 1_000),
      thousand('memory', 'memory', 'answer'),
      thousand('file', 'normal', 'answer'),
      thousand('increment', 'normal', 'increment'),
    ],
  },
];
