import './lockdown.js';
import { describe, expect, it } from 'vitest';
import { iterate, makeEventualIterator, makeExoIterator, makeTopic } from './author-api.js';
import { capData, errorOf, fulfilled, makeTestVat, rejected, resolutionOf } from './test-vat.js';
import { vatBounds } from './vat-bounds.js';

const start = async (body: string, state: [string, string][] = [], nextExport = 1) => {
  const vat = makeTestVat(
    `const { iterate, makeExoIterator, makeTopic, prepareTopic } = $vatkit['@vatkit/sdk/vat'];\n${body}`,
    { globals: ['setTimeout'] },
  );
  await vat.start({}, state, nextExport);
  return vat;
};

type TestVat = Awaited<ReturnType<typeof start>>;

/** What a call is answered with: the text of its value, or its error's message. */
const call = async (vat: TestVat, target: string, method: unknown, args: unknown = []) => {
  const { answer, result } = await vat.message(method, args, [], target);
  if (answer === undefined) return result;
  return answer.rejected ? errorOf(answer) : JSON.parse(answer.value.body.slice(1));
};

const sends = (own: readonly { type: string }[]) =>
  own.flatMap((syscall) => {
    const { type, methargs, target, result } = syscall as never as Record<string, string>;
    if (type !== 'send') return [];
    const { body } = methargs as never as { body: string };
    return [{ target, result, call: body.slice(1) }];
  });

describe('an async generator', () => {
  const body = `
    const log = [];
    async function* count(to) { try { for (let n = 1; n <= to; n += 1) { log.push(n); yield n; } return 'end'; } finally { log.push('finally'); } }
    const guarded = makeExo('guarded', M.interface('guarded', { count: M.call(M.number()).returns(M.remotable()) }), { count });
    return makeDefaultExo('root', {
      count, far: () => Far('far', { count }), guarded: () => guarded,
      later: async n => count(n),
      twice() { const c = count(1); return makeDefaultExo('x', { a: () => c, b: () => c }); },
      log: () => [...log],
      give: x => E(x).take(1, count(2)),
      custom() { let n = 0; return { left: 2, next() { this.left -= 1; return { value: this.left, done: this.left < 0 }; }, [Symbol.asyncIterator]() { return this; } }; },
      plain: () => makeExoIterator(['a', 'b']),
      async *bad() { yield new Map(); },
      async *fails() { yield 1; throw RangeError('broken'); },
      async *nested() { yield count(1); },
      async local() { const all = []; for await (const n of this.self.count(2)) all.push(n); return all; },
      slow: () => (async function* () { yield await new Promise(() => {}); })(),
      data: () => ({ nested: count(1) }),
    });`;
  const open = async (method: string, args: unknown[] = []) => {
    const vat = await start(body);
    const { answer } = await vat.message(method, args);
    expect(answer?.value.body).toBe('#"$0.Alleged: AsyncIterator"');
    return { vat, ref: answer?.value.slots[0] as string };
  };

  it.each(['count', 'later', 'custom'])('from %s passes as an exo that is pulled', async (name) => {
    const { vat, ref } = await open(name, [2]);
    if (name === 'custom') {
      expect(await call(vat, ref, 'next')).toEqual({ value: 1, done: false });
      return;
    }
    expect(await call(vat, 'o+0', 'log')).toEqual([]);
    expect(await call(vat, ref, 'next')).toEqual({ value: 1, done: false });
    expect(await call(vat, 'o+0', 'log')).toEqual([1]);
    expect(await call(vat, ref, 'next')).toEqual({ value: 2, done: false });
    expect(await call(vat, ref, 'next')).toEqual({ value: 'end', done: true });
    expect(await call(vat, ref, 'next')).toEqual({ value: '#undefined', done: true });
    expect(await call(vat, 'o+0', 'log')).toEqual([1, 2, 'finally']);
  });

  it.each(['far', 'guarded'])('of a method of a %s object does, too', async (name) => {
    const vat = await start(body);
    const { answer } = await vat.message(name);
    const target = answer?.value.slots[0] as string;
    const counted = await vat.message('count', [1], [], target);
    expect(counted.answer?.value.body).toBe('#"$0.Alleged: AsyncIterator"');
  });

  it('is closed by its reader', async () => {
    const { vat, ref } = await open('count', [5]);
    await call(vat, ref, 'next');
    expect(await call(vat, ref, 'return', ['bye'])).toEqual({ value: 'bye', done: true });
    expect(await call(vat, 'o+0', 'log')).toEqual([1, 'finally']);
    expect(await call(vat, ref, 'throw', [{ '#error': 'mine', name: 'Error' }])).toBe('mine');
  });

  it('is one object, however often it passes, and its own iterable', async () => {
    const vat = await start(body);
    const { answer } = await vat.message('twice');
    const target = answer?.value.slots[0] as string;
    const slotOf = async (method: string, of = target) =>
      (await vat.message(method, [], [], of)).answer?.value.slots[0] as string;
    const first = await slotOf('a');
    expect(await slotOf('b')).toBe(first);
    expect(await slotOf('%@@asyncIterator', first)).toBe(first);
    expect(await call(vat, 'o+0', 'local')).toEqual([1, 2]);
  });

  it('passes as an argument, and as an item', async () => {
    const vat = await start(body);
    const { own } = await vat.message('give', ['$0.Alleged: x'], ['o-3']);
    expect(own[0]).toMatchObject({
      methargs: { body: '#["take",[1,"$0.Alleged: AsyncIterator"]]', slots: ['o+1'] },
    });
    const nested = (await vat.message('nested')).answer?.value.slots[0] as string;
    expect(await call(vat, nested, 'next')).toEqual({
      value: '$0.Alleged: AsyncIterator',
      done: false,
    });
  });

  it('whose item cannot pass, or that throws, rejects', async () => {
    const { vat, ref } = await open('bad');
    expect(await call(vat, ref, 'next')).toContain('result of "next".value: cannot pass a Map');
    const fails = (await vat.message('fails')).answer?.value.slots[0] as string;
    expect(await call(vat, fails, 'next')).toEqual({ value: 1, done: false });
    expect(await call(vat, fails, 'next')).toBe('broken');
    expect(await call(vat, 'o+0', 'data')).toContain('result of "data".nested: cannot pass');
  });

  it('takes a bounded number of calls at a time', async () => {
    const { vat, ref } = await open('slow');
    for (let n = 0; n < vatBounds.iteratorCallsMax; n += 1) {
      expect(await call(vat, ref, 'next')).toMatch(/^p-/);
    }
    expect(await call(vat, ref, 'next')).toContain('calls at a time');
  });

  it('of a plain iterable is made by makeExoIterator', async () => {
    const { vat, ref } = await open('plain');
    expect(await call(vat, ref, 'next')).toEqual({ value: 'a', done: false });
    expect(await call(vat, ref, 'return')).toEqual({ value: '#undefined', done: true });
    expect(() => makeExoIterator(5 as never)).toThrow('makeExoIterator takes');
  });

  it('leaves nothing in the tables once it is dropped', async () => {
    const { vat, ref } = await open('count', [3]);
    await call(vat, ref, 'next');
    await vat.deliver({ type: 'drop-exports', vrefs: [ref] });
    expect((await vat.reap()).own).toEqual([{ type: 'retire-exports', vrefs: [ref] }]);
    expect(vat.sizes()).toMatchObject({ exports: 1, imports: 0, promises: 0 });
  });
});

