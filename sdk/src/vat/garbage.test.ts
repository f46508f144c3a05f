import { emptyVatTables } from '../protocol/vat-tables.js';
import './lockdown.js';
import { describe, expect, it } from 'vitest';
import { capData, makeTestVat, resolutionOf, writesOf } from './test-vat.js';

const dropAndRetire = (...vrefs: string[]) => [
  { type: 'drop-imports', vrefs },
  { type: 'retire-imports', vrefs },
];

const start = async (body: string, globals: string[] = []) => {
  const vat = makeTestVat(body, { globals });
  await vat.start();
  return vat;
};

const holder = `
  let kept;
  const weak = new WeakMap();
  return makeDefaultExo('root', {
    see() {},
    keep(x) { kept = x; },
    forget() { kept = undefined; },
    call: () => E(kept).foo(),
    store(x) { baggage.init('x', { list: [x, x] }); },
    storeKey(x) { baggage.init(x, 'by key'); },
    unstore() { baggage.clear(); },
    same: x => x === kept,
    fresh() { kept = makeDefaultExo('kept', { hi: () => 'hi' }); return kept; },
    again: () => kept,
    later(x, ms) { setTimeout(() => E(x).foo(kept), ms); },
  });`;

describe('an import', () => {
  it('that the vat let go of is dropped and retired at the end of a crank', async () => {
    const vat = await start(holder);
    expect(
      (await vat.message('see', [['$0.Alleged: a', '$1.Alleged: b']], ['o-1', 'o-2'])).own,
    ).toHaveLength(1);
    const { own } = await vat.reap();
    expect(own).toEqual(dropAndRetire('o-1', 'o-2'));
    expect((await vat.reap()).own).toEqual([]);
  });

  it('that the vat holds stays, and is one and the same presence', async () => {
    const vat = await start(holder);
    await vat.message('keep', ['$0.Alleged: a'], ['o-1']);
    expect((await vat.reap()).own).toEqual([]);
    expect((await vat.message('same', ['$0.Alleged: a'], ['o-1'])).answer?.value).toEqual(
      capData(true),
    );
    await vat.message('forget');
    expect((await vat.reap()).own).toEqual(dropAndRetire('o-1'));
  });

  it('that comes back after it was collected, in the crank that would have dropped it, stays', async () => {
    const vat = await start(holder);
    await vat.message('see', ['$0.Alleged: a'], ['o-1']);
    const { own, result } = await vat.message('keep', ['$0.Alleged: a'], ['o-1']);
    expect(own.filter(({ type }) => type !== 'resolve')).toEqual([]);
    expect(result).toBeDefined();
    expect((await vat.reap()).own).toEqual([]);
  });

  it('whose presences were collected twice is dropped once', async () => {
    const vat = await start(holder);
    await vat.message('see', ['$0.Alleged: a'], ['o-1']);
    vat.gc();
    await vat.message('see', ['$0.Alleged: a'], ['o-1']);
    vat.gc();
    const drops = [];
    for (let turn = 0; turn < 5; turn += 1) {
      drops.push(...(await vat.reap()).own);
    }
    expect(drops).toEqual(dropAndRetire('o-1'));
  });

  it('is held by durable state, and let go of with it in the same crank', async () => {
    const vat = await start(holder);
    const { writes } = await vat.message('store', ['$0.Alleged: a'], ['o-1']);
    expect(writes).toEqual([
      { key: 'b.sx', value: 'o-1#{"list":["$0.Alleged: a","$0"]}', slots: ['o-1'] },
    ]);
    expect((await vat.reap()).own).toEqual([]);
    const { own, writes: cleared } = await vat.message('unstore');
    expect(cleared).toEqual([{ key: 'b.sx', value: null }]);
    const rest = (await vat.reap()).own;
    expect([...own.slice(1), ...rest]).toEqual(dropAndRetire('o-1'));
  });

  it('held by durable state of an earlier incarnation is dropped without ever having been used', async () => {
    const vat = makeTestVat(holder);
    await vat.start({}, [['b.sx', 'o-4#"$0.Alleged: a"']]);
    expect((await vat.reap()).own).toEqual([]);
    expect((await vat.message('unstore')).own.slice(1)).toEqual(dropAndRetire('o-4'));
  });

  it('as a key of the baggage is held', async () => {
    const vat = await start(holder);
    const { writes } = await vat.message('storeKey', ['$0.Alleged: a'], ['o-1']);
    expect(writes).toEqual([{ key: 'b.ro-1', value: 'o-1#"by key"', slots: ['o-1'] }]);
    expect((await vat.reap()).own).toEqual([]);
  });

  it('that the kernel retires is forgotten unless the vat has it', async () => {
    const vat = await start(holder);
    await vat.message('keep', ['$0.Alleged: a'], ['o-1']);
    await vat.message('see', ['$0.Alleged: b'], ['o-2']);
    const { kept } = await vat.deliver({ type: 'retire-imports', vrefs: ['o-1', 'o-9'] });
    expect(kept).toEqual(['o-1']);
  });

  it(
    'collected while nothing happens is reported within a turn that the vat asks for',
    { timeout: 10_000 },
    async () => {
      const vat = await start(holder);
      await vat.message('see', ['$0.Alleged: a'], ['o-1']);
      const wanted = vat.wantsTurn();
      const pressure = setInterval(() => vat.gc(), 50);
      await wanted;
      clearInterval(pressure);
      expect((await vat.deliver({ type: 'turn' })).own).toEqual(dropAndRetire('o-1'));
    },
  );
});

