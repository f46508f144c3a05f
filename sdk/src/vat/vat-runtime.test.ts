import './lockdown.js';
import { describe, expect, it } from 'vitest';
import {
  bundleOf,
  capData,
  errorOf,
  fulfilled,
  makeTestVat,
  rejected,
  resolutionOf,
} from './test-vat.js';

const tick = async (ms = 0) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe('a start', () => {
  it('gives powers, hardened parameters and baggage, and tells of bootstrap', async () => {
    const vat = makeTestVat(`
      if (!Object.isFrozen(parameters.list)) throw Error('soft');
      powers.stdout(Object.keys(powers).sort(), typeof baggage.init, parameters.list);
      return makeDefaultExo('root', { bootstrap() {} });`);
    expect(await vat.start({ list: [1] })).toEqual({
      prior: [],
      own: [],
      writes: [],
      start: { hasBootstrap: true },
      shapes: [{ number: 0, shape: { iface: 'root', methods: ['bootstrap'] }, of: ['o+0'] }],
    });
    expect(vat.logs).toEqual([
      {
        type: 'log',
        level: 'log',
        tags: ['stdout'],
        args: [
          [
            'caveat',
            'exit',
            'exitVat',
            'exitVatWithFailure',
            'exitWithFailure',
            'logger',
            'stdout',
          ],
          'function',
          [1],
        ],
      },
    ]);
  });

  it('takes an async buildRootObject that waits for nothing outside', async () => {
    const vat = makeTestVat(
      `return (async () => { await null; await null; return Far('root', { hi: () => 1 }); })();`,
    );
    expect((await vat.start()).start).toEqual({ hasBootstrap: false });
  });

  it.each([
    ['throws', `throw Error('no luck');`, 'no luck'],
    ['rejects', `return Promise.reject(TypeError('no luck'));`, 'no luck'],
    [
      'never settles',
      `return new Promise(() => {});`,
      'buildRootObject has not settled by the end of the start',
    ],
    [
      'waits for an answer',
      `return E(parameters).x().then(() => 1).then(() => new Promise(() => {}));`,
      'no method',
    ],
    [
      'returns data',
      `return { greet: 1 };`,
      'must return an object made with makeDefaultExo, makeExo or Far, not a plain object',
    ],
    ['returns a promise of nothing', `return Promise.resolve();`, 'not nothing'],
    ['returns a plain object with methods', `return { greet() {} };`, 'not a plain object'],
  ])('fails where buildRootObject %s', async (_how, body, message) => {
    const error = await makeTestVat(body).fails();
    expect(error.message).toContain(message);
  });

  it('fails where the top level throws, and names the line', async () => {
    const error = await makeTestVat(
      bundleOf('return 1;', 'throw RangeError("at the top");'),
    ).fails();
    expect(error).toMatchObject({ name: 'RangeError', message: 'at the top' });
    expect(error.stack).toContain('vat:v1:3:');
  });

  it('of a second vat in one worker is refused', async () => {
    const vat = makeTestVat(`return Far('root', {});`);
    await vat.start();
    expect(
      (await vat.fails({ type: 'start', parameters: {}, state: [], nextExport: 1 })).message,
    ).toContain('start');
  });

  it('comes before all other deliveries', async () => {
    const vat = makeTestVat(`return Far('root', {});`);
    expect((await vat.fails({ type: 'turn' })).message).toContain('a start comes before');
  });
});