describe('iterate', () => {
  const body = `
    const seen = [];
    let end;
    const read = async (source, most = 1e9) => {
      try {
        for await (const item of iterate(source)) { seen.push(item); if (seen.length >= most) break; }
        end = 'ended';
      } catch (error) { end = error.message; }
    };
    return makeDefaultExo('root', {
      read(source, most) { read(source, most); },
      readResult(x) { read(E(x).list()); },
      seen: () => [...seen, ...(end === undefined ? [] : [end])],
    });`;
  const noMethod = (vpid: string) =>
    rejected(vpid, 'target has no method "getUpdate", has ["next"]', 'TypeError');

  it('pulls a remote iterator, one round trip for each item, and closes it', async () => {
    const vat = await start(body);
    const opened = await vat.message('read', ['$0.Alleged: AsyncIterator', 2], ['o-3']);
    expect(sends(opened.own)).toEqual([{ target: 'o-3', result: 'p+1', call: '["next",[]]' }]);
    const { own } = await vat.notify(fulfilled('p+1', { value: 'a', done: false }));
    expect(sends(own)).toEqual([{ target: 'o-3', result: 'p+2', call: '["next",[]]' }]);
    const closing = await vat.notify(fulfilled('p+2', { value: 'b', done: false }));
    expect(sends(closing.own)).toMatchObject([{ result: 'p+3', call: '["return",[]]' }]);
    await vat.notify(fulfilled('p+3', { value: '#undefined', done: true }));
    expect(await call(vat, 'o+0', 'seen')).toEqual(['a', 'b', 'ended']);
  });

  it('finds out what a source of another name is', async () => {
    const vat = await start(body);
    const opened = await vat.message('readResult', ['$0.Alleged: shop'], ['o-3']);
    expect(sends(opened.own)).toMatchObject([{ result: 'p+1', call: '["list",[]]' }]);
    const { own } = await vat.notify(fulfilled('p+1', '$0.Alleged: pages', ['o-4']));
    expect(sends(own)).toMatchObject([{ target: 'o-4', call: '["getUpdate",["#undefined"]]' }]);
    const next = await vat.notify(noMethod('p+2'));
    expect(sends(next.own)).toMatchObject([{ target: 'o-4', call: '["next",[]]' }]);
    const last = await vat.notify(fulfilled('p+3', { value: 1, done: true }));
    expect(sends(last.own)).toEqual([]);
    expect(await call(vat, 'o+0', 'seen')).toEqual(['ended']);
  });

  it('ends with what its source rejects with, and does not close what failed', async () => {
    const vat = await start(body);
    await vat.message('read', ['$0.Alleged: AsyncIterator'], ['o-3']);
    const { own } = await vat.notify(rejected('p+1', 'no more'));
    expect(sends(own)).toEqual([]);
    expect(await call(vat, 'o+0', 'seen')).toEqual(['no more']);
  });

  it('reads a topic: asks for what is newer than what it has', async () => {
    const vat = await start(body);
    await vat.message('read', ['$0.Alleged: topic subscriber'], ['o-3']);
    const { own } = await vat.notify(fulfilled('p+1', { value: 'a', count: 4, done: false }));
    expect(sends(own)).toMatchObject([{ call: '["getUpdate",[4]]' }]);
    await vat.notify(fulfilled('p+2', { value: 'end', count: 9, done: true }));
    expect(await call(vat, 'o+0', 'seen')).toEqual(['a', 'ended']);
  });

  it('goes on with a topic whose vat restarted, and ends where the topic is gone with it', async () => {
    const vat = await start(body);
    await vat.message('read', ['$0.Alleged: topic subscriber'], ['o-3']);
    const again = await vat.notify(rejected('p+1', '[KERNEL:VAT_RESTARTED] x'));
    expect(sends(again.own)).toMatchObject([{ call: '["getUpdate",["#undefined"]]' }]);
    await vat.notify(fulfilled('p+2', { value: 'a', count: 1, done: false }));
    await vat.notify(rejected('p+3', '[KERNEL:VAT_RESTARTED] y'));
    await vat.notify(rejected('p+4', '[KERNEL:OBJECT_DELETED] gone'));
    expect(await call(vat, 'o+0', 'seen')).toEqual(['a', '[KERNEL:VAT_RESTARTED] y']);
  });

  it('is not led on for ever by a topic that rejects as if it restarted', async () => {
    const vat = await start(body);
    await vat.message('read', ['$0.Alleged: topic subscriber'], ['o-3']);
    for (let n = 1; n <= vatBounds.topicResumesMax; n += 1) {
      await vat.notify(rejected(`p+${n}`, '[KERNEL:VAT_RESTARTED] x'));
    }
    expect(await call(vat, 'o+0', 'seen')).toEqual(['[KERNEL:VAT_RESTARTED] x']);
    expect(vat.sizes().promises).toBe(0);
  });

  it('and makeEventualIterator work on local ones', async () => {
    const numbers = async function* () {
      yield 1;
      yield 2;
    };
    const all: unknown[] = [];
    for await (const item of iterate(numbers())) all.push(item);
    for await (const item of iterate(makeExoIterator(numbers()))) all.push(item);
    for await (const item of makeEventualIterator(makeExoIterator(numbers()))) all.push(item);
    expect(all).toEqual([1, 2, 1, 2, 1, 2]);
    const { publisher, subscriber } = makeTopic();
    publisher.publish('first');
    const topic = iterate(subscriber);
    expect(await topic.next()).toEqual({ value: 'first', done: false });
    publisher.finish('over');
    expect(await topic.next()).toEqual({ value: 'over', done: true });
  });
});

