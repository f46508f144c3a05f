/**
 * The codec against @endo/marshal, in both directions, on seeded values and on damaged bodies.
 *
 * What is meant to differ:
 *
 * - ENCODE takes more: what is not frozen; records without a prototype; errors wherever they stand and
 *   whatever else they carry, and errors of classes; Uint8Arrays, as a tagged value `bytes`. It takes less:
 *   bounds of depth, length and bigint digits. Two values of one slot share its number.
 * - DECODE takes less: bodies in the older encoding, without `#`; slot numbers in any form but the plain decimal
 *   one ('$', '$01', '$1e0', '$ 1') or beyond the slots; the same bounds.
 * - DECODE gives other values: data is mutable; a tagged `bytes` with base64 is a Uint8Array; an error keeps its
 *   name where it is no builtin's, and is a KernelError where its message is in the kernel's text form; it
 *   keeps no `errors` unless it is an AggregateError, and never a `stack` of the sender's.
 * - SYMBOLS whose registered name begins with @@ and holds a line break survive here; marshal reads them wrong.
 */
import 'ses';
import '@endo/eventual-send/shim.js';
import { describe, expect, test } from 'vitest';
import type { CapData } from './capdata.js';
import { decode, encode, type Tagged } from './smallcaps.js';

// Only so that marshal runs as in a vat. Ours needs none of it.
// Errors are made and thrown by the ten thousand: their stacks would take most of the time.
Error.stackTraceLimit = 0;
lockdown({ errorTaming: 'unsafe-debug', consoleTaming: 'unsafe' });
const { makeMarshal } = await import('@endo/marshal');
const { Remotable, makeTagged } = await import('@endo/pass-style');

const VALUES = 200_000;
const DAMAGED = 40_000;

/** mulberry32: the same values at every run. */
function makeRandom(seed: number) {
  let state = seed;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number): number => Math.floor(fraction() * bound);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;
  return { fraction, below, pick };
}
type Random = ReturnType<typeof makeRandom>;

const ifaces = ['Remotable', 'Alleged: counter', 'Alleged: a.b $0', 'DebugName: "x"', 'Alleged: '];
const references = [
  ...ifaces.map((iface, index) => ({
    slot: `ko${index}`,
    value: Remotable(iface, undefined, {}),
    iface,
  })),
  ...[40, 41].map((number) => ({
    slot: `kp${number}`,
    value: harden(new Promise(() => undefined)),
    promise: true,
  })),
];
const byValue = new Map<unknown, (typeof references)[number]>(
  references.map((reference) => [reference.value, reference]),
);
const bySlot = new Map(references.map((reference) => [reference.slot, reference]));
const valueOf = (slot: string): object => {
  const reference = bySlot.get(slot);
  if (reference === undefined) throw new Error(`no slot ${slot}`);
  return reference.value;
};

const marshal = makeMarshal<string>(
  (value) => byValue.get(value)!.slot,
  (slot) => valueOf(slot) as never,
  { serializeBodyFormat: 'smallcaps', errorTagging: 'off' },
);
const theirs = {
  encode: (value: unknown) => marshal.toCapData(value as never) as CapData,
  decode: (capdata: CapData): unknown => marshal.fromCapData(capdata),
};
const ours = {
  encode: (value: unknown) => encode(value, { slotOf: (object) => byValue.get(object) }),
  decode: (capdata: CapData): unknown =>
    decode(capdata, {
      fromSlot: (slot, { promise }) => {
        if (promise !== slot.startsWith('kp')) throw new Error(`${slot} is of the other kind`);
        return valueOf(slot);
      },
    }),
};

const strings = [
  ...['', 'a', 'hello', 'ключ', '😀', '\ud800', '\udc00\ud800', '\u0000\n\u2028"\\', '__proto__'],
  ...['toString', 'constructor', 'then', 'length', '0', '1', '10', '9', '01', '4294967295', '-1'],
  ...['!', '"', '#', '$', '%', '&', "'", '(', ')', '*', '+', ',', '-', '.', '/', ' ', '~'],
  ...['#tag', '#error', '#undefined', '$0', '&0', '+5', '-5', '%x', '!!', 'payload', 'name'],
  ...['message', '@@qclass', 'slot', 'bytes', '4294967294', 'constructor', 'hasOwnProperty'],
];
const numbers = [0, -0, 1, -1, 0.1, 1e21, 5e-324, 2 ** 53, NaN, Infinity, -Infinity, 1.5e300];
const bigints = [0n, 1n, -1n, 2n ** 64n, -(2n ** 200n), 10n ** 60n];
const symbols = [
  ...[Symbol.iterator, Symbol.asyncIterator, Symbol.toStringTag, Symbol.hasInstance],
  ...['', 'x', '@@x', '@@@@x', '#y', 'iterator', '@@iterator'].map((name) => Symbol.for(name)),
];
const errorTypes = [Error, TypeError, RangeError, SyntaxError, URIError, EvalError, ReferenceError];

