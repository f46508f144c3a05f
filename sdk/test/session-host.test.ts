/** The kernel's end of client sessions, over real ports: what a client hears, and what it cannot do. */
import './precise-gc.js';
import { MessageChannel } from 'node:worker_threads';
import { makeKernel, startKernelWorker } from '@vatkit/sdk/node';
import { describe, expect, it, vi } from 'vitest';
import {
  bundleOfCode,
  expectSound,
  makeLogRecorder,
  makeFolder,
  makeStoreFile,
  patience,
  rowsOf,
  startKernel,
  stopKernel,
  track,
} from './harness.js';
import type { HostResolution } from '../src/protocol/session-wire.js';
import { call, connect, data, makeWireClient, type WireClient } from './session-wire-client.js';

const counter = bundleOfCode(`
  return { buildRootObject: (powers, parameters, baggage) => {
    if (!baggage.has('n')) baggage.init('n', 0);
    const kept = [];
    return far.makeDefaultExo('counter', {
      add() { baggage.set('n', baggage.get('n') + 1); return baggage.get('n'); },
      count() { return baggage.get('n'); },
      greet(name) { return 'hello ' + name; },
      make(name) { return far.makeDefaultExo('purse', { pay() { return name; }, balance() { return 7n; } }); },
      ask(target, word) { return far.E(target).ring(word); },
      keep(target) { kept.push(target); return kept.length; },
      askKept(word) { return far.E(kept[0]).ring(word); },
      store(target) { baggage.init('kept', target); },
      countOf(other) { return far.E(other).count(); },
      never() { return new Promise(() => {}); },
      big(length) { return 'x'.repeat(length); },
      spin(rounds) { for (let left = rounds; left > 0; left -= 1); },
      fail() { throw Error('it broke'); },
    });
  } };
`);

const greeter = (greeting: string, more = ''): string =>
  bundleOfCode(`
  return { buildRootObject: (powers, parameters, baggage) => {
    if (!baggage.has('n')) baggage.init('n', 0);
    return far.makeDefaultExo('greeter', {
      greet() { baggage.set('n', baggage.get('n') + 1); return '${greeting} ' + baggage.get('n'); },
      ${more}
    });
  } };
`);

const value = (resolution: { value: { body: string; slots: string[] } }): unknown =>
  JSON.parse(resolution.value.body.slice(1));

/** The record that an admin method answered with. */
const answer = (resolution: { value: { body: string; slots: string[] } }) =>
  value(resolution) as {
    ok: boolean;
    value?: never;
    error?: { code: string; message: string; data?: { [key: string]: unknown } };
  };

async function start(options: Parameters<typeof startKernel>[0] = {}) {
  const kernel = await startKernel(options);
  const client = connect(kernel);
  const welcome = await client.hello();
  return { kernel, client, welcome };
}

const launchRequest = (bundleSpec: string, rest: object = {}) =>
  data([{ name: 'app', config: { bootstrap: 'main', vats: { main: { bundleSpec } } }, ...rest }]);