describe('an export', () => {
  it('comes back under its name until nobody knows it', async () => {
    const vat = await start(holder);
    expect((await vat.message('fresh')).answer?.value).toEqual(
      capData('$0.Alleged: kept', ['o+1']),
    );
    expect((await vat.message('hi', [], [], 'o+1')).answer?.value).toEqual(capData('hi'));
    expect(await vat.deliver({ type: 'drop-exports', vrefs: ['o+1'] })).toEqual({
      prior: [],
      own: [],
      writes: [],
      kept: [],
    });
    expect((await vat.reap()).own).toEqual([]);
    expect((await vat.message('again')).answer?.value.slots).toEqual(['o+1']);
    await vat.deliver({ type: 'drop-exports', vrefs: ['o+1'] });
    await vat.message('forget');
    expect((await vat.reap()).own).toEqual([{ type: 'retire-exports', vrefs: ['o+1'] }]);
    expect(vat.sizes().exports).toBe(1);
  });

  it('is held for the kernel though the vat let go of it', async () => {
    const vat = await start(holder);
    await vat.message('fresh');
    await vat.message('forget');
    expect((await vat.reap()).own).toEqual([]);
    expect((await vat.message('hi', [], [], 'o+1')).answer?.value).toEqual(capData('hi'));
  });

  it('that the kernel retired gets a new name', async () => {
    const vat = await start(holder);
    await vat.message('fresh');
    await vat.deliver({ type: 'drop-exports', vrefs: ['o+1'] });
    expect((await vat.deliver({ type: 'retire-exports', vrefs: ['o+1'] })).kept).toEqual([]);
    expect((await vat.message('again')).answer?.value.slots).toEqual(['o+2']);
    expect(vat.sizes().exports).toBe(2);
  });

  it.each(['drop-exports', 'retire-exports'] as const)(
    'that the vat used before it read its %s is kept',
    async (type) => {
      const vat = await start(holder, ['setTimeout']);
      await vat.message('fresh');
      await vat.message('later', ['$0.Alleged: a', 10], ['o-1']);
      if (type === 'retire-exports') await vat.deliver({ type: 'drop-exports', vrefs: ['o+1'] });
      await vat.wantsTurn();
      const crank = await vat.deliver({ type, vrefs: ['o+1'] });
      expect(crank.prior[0]).toMatchObject({
        type: 'send',
        methargs: capData(['foo', ['$0.Alleged: kept']], ['o+1']),
      });
      expect(crank.kept).toEqual(['o+1']);
      await vat.message('forget');
      expect((await vat.reap()).own.filter(({ type: call }) => call === 'retire-exports')).toEqual(
        [],
      );
      expect((await vat.message('hi', [], [], 'o+1')).answer?.value).toEqual(capData('hi'));
    },
  );

  it('of a message that could not go out leaves nothing behind', async () => {
    const vat = makeTestVat(
      `return makeDefaultExo('root', {
        big: () => [makeDefaultExo('lost', {}), Promise.resolve(1), 'x'.repeat(1000)],
      });`,
      { messageBytesMax: 500 },
    );
    await vat.start();
    const { own } = await vat.message('big');
    expect(own).toHaveLength(1);
    expect(vat.sizes()).toEqual({ ...emptyVatTables, exports: 1 });
  });
});