function anyText({ below, pick, fraction }: Random): string {
  if (fraction() < 0.7) return pick(strings);
  return String.fromCharCode(...Array.from({ length: below(6) }, () => 28 + below(100)));
}

/** A passable once it is hardened. */
function anyValue(random: Random, depth: number): unknown {
  const { below, pick, fraction } = random;
  switch (below(depth > 0 ? 15 : 10)) {
    case 0:
      return pick([undefined, null, true, false]);
    case 1:
      return fraction() < 0.5 ? pick(numbers) : (fraction() - 0.5) * 10 ** below(30);
    case 2:
      return pick(bigints) * BigInt(below(1000));
    case 3:
      return pick(symbols);
    case 4:
    case 5:
      return pick(references).value;
    case 6:
      return new (pick(errorTypes))(anyText(random));
    case 7:
    case 8:
    case 9:
      return anyText(random);
    case 10:
      // The payload of bytes is the one that comes back as another value.
      return makeTagged(
        anyText(random).replace(/^bytes$/, 'b'),
        anyValue(random, depth - 1) as never,
      );
    case 11:
    case 12:
      return Array.from({ length: below(4) }, () => anyValue(random, depth - 1));
    default:
      return Object.fromEntries(
        Array.from({ length: below(5) }, () => [anyText(random), anyValue(random, depth - 1)]),
      );
  }
}

const isTagged = (value: object): value is Tagged =>
  (value as Record<symbol, unknown>)[Symbol.for('passStyle')] === 'tagged';

const errorNames = new Set(['AggregateError', ...errorTypes.map(({ name }) => name)]);

/** Why ours and marshal's value differ, or undefined. */
function difference(a: unknown, b: unknown): string | undefined {
  if (Object.is(a, b)) return undefined;
  if (typeof a === 'symbol' && typeof b === 'symbol' && /[\r\n\u2028\u2029]/.test(b.description!))
    return undefined;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
    return `${String(a)} and ${String(b)}`;
  if (a instanceof Error || b instanceof Error) {
    if (!(a instanceof Error && b instanceof Error)) return 'an error and something else';
    // Marshal makes a name that is no builtin's to Error.
    const name = errorNames.has(a.name) ? a.name : 'Error';
    if (name !== b.name || a.message !== b.message) return `${a} and ${b}`;
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return 'errors of two types';
    return difference(a.cause, b.cause);
  }
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return 'two prototypes';
  if (isTagged(a) || isTagged(b)) {
    if (!isTagged(a) || !isTagged(b) || a[Symbol.toStringTag] !== b[Symbol.toStringTag])
      return 'two tags';
    return difference(a.payload, b.payload);
  }
  const keys = Reflect.ownKeys(a);
  if (keys.length !== Reflect.ownKeys(b).length) return 'more or fewer properties';
  for (const [index, key] of Reflect.ownKeys(b).entries()) {
    if (keys[index] !== key) return `key ${String(key)}`;
    const [x, y] = [a, b].map((holder) => (holder as Record<PropertyKey, unknown>)[key]);
    const deeper = difference(x, y);
    if (deeper !== undefined) return `${String(key)}: ${deeper}`;
  }
  return undefined;
}

const deep = (levels: number): unknown => {
  let value: unknown[] = [];
  for (let level = 1; level < levels; level += 1) value = [value];
  return value;
};

/** What `run` gives, or that it refuses. */
const attempt = <T>(run: () => T): { value: T } | { refused: unknown } => {
  try {
    return { value: run() };
  } catch (refused) {
    return { refused };
  }
};