describe('a session', () => {
  it('is welcomed, launches, calls, and hears answers and methods', async () => {
    const { client, welcome } = await start();
    expect(welcome).toMatchObject({
      session: 'c1',
      resumed: false,
      received: 0,
      storage: 'memory',
    });
    const root = await client.launch(welcome, counter);
    expect(value(await client.call(root, 'greet', data(['you'])))).toBe('hello you');
    const made = await client.call(root, 'make', data(['gold']));
    const names = client.of('frame').flatMap((frame) => frame.names);
    expect(names.find(({ ref }) => ref === root)?.methods).toStrictEqual([
      'add',
      'ask',
      'askKept',
      'big',
      'count',
      'countOf',
      'fail',
      'greet',
      'keep',
      'make',
      'never',
      'spin',
      'store',
    ]);
    expect(names.find(({ ref }) => ref === made.value.slots[0])).toMatchObject({
      iface: 'purse',
      methods: ['balance', 'pay'],
    });
    const failed = await client.call(root, 'fail');
    expect(failed.rejected).toBe(true);
    expect(failed.value.body).toContain('it broke');
    expect(failed.stack).toContain('it broke');
  });

  it('acknowledges frames and pings without being asked twice', async () => {
    const { client, welcome } = await start();
    client.say({ type: 'ping', id: 7 });
    expect(await client.first('pong')).toStrictEqual({ type: 'pong', id: 7 });
    const root = await client.launch(welcome, counter);
    const seq = client.send(call(root, 'count'));
    await client.until(() => client.of('ack').find(({ ack }) => ack === seq));
  });

  it('pipelines on results, before and after they are settled', async () => {
    const { client, welcome } = await start();
    const root = await client.launch(welcome, counter);
    const [purse, first, second] = [client.name('p'), client.name('p'), client.name('p')];
    client.send(call(root, 'make', purse, data(['gold'])), call(purse, 'balance', first));
    expect(value(await client.settled(first))).toBe('+7');
    client.say({ type: 'frame', seq: client.seq() + 1, ack: 0, ops: [call(purse, 'pay', second)] });
    expect(value(await client.settled(second))).toBe('gold');
  });

  it('cannot overfill the queue of a vat by promises that it settles itself', async () => {
    const limits = { queueMax: 10, chargedMessagesMax: 20 };
    const { client, welcome } = await start({ limits });
    const keeper = await client.launch(welcome, counter);
    const busy = await client.launch(welcome, counter, 'busy');
    client.send(call(busy, 'spin', undefined, data([1e8])));
    const results: string[] = [];
    for (let round = 0; round < 20; round += 1) {
      const promise = client.name('p');
      const calls = Array.from({ length: 9 }, () => {
        results.push(client.name('p'));
        return call(promise, 'add', results.at(-1));
      });
      client.send(call(keeper, 'greet', undefined, data(['&0'], promise)), ...calls, {
        op: 'settle',
        resolutions: [{ promise, rejected: false, value: data('$0', busy) }],
      });
    }
    const told = await Promise.all(results.map((result) => client.settled(result)));
    const taken = told.filter(({ rejected }) => !rejected);
    expect(taken.map(value)).toStrictEqual(taken.map((_, index) => index + 1));
    expect(taken).toHaveLength(20);
    for (const { rejected, value: reason } of told)
      if (rejected) expect(reason.body).toContain('[KERNEL:QUEUE_FULL]');
    // It has room again, and was not ended.
    expect(value(await client.call(busy, 'add'))).toBe(21);
  });

  it('has so many characters kept that it does not take, and no more', async () => {
    const limits = { sessionFrameCharsMax: 2_000_000, queueCharsMax: 3_000_000 };
    const { kernel, client, welcome } = await start({ limits });
    const root = await client.launch(welcome, counter);
    const chars = (): number =>
      [...rowsOf(kernel).values()].reduce((sum, { length }) => sum + length, 0);
    const before = chars();
    const results = Array.from({ length: 40 }, () => client.name('p'));
    client.send(...results.map((result) => call(root, 'big', result, data([500_000]))));
    // Each stands in its frame, or in the queue, and as the promise's value.
    const settled = (): HostResolution[] =>
      client.ops().flatMap((op) => (op.op === 'settle' ? op.resolutions : []));
    await vi.waitFor(() => expect(rowsOf(kernel).has('q.v1')).toBe(false), patience);
    await vi.waitFor(() => expect(settled().length).toBeGreaterThan(3), patience);
    expect(chars() - before).toBeLessThan(2 * (2_500_000 + 3_000_000));
    expect(settled().length).toBeLessThan(10);
    // As it takes them, it hears all.
    await vi.waitFor(() => {
      client.say({ type: 'ack', ack: client.lastFrame() });
      expect(settled()).toHaveLength(41);
    }, patience);
    const refused = settled().filter(({ rejected }) => rejected);
    expect(refused.length).toBeGreaterThan(20);
    for (const { value: reason } of refused) expect(reason.body).toContain('[KERNEL:QUEUE_FULL]');
    expect(
      settled()
        .slice(1)
        .filter(({ rejected }) => !rejected).length,
    ).toBeGreaterThan(5);
    expect(String(value(await client.call(root, 'big', data([500_000]))))).toHaveLength(500_000);
  });

  it('exposes objects, which answer vats and are dropped when nobody has them', async () => {
    const { kernel, client, welcome } = await start();
    const root = await client.launch(welcome, counter);
    const [bell, result] = [client.name('o'), client.name('p')];
    client.send(call(root, 'ask', result, data(['$0', 'loud'], bell)));
    const rung = await client.until(() => client.ops().find((op) => op.op === 'call'));
    expect(rung).toMatchObject({ target: bell, methargs: { body: '#["ring",["loud"]]' } });
    const promise = (rung as { result: string }).result;
    client.send({
      op: 'settle',
      resolutions: [{ promise, rejected: false, value: data('rang') }],
    });
    expect(value(await client.settled(result))).toBe('rang');
    await kernel.reapVats();
    await client.until(() =>
      client
        .ops()
        .find(
          (op) => op.op === 'drop' && op.refs.some(([ref, count]) => ref === bell && count === 1),
        ),
    );
  });

  it('closes what it exposed when its port closes, at once for those who call', async () => {
    const { kernel, client, welcome } = await start();
    const root = await client.launch(welcome, counter);
    const bell = client.name('o');
    await client.call(root, 'keep', data(['$0'], bell));
    const other = connect(kernel);
    const theirs = await other.hello();
    const same = await other.launch(theirs, counter);
    const result = other.name('p');
    other.send(call(same, 'askKept', result, data(['loud'])));
    await client.until(() => client.ops().find((op) => op.op === 'call'));
    client.port.close();
    const heard = await other.settled(result);
    expect(heard).toMatchObject({ rejected: true });
    expect(heard.value.body).toContain('[KERNEL:SESSION_CLOSED]');
    const again = await other.call(same, 'askKept', data(['loud']));
    expect(again.value.body).toContain('[KERNEL:SESSION_CLOSED]');
    expectSound(kernel);
  });

  it('keeps its exposed objects out of baggage', async () => {
    const { client, welcome } = await start();
    const root = await client.launch(welcome, counter);
    const stored = await client.call(root, 'store', data(['$0'], client.name('o')));
    expect(stored.value.body).toContain('exposed is not durable');
    expect(value(await client.call(root, 'keep', data(['$0'], client.name('o'))))).toBe(1);
  });

  it('is resumed by its secret, with each call done once and each answer told', async () => {
    const dbFilename = makeStoreFile();
    const { kernel, client, welcome } = await start({ dbFilename });
    const root = await client.launch(welcome, counter);
    const lost = client.name('p');
    const had = client.lastFrame();
    const seq = client.send(call(root, 'add', lost));
    await client.settled(lost);
    client.port.close();
    await client.until(() => client.isClosed() || undefined);

    const again = connect(kernel);
    const secret = welcome.secret as string;
    const back = await again.hello({ session: welcome.session, secret, received: had });
    expect(back).toMatchObject({ session: welcome.session, resumed: true, received: seq });
    expect(value(await again.settled(lost))).toBe(1);
    again.say({ type: 'frame', seq, ack: had, ops: [call(root, 'add', lost)] });
    again.say({ type: 'frame', seq: seq + 1, ack: had, ops: [call(root, 'count', 'p+900')] });
    expect(value(await again.settled('p+900'))).toBe(1);

    await stopKernel(kernel);
    expect(await again.first('closed')).toMatchObject({
      error: { code: 'KERNEL_STOPPED' },
      resumable: true,
    });
    const second = await startKernel({ dbFilename });
    const third = connect(second);
    const welcomed = await third.hello({
      session: welcome.session,
      secret,
      received: again.lastFrame(),
    });
    expect(welcomed).toMatchObject({ resumed: true, received: seq + 1, storeId: welcome.storeId });
    expect(welcomed.epoch).not.toBe(welcome.epoch);
    third.say({
      type: 'frame',
      seq: seq + 2,
      ack: third.lastFrame(),
      ops: [call(root, 'add', 'p+901')],
    });
    expect(value(await third.settled('p+901'))).toBe(2);
  });

  it('is forgotten after its grace', async () => {
    const { kernel, client, welcome } = await start({ limits: { sessionGraceMs: 50 } });
    client.port.close();
    const again = connect(kernel);
    const secret = welcome.secret as string;
    await client.until(() =>
      kernel.kernelDatabase.executeQuery("SELECT key FROM kv WHERE key = 'k.c1'").length === 0
        ? true
        : undefined,
    );
    again.say({
      type: 'hello',
      protocol: { min: 1, max: 1 },
      resume: { session: 'c1', secret, received: 0 },
    });
    expect(await again.first('refused')).toMatchObject({ error: { code: 'SESSION_EXPIRED' } });
    expect(await again.hello()).toMatchObject({ session: 'c2', resumed: false });
  });

  it('is taken over by who knows its secret, and by nobody else', async () => {
    const { kernel, client, welcome } = await start();
    const thief = connect(kernel);
    thief.say({
      type: 'hello',
      protocol: { min: 1, max: 1 },
      resume: { session: 'c1', secret: '0'.repeat(32), received: 0 },
    });
    expect(await thief.first('refused')).toMatchObject({ error: { code: 'SESSION_EXPIRED' } });
    expect(await client.launch(welcome, counter)).toBeDefined();
    const heir = connect(kernel);
    const secret = welcome.secret as string;
    await heir.hello({ session: 'c1', secret, received: client.lastFrame() });
    expect(await client.first('closed')).toMatchObject({
      error: { code: 'SESSION_TAKEN' },
      resumable: false,
    });
  });

  it('leaves nothing when it says goodbye', async () => {
    const { kernel, client, welcome } = await start();
    const rows = (): string[] =>
      kernel.kernelDatabase.executeQuery('SELECT key FROM kv').map(({ key }) => key as string);
    const root = await client.launch(welcome, counter);
    await client.call(root, 'keep', data(['$0'], client.name('o')));
    client.say({ type: 'bye' });
    await client.until(() => client.isClosed() || undefined);
    await client.until(() =>
      rows().some((key) => /^(?:k|f|q|i|c)\.c1/.test(key)) ? undefined : true,
    );
    expectSound(kernel);
  });

  it('tells what breaks', async () => {
    const { kernel, client, welcome } = await start();
    const root = await client.launch(welcome, counter);
    const made = await client.call(root, 'make', data(['gold']));
    await kernel.restartVat('v1');
    const broken = await client.until(() => client.ops().find((op) => op.op === 'broken'));
    expect(broken).toMatchObject({ refs: [{ ref: made.value.slots[0], code: 'OBJECT_DELETED' }] });
    await client.admin(welcome, 'terminate', data(['app']));
    await client.until(() =>
      client
        .ops()
        .find(
          (op) =>
            op.op === 'broken' &&
            op.refs.some(({ ref, code }) => ref === root && code === 'VAT_TERMINATED'),
        ),
    );
  });

  it('gives an object the same name in every session, and another in another store', async () => {
    const { kernel, client, welcome } = await start();
    const idOf = (each: WireClient, root: string): string | undefined =>
      each
        .of('frame')
        .flatMap(({ names }) => names)
        .find(({ ref }) => ref === root)?.id;
    const id = idOf(client, await client.launch(welcome, counter));
    const other = connect(kernel);
    expect(idOf(other, await other.launch(await other.hello(), counter))).toBe(id);
    expect(id).toMatch(/^[\w-]{22}$/);
    const elsewhere = await start();
    const foreign = await elsewhere.client.launch(elsewhere.welcome, counter);
    expect(idOf(elsewhere.client, foreign)).not.toBe(id);
  });
});

