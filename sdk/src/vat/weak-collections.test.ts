import './lockdown.js';
import { expect, it, describe } from 'vitest';
import { capData, makeTestVat } from './test-vat.js';

const body = `
  const makeBox = prepareExoClass(baggage, 'Box', undefined, n => ({ n }), { n() { return this.state.n; } });
  let map = new WeakMap();
  let set = new WeakSet();
  let kept;
  return makeDefaultExo('root', {
    see() {},
    put(key, value) { map.set(key, value); set.add(key); },
    get: key => [map.get(key), map.has(key), set.has(key)],
    remove: key => [map.delete(key), set.delete(key), map.delete(key)],
    keep(x) { kept = x; },
    forgetAll() { map = new WeakMap(); set = new WeakSet(); kept = undefined; },
    cycle() { const own = new WeakMap(); return own; },
    putSelf(key) { const own = new WeakMap(); own.set(key, own); },
    box(n) { const box = makeBox(n); map.set(box, 'box ' + n); return box; },
    storeBox(n) { const box = makeBox(n); map.set(box, 'stored ' + n); baggage.init('box', box); },
    unstore() { baggage.clear(); },
    ofStored: () => map.get(baggage.get('box')),
    ordinary() {
      const key = {}, p = Promise.resolve(), exo = makeDefaultExo('x', {});
      const m = new WeakMap([[key, 1], [p, 2], [exo, 3]]);
      const s = new WeakSet([key]);
      class Sub extends WeakMap {}
      let refused;
      try { m.set(5, 1); } catch (error) { refused = error.name; }
      return [m.get(key), m.get(p), m.get(exo), m.has({}), s.has(key), s.has(exo), m.delete(key), m.has(key),
        new Sub([[key, 4]]).get(key), refused, String(m), String(s), WeakMap.name, m instanceof WeakMap,
        Object.isFrozen(WeakMap.prototype), m.get(7), m.set(key, 1) === m];
    },
  });`;

const start = async () => {
  const vat = makeTestVat(body);
  await vat.start();
  const call = async (method: string, args: unknown[] = [], slots: string[] = []) => {
    const { answer } = await vat.message(method, args, slots);
    return answer?.value.body && JSON.parse(answer.value.body.slice(1));
  };
  const collected = async () => {
    const crank = await vat.reap();
    return crank.own.map((call) => ('vrefs' in call ? [call.type, ...call.vrefs] : [call.type]));
  };
  return { ...vat, call, collected };
};

const presence = '$0.Alleged: a';