describe('a message', () => {
  const body = `
    const far = makeDefaultExo('far', {});
    return makeDefaultExo('root', {
      greet: name => 'hello ' + name,
      later: async () => { await null; return { big: 5n, list: [undefined, NaN, far] }; },
      fail() { throw TypeError('no way', { cause: Error('deep') }); },
      throwMap() { throw harden({ m: new Map() }); },
      throwData() { throw harden({ code: 7 }); },
      softResult: async () => { await null; return [1, { tags: new Map() }]; },
      badResult: () => [1, { tags: new Set() }],
      badRecord: () => ({ 'odd key': { get x() { return 1; } } }),
      self() { return this.self; },
      thenable: () => Far('thenable', { then: resolve => resolve(5) }),
      hostileThen: async () => ({ then(resolve) { resolve(1); resolve(2); throw Error('late'); } }),
      proxy: () => new Proxy({}, { ownKeys() { throw Error('trap'); }, getPrototypeOf() { throw Error('trap'); } }),
      huge: () => 'x'.repeat(2000),
      hugeError() { throw Error('y'.repeat(20000)); },
      deep() { let d = []; for (let i = 0; i < 100000; i += 1) d = [d]; return d; },
      named: () => Far('named', { toString: () => 'mine' }),
      [Symbol.asyncIterator]: () => 'iterates',
      never: () => new Promise(() => {}),
    });`;
  const start = async () => {
    const vat = makeTestVat(body, { messageBytesMax: 1000 });
    await vat.start();
    return vat;
  };

  it('is answered in its crank, when the method needs nothing from outside', async () => {
    const vat = await start();
    expect((await vat.message('greet', ['ann'])).answer).toEqual(fulfilled('p-1001', 'hello ann'));
    expect((await vat.message('later')).answer).toEqual(
      fulfilled('p-1002', { big: '+5', list: ['#undefined', '#NaN', '$0.Alleged: far'] }, ['o+1']),
    );
    expect((await vat.message('self')).answer?.value).toEqual(capData('$0.Alleged: root', ['o+0']));
    expect((await vat.message('%@@asyncIterator')).answer?.value).toEqual(capData('iterates'));
    expect((await vat.message('named')).answer?.value.slots).toEqual(['o+2']);
    expect((await vat.message('toString', [], [], 'o+2')).answer?.value).toEqual(capData('mine'));
  });

  it('rejects its result with the error and its stack', async () => {
    const vat = await start();
    const { answer } = await vat.message('fail');
    expect(answer?.value).toEqual(capData({ '#error': 'no way', name: 'TypeError' }));
    expect(answer?.stack).toMatch(/^TypeError: no way\n.*\(vat:v1:10:\d+\)/);
    expect(answer?.stack).toMatch(/\nCaused by: Error: deep\n.*\(vat:v1:10:\d+\)/);
    expect((await vat.message('throwData')).answer?.value).toEqual(capData({ code: 7 }));
  });

  it.each([
    ['nope', 'target has no method "nope", has ["badRecord","badResult",'],
    ['constructor', 'target has no method "constructor"'],
    ['__proto__', 'target has no method "__proto__"'],
    ['hasOwnProperty', 'target has no method "hasOwnProperty"'],
    ['then', 'target has no method "then"'],
    ['%@@iterator', 'target has no method Symbol(Symbol.iterator)'],
    ['#undefined', 'target is no function'],
    [7, 'a method is named by a string or a symbol, not by a number'],
  ])('to the method %s, which is not there, rejects', async (method, message) => {
    const vat = await start();
    expect(errorOf((await vat.message(method)).answer)).toContain(message);
  });

  it.each([
    ['softResult', 'result of "softResult"[1].tags: cannot pass a Map'],
    ['badResult', 'result of "badResult"[1].tags: cannot pass a Set'],
    ['badRecord', 'result of "badRecord"["odd key"]: cannot pass a record with the accessor "x"'],
    ['throwMap', 'what was thrown by "throwMap".m: cannot pass a Map'],
    ['proxy', 'cannot be examined'],
    ['huge', 'result of "huge": 2003 code units of text; at most 1000 can pass'],
    ['hugeError', 'yyyyyy'],
    ['deep', 'result of "deep"'],
  ])('whose %s cannot pass says where', async (method, message) => {
    const vat = await start();
    const { answer } = await vat.message(method);
    expect(errorOf(answer)).toContain(message);
    expect(answer?.value.body.length).toBeLessThanOrEqual(1000 + 100);
    expect((await vat.message('greet', ['still there'])).answer?.rejected).toBe(false);
  });

  it('takes the thenable that an async method returns as JavaScript does, and no other', async () => {
    const vat = await start();
    expect((await vat.message('hostileThen')).answer?.value).toEqual(capData(1));
    expect(errorOf((await vat.message('thenable')).answer)).toContain(
      'cannot pass a thenable that is no promise',
    );
  });

  it('whose text another endpoint has garbled rejects, and takes in its slots', async () => {
    const vat = await start();
    const message = async (body: string, slots: string[]) =>
      vat.deliver({ type: 'message', target: 'o+0', methargs: { body, slots }, result: 'p-7' });
    const crank = await message('#["greet",["$0.Evil: iface"', ['o-4', 'p-4']);
    expect(resolutionOf(crank.own, 'p-7')?.rejected).toBe(true);
    expect(crank.own).toContainEqual({ type: 'subscribe', vpid: 'p-4' });
    expect((await vat.reap()).own).toEqual([
      { type: 'drop-imports', vrefs: ['o-4'] },
      { type: 'retire-imports', vrefs: ['o-4'] },
    ]);
    for (const text of [
      '#5',
      '#["greet"]',
      '#["greet",{"length":5}]',
      '["greet",[]]',
      '#["greet",["&0"]]',
      '#["greet",["$7"]]',
    ]) {
      const answer = resolutionOf((await message(text, ['o-4'])).own, 'p-7');
      expect(answer?.rejected, text).toBe(true);
    }
  });

  it('without a result that fails is logged', async () => {
    const vat = await start();
    const crank = await vat.deliver({
      type: 'message',
      target: 'o+0',
      methargs: capData(['fail', []]),
    });
    expect(crank.own).toEqual([]);
    expect(vat.logs).toMatchObject([
      { level: 'warn', tags: ['uncaught'], args: [expect.stringContaining('no way')] },
    ]);
  });

  it('to a target that is gone rejects', async () => {
    const vat = await start();
    expect(errorOf((await vat.message('greet', [], [], 'o+99')).answer)).toBe(
      '[KERNEL:OBJECT_DELETED] o+99 is no longer there',
    );
  });

  it('to a promise is a fault of the kernel', async () => {
    const vat = await start();
    const error = await vat.fails({
      type: 'message',
      target: 'p-4',
      methargs: capData(['greet', []]),
    });
    expect(error.message).toContain('p-4 is an object');
  });
});