describe('the admin object', () => {
  it('reaches objects by kref, and the methods of Kernel', async () => {
    const { kernel, client, welcome } = await start();
    await client.launch(welcome, counter);
    const ref = await client.admin(welcome, 'ref', data(['ko4']));
    expect(value(await client.call(ref.value.slots[0] as string, 'count'))).toBe(0);
    const kref = await client.admin(welcome, 'krefOf', data(['$0'], ref.value.slots[0] as string));
    expect(answer(kref)).toStrictEqual({ ok: true, value: 'ko4' });
    const vats = await client.admin(welcome, 'kernel', data(['getVatIds', []]));
    expect(answer(vats).value).toStrictEqual(kernel.getVatIds());
    const queued = await client.admin(
      welcome,
      'kernel',
      data(['queueMessage', ['ko4', 'greet', ['you']]]),
    );
    // A body is text like any other here: what it begins with is escaped.
    expect(answer(queued).value).toStrictEqual({ body: '!#"hello you"', slots: [] });
    const none = await client.admin(welcome, 'kernel', data(['stop', []]));
    expect(answer(none)).toMatchObject({ ok: false, error: { code: 'NOT_FOUND' } });
    const unknown = await client.admin(welcome, 'ref', data(['ko999']));
    expect(answer(unknown)).toMatchObject({ ok: false, error: { code: 'NOT_FOUND' } });
    const refused = await client.admin(welcome, 'kernel', data(['pingVat', ['v9']]));
    expect(answer(refused)).toMatchObject({ ok: false, error: { code: 'NOT_FOUND' } });
  });

  it('makes sessions for other realms, which reach what they were given and nothing else', async () => {
    const { kernel, client, welcome } = await start();
    const root = await client.launch(welcome, counter);
    const made = await client.admin(welcome, 'connect', data([['$0']], root));
    const { session, secret } = answer(made).value as unknown as {
      session: string;
      secret: string;
    };
    const inner: unknown[] = [];
    client.port.on('message', (message: { type: string; message?: unknown }) => {
      if (message.type === 'channel') inner.push(message.message);
    });
    const say = (message: unknown): void => client.say({ type: 'channel', channel: 1, message });
    const heard = (type: string): Promise<{ [key: string]: never }> =>
      client.until(() => inner.find((each) => (each as { type: string }).type === type) as never);
    client.say({ type: 'channel-open', channel: 1, session, secret });
    say({ type: 'hello', protocol: { min: 1, max: 1 } });
    expect(await heard('welcome')).not.toHaveProperty('admin');
    expect(await heard('frame')).toMatchObject({
      seq: 1,
      ops: [{ op: 'give', value: { body: '#["$0"]', slots: ['o-1'] } }],
    });
    say({ type: 'frame', seq: 1, ack: 1, ops: [{ ...call('o-1', 'count', 'p+1'), read: true }] });
    await client.until(() =>
      inner.find((each) => JSON.stringify(each).includes('"promise":"p+1"')),
    );
    expect(JSON.stringify(inner)).not.toContain('touched');
    say({ type: 'frame', seq: 2, ack: 1, ops: [call('o-2', 'count', 'p+2')] });
    expect(await heard('closed')).toMatchObject({ error: { code: 'PROTOCOL_ERROR' } });
    expect(value(await client.call(root, 'count'))).toBe(0);
    const second = await client.admin(welcome, 'connect', data([[]]));
    client.say({ type: 'bye' });
    await client.until(() => client.isClosed() || undefined);
    const late = connect(kernel);
    const resume = {
      ...(answer(second).value as unknown as { session: string; secret: string }),
      received: 0,
    };
    late.say({ type: 'hello', protocol: { min: 1, max: 1 }, resume });
    expect(await late.first('refused')).toMatchObject({ error: { code: 'SESSION_EXPIRED' } });
  });

  it('tells the status when it changes', async () => {
    const { client, welcome } = await start();
    await client.launch(welcome, counter);
    await client.until(() =>
      client
        .of('event')
        .find(
          ({ event }) =>
            event.type === 'status' &&
            event.status.vats[0]?.status === 'running' &&
            event.status.subclusters[0]?.name === 'app',
        ),
    );
  });
});

