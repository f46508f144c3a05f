import { emptyVatTables } from '../protocol/vat-tables.js';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { RUNTIME_ABI } from '../protocol/runtime-abi.js';
import type { Delivery, FromVat, ToVat, VatEndowments } from '../protocol/vat-wire.js';

/** As the build leaves it; the runtime by itself is tested without. */
const file = fileURLToPath(new URL('../../dist/vat/worker-node.js', import.meta.url));

const workers: Worker[] = [];
afterEach(async () => {
  await Promise.all(workers.splice(0).map(async (worker) => worker.terminate()));
});

async function open(
  body: string,
  globals: string[] = [],
  outside = '',
  endowments: Partial<VatEndowments> = {},
) {
  const worker = new Worker(file, { env: {}, argv: [], execArgv: [] });
  workers.push(worker);
  const received: FromVat[] = [];
  const waiting: { matches: (message: FromVat) => boolean; resolve: (message: FromVat) => void }[] =
    [];
  worker.on('message', (message: FromVat) => {
    received.push(message);
    const index = waiting.findIndex(({ matches }) => matches(message));
    if (index >= 0) waiting.splice(index, 1)[0]?.resolve(message);
  });
  const next = async (matches: (message: FromVat) => boolean) =>
    new Promise<FromVat>((resolve, reject) => {
      waiting.push({ matches, resolve });
      worker.once('error', reject);
    });
  const post = (message: ToVat) => worker.postMessage(message);
  let id = 0;
  const deliver = async (delivery: Delivery) => {
    id += 1;
    const own = id;
    post({ type: 'deliver', deliveries: [{ id: own, delivery }] });
    return next(
      (message) => (message.type === 'done' || message.type === 'failed') && message.id === own,
    );
  };
  await next(({ type }) => type === 'ready');
  const code = `var __vatExports__ = (function (exports) {
const { E, makeDefaultExo } = $vatkit['@vatkit/sdk/vat'];
${outside}
exports.buildRootObject = (powers, parameters, baggage) => {
${body}
};
return exports; })({});`;
  post({
    type: 'init',
    vatId: 'v7',
    bundle: { moduleFormat: 'vatkit', abi: RUNTIME_ABI, code },
    endowments: { globals, ...endowments },
    limits: { messageBytesMax: 100_000, asksMax: 64 },
  });
  const started = await deliver({ type: 'start', parameters: {}, state: [], nextExport: 1 });
  const call = async (method: string, args: unknown[] = [], slots: string[] = []) => {
    const methargs = { body: `#${JSON.stringify([method, args])}`, slots };
    const answer = await deliver({
      type: 'message',
      target: 'o+0',
      methargs,
      result: `p-${id + 1}`,
    });
    if (answer.type !== 'done') throw Error(JSON.stringify(answer));
    const [resolve] = answer.result.own.filter(({ type }) => type === 'resolve');
    return resolve?.type === 'resolve' ? resolve.resolutions[0] : undefined;
  };
  return { started, deliver, call, next, post, received };
}

