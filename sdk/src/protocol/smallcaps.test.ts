import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { isKernelError } from '../errors.js';
import { limits } from '../limits.js';
import type { CapData } from './capdata.js';
import { decode, encode, type Mention, type Tagged } from './smallcaps.js';

const hash = (body: string, slots: string[] = []): CapData => ({ body: `#${body}`, slots });
const roundTrip = (value: unknown): unknown => decode(encode(value));
const deep = (levels: number): unknown => {
  let value: unknown[] = [];
  for (let level = 1; level < levels; level += 1) value = [value];
  return value;
};

describe('encode', () => {
  test.each<[what: string, value: unknown, body: string]>([
    ['undefined', undefined, '"#undefined"'],
    [
      'numbers without digits',
      [NaN, Infinity, -Infinity, -0],
      '["#NaN","#Infinity","#-Infinity",0]',
    ],
    ['bigints', [5n, 0n, -5n], '["+5","+0","-5"]'],
    ['strings that begin like a code', ['#x', '!', '-', 'a#'], '["!#x","!!","!-","a#"]'],
    [
      'symbols',
      [Symbol.iterator, Symbol.for('@@x'), Symbol.for('y')],
      '["%@@iterator","%@@@@x","%y"]',
    ],
    ['records sorted by key', { b: 1, a: 2, 10: 3, 9: 4 }, '{"9":4,"10":3,"a":2,"b":1}'],
    ['escaped keys', { '#tag': 1, $: 2 }, '{"!#tag":1,"!$":2}'],
    ['records without a prototype', Object.create(null), '{}'],
    ['errors without their stack', new TypeError('no'), '{"#error":"no","name":"TypeError"}'],
    ['bytes', new Uint8Array([251, 255]), '{"#tag":"bytes","payload":"!+/8="}'],
    ['a Buffer', Buffer.from('hi'), '{"#tag":"bytes","payload":"aGk="}'],
  ])('writes %s', (_what, value, body) => {
    expect(encode(value)).toStrictEqual(hash(body));
  });

  test('numbers each slot once, with its interface at the first mention only', () => {
    const [a, b, p] = [{ a: 1 }, () => 'b', Promise.resolve()];
    const refs = new Map<object, { slot: string; iface?: string; promise?: boolean }>([
      [a, { slot: 'ko1', iface: 'Alleged: a' }],
      [b, { slot: 'ko2' }],
      [p, { slot: 'kp40', promise: true }],
    ]);
    const value = { z: a, y: [a, b, p], x: { ...a, p } };
    expect(encode(value, { slotOf: (object) => refs.get(object) })).toStrictEqual(
      hash('{"x":{"a":1,"p":"&0"},"y":["$1.Alleged: a","$2","&0"],"z":"$1"}', [
        'kp40',
        'ko1',
        'ko2',
      ]),
    );
  });

  class Counter {
    count = 0;
  }
  const cycle: { down: unknown[] } = { down: [] };
  cycle.down.push({ again: cycle });
  const hidden = Object.defineProperty({}, 'hidden', { value: 1, enumerable: false });
  const sparse = [1];
  sparse[2] = 3;

  const refused: [value: unknown, message: string][] = [
    [new Map(), 'Cannot pass args[0].tags: a Map (pass an array or a record instead)'],
    [new Set(), 'Cannot pass args[0].tags: a Set (pass an array or a record instead)'],
    [new Date(), 'Cannot pass args[0].tags: a Date (pass its getTime() instead)'],
    [/x/, 'Cannot pass args[0].tags: a RegExp (pass its source instead)'],
    [Promise.resolve(), 'Cannot pass args[0].tags: a Promise (pass what it gives instead)'],
    [new WeakMap(), 'Cannot pass args[0].tags: a WeakMap (wrap it with expose())'],
    [new Float64Array(1), 'Cannot pass args[0].tags: a Float64Array (wrap it with expose())'],
    [new Counter(), 'Cannot pass args[0].tags: a Counter instance (wrap it with expose())'],
    [() => 1, 'Cannot pass args[0].tags: a function (wrap it with expose())'],
    [Symbol('x'), 'Cannot pass args[0].tags: a symbol that Symbol.for() did not make'],
    [
      { [Symbol.iterator]: 1 },
      'Cannot pass args[0].tags: a record with the key Symbol(Symbol.iterator)',
    ],
    [
      {
        get a() {
          return 1;
        },
      },
      'Cannot pass args[0].tags.a: an accessor',
    ],
    [hidden, 'Cannot pass args[0].tags.hidden: a property that is not enumerable'],
    [sparse, 'Cannot pass args[0].tags[1]: a hole in an array'],
    [Object.assign([1], { x: 1 }), 'Cannot pass args[0].tags: an array with properties of its own'],
    [
      new (class Stack extends Array {})(),
      'Cannot pass args[0].tags: an array of a class of its own',
    ],
    [
      { 'odd key': [new Map()] },
      'Cannot pass args[0].tags["odd key"][0]: a Map (pass an array or a record instead)',
    ],
    [cycle, 'Cannot pass args[0].tags.down[0].again: a cycle, it is args[0].tags again'],
    [10n ** 100_001n, 'Cannot pass args[0].tags: a bigint of too many digits'],
    [
      { [Symbol.for('passStyle')]: 'tagged', payload: 1 },
      'Cannot pass args[0].tags: a tagged value that makeTagged did not make',
    ],
  ];
  test.each(refused.map(([tags, message]) => ({ tags, message })))(
    'says $message',
    ({ tags, message }) => {
      const run = () =>
        encode(['add', [{ tags }]], { label: ['method', 'args'], hint: 'wrap it with expose()' });
      expect(run).toThrow(new TypeError(message));
    },
  );

  test('refuses what is too deep, or too long as text, however small it is in memory', () => {
    expect(() => encode(deep(10_000), { label: 'answer' })).toThrow(
      /^Cannot pass answer(?:\[0\]){20,}.*…[\]0[]+: over 500 levels deep$/,
    );
    expect(encode(deep(limits.valueDepthMax)).body).toHaveLength(1 + 2 * limits.valueDepthMax);
    let laughs: unknown = 'ha';
    for (let level = 0; level < 60; level += 1) laughs = [laughs, laughs];
    expect(() => encode(laughs, { bytesMax: 1000 })).toThrow(
      /^Cannot pass value\[0\].*: too long, the whole is over 1000 characters of text$/,
    );
    expect(() => encode({ a: 'x'.repeat(100) }, { bytesMax: 50 })).toThrow(
      'Cannot pass value.a: too long',
    );
    // Escapes count as what they become.
    expect(() => encode('\0'.repeat(10), { bytesMax: 50 })).toThrow('Cannot pass value: too long');
    expect(encode('x'.repeat(47), { bytesMax: 50 }).body).toHaveLength(50);
  });

  test('takes data, errors and bytes of another realm', () => {
    const other: unknown = runInNewContext(
      '({ list: [1], error: new RangeError("r"), bytes: new Uint8Array([1]) })',
    );
    expect(encode(other)).toStrictEqual(
      hash(
        '{"bytes":{"#tag":"bytes","payload":"AQ=="},"error":{"#error":"r","name":"RangeError"},"list":[1]}',
      ),
    );
  });
});