describe('a launch by name', () => {
  it('is one for all who ask, and outlives them', async () => {
    const { kernel, client, welcome } = await start();
    const other = connect(kernel);
    const theirs = await other.hello();
    const [mine, joined] = await Promise.all([
      client.admin(welcome, 'launch', launchRequest(greeter('hi'), { progress: 3 })),
      other.admin(theirs, 'launch', launchRequest(greeter('hi'))),
    ]);
    expect([answer(mine), answer(joined)]).toMatchObject([
      { ok: true, value: { subclusterId: 's1', action: 'launched' } },
      { ok: true, value: { subclusterId: 's1', action: 'joined' } },
    ]);
    expect(kernel.getVatIds()).toStrictEqual(['v1']);
    const steps = client
      .of('event')
      .flatMap(({ event }) => (event.type === 'progress' ? [[event.progress, event.step]] : []));
    expect(steps).toMatchObject([
      [3, { step: 'fetching', vat: 'main' }],
      [3, { step: 'fetching', vat: 'main', chars: greeter('hi').length }],
      [3, { step: 'starting', done: 0, total: 1 }],
      [3, { step: 'starting', done: 1, total: 1 }],
    ]);
    client.say({ type: 'bye' });
    expect(value(await other.call(joined.value.slots[0] as string, 'greet'))).toBe('hi 1');
  });

  it('upgrades in place, keeps, or refuses, as the caller says', async () => {
    const { client, welcome } = await start();
    const launch = async (code: string, rest: object = {}) =>
      client.admin(welcome, 'launch', launchRequest(code, rest));
    const root = (await launch(greeter('hi'))).value.slots[0] as string;
    expect(value(await client.call(root, 'greet'))).toBe('hi 1');
    expect(answer(await launch(greeter('hey'), { onChange: 'error' }))).toMatchObject({
      ok: false,
      error: { code: 'INTERFACE_MISMATCH' },
    });
    expect(answer(await launch(greeter('hey'), { onChange: 'keep' }))).toMatchObject({
      ok: true,
      value: { action: 'kept' },
    });
    expect(value(await client.call(root, 'greet'))).toBe('hi 2');
    const upgraded = answer(
      await launch(greeter('hey', 'upgraded(vats) { baggage.set("n", 10); }, more() {},')),
    );
    expect(upgraded).toMatchObject({ ok: true, value: { subclusterId: 's1', action: 'upgraded' } });
    expect(value(await client.call(root, 'greet'))).toBe('hey 11');
    // An old tab never downgrades.
    expect(answer(await launch(greeter('hi')))).toMatchObject({
      ok: true,
      value: { action: 'kept' },
    });
    const wanted = {
      name: 'Greeter',
      hash: 'x',
      methods: { greet: 'query', gone: 'query' },
      signatures: {},
    };
    expect(answer(await launch(greeter('hi'), { interfaces: [wanted] }))).toMatchObject({
      ok: false,
      error: {
        code: 'INTERFACE_MISMATCH',
        data: { reload: true, differences: ['Greeter.gone is gone'] },
      },
    });
    expect(answer(await launch(greeter('hi'), { rollback: true }))).toMatchObject({
      ok: true,
      value: { action: 'upgraded' },
    });
    expect(value(await client.call(root, 'greet'))).toBe('hi 12');
  });

  it('leaves the old code where the new one does not start', async () => {
    const { kernel, client, welcome } = await start();
    const two = (a: string, b: string) =>
      data([
        {
          name: 'app',
          config: { bootstrap: 'a', vats: { a: { bundleSpec: a }, b: { bundleSpec: b } } },
        },
      ]);
    const first = await client.admin(welcome, 'launch', two(greeter('a'), greeter('b')));
    const [root] = first.value.slots as [string];
    const broken = bundleOfCode(`return { buildRootObject() { throw Error('no start'); } };`);
    const failed = answer(await client.admin(welcome, 'launch', two(greeter('A'), broken)));
    expect(failed).toMatchObject({
      ok: false,
      error: { code: 'UPGRADE_FAILED', data: { vat: 'b' } },
    });
    expect(failed.error?.message).toContain('no start');
    expect(value(await client.call(root, 'greet'))).toBe('a 1');
    expect(
      answer(await client.admin(welcome, 'launch', two(greeter('a'), greeter('b')))),
    ).toMatchObject({ ok: true, value: { action: 'joined' } });
    const removed = answer(
      await client.admin(
        welcome,
        'launch',
        data([
          { name: 'app', config: { bootstrap: 'a', vats: { a: { bundleSpec: greeter('a') } } } },
        ]),
      ),
    );
    expect(removed).toMatchObject({ ok: false, error: { code: 'UPGRADE_FAILED' } });
    const allowed = {
      name: 'app',
      allowRemoval: true,
      config: { bootstrap: 'a', vats: { a: { bundleSpec: greeter('a') } } },
    };
    expect(answer(await client.admin(welcome, 'launch', data([allowed])))).toMatchObject({
      ok: true,
      value: { action: 'upgraded' },
    });
    expect(kernel.getVatIds()).toStrictEqual(['v1']);
  });

  it('says what is wrong with a request', async () => {
    const { client, welcome } = await start();
    for (const request of [
      null,
      {},
      { name: '', config: {} },
      { name: 'x', config: {} },
      { name: 'x', config: { bootstrap: 'a', vats: { a: { bundleSpec: 'data:,x' } } }, more: 1 },
    ]) {
      expect(answer(await client.admin(welcome, 'launch', data([request])))).toMatchObject({
        ok: false,
        error: { code: 'BAD_CONFIG' },
      });
    }
    expect(answer(await client.admin(welcome, 'terminate', data(['none'])))).toStrictEqual({
      ok: true,
      value: false,
    });
  });
});