describe('a key that is a presence', () => {
  it('is dropped, not retired, and recognized when it comes again', async () => {
    const { call, collected, sizes } = await start();
    await call('put', [presence, 'value'], ['o-1']);
    expect(await collected()).toEqual([['drop-imports', 'o-1']]);
    expect(await collected()).toEqual([]);
    expect(sizes()).toMatchObject({ imports: 1, weakKeys: 1 });
    expect(await call('get', [presence], ['o-1'])).toEqual(['value', true, true]);
    expect(await collected()).toEqual([['drop-imports', 'o-1']]);
    expect(await call('get', [presence], ['o-1'])).toEqual(['value', true, true]);
  });

  it('is retired when its entries are deleted', async () => {
    const { call, collected, sizes } = await start();
    await call('put', [presence, 'value'], ['o-1']);
    await collected();
    expect(await call('remove', [presence], ['o-1'])).toEqual([true, true, false]);
    expect(await collected()).toEqual([
      ['drop-imports', 'o-1'],
      ['retire-imports', 'o-1'],
    ]);
    expect(sizes()).toMatchObject({ exports: 1, imports: 0, promises: 0, weakKeys: 0 });
  });

  it('is retired when its collections are collected', async () => {
    const { call, collected, sizes } = await start();
    await call('put', [presence, 'value'], ['o-1']);
    await call('put', ['$0.Alleged: b', 'value'], ['o-2']);
    expect(await collected()).toEqual([['drop-imports', 'o-1', 'o-2']]);
    await call('keep', [presence], ['o-1']);
    await call('forgetAll');
    expect(await collected()).toEqual([
      ['drop-imports', 'o-1'],
      ['retire-imports', 'o-1', 'o-2'],
    ]);
    expect(sizes()).toMatchObject({ exports: 1, imports: 0, promises: 0, weakKeys: 0 });
  });

  it('goes with a collection that is a value of its own', async () => {
    const { call, collected, sizes } = await start();
    await call('putSelf', [presence], ['o-1']);
    expect((await collected()).at(-1)).toEqual(['retire-imports', 'o-1']);
    expect(sizes()).toMatchObject({ imports: 0, weakKeys: 0 });
  });

  it('that the vat still holds is neither dropped nor retired with its entries', async () => {
    const { call, collected } = await start();
    await call('put', [presence, 'value'], ['o-1']);
    await call('keep', [presence], ['o-1']);
    await call('remove', [presence], ['o-1']);
    expect(await collected()).toEqual([]);
  });

  it('loses its entries when the kernel retires it, and what they held', async () => {
    const { call, collected, deliver, sizes } = await start();
    await call('put', [presence, '$1.Alleged: value'], ['o-1', 'o-2']);
    expect(await collected()).toEqual([['drop-imports', 'o-1']]);
    const { kept } = await deliver({ type: 'retire-imports', vrefs: ['o-1'] });
    expect(kept).toEqual([]);
    expect(await collected()).toEqual([
      ['drop-imports', 'o-2'],
      ['retire-imports', 'o-2'],
    ]);
    expect(sizes()).toMatchObject({ exports: 1, imports: 0, promises: 0, weakKeys: 0 });
  });
});

describe('a key that is a durable object', () => {
  it('is recognized though its representative was collected', async () => {
    const { call, collected, message } = await start();
    await call('storeBox', [7]);
    await collected();
    expect(await call('ofStored')).toBe('stored 7');
    const { answer } = await message('box', [8]);
    const box = answer?.value.slots[0] as string;
    await collected();
    expect(await call('get', ['$0.Alleged: Box'], [box])).toEqual(['box 8', true, false]);
  });

  it('does not keep it, and its entry goes with it', async () => {
    const { call, collected, state, sizes } = await start();
    await call('storeBox', [7]);
    await call('unstore');
    await collected();
    expect(state().filter(([key]) => key.startsWith('i.'))).toEqual([]);
    expect(sizes()).toMatchObject({ weakKeys: 0 });
  });
});

it('all other keys are as ever', async () => {
  const { call } = await start();
  expect(await call('ordinary')).toEqual([
    ...[1, 2, 3, false, true, false, true, false, 4, 'TypeError'],
    ...['[object WeakMap]', '[object WeakSet]', 'WeakMap', true, true, '#undefined', true],
  ]);
});

it('a thousand keys that come and go leave nothing', async () => {
  const { call, collected, sizes } = await start();
  for (let n = 1; n <= 1000; n += 1) await call('put', [presence, n], [`o-${n}`]);
  await collected();
  expect(sizes()).toMatchObject({ imports: 1000, weakKeys: 1000 });
  await call('forgetAll');
  await collected();
  expect(sizes()).toMatchObject({ exports: 1, imports: 0, promises: 0, weakKeys: 0 });
});

it('what Endo of the worker has looked at is not recognized for that', async () => {
  const vat = makeTestVat(`
    const { passStyleOf, matches } = $vatkit['@vatkit/sdk/vat'];
    const { [Symbol.for('@endo passStyleOf')]: shared } = globalThis;
    return makeDefaultExo('root', { look: x => [shared === passStyleOf && shared(x), matches(harden({ x }), M.splitRecord({ x: M.remotable() }))] });`);
  await vat.start();
  const { answer } = await vat.message('look', [presence], ['o-1']);
  expect(answer?.value).toEqual(capData(['remotable', true]));
  expect((await vat.reap()).own.at(-1)).toEqual({ type: 'retire-imports', vrefs: ['o-1'] });
  expect(vat.sizes()).toMatchObject({ imports: 0, weakKeys: 0 });
});
