/** Promises between real vats: wherever they stand, and whatever they become. */
import { krefOf, type Kernel } from '@vatkit/sdk/kernel';
import { expect, it } from 'vitest';
import {
  bundleOfRoot,
  call,
  clusterOf,
  rejectionOf,
  startKernel,
  useSharedKernel,
} from './harness.js';

const talker = bundleOfRoot(`
  echo: x => x,
  tag: async x => ({ got: await x }),
  thing: () => far.makeDefaultExo('thing', { label: () => 'thing', self() { return this.self; } }),
  open() {
    let settle;
    const promise = new Promise((resolve, reject) => { settle = { resolve, reject }; });
    baggage.has('n') || baggage.init('n', 0);
    (globalThis.open ??= []).push(settle);
    return [promise];
  },
  close: (how, value) => globalThis.open.shift()[how](value),
  fail(message) { throw RangeError(message); },
  async argument(peer) {
    let resolve;
    const promise = new Promise(done => { resolve = done; });
    const answer = far.E(peer).tag(promise);
    resolve('late');
    return answer;
  },
  chained: peer => far.E(far.E(far.E(peer).echo(far.E(peer).thing())).self()).label(),
  async crossing(peer) {
    let a, b;
    const one = new Promise(done => { a = done; });
    const two = new Promise(done => { b = done; });
    const answers = [far.E(peer).tag(one), far.E(peer).tag(two)];
    a(two); b('crossed');
    return Promise.all(answers);
  },
  async cyclic(peer) {
    let a, b;
    const one = new Promise(done => { a = done; });
    const two = new Promise(done => { b = done; });
    const [{ got: first }, { got: second }] = await Promise.all([
      far.E(peer).tag((a({ name: 'one', other: two }), one)), far.E(peer).tag((b({ name: 'two', other: one }), two)),
    ]);
    return [first.name, (await first.other).name, (await (await second.other).other).name];
  },
  async pipelined(peer) {
    const [promise] = await far.E(peer).open();
    const names = [far.E(promise).label(), far.E(far.E(promise).self()).label()];
    await far.E(peer).close('resolve', far.makeDefaultExo('mine', { label: () => 'mine', self() { return this.self; } }));
    return Promise.all(names);
  },
  async toData(peer) {
    const [promise] = await far.E(peer).open();
    const call = far.E(promise).label();
    await far.E(peer).close('resolve', 'data');
    return call.catch(error => error.message);
  },
  async toRejection(peer) {
    const [promise] = await far.E(peer).open();
    const calls = [promise, far.E(promise).label()];
    await far.E(peer).close('reject', RangeError('as told'));
    return Promise.all(calls.map(each => each.catch(error => error.name + ': ' + error.message)));
  },
`);

let peer: unknown;
let root: string;
let kernel: Kernel;
useSharedKernel(async () => {
  kernel = await startKernel();
  const { rootKref } = await kernel.launchSubcluster(clusterOf(talker, ['alice', 'bob']));
  root = rootKref;
  peer = kernel.getPresence(kernel.getRootObject('v2'));
  return kernel;
});

it.each<[string, string, unknown]>([
  ['passes as an argument before it settles', 'argument', { got: 'late' }],
  ['is called before it is there, over several hops', 'chained', 'thing'],
  [
    'resolves to another one, crossing its own message',
    'crossing',
    [{ got: 'crossed' }, { got: 'crossed' }],
  ],
  ['settles to data that leads back to it', 'cyclic', ['one', 'two', 'two']],
  ['that another vat decides takes calls meanwhile', 'pipelined', ['mine', 'mine']],
  [
    'that is rejected rejects the calls on it',
    'toRejection',
    ['RangeError: as told', 'RangeError: as told'],
  ],
])('a promise %s', async (_, method, expected) => {
  expect(await call(kernel, root, method, peer)).toStrictEqual(expected);
});

it('a promise that becomes data takes no calls', async () => {
  expect(await call(kernel, root, 'toData', peer)).toBe(
    '[KERNEL:BAD_PROMISE_RESOLUTION] Promise fulfilled but did not contain an object reference',
  );
});

it('a rejection carries name and message over vats, and a stack for the host alone', async () => {
  const error = await rejectionOf(kernel.queueMessage(root, 'fail', ['no luck']));
  expect(error).toMatchObject({ name: 'RangeError', message: 'no luck' });
  expect(error.stack).toMatch(/fail/);
});

it('an open promise in an answer is a reference that can be called and sent on', async () => {
  const [promise] = (await call(kernel, krefOf(peer), 'open')) as unknown[];
  expect(krefOf(promise)).toMatch(/^kp/);
  const named = call(kernel, krefOf(promise), 'label');
  const tagged = call(kernel, root, 'tag', promise);
  const thing = await call(kernel, root, 'thing');
  await call(kernel, krefOf(peer), 'close', 'resolve', thing);
  expect(await named).toBe('thing');
  expect(await tagged).toStrictEqual({ got: thing });
});