describe.skipIf(!existsSync(file))('a worker', () => {
  it('runs a vat', async () => {
    const { started, call } = await open(
      `return makeDefaultExo('root', { greet: name => 'hello ' + name, bootstrap() {} });`,
    );
    expect(started).toMatchObject({ type: 'done', result: { start: { hasBootstrap: true } } });
    expect(await call('greet', ['ann'])).toMatchObject({
      rejected: false,
      value: { body: '#"hello ann"' },
    });
  });

  it('shows a vat the frames of its own script and no others', async () => {
    const { call } = await open(`
      const inner = () => { throw Error('deep', { cause: TypeError('cause') }); };
      return makeDefaultExo('root', {
        fail() { inner(); },
        look() { try { inner(); } catch (e) { return e.stack; } },
        guard() { try { makeDefaultExo('x').y; } catch (e) { return e.stack; } },
        later: async () => { await null; await null; inner(); },
      });`);
    const stack = (await call('fail'))?.stack?.split('\n') ?? [];
    expect(stack[0]).toBe('Error: deep');
    expect(stack.slice(1, 3)).toEqual([
      expect.stringMatching(/^ {4}at inner \(vat:v7:6:\d+\)$/),
      expect.stringMatching(/^ {4}at .*fail \(vat:v7:8:\d+\)$/),
    ]);
    expect(stack[3]).toBe('Caused by: TypeError: cause');
    for (const method of ['look', 'guard']) {
      const frames = String(JSON.parse((await call(method))?.value.body.slice(1) ?? ''))
        .split('\n')
        .slice(1);
      expect(frames.length).toBeGreaterThan(0);
      expect(frames.filter((frame) => !frame.includes('vat:v7:'))).toEqual([]);
    }
    expect((await call('later'))?.stack).toMatch(
      /at inner \(vat:v7:6:\d+\)\n.*later \(vat:v7:11:\d+\)/,
    );
  });

  it.each([
    ['at the top level', '', `Promise.reject(Error('lost'));`],
    ['in buildRootObject', `Promise.reject(Error('lost')); return makeDefaultExo('root', {});`, ''],
  ])('fails a start with an uncaught rejection %s', async (_where, body, outside) => {
    const { started } = await open(body || `return makeDefaultExo('root', {});`, [], outside);
    expect(started).toMatchObject({
      type: 'failed',
      failure: { error: { name: 'Error', message: 'lost' } },
    });
  });

  it('logs what is uncaught later and lives on', async () => {
    const { call, received } = await open(
      `return makeDefaultExo('root', { lose() { Promise.reject(RangeError('lost')); }, throwLater() { setTimeout(() => { throw Error('thrown late'); }, 10); }, wait: () => 1 });`,
      ['setTimeout'],
    );
    await call('lose');
    await call('throwLater');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await call('wait')).toMatchObject({ rejected: false });
    const warnings = received.filter(({ type }) => type === 'log');
    expect(warnings).toEqual([
      {
        type: 'log',
        level: 'warn',
        tags: ['uncaught'],
        args: [expect.stringMatching(/^Uncaught: RangeError: lost\n.*vat:v7:/)],
      },
      {
        type: 'log',
        level: 'warn',
        tags: ['uncaught'],
        args: [expect.stringContaining('thrown late')],
      },
    ]);
  });

  it('tells of the first rejection that nobody has handled, and when it was', async () => {
    const source = `let kept; let again; return makeDefaultExo('root', {
      lose() { Promise.reject(RangeError('lost')); Promise.reject(Error('lost, too')); },
      nothing() { Promise.reject(); },
      odd() { Promise.reject(Object.defineProperty(Error('odd'), 'name', { get() { throw 1; } })); },
      long() { Promise.reject(Error('y'.repeat(1e6))); },
      catches() { const p = Promise.reject(Error('late')); Promise.resolve().then(() => p.catch(() => {})); },
      keep() { kept = Promise.reject(Error('kept')); again = Promise.reject(Error('again')); },
      look() { kept.catch(() => {}); },
      lookAgain() { again.catch(() => {}); },
    });`;
    const uncaught = async (...methods: string[]) => {
      const { deliver } = await open(source);
      const told = [];
      for (const method of methods) {
        const answer = await deliver({
          type: 'message',
          target: 'o+0',
          methargs: { body: `#["${method}",[]]`, slots: [] },
        });
        if (answer.type !== 'done') throw Error(JSON.stringify(answer));
        told.push(answer.result.uncaught);
      }
      return told;
    };
    expect(await uncaught('lose', 'catches')).toEqual([
      {
        name: 'RangeError',
        message: 'lost',
        stack: expect.stringMatching(/^RangeError: lost\n.*vat:v7:/),
      },
      undefined,
    ]);
    expect(await uncaught('nothing')).toEqual([{ name: 'Error', message: 'undefined' }]);
    expect(await uncaught('odd')).toMatchObject([{ name: 'Error', message: 'odd' }]);
    const [long] = await uncaught('long');
    expect(long?.message).toHaveLength(10_000);
    expect(await uncaught('catches')).toEqual([undefined]);
    expect(await uncaught('keep', 'look', 'lookAgain', 'catches')).toMatchObject([
      { message: 'kept' },
      { message: 'again' },
      null,
      undefined,
    ]);
  });

  it('collects by force in a reap', async () => {
    const { call, deliver } = await open(`return makeDefaultExo('root', { see() {} });`);
    await call('see', ['$0.Alleged: a'], ['o-1']);
    expect(await deliver({ type: 'reap' })).toMatchObject({
      result: {
        own: [
          { type: 'drop-imports', vrefs: ['o-1'] },
          { type: 'retire-imports', vrefs: ['o-1'] },
        ],
      },
    });
  });

  it('answers a ping in the middle of a wait, and not while its vat loops', async () => {
    const { call, post, next } = await open(
      `return makeDefaultExo('root', { never: () => new Promise(() => {}), loop() { for (;;); }, storm() { const go = () => { Promise.resolve().then(go); }; go(); } });`,
    );
    await call('never');
    post({ type: 'ping', id: 5 });
    expect(await next(({ type }) => type === 'pong')).toEqual({
      type: 'pong',
      id: 5,
      sizes: { ...emptyVatTables, exports: 1, promises: 1 },
    });
    void call('storm').catch(() => undefined);
    post({ type: 'ping', id: 6 });
    const silence = new Promise((resolve) => setTimeout(() => resolve('silence'), 200));
    expect(await Promise.race([next(({ type }) => type === 'pong'), silence])).toBe('silence');
  });

  it('grants crypto after its own globals are gone', async () => {
    const { call } = await open(
      `return makeDefaultExo('root', { id: () => crypto.randomUUID().length });`,
      ['crypto'],
    );
    expect(await call('id')).toMatchObject({ value: { body: '#36' } });
  });

  it('grants files below a directory, and fetch by its host', async () => {
    const rootDir = fileURLToPath(new URL('../../', import.meta.url));
    const { call, post, next, deliver } = await open(
      `return makeDefaultExo('root', {
        exists: name => fs.existsSync(name),
        leave: () => fs.existsSync('../package.json'),
        async get() { const response = await fetch('https://api.example/'); return [response.status, await response.text()]; },
      });`,
      ['fetch'],
      '',
      {
        network: { allowedHosts: ['api.example'] },
        platformConfig: { fs: { rootDir, existsSync: true } },
      },
    );
    expect(await call('exists', ['package.json'])).toMatchObject({ value: { body: '#true' } });
    expect((await call('leave'))?.value.body).toContain('is outside allowed root');
    const asked = next(({ type }) => type === 'ask');
    const wanted = next(({ type }) => type === 'want-turn');
    expect(await call('get')).toBeUndefined();
    const ask = await asked;
    if (ask.type !== 'ask') throw Error('no ask');
    const head = { status: 203, statusText: '', url: ask.request.url, headers: [] };
    const value = { ...head, body: new TextEncoder().encode('grüße') };
    post({ type: 'reply', id: ask.id, answer: { ok: true, value } });
    await wanted;
    expect(await deliver({ type: 'turn' })).toMatchObject({
      result: { prior: [{ resolutions: [{ value: { body: '#[203,"grüße"]' } }] }] },
    });
  });
});