describe('a send', () => {
  const body = `
    let kept;
    return makeDefaultExo('root', {
      call: (x, arg) => E(x).foo(arg),
      pipeline: x => E(E(x).one(1)).two(2),
      symbol: x => E(x)[Symbol.asyncIterator](),
      callFunction: x => E(x)(3),
      sendOnly: x => { E.sendOnly(x).foo(1); },
      sendOnlyBad: x => { E.sendOnly(x).foo(new Map()); },
      get: x => E.get(x).foo,
      badArgs: x => E(x).foo(1, { a: [new Map()] }),
      badFunction: x => E(x).foo(() => 1),
      badSymbol: x => E(x)[Symbol('mine')](),
      both(x) { const p = E(x).foo(); return E(x).bar(p, p); },
      localFirst: x => E(Far('local', { foo: () => E(x).bar() })).foo(),
      ignore(x) { E(x).foo(); return 'ok'; },
      keep(x) { kept = x; },
      useKept: () => E(kept).foo(),
    });`;
  const start = async () => {
    const vat = makeTestVat(body);
    await vat.start();
    return vat;
  };

  it('names its result, subscribes to it, and is settled by its notify', async () => {
    const vat = await start();
    const { own, answer, result } = await vat.message(
      'call',
      ['$0.Alleged: x', { a: [1] }],
      ['o-3'],
    );
    expect(own).toEqual([
      { type: 'send', target: 'o-3', methargs: capData(['foo', [{ a: [1] }]]), result: 'p+1' },
      { type: 'subscribe', vpid: 'p+1' },
    ]);
    expect(answer).toBeUndefined();
    const { own: after, prior } = await vat.notify(fulfilled('p+1', 'bar'));
    expect(prior).toEqual([]);
    expect(after).toEqual([{ type: 'resolve', resolutions: [fulfilled(result, 'bar')] }]);
  });

  it('passes a rejection on', async () => {
    const vat = await start();
    const { result } = await vat.message('call', ['$0.Alleged: x'], ['o-3']);
    const { own } = await vat.notify(rejected('p+1', 'remote trouble', 'RangeError'));
    expect(resolutionOf(own, result)).toMatchObject(
      rejected(result, 'remote trouble', 'RangeError'),
    );
  });

  it('to the result of another is sent on at once', async () => {
    const vat = await start();
    const { own } = await vat.message('pipeline', ['$0.Alleged: x'], ['o-3']);
    expect(own.filter(({ type }) => type === 'send')).toEqual([
      { type: 'send', target: 'o-3', methargs: capData(['one', [1]]), result: 'p+1' },
      { type: 'send', target: 'p+1', methargs: capData(['two', [2]]), result: 'p+2' },
    ]);
  });

  it('to a promise that was given is sent to it until it settles, then to what it became', async () => {
    const vat = await start();
    const { own } = await vat.message('keep', ['&0'], ['p-4']);
    expect(own).toContainEqual({ type: 'subscribe', vpid: 'p-4' });
    expect((await vat.message('useKept')).own[0]).toMatchObject({
      type: 'send',
      target: 'p-4',
      result: 'p+1',
    });
    await vat.notify(fulfilled('p-4', '$0.Alleged: y', ['o-8']));
    expect((await vat.message('useKept')).own[0]).toMatchObject({ type: 'send', target: 'o-8' });
  });

  it('mentions its own pending result by the name that it has', async () => {
    const vat = await start();
    const { own } = await vat.message('both', ['$0.Alleged: x'], ['o-3']);
    expect(own.filter(({ type }) => type === 'send')[1]).toMatchObject({
      methargs: capData(['bar', ['&0', '&0']], ['p+1']),
    });
  });

  it('by symbol, as a function call, without a result and from a local method goes out', async () => {
    const vat = await start();
    const sent = async (method: string) =>
      (await vat.message(method, ['$0.Alleged: x'], ['o-3'])).own[0];
    expect(await sent('symbol')).toMatchObject({ methargs: capData(['%@@asyncIterator', []]) });
    expect(await sent('callFunction')).toMatchObject({ methargs: capData(['#undefined', [3]]) });
    expect(await sent('sendOnly')).toEqual({
      type: 'send',
      target: 'o-3',
      methargs: capData(['foo', [1]]),
    });
    expect(await sent('localFirst')).toMatchObject({
      target: 'o-3',
      methargs: capData(['bar', []]),
    });
  });

  it.each([
    ['get', 'E.get(x).foo: a remote object has methods only'],
    ['badArgs', 'arguments of "foo"[1].a[0]: cannot pass a Map'],
    [
      'badFunction',
      'arguments of "foo"[0]: cannot pass a function; make it a method of an exo, or Far',
    ],
    ['badSymbol', "a method's name must be passable: Symbol(mine)"],
  ])('that cannot go out (%s) rejects where it was made', async (method, message) => {
    const vat = await start();
    const { own, answer } = await vat.message(method, ['$0.Alleged: x'], ['o-3']);
    expect(own).toHaveLength(1);
    expect(errorOf(answer)).toContain(message);
    expect(answer?.value.body).toContain('TypeError');
  });

  it('without a result that cannot go out is logged', async () => {
    const vat = await start();
    await vat.message('sendOnlyBad', ['$0.Alleged: x'], ['o-3']);
    expect(vat.logs).toMatchObject([
      { level: 'warn', args: [expect.stringContaining('cannot pass a Map')] },
    ]);
  });

  it('whose rejected result nobody looks at is no uncaught rejection of the table', async () => {
    const vat = await start();
    await vat.message('keep', ['&0'], ['p-4']);
    await vat.notify(rejected('p-4', 'who cares'));
    await tick(5);
    expect(vat.logs).toEqual([]);
  });
});