describe('a topic', () => {
  const body = `
    const topics = { heap: makeTopic(), durable: prepareTopic(baggage, 'prices') };
    return makeDefaultExo('root', {
      get: (kind, part) => topics[kind][part],
      publish(kind, value) { topics[kind].publisher.publish(value); },
      finish(kind, value) { topics[kind].publisher.finish(value); },
      fail(kind, reason) { topics[kind].publisher.fail(reason); },
    });`;
  const open = async (kind: string, state: [string, string][] = [], nextExport = 1) => {
    const vat = await start(body, state, nextExport);
    const { answer } = await vat.message('get', [kind, 'subscriber']);
    const ref = answer?.value.slots[0] as string;
    return { vat, ref, update: async (...after: unknown[]) => call(vat, ref, 'getUpdate', after) };
  };

  it.each(['heap', 'durable'])('(%s) answers with the latest value first', async (kind) => {
    const { vat, update } = await open(kind);
    await call(vat, 'o+0', 'publish', [kind, 'a']);
    await call(vat, 'o+0', 'publish', [kind, { deep: ['b'] }]);
    expect(await update()).toEqual({ value: { deep: ['b'] }, count: 2, done: false });
    expect(await update(1)).toEqual({ value: { deep: ['b'] }, count: 2, done: false });
    // A count that this topic has never had: of a state that was rolled back.
    expect(await update(7)).toMatchObject({ count: 2 });
    expect(await update('x')).toContain('getUpdate takes');
  });

  it.each(['heap', 'durable'])('(%s) leaves an answer open until it has news', async (kind) => {
    const { vat, update } = await open(kind);
    const first = (await update()) as string;
    const second = (await update('#undefined')) as string;
    expect([first, second]).toEqual([expect.stringMatching(/^p-/), expect.stringMatching(/^p-/)]);
    const { own } = await vat.message('publish', [kind, 'a']);
    const news = { count: 1, done: false, value: 'a' };
    expect(resolutionOf(own, first)).toEqual(fulfilled(first, news));
    expect(resolutionOf(own, second)).toEqual(fulfilled(second, news));
    const third = (await update(1)) as string;
    const ended = await vat.message('finish', [kind, 'over']);
    expect(resolutionOf(ended.own, third)).toEqual(
      fulfilled(third, { count: 2, done: true, value: 'over' }),
    );
    expect(await update(2)).toEqual({ value: 'over', count: 2, done: true });
    expect(await call(vat, 'o+0', 'publish', [kind, 'b'])).toBe('The topic has finished');
    expect(vat.sizes().promises).toBe(0);
  });

  it.each(['heap', 'durable'])('(%s) fails its readers', async (kind) => {
    const { vat, update } = await open(kind);
    const waits = (await update()) as string;
    const { own } = await vat.message('fail', [kind, { '#error': 'bad data', name: 'Error' }]);
    expect(errorOf(resolutionOf(own, waits))).toBe('bad data');
    expect(await update(1)).toBe('bad data');
    expect(await call(vat, 'o+0', 'fail', [kind, 1])).toBe('The topic has failed');
  });

  it('that is durable survives restarts under its name, with its count', async () => {
    const { vat, ref } = await open('durable');
    await call(vat, 'o+0', 'publish', ['durable', 'a']);
    const next = await open('durable', vat.state(), 50);
    expect(next.ref).toBe(ref);
    expect(await next.update()).toEqual({ value: 'a', count: 1, done: false });
    const waits = (await next.update(1)) as string;
    const { own } = await next.vat.message('publish', ['durable', 'b']);
    expect(resolutionOf(own, waits)?.value).toEqual(capData({ count: 2, done: false, value: 'b' }));
    await next.vat.message('finish', ['durable']);
    const last = await open('durable', next.vat.state(), 90);
    expect(await last.update()).toEqual({ value: '#undefined', count: 3, done: true });
  });

  it('that is durable keeps what is durable, and stays as it was where it cannot', async () => {
    const { vat, update } = await open('durable');
    await vat.message('publish', ['durable', '$0.Alleged: x'], ['o-3']);
    expect((await vat.reap()).own).toEqual([]);
    const { answer } = await vat.message('publish', ['durable', '&0'], ['p-9']);
    expect(errorOf(answer)).toBe(
      'Cannot keep the state of "prices": .last.value: a promise is not durable; keep what it settles to',
    );
    expect(await update()).toMatchObject({ count: 1 });
  });

  it('passes both of its parts', async () => {
    const { vat } = await open('durable');
    const { answer } = await vat.message('get', ['durable', 'publisher']);
    const publisher = answer?.value.slots[0] as string;
    await call(vat, publisher, 'publish', ['from afar']);
    expect(JSON.stringify(vat.state())).toContain('from afar');
  });
});