describe('versions', () => {
  it('say what an answer touched, and rise with changes that were not reads', async () => {
    const { kernel, client, welcome } = await start();
    const read = async (target: string, method: string, args = data([])) => {
      const result = client.name('p');
      client.send({ ...call(target, method, result, args), read: true } as never);
      return client.settled(result);
    };
    const a = await client.launch(welcome, counter, 'a');
    const b = await client.launch(welcome, counter, 'b');
    const first = await read(a, 'countOf', data(['$0'], b));
    expect(Object.keys(first.touched ?? {})).toHaveLength(2);
    expect((await read(a, 'countOf', data(['$0'], b))).touched).toStrictEqual(first.touched);
    const [bVat] = Object.keys((await read(b, 'count')).touched ?? {});
    await client.call(b, 'add');
    const event = await client.until(() =>
      client.of('event').find((each) => each.event.type === 'versions'),
    );
    expect(event.event).toMatchObject({
      versions: { [bVat as string]: (first.touched?.[bVat as string] as number) + 1 },
    });
    expect(Object.keys((event.event as { versions: object }).versions)).toHaveLength(1);
    // Who has not read anything hears of nothing.
    const other = connect(kernel);
    const theirs = await other.hello();
    await other.call(await other.launch(theirs, counter, 'b'), 'add');
    expect(other.of('event').filter((each) => each.event.type === 'versions')).toStrictEqual([]);
  });
});