describe('what happens between cranks', () => {
  const body = `
    let wake;
    const sleeps = new Map();
    return makeDefaultExo('root', {
      later(x, ms) { setTimeout(() => { E(x).foo(); baggage.has('t') || baggage.init('t', 1); }, ms); },
      delayed: ms => new Promise(resolve => setTimeout(() => resolve(ms), ms)),
      give(ms) { return { p: new Promise(resolve => setTimeout(() => resolve('given'), ms)) }; },
    });`;

  it('asks for a turn once, and is the next crank’s prior', async () => {
    const vat = makeTestVat(body, { globals: ['setTimeout'] });
    await vat.start();
    const { own } = await vat.message('later', ['$0.Alleged: x', 10], ['o-3']);
    await vat.message('later', ['$0.Alleged: x', 10], ['o-3']);
    expect(resolutionOf(own, 'p-1001')?.rejected).toBe(false);
    expect(vat.counts().wantTurns).toBe(0);
    await vat.wantsTurn();
    await tick(20);
    expect(vat.counts().wantTurns).toBe(1);
    const turn = await vat.deliver({ type: 'turn' });
    expect(turn.prior.map(({ type }) => type)).toEqual(['send', 'subscribe', 'send', 'subscribe']);
    expect(turn.own).toEqual([]);
    expect(turn.writes).toEqual([{ key: 'b.st', value: '#1' }]);
    await vat.message('later', ['$0.Alleged: x', 10], ['o-3']);
    await vat.wantsTurn();
    expect(vat.counts().wantTurns).toBe(2);
  });

  it('is answered by whatever delivery comes first', async () => {
    const vat = makeTestVat(body, { globals: ['setTimeout'] });
    await vat.start();
    const { result } = await vat.message('delayed', [10]);
    await vat.wantsTurn();
    const crank = await vat.message('nope');
    expect(crank.prior).toEqual([{ type: 'resolve', resolutions: [fulfilled(result, 10)] }]);
    expect(crank.own).toHaveLength(1);
  });

  it('keeps the name of a promise that settled meanwhile readable in the delivery that crosses it', async () => {
    const vat = makeTestVat(
      `let given; return makeDefaultExo('root', {
        give: () => ({ p: new Promise(resolve => setTimeout(() => resolve('given'), 250)) }),
        take: async p => 'took ' + await p,
        back: p => ({ p }),
      });`,
      { globals: ['setTimeout'] },
    );
    await vat.start();
    expect((await vat.message('give')).answer?.value).toEqual(capData({ p: '&0' }, ['p+1']));
    await vat.wantsTurn();
    const crank = await vat.message('take', ['&0'], ['p+1']);
    expect(crank.prior).toEqual([{ type: 'resolve', resolutions: [fulfilled('p+1', 'given')] }]);
    expect(crank.answer).toMatchObject(fulfilled(crank.result, 'took given'));
    const error = await vat.fails({
      type: 'message',
      target: 'o+0',
      methargs: capData(['back', ['&0']], ['p+1']),
    });
    expect(error.message).toContain('p+1');
  });
});