describe('decode', () => {
  test('gives fresh data that its owner may change', () => {
    const value = { a: [1, { b: undefined }], c: 'x', d: -3n, e: [NaN, Infinity] };
    const again = roundTrip(value) as typeof value;
    expect(again).toStrictEqual(value);
    again.a.push(2);
    expect(again.a).toHaveLength(3);
  });

  test('asks for the value of each slot once', () => {
    const asked: [string, Mention][] = [];
    const fromSlot = (slot: string, mention: Mention) => {
      asked.push([slot, mention]);
      return { slot };
    };
    const value = decode(hash('["$1.Alleged: a\\n.b","&0",["$1"]]', ['kp40', 'ko4']), { fromSlot });
    expect(value).toStrictEqual([{ slot: 'ko4' }, { slot: 'kp40' }, [{ slot: 'ko4' }]]);
    expect(asked).toStrictEqual([
      ['ko4', { index: 1, promise: false, iface: 'Alleged: a\n.b' }],
      ['kp40', { index: 0, promise: true, iface: undefined }],
    ]);
  });

  test('keeps __proto__ an ordinary key', () => {
    for (const body of ['{"__proto__":{"polluted":[1]}}', '{"!__proto__":{"polluted":[1]}}']) {
      const record = decode(hash(body)) as object;
      expect(Object.getPrototypeOf(record)).toBe(Object.prototype);
      expect(Object.entries(record)).toStrictEqual([['__proto__', { polluted: [1] }]]);
    }
    expect({}).not.toHaveProperty('polluted');
    const own = JSON.parse('{"__proto__":1,"a":2}') as unknown;
    expect(encode(own).body).toBe('#{"__proto__":1,"a":2}');
  });

  test('gives errors of the type that they name, with their name, message and cause', () => {
    const body =
      '{"#error":"m","name":"RangeError","cause":{"#error":"c","name":"OddError"},"errorId":"error:x#1"}';
    const error = decode(hash(body)) as RangeError;
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({
      name: 'RangeError',
      message: 'm',
      cause: { name: 'OddError', message: 'c' },
    });
    expect(error.cause).toBeInstanceOf(Error);
    expect(Object.keys(error.cause as Error)).toStrictEqual([]);
    const abort = roundTrip(new DOMException('gone', 'AbortError')) as Error;
    expect(`${abort}`).toBe('AbortError: gone');
    const several = decode(
      hash('{"#error":"m","name":"AggregateError","errors":[{"#error":"e","name":"Error"}]}'),
    ) as AggregateError;
    expect(several.errors).toStrictEqual([new Error('e')]);
  });

  test('gives a KernelError for the text form of one', () => {
    const text = '[KERNEL:VAT_FATAL:ILLEGAL_SYSCALL] Syscall from inactive vat';
    const error = decode(hash(JSON.stringify({ '#error': text, name: 'Error' })));
    expect(isKernelError(error, 'ILLEGAL_SYSCALL')).toBe(true);
    expect((error as Error).message).toBe(text);
    expect(decode(hash('{"#error":"[KERNEL:NEW_CODE] x","name":"Error"}'))).toStrictEqual(
      new Error('[KERNEL:NEW_CODE] x'),
    );
  });

  test('gives bytes for their tag, and other tagged values as they are', () => {
    for (const length of [0, 1, 2, 3, 100_000]) {
      const bytes = Uint8Array.from({ length }, (_, index) => (index * 7 + 251) % 256);
      expect(roundTrip(bytes)).toStrictEqual(bytes);
    }
    // Only the one base64 text that the bytes have: else two texts would be equal values.
    for (const payload of ['"AQ"', '"AR=="', '"A Q=="', '"~"', '1']) {
      const body = `{"#tag":"bytes","payload":${payload}}`;
      const tagged = decode(hash(body)) as Tagged;
      expect(tagged[Symbol.toStringTag]).toBe('bytes');
      expect(encode(tagged)).toStrictEqual(hash(body));
    }
    const odd = '{"#tag":"Error","payload":[{"#tag":"!#","payload":"#undefined"}]}';
    expect(encode(decode(hash(odd)))).toStrictEqual(hash(odd));
  });

  test('reads what is as deep as encode writes, and survives what is deeper', () => {
    expect(decode(encode(deep(limits.valueDepthMax)))).toStrictEqual(deep(limits.valueDepthMax));
    for (const levels of [limits.valueDepthMax + 2, 10_000, 1_000_000]) {
      const body = '['.repeat(levels) + ']'.repeat(levels);
      expect(() => decode(hash(body))).toThrow(/^Cannot read value.*: over 500 levels deep$/);
    }
  });

  const malformed: [body: string, message: string][] = [
    ['["#foo"]', 'Cannot read value[0]: unknown constant "#foo"'],
    ['{"a":"(x"}', 'Cannot read value.a: text of a reserved form "(x"'],
    ['"+"', 'Cannot read value: malformed bigint "+"'],
    ['"%@@nope"', 'Cannot read value: unknown symbol "%@@nope"'],
    ['"$1"', 'Cannot read value: unknown reference "$1"'],
    ['"$"', 'Cannot read value: unknown reference "$"'],
    ['["$0","&0"]', 'Cannot read value[1]: both an object and a promise "&0"'],
    ['{"#what":1}', 'Cannot read value: a record of an unknown form "#what"'],
    ['{"$0":1}', 'Cannot read value: a record of an unknown form "$0"'],
    ['{"#tag":"t"}', 'Cannot read value: a tagged value without a payload, or with more'],
    ['{"#tag":1,"payload":1}', 'Cannot read value: its #tag is not a string'],
    ['{"#error":"m"}', 'Cannot read value: its name is not a string'],
    [
      '{"#error":"m","name":"Error","message":"n"}',
      'Cannot read value: an error with two messages',
    ],
    ['{"#error":"m","name":"Error","x":"#y"}', 'Cannot read value.x: unknown constant "#y"'],
    [`"+${'9'.repeat(100_001)}"`, 'Cannot read value: a bigint of too many digits'],
  ];
  test.each(malformed.map(([body, message]) => ({ body, message })))(
    'says $message',
    ({ body, message }) => {
      const run = () => decode(hash(body, ['ko4']), { fromSlot: (slot) => ({ slot }) });
      expect(run).toThrow(new TypeError(message));
    },
  );

  test('refuses what is not CapData in smallcaps', () => {
    expect(() => decode(hash('{'))).toThrow(/^Cannot read value: its body is not JSON: /);
    expect(() => decode(hash(''))).toThrow(/^Cannot read value: its body is not JSON: /);
    expect(() => decode({ body: '5', slots: [] })).toThrow('does not begin with #');
    expect(() => decode({ body: 5, slots: [] } as never)).toThrow('not CapData');
    expect(() => decode({ body: '#5' } as never)).toThrow('not CapData');
    expect(() => decode(hash('"xxxx"'), { bytesMax: 6 })).toThrow('Cannot read value: too long');
    expect(() => decode(hash('"$0"', ['ko4']))).toThrow('unknown reference');
  });
});
