import './lockdown.js';
import { isDeepStrictEqual } from 'node:util';
import { makeMarshal } from '@endo/marshal';
import { Far, makeTagged, passStyleOf } from '@endo/pass-style';
import { describe, expect, it } from 'vitest';
import { makeVatCodec } from './vat-codec.js';

const thenable = Far('thenable', () => 1);
const values = new Map<string, unknown>([
  ['o-1', Far('one', {})],
  ['o+2', Far('two', { m: () => 1 })],
  ['o+d1/7:0', Far('three', {})],
  ['o-4', thenable],
  ['p-5', harden(Promise.resolve())],
  ['p+6', harden(Promise.resolve())],
]);
const slotOf = (value: unknown): string =>
  [...values].find(([, known]) => known === value)?.[0] as string;
const valueOf = (slot: string): unknown => {
  const value = values.get(slot);
  if (value === undefined) throw Error(`no ${slot}`);
  return value;
};
const ours = makeVatCodec({ slotOf, valueOf });
const marshal = makeMarshal<string>(slotOf as never, valueOf as never, {
  serializeBodyFormat: 'smallcaps',
  errorTagging: 'off',
  marshalSaveError: () => undefined,
});
const theirs = {
  toCapData: (value: unknown) => marshal.toCapData(value as never),
  fromCapData: (data: { body: string; slots: string[] }): unknown => marshal.fromCapData(data),
};

function makeRandom(seed: number) {
  let state = seed;
  const fraction = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const below = (n: number): number => Math.floor(fraction() * n);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T;
  return { below, pick, fraction };
}
type Random = ReturnType<typeof makeRandom>;

const texts = [
  '',
  'a',
  '!x',
  '#tag',
  '#error',
  '$0',
  '&1',
  '+5',
  '-5',
  '%a',
  '(',
  ',',
  '.',
  '/',
  '__proto__',
  'then',
  '2',
  '10',
  'payload',
  'grüße',
  '\u2028',
  '\ud83d\ude00',
  '\ud800',
];

function anyValue(random: Random, depth: number): unknown {
  const { below, pick } = random;
  switch (below(depth > 0 ? 16 : 9)) {
    case 0:
      return pick([null, undefined, true, false]);
    case 1:
      return pick([0, -0, 1.5, -7, NaN, Infinity, -Infinity, 1e300, 2 ** 53]);
    case 2:
      return pick([0n, 5n, -5n, 10n ** 40n]);
    case 3:
      return pick([Symbol.asyncIterator, Symbol.for('a'), Symbol.for('@@x'), Symbol.iterator]);
    case 4:
    case 5:
      return pick(texts);
    case 6:
    case 7:
      return pick([...values.values()]);
    case 8:
      return depth > 0 ? anyValue(random, 0) : pick(texts);
    case 9: {
      const payload = harden(anyValue(random, depth - 1));
      const tagged = attempt(() => makeTagged(pick(texts), payload as never));
      return 'value' in tagged ? tagged.value : payload;
    }
    case 10:
      return harden(pick([Error, TypeError, RangeError])(pick(texts)));
    case 11:
    case 12:
    case 13:
      return Array.from({ length: below(4) }, () => anyValue(random, depth - 1));
    default:
      return Object.fromEntries(
        Array.from({ length: below(5) }, () => [pick(texts), anyValue(random, depth - 1)]),
      );
  }
}

const attempt = <Value>(run: () => Value): { value: Value } | { error: string } => {
  try {
    return { value: run() };
  } catch (error) {
    return { error: String((error as Error).message) };
  }
};

/** Whether both read it alike: the same value, hardened and passable, or none. */
function compareReading(body: string, slots: string[]): 'read' | 'refused' {
  const mine = attempt(() => ours.fromCapData({ body, slots }));
  const marshals = attempt(() => theirs.fromCapData({ body, slots }));
  if ('error' in mine || 'error' in marshals) {
    if ('error' in mine && 'error' in marshals) return 'refused';
    throw Error(`${'error' in mine ? 'ours' : 'marshal'} alone refuses ${body}`);
  }
  if (!isDeepStrictEqual(mine.value, marshals.value)) throw Error(`read otherwise: ${body}`);
  passStyleOf(mine.value);
  const again = [mine.value, marshals.value].map((value) => attempt(() => theirs.toCapData(value)));
  if (!isDeepStrictEqual(again[0], again[1])) throw Error(`read otherwise: ${body}`);
  return 'read';
}

