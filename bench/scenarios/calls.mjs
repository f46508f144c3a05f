/** Calls from the host to a vat: one after another, and 1,000 at once. */
import { comlinkCalls } from '../floors/comlink.mjs';
import { pingPong, sequentialCalls } from '../floors/ping-pong.mjs';
import { openStore, replayCommits } from '../floors/sqlite.mjs';
import { cluster, openKernel, recordCommits } from '../kernels.mjs';
import { floor, ours } from '../rows.mjs';

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
    perSecond: true,
    rounds,
    rows: [
      floor('bare', 'ping-pong'),
      floor('crank', 'ping-pong, a turn of the loop'),
      floor('comlink', 'Comlink', { peer: '10,700/s' }),
      floor('normal', "SQLite's commits, NORMAL"),
      floor('full', "SQLite's commits, FULL"),
      floor('crank+normal', 'ping-pong, turn, commit'),
      floor('crank+full', 'ping-pong, turn, commit FULL'),
      ours('memory', 'method, :memory:', 'crank'),
      ours('file', 'method, file', 'crank+normal', { peer: '91/s; with WAL and NORMAL 548/s' }),
      ours('increment', 'durable increment, file', 'crank+normal'),
      ours('increment-full', 'durable increment, FULL', 'crank+full'),
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
    perSecond: true,
    rounds,
    rows: [
      floor('bare', 'ping-pong'),
      floor('crank', 'ping-pong, a turn of the loop'),
      floor('comlink', 'Comlink'),
      floor('normal', "SQLite's commits, NORMAL"),
      ours('memory', 'method, :memory:', 'crank'),
      ours('file', 'method, file', 'crank', { peer: '94/s' }),
      ours('increment', 'durable increment, file', 'crank'),
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