describe('durable objects', () => {
  const body = `
    const makeBox = prepareExoClass(baggage, 'Box', undefined, inside => ({ inside }), {
      get() { return this.state.inside; },
      put(inside) { this.state.inside = inside; },
    });
    let kept;
    return makeDefaultExo('root', {
      make(inside) { kept = makeBox(inside); },
      give: inside => makeBox(inside),
      store(inside) { baggage.init('box', makeBox(inside)); },
      nest(inside) { baggage.init('box', makeBox(makeBox(inside))); },
      unstore() { baggage.clear(); },
      forget() { kept = undefined; },
    });`;

  const instances = (vat: { state(): [string, string][] }) =>
    vat
      .state()
      .filter(([key]) => key.startsWith('i.'))
      .map(([key]) => key);

  it('with no holder are deleted at a reap, and what they held with them', async () => {
    const vat = await start(body);
    await vat.message('make', ['$0.Alleged: a'], ['o-1']);
    expect(instances(vat)).toEqual(['i.1/1']);
    expect((await vat.reap()).writes).toEqual([]);
    await vat.message('forget');
    const { own, writes } = await vat.reap();
    expect(writesOf(writes)).toEqual({ 'i.1/1': null });
    expect(own).toEqual(dropAndRetire('o-1'));
    expect(vat.sizes()).toMatchObject({ imports: 0 });
  });

  it('that the state holds stay; one that another held goes with it', async () => {
    const vat = await start(body);
    await vat.message('nest', [7]);
    await vat.reap();
    expect(instances(vat)).toEqual(['i.1/1', 'i.1/2']);
    await vat.message('unstore');
    await vat.reap();
    expect(instances(vat)).toEqual([]);
  });

  it('that the kernel reaches stay over a restart until it drops them', async () => {
    const vat = await start(body);
    const { answer, writes } = await vat.message('give', [7]);
    expect(answer?.value).toEqual(capData('$0.Alleged: Box', ['o+d1/1']));
    expect(writesOf(writes)).toMatchObject({ 'x.o+d1/1': '#r' });
    await vat.reap();
    const next = makeTestVat(body);
    await next.start({}, vat.state(), 50);
    await next.reap();
    expect((await next.message('get', [], [], 'o+d1/1')).answer?.value).toEqual(capData(7));
    expect(
      writesOf((await next.deliver({ type: 'drop-exports', vrefs: ['o+d1/1'] })).writes),
    ).toEqual({ 'x.o+d1/1': '#s' });
    const { own, writes: gone } = await next.reap();
    expect(own).toEqual([{ type: 'retire-exports', vrefs: ['o+d1/1'] }]);
    expect(writesOf(gone)).toEqual({ 'x.o+d1/1': null, 'i.1/1': null });
    expect(instances(next)).toEqual([]);
  });

  it('that were let go of by a crash are deleted by the next incarnation', async () => {
    const vat = await start(body);
    await vat.message('make', [1]);
    const next = makeTestVat(body);
    await next.start({}, vat.state());
    await next.reap();
    expect(instances(next)).toEqual([]);
  });
});

it('a long life leaves no more in the tables than a short one', async () => {
  const vat = await start(`
    return makeDefaultExo('root', {
      work: async x => { await E(x).foo(makeDefaultExo('callback', {})).catch(() => {}); return { p: Promise.resolve(x) }; },
    });`);
  for (let round = 1; round <= 50; round += 1) {
    const { own, result } = await vat.message('work', ['$0.Alleged: x'], [`o-${round}`]);
    const [send] = own;
    const [callback] = send?.type === 'send' ? send.methargs.slots : [];
    const asked = send?.type === 'send' ? (send.result as string) : '';
    const { own: after } = await vat.notify({ vpid: asked, rejected: false, value: capData(1) });
    expect(resolutionOf(after, result)?.rejected).toBe(false);
    await vat.deliver({ type: 'drop-exports', vrefs: [callback as string] });
  }
  await vat.reap();
  expect(vat.sizes()).toEqual({ ...emptyVatTables, exports: 1 });
});