describe('a promise', () => {
  it('that the vat settles is retired, and resolved at once under a new name when mentioned again', async () => {
    const vat = makeTestVat(`
      const p = Promise.resolve('done');
      return makeDefaultExo('root', { give: () => ({ p }) });`);
    await vat.start();
    const first = await vat.message('give');
    expect(first.own).toEqual([
      { type: 'resolve', resolutions: [fulfilled(first.result, { p: '&0' }, ['p+1'])] },
      { type: 'resolve', resolutions: [fulfilled('p+1', 'done')] },
    ]);
    const second = await vat.message('give');
    expect(second.own).toEqual([
      {
        type: 'resolve',
        resolutions: [fulfilled(second.result, { p: '&0' }, ['p+2']), fulfilled('p+2', 'done')],
      },
    ]);
  });

  it('that settled before it is sent is resolved after the send', async () => {
    const vat = makeTestVat(`
      const p = Promise.reject(Error('broken')); p.catch(() => {});
      return makeDefaultExo('root', { use: x => { E(x).foo(p); }, wait: () => p.catch(() => 'seen') });`);
    await vat.start();
    await vat.message('use', ['$0.Alleged: x'], ['o-3']);
    const { own } = await vat.message('use', ['$0.Alleged: x'], ['o-3']);
    expect(own.map(({ type }) => type)).toEqual(['send', 'subscribe', 'resolve', 'resolve']);
    expect(resolutionOf(own, 'p+3')).toMatchObject(rejected('p+3', 'broken'));
  });

  it('that settles to another that settles to it goes out in one resolve', async () => {
    const vat = makeTestVat(`
      const kit = () => { let r; const p = new Promise(resolve => { r = resolve; }); return { p, r }; };
      const a = kit(), b = kit();
      return makeDefaultExo('root', {
        give: () => [a.p, b.p],
        settle() { a.r([b.p]); b.r([a.p]); },
      });`);
    await vat.start();
    expect((await vat.message('give')).answer?.value).toEqual(
      capData(['&0', '&1'], ['p+1', 'p+2']),
    );
    const { own } = await vat.message('settle');
    const calls = own.flatMap((call) =>
      call.type === 'resolve' ? [call.resolutions.map(({ vpid }) => vpid)] : [],
    );
    expect(calls).toEqual([['p+1'], ['p+2', 'p+3'], ['p-1002']]);
    expect(resolutionOf(own, 'p+1')).toEqual(fulfilled('p+1', ['&0'], ['p+2']));
    expect(resolutionOf(own, 'p+2')).toEqual(fulfilled('p+2', ['&0'], ['p+3']));
    expect(resolutionOf(own, 'p+3')).toEqual(fulfilled('p+3', ['&0'], ['p+2']));
    const again = await vat.message('give');
    expect(again.own).toHaveLength(1);
    expect(again.own[0]).toMatchObject({
      resolutions: [{ vpid: again.result }, { vpid: 'p+4' }, { vpid: 'p+5' }],
    });
  });

  it('that is notified together with those that it names is read whole', async () => {
    const vat = makeTestVat(`
      return makeDefaultExo('root', {
        async cycle(p) { const [q] = await p; const [r] = await q; return r === p || (await r)[0] === q; },
      });`);
    await vat.start();
    const { own } = await vat.message('cycle', ['&0'], ['p-4']);
    expect(own).toEqual([{ type: 'subscribe', vpid: 'p-4' }]);
    const after = await vat.notify(
      fulfilled('p-4', ['&0'], ['p-5']),
      fulfilled('p-5', ['&0'], ['p-4']),
    );
    expect(after.own).toEqual([{ type: 'resolve', resolutions: [fulfilled('p-1001', true)] }]);
  });

  it('that a method returns or awaits never fulfils to a promise', async () => {
    const vat = makeTestVat(`return makeDefaultExo('root', { wait: p => p });`);
    await vat.start();
    const { own, result } = await vat.message('wait', ['&0'], ['p-4']);
    expect(own).toEqual([{ type: 'subscribe', vpid: 'p-4' }]);
    const { own: after } = await vat.notify(fulfilled('p-4', '&0', ['p-5']));
    expect(after).toEqual([{ type: 'subscribe', vpid: 'p-5' }]);
    expect((await vat.notify(fulfilled('p-5', 1))).own).toEqual([
      { type: 'resolve', resolutions: [fulfilled(result, 1)] },
    ]);
  });

  it('which the vat waits for may come back as a result for it to decide', async () => {
    const vat = makeTestVat(`
      let seen;
      return makeDefaultExo('root', {
        watch(p) { p.then(value => { seen = value; }); },
        work: () => 'worked',
        seen: () => seen,
      });`);
    await vat.start();
    await vat.message('watch', ['&0'], ['p-4']);
    const { own } = await vat.deliver({
      type: 'message',
      target: 'o+0',
      methargs: capData(['work', []]),
      result: 'p-4',
    });
    expect(own).toEqual([{ type: 'resolve', resolutions: [fulfilled('p-4', 'worked')] }]);
    expect((await vat.message('seen')).answer?.value).toEqual(capData('worked'));
  });

  it('of the message itself can be among later arguments', async () => {
    const vat = makeTestVat(`
      let open;
      return makeDefaultExo('root', {
        slow: () => new Promise(resolve => { open = resolve; }),
        join: async p => 'joined ' + await p,
        open() { open('it'); },
      });`);
    await vat.start();
    const slow = await vat.message('slow');
    const join = await vat.message('join', ['&0'], [slow.result]);
    expect(join.own).toEqual([]);
    const { own } = await vat.message('open');
    expect(resolutionOf(own, slow.result)).toEqual(fulfilled(slow.result, 'it'));
    expect(resolutionOf(own, join.result)).toEqual(fulfilled(join.result, 'joined it'));
  });

  it('that the kernel settles though the vat decides it is a fault of the kernel', async () => {
    const vat = makeTestVat(
      `return makeDefaultExo('root', { never: () => new Promise(() => {}) });`,
    );
    await vat.start();
    const { result } = await vat.message('never');
    expect(
      (await vat.fails({ type: 'notify', resolutions: [fulfilled(result, 1)] })).message,
    ).toContain(result);
  });
});