describe('the vat’s codec and @endo/marshal', () => {
  it('write the same, and read it alike', () => {
    const random = makeRandom(42);
    for (let count = 0; count < 5_000; count += 1) {
      const value = anyValue(random, 3);
      harden(value);
      const isPassable = 'value' in attempt(() => passStyleOf(value));
      if (!isPassable) continue;
      const mine = attempt(() => ours.toCapData(value));
      expect(mine).toEqual(attempt(() => theirs.toCapData(value)));
      if ('value' in mine) compareReading(mine.value.body, mine.value.slots);
    }
  });

  it('read and refuse damaged texts alike', () => {
    const random = makeRandom(7);
    const { below, pick } = random;
    const slots = [...values.keys()];
    const fragments = [
      '"$0"',
      '"$0.Alleged: x"',
      '"&0"',
      '"$4"',
      '"&4"',
      '"$9"',
      '"$01"',
      '"$"',
      '"$1e0"',
      '"+"',
      '"+x"',
      '"-5"',
      '"%@@iterator"',
      '"%@@none"',
      '"%a"',
      '"#NaN"',
      '"#none"',
      '"(x"',
      '-0',
      '{"#tag":"t","payload":[1]}',
      '{"payload":1,"#tag":"t"}',
      '{"#tag":5,"payload":1}',
      '{"#tag":"!t","payload":1}',
      '{"#tag":"+5","payload":1}',
      '{"#tag":"t"}',
      '{"#error":"m","name":"TypeError"}',
      '{"#error":5}',
      '{"#x":1}',
      '{"$0":1}',
      '{"!a":1,"a":2}',
      '{"__proto__":[1]}',
      '{"then":"$3"}',
      '{"then":"$0"}',
      '"\\ud800"',
      '{"a":1,"a":2}',
    ];
    const counts = { read: 0, refused: 0 };
    for (let count = 0; count < 8_000; count += 1) {
      const value = harden(anyValue(random, 2));
      const written = attempt(() => theirs.toCapData(value));
      if ('error' in written) continue;
      let { body } = written.value;
      for (let times = 1 + below(2); times > 0; times -= 1) {
        const scalars = [...body.matchAll(/"(?:[^"\\]|\\.)*"|\b\d+\b|null|true|false/g)];
        if (below(4) === 0 || scalars.length === 0) {
          const at = 1 + below(body.length);
          body = body.slice(0, at) + pick([...'{}[]",:#$&%!+-0a\\']) + body.slice(at + below(2));
        } else {
          const { index, 0: scalar } = pick(scalars);
          body = body.slice(0, index) + pick(fragments) + body.slice(index + scalar.length);
        }
      }
      counts[compareReading(body, slots)] += 1;
    }
    expect(counts.read).toBeGreaterThan(1_000);
    expect(counts.refused).toBeGreaterThan(1_000);
  });

  it.each(['#', '#[', '[]', '', '#{"then":"$3"}', '#["&0"]', '#["$4"]', '#"$7"', '#"*"'])(
    'refuse %s alike',
    (body) => {
      expect(compareReading(body, [...values.keys()])).toBe(body === '[]' ? 'read' : 'refused');
    },
  );

  it('give errors of the realm, hardened data and one value for each slot', () => {
    const data = {
      body: '#[{"#error":"m","name":"TypeError"},{"a":["$0.Alleged: one","$0"]}]',
      slots: ['o-1'],
    };
    const [error, record] = ours.fromCapData(data) as [Error, { a: unknown[] }];
    expect(Object.getPrototypeOf(error)).toBe(TypeError.prototype);
    expect([error, record, record.a].every(Object.isFrozen)).toBe(true);
    expect(record.a[0]).toBe(record.a[1]);
    expect(ours.toCapData(record)).toEqual({
      body: '#{"a":["$0.Alleged: one","$0"]}',
      slots: ['o-1'],
    });
  });
});