describe('a kernel in a worker', () => {
  it('serves its own messages and further ports, and ends when its client is done', async () => {
    const dbFilename = makeStoreFile();
    const worker = startKernelWorker({ dbFilename });
    const client = makeWireClient(worker as never);
    const welcome = await client.hello();
    expect(welcome.storage).toBe('file');
    const root = await client.launch(welcome, counter);
    const other = makeWireClient(worker.connect());
    const same = await other.launch(await other.hello(), counter);
    expect(value(await other.call(same, 'add'))).toBe(1);
    expect(value(await client.call(root, 'count'))).toBe(1);
    other.say({ type: 'bye' });
    const gone = new Promise<number>((resolve) => worker.once('exit', resolve));
    client.say({ type: 'bye' });
    expect(await gone).toBe(0);
    const again = startKernelWorker({ dbFilename });
    const second = makeWireClient(again as never);
    const found = await second.launch(await second.hello(), counter);
    expect(value(await second.call(found, 'count'))).toBe(1);
    await again.stop();
  });

  it('says why it could not start', async () => {
    const worker = startKernelWorker({ dbFilename: makeFolder() });
    const client = makeWireClient(worker as never);
    client.say({ type: 'hello', protocol: { min: 1, max: 1 } });
    expect(await client.first('refused')).toMatchObject({ error: { code: 'STORE_FAILED' } });
    await worker.stop();
  });

  it('is not known by the kernel that makeKernel serves on a port, which takes control requests, too', async () => {
    const { port1, port2 } = new MessageChannel();
    track(await makeKernel({ port: port1, logger: makeLogRecorder() }));
    const client = makeWireClient(port2);
    const welcome = await client.hello();
    expect(await client.launch(welcome, counter)).toBeDefined();
    const control = new MessageChannel();
    track(await makeKernel({ port: control.port1, logger: makeLogRecorder() }));
    const pong = new Promise((resolve) => control.port2.once('message', resolve));
    control.port2.postMessage({ jsonrpc: '2.0', id: 1, method: 'ping' });
    expect(await pong).toStrictEqual({ jsonrpc: '2.0', id: 1, result: 'pong' });
    control.port2.close();
  });
});