describe('an exit', () => {
  it('is a system call with its completion', async () => {
    const vat = makeTestVat(`
      return makeDefaultExo('root', {
        leave(x) { powers.exit(harden({ bye: x })); },
        crash() { const { exitVatWithFailure } = powers; exitVatWithFailure(Error('broken')); },
        bad() { powers.exit(new Map()); },
        plain() { powers.exitVat(); },
      });`);
    await vat.start();
    const exit = async (method: string) =>
      (await vat.message(method, ['$0.Alleged: x'], ['o-3'])).own[0];
    expect(await exit('leave')).toEqual({
      type: 'exit',
      failure: false,
      completion: capData({ bye: '$0.Alleged: x' }, ['o-3']),
    });
    expect(await exit('crash')).toEqual({
      type: 'exit',
      failure: true,
      completion: capData({ '#error': 'broken', name: 'Error' }),
    });
    expect(await exit('plain')).toEqual({
      type: 'exit',
      failure: false,
      completion: capData('#undefined'),
    });
    expect((await vat.message('bad')).own).toMatchObject([
      { type: 'resolve', resolutions: [{ rejected: true }] },
    ]);
  });
});

it('a vat that failed says so again to whoever delivers', async () => {
  const vat = makeTestVat(`throw Error('no luck');`);
  await vat.fails();
  expect((await vat.fails({ type: 'turn' })).message).toBe('no luck');
});