describe('the codec and @endo/marshal', () => {
  test(
    `write the same text and slots for ${VALUES} values, and read them alike`,
    { timeout: 60_000 },
    () => {
      const random = makeRandom(20261122);
      for (let count = 0; count < VALUES; count += 1) {
        const value = harden(anyValue(random, 2));
        const mine = ours.encode(value);
        const marshals = theirs.encode(value);
        if (mine.body !== marshals.body || mine.slots.join() !== marshals.slots.join())
          expect(mine).toStrictEqual(marshals);
        const decoded = ours.decode(marshals);
        const why = difference(decoded, theirs.decode(mine));
        if (why !== undefined) throw new Error(`${why}, of ${mine.body}`);
        const again = ours.encode(decoded);
        if (again.body !== mine.body) expect(again).toStrictEqual(mine);
      }
    },
  );

  /** Refused by ours alone, by intent. */
  const onlyWeRefuse: [why: string, form: RegExp][] = [
    ['older encoding', /^(?!#)/],
    ['a slot number in another form, or beyond', /"[$&](?!(?:0|[1-6])(?:\.|"))[^"]*"/],
    ['an unknown symbol with a line break', /"%@@[^"]*(?:\\[nru]|[\u2028\u2029])/],
  ];
  /** Refused by marshal alone, by intent. */
  const onlyMarshalRefuses: [why: string, form: RegExp][] = [
    ['an AggregateError whose errors are no array', /"AggregateError"/],
    ['an error id that is a symbol', /"errorId":"%/],
  ];

  test(`read or refuse ${DAMAGED} damaged bodies alike`, { timeout: 60_000 }, () => {
    const random = makeRandom(77);
    const { below, pick, fraction } = random;
    const slots = references.map(({ slot }) => slot);
    const fragments = [
      ...[
        '"#foo"',
        '"#"',
        '"$0"',
        '"$1.x"',
        '"&5"',
        '"&0"',
        '"$5"',
        '"$7"',
        '"$"',
        '"$01"',
        '"$ 1"',
      ],
      ...[
        '"+"',
        '"-"',
        '"+5"',
        '"-0"',
        '"+x"',
        '"+5 "',
        '"- 5"',
        '"%@@iterator"',
        '"%@@nope"',
        '"%@@for"',
      ],
      ...['"(x"', '"*"', '","', '"!"', 'null', '-0', '1e999', '[]', '{}', '""', '"\\ud800"', '"%"'],
      ...[
        '{"#tag":"t"}',
        '{"#tag":1,"payload":1}',
        '{"#tag":"#NaN","payload":1}',
        '{"#tag":"!t","payload":[]}',
      ],
      ...[
        '{"#tag":"t","payload":1,"x":1}',
        '{"payload":1}',
        '{"#error":"m"}',
        '{"#error":"m","name":"E"}',
      ],
      ...[
        '{"#error":5,"name":"Error"}',
        '{"#error":"#NaN","name":"Error"}',
        '{"#error":"m","name":null}',
      ],
      ...['{"#error":"m","name":"TypeError","cause":{"#error":"c","name":"Error"}}'],
      ...['{"#error":"m","name":"Error","cause":5}', '{"#error":"m","name":"Error","message":"x"}'],
      ...['{"#error":"m","name":"AggregateError","errors":[{"#error":"c","name":"Error"}]}'],
      ...['{"#error":"m","name":"Error","x":"#foo"}', '{"#error":"m","name":"Error","x":"+7"}'],
      ...[
        '{"#error":"m","name":"Error","errorId":"error:x#1"}',
        '{"#x":1}',
        '{"$0":1}',
        '{"+1":1}',
      ],
      ...['{"a":1,"!a":2}', '{"!__proto__":1}', '{"__proto__":[1]}', '{"!":1}', '{"a":1,"a":2}'],
    ];
    const damage = (body: string): string => {
      const at = 1 + below(body.length);
      switch (below(6)) {
        case 0:
          return body.slice(0, at) + body.slice(at + 1 + below(3));
        case 1:
          return body.slice(0, at) + pick([...'{}[]",:#$&%!+-0an\\ ']) + body.slice(at);
        case 2:
          return body.slice(0, at) + pick([...'{}[]",:#$&%!+-0an\\ ']) + body.slice(at + 1);
        default: {
          // In the place of a scalar, so that the text stays JSON.
          const scalars = [...body.matchAll(/"(?:[^"\\]|\\.)*"|\b\d+\b|null|true|false/g)];
          if (scalars.length === 0) return `#${pick(fragments)}`;
          const { index, 0: scalar } = pick(scalars);
          return body.slice(0, index) + pick(fragments) + body.slice(index + scalar.length);
        }
      }
    };

    const counts = { read: 0, refused: 0, intended: 0 };
    for (let count = 0; count < DAMAGED; count += 1) {
      let { body } = ours.encode(anyValue(random, 2));
      do body = damage(body);
      while (fraction() < 0.3);
      const mine = attempt(() => ours.decode({ body, slots }));
      const marshals = attempt(() => theirs.decode({ body, slots }));
      if ('value' in mine && 'value' in marshals) {
        const why = difference(mine.value, marshals.value);
        if (why !== undefined) throw new Error(`${why}, of ${body}`);
        counts.read += 1;
      } else if ('refused' in mine && 'refused' in marshals) {
        if (!(mine.refused instanceof Error) || mine.refused instanceof RangeError)
          throw new Error(`ours crashes at ${body}`, { cause: mine.refused });
        counts.refused += 1;
      } else {
        const list = 'refused' in mine ? onlyWeRefuse : onlyMarshalRefuses;
        const intended = list.some(([, form]) => form.test(body));
        if (!intended) {
          const { refused: cause } = { ...mine, ...marshals } as { refused: unknown };
          throw new Error(`${'refused' in mine ? 'ours' : 'marshal'} alone refuses ${body}`, {
            cause,
          });
        }
        counts.intended += 1;
      }
    }
    // Neither side of the comparison is hollow.
    expect(counts.read).toBeGreaterThan(DAMAGED / 10);
    expect(counts.refused).toBeGreaterThan(DAMAGED / 10);
    expect(counts.intended).toBeLessThan(DAMAGED / 10);
  });

  const refused = Symbol('refused');
  const bytes = new Uint8Array([251, 255]);
  const encoded: [what: string, value: unknown, ours: unknown, marshals: unknown][] = [
    ['what is not frozen', [{}], '#[{}]', refused],
    ['records without a prototype', harden(Object.create(null)), '#{}', refused],
    [
      'errors of classes, deeper down',
      harden([new (class Odd extends Error {})('x')]),
      '#[{"#error":"x","name":"Error"}]',
      refused,
    ],
    ['bytes', bytes, '#{"#tag":"bytes","payload":"!+/8="}', refused],
    ['depth', harden([deep(600)]), refused, `#[${'['.repeat(600)}${']'.repeat(600)}]`],
    ['digits', 10n ** 100_000n, refused, `#"+1${'0'.repeat(100_000)}"`],
  ];
  test.each(encoded)('differ on purpose in writing %s', (_what, value, mine, marshals) => {
    const bodyOf = (codec: typeof ours) => {
      const outcome = attempt(() => codec.encode(value));
      return 'value' in outcome ? outcome.value.body : refused;
    };
    expect(bodyOf(ours)).toBe(mine);
    expect(bodyOf(theirs)).toBe(marshals);
  });

  const decoded: [what: string, body: string, ours: unknown, marshals: unknown][] = [
    ['the older encoding', '{"@qclass":"undefined"}', refused, 'undefined undefined'],
    ['an index in another form', '#"$1e0"', refused, 'object [object Alleged: counter]'],
    ['a reference without an index', '#"$"', refused, 'object [object Remotable]'],
    ['bytes', '#{"#tag":"bytes","payload":"!+/8="}', 'object 251,255', 'object [object bytes]'],
    ["an error's own name", '#{"#error":"x","name":"Odd"}', 'object Odd: x', 'object Error: x'],
    [
      "the kernel's errors",
      '#{"#error":"[KERNEL:NOT_FOUND] x","name":"Error"}',
      'object KernelError: [KERNEL:NOT_FOUND] x',
      'object Error: [KERNEL:NOT_FOUND] x',
    ],
    [
      'an AggregateError whose errors are no array',
      '#{"#error":"x","name":"AggregateError","errors":5}',
      'object AggregateError: x',
      refused,
    ],
    ['depth', `#${'['.repeat(600)}${']'.repeat(600)}`, refused, 'object '],
    ['@@ and a line break', `#"%@@@@a\\nb"`, 'symbol Symbol(@@a\nb)', 'symbol Symbol(@@@@a\nb)'],
  ];
  test.each(decoded)('differ on purpose in reading %s', (_what, body, mine, marshals) => {
    const slots = references.map(({ slot }) => slot);
    const textOf = (codec: typeof ours) => {
      const outcome = attempt(() => codec.decode({ body, slots }));
      return 'value' in outcome ? `${typeof outcome.value} ${String(outcome.value)}` : refused;
    };
    expect(textOf(ours)).toBe(mine);
    expect(textOf(theirs)).toBe(marshals);
  });
});