it('a ping is answered while a method waits', async () => {
  const vat = makeTestVat(`return makeDefaultExo('root', { never: () => new Promise(() => {}) });`);
  await vat.start();
  await vat.message('never');
  vat.runtime.handle({ type: 'ping', id: 1 });
  expect(vat.counts().pongs).toBe(1);
});

it('an unknown delivery and an unknown export are faults of the kernel', async () => {
  const make = async () => {
    const vat = makeTestVat(`return makeDefaultExo('root', {});`);
    await vat.start();
    return vat;
  };
  expect((await (await make()).fails({ type: 'dance' } as never)).message).toContain('dance');
  expect(
    (
      await (
        await make()
      ).fails({ type: 'message', target: 'o+0', methargs: capData(['x', []], ['nonsense']) })
    ).message,
  ).toContain('nonsense');
});

it('deliveries that come while one is under way are done after it, in order, each in a crank of its own', async () => {
  const vat = makeTestVat(`
    let count = 0;
    return makeDefaultExo('root', {
      async slow() {
        for (let i = 0; i < 50; i += 1) await null;
        return (count += 1);
      },
      quick: () => (count += 1),
    });`);
  await vat.start();
  // Each comes in a task of its own, as a worker's messages do.
  const sent = ['slow', 'quick', 'slow', 'quick'].map(async (method, place) => {
    for (let i = 0; i < place; i += 1) await new Promise((resolve) => setImmediate(resolve));
    return vat.message(method);
  });
  const cranks = await Promise.all(sent);
  expect(cranks.map(({ answer }) => answer?.value.body)).toStrictEqual(['#1', '#2', '#3', '#4']);
  expect(cranks.map(({ own }) => own.length)).toStrictEqual([1, 1, 1, 1]);
});
