import { describe, expect, it } from 'vitest';
import { limits } from '../limits.js';
import { IllegalSyscall } from './clists.js';
import { crankBounds, insistCrankResult, readThrown } from './crank-shape.js';

const crank = (fields: object): object => ({ prior: [], own: [], writes: [], ...fields });
const data = (fields: object = {}): object => ({ body: '#7', slots: [], ...fields });
const own = (syscall: unknown): object => crank({ own: [syscall] });
const send = (fields: object): object =>
  own({ type: 'send', target: 'o-1', methargs: data(), ...fields });
const resolve = (fields: object): object =>
  own({
    type: 'resolve',
    resolutions: [{ vpid: 'p-1', rejected: false, value: data(), ...fields }],
  });
const write = (fields: object): object => crank({ writes: [{ key: 'k', value: 'v', ...fields }] });

/** As a worker's message would arrive. */
const problemOf = (value: unknown): string | undefined => {
  try {
    insistCrankResult(structuredClone(value));
    return undefined;
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(IllegalSyscall);
    return (thrown as Error).message;
  }
};

const holes = (length: number): unknown[] => Array.from({ length: 0 }).concat(new Array(length));
const cyclic: unknown[] = [];
cyclic.push(cyclic);

describe('crank shape', () => {
  it('accepts all that a sound vat says', () => {
    const vrefs = ['o-1', 'o+5', 'p-2', 'p+3', 'o+0', 'o+d1/7', 'o+d1/7:2'];
    const calls = [
      { type: 'send', target: 'o-1', methargs: data({ slots: vrefs }) },
      { type: 'send', target: 'p-1', methargs: data(), result: 'p+1' },
      { type: 'subscribe', vpid: 'p+1' },
      { type: 'resolve', resolutions: [] },
      {
        type: 'resolve',
        resolutions: [{ vpid: 'p-1', rejected: true, value: data(), stack: 'at' }],
      },
      { type: 'drop-imports', vrefs },
      { type: 'retire-imports', vrefs },
      { type: 'retire-exports', vrefs },
      { type: 'abandon-exports', vrefs: [] },
      { type: 'exit', failure: true, completion: data() },
    ];
    const writes = [
      { key: 'b.s\u{1f600}', value: '#1' },
      { key: '', value: null },
      { key: 'k', value: '\ud800', slots: vrefs },
    ];
    expect(problemOf({ prior: calls, own: calls, writes })).toBeUndefined();
    expect(problemOf(crank({ kept: vrefs, start: { hasBootstrap: false } }))).toBeUndefined();
    expect(problemOf(crank({ kept: undefined, start: undefined, future: 1 }))).toBeUndefined();
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, ' is missing: a record'],
    ['null', null, ' is null, not a record'],
    ['a number', 7, ' is of type number, not a record'],
    ['an array', [], ' is an array, not a record'],
    ['a map', new Map([['own', []]]), '.prior is missing: an array'],
    ['missing lists', {}, '.prior is missing: an array'],
    ['a missing list', crank({ writes: undefined }), '.writes is missing: an array'],
    ['a list that is null', crank({ own: null }), '.own is null, not an array'],
    ['a list that is none', crank({ own: { length: 1 } }), '.own is of type object, not an array'],
    ['a typed array', crank({ own: new Uint8Array(2) }), '.own is of type object, not an array'],
    ['a hole', crank({ prior: holes(1) }), '.prior[0] is missing: a record'],
    [
      'endless holes',
      crank({ own: holes(2 ** 32 - 1) }),
      '.own makes more than 500000 parts of one crank',
    ],
    ['a cycle', own(cyclic), '.own[0] is an array, not a record'],
    ['a call that is none', own('send'), '.own[0] is "send", not a record'],
    ['a call without a type', own({}), ".own[0].type is missing: a system call's"],
    [
      'a call that there is not',
      own({ type: '__proto__' }),
      '.own[0].type is "__proto__", not a system call\'s',
    ],
    [
      'a type that is an object',
      own({ type: { valueOf: 1 } }),
      ".own[0].type is of type object, not a system call's",
    ],
    ['a target that is none', send({ target: 'ko4' }), '.own[0].target is "ko4", not a vref'],
    [
      'a target with leading zeros',
      send({ target: 'o-01' }),
      '.own[0].target is "o-01", not a vref',
    ],
    [
      'a target with a lone surrogate',
      send({ target: 'o-1\ud800' }),
      '.own[0].target is "o-1\ud800", not a vref',
    ],
    [
      'a target of megabytes',
      send({ target: `o-${'1'.repeat(1e6)}` }),
      '.own[0].target is "o-111111111111111111", not a vref',
    ],
    [
      'a target that is an array',
      send({ target: ['o-1'] }),
      '.own[0].target is an array, not a vref',
    ],
    ['a result that is null', send({ result: null }), '.own[0].result is null, not a vref'],
    [
      'arguments that are missing',
      send({ methargs: undefined }),
      '.own[0].methargs is missing: a record',
    ],
    [
      'a body that is none',
      send({ methargs: data({ body: 7n }) }),
      '.own[0].methargs.body is of type bigint, not a string',
    ],
    [
      'slots that are none',
      send({ methargs: data({ slots: {} }) }),
      '.own[0].methargs.slots is of type object, not an array',
    ],
    [
      'a slot that is none',
      send({ methargs: data({ slots: ['o-1', 2] }) }),
      '.own[0].methargs.slots[1] is of type number, not a vref',
    ],
    ['a subscription to nothing', own({ type: 'subscribe' }), '.own[0].vpid is missing: a vref'],
    ['no resolutions', own({ type: 'resolve' }), '.own[0].resolutions is missing: an array'],
    [
      'a resolution of nothing',
      resolve({ vpid: '' }),
      '.own[0].resolutions[0].vpid is "", not a vref',
    ],
    [
      'a resolution that is undecided',
      resolve({ rejected: 1 }),
      '.own[0].resolutions[0].rejected is of type number, not a boolean',
    ],
    [
      'a resolution without a value',
      resolve({ value: 'x' }),
      '.own[0].resolutions[0].value is "x", not a record',
    ],
    [
      'a stack that is none',
      resolve({ stack: null }),
      '.own[0].resolutions[0].stack is null, not a string',
    ],
    ['a drop of nothing', own({ type: 'drop-imports' }), '.own[0].vrefs is missing: an array'],
    [
      'an exit of neither kind',
      own({ type: 'exit', completion: data() }),
      '.own[0].failure is missing: a boolean',
    ],
    [
      'an exit without a value',
      own({ type: 'exit', failure: false }),
      '.own[0].completion is missing: a record',
    ],
    ['a write of nothing', crank({ writes: [null] }), '.writes[0] is null, not a record'],
    ['a key that is none', write({ key: 7 }), '.writes[0].key is of type number, not a string'],
    ['a key that no store holds', write({ key: 'a\udc00' }), '.writes[0].key has a lone surrogate'],
    ['a value that is none', write({ value: undefined }), '.writes[0].value is missing: a string'],
    [
      'slots of state that are none',
      write({ slots: 'o-1' }),
      '.writes[0].slots is "o-1", not an array',
    ],
    ['kept that is none', crank({ kept: 'o+1' }), '.kept is "o+1", not an array'],
    ['kept that is no reference', crank({ kept: [null] }), '.kept[0] is null, not a vref'],
    ['a start that is none', crank({ start: null }), '.start is null, not a record'],
    [
      'a start that does not know',
      crank({ start: {} }),
      '.start.hasBootstrap is missing: a boolean',
    ],
  ])('names %s', (_name, value, problem) => {
    expect(problemOf(value)).toBe(`malformed crank: result${problem}`);
  });

  it('bounds the parts of one crank together', () => {
    const slots = Array<string>(crankBounds.itemsMax / 2).fill('o-1');
    expect(problemOf(crank({ kept: slots, prior: [] }))).toBeUndefined();
    const call = { type: 'drop-imports', vrefs: slots };
    expect(problemOf(crank({ own: [call, call] }))).toBe(
      'malformed crank: result.own[1].vrefs makes more than 500000 parts of one crank',
    );
  });

  it('bounds each text and all of them together', () => {
    const text = 'x'.repeat(limits.messageBytesMax);
    expect(problemOf(send({ methargs: data({ body: text }) }))).toBeUndefined();
    expect(problemOf(send({ methargs: data({ body: `${text}x` }) }))).toBe(
      'malformed crank: result.own[0].methargs.body has 16777217 characters, more than 16777216',
    );
    expect(problemOf(write({ value: `${text}${text}x` }))).toMatch(/value has 33554433 characters/);
    // Shared, as in one realm only: a clone would need the memory.
    const many = Array(17).fill({ key: 'k', value: text });
    expect(() => insistCrankResult(crank({ writes: many }))).toThrow(
      /makes more than 268435456 characters/,
    );
  });

  it('is not misled by properties of its own that an array bears', () => {
    const slots = Object.assign(['o-1'], { map: 7, forEach: 7, length2: 7 });
    expect(problemOf(send({ methargs: data({ slots }) }))).toBeUndefined();
  });

  it('reads what a broken worker threw as far as it can be read', () => {
    expect(readThrown({ name: 'TypeError', message: 'no', stack: 'at' })).toEqual({
      name: 'TypeError',
      message: 'no',
      stack: 'at',
    });
    const unknown = { name: 'Error', message: 'the vat failed and did not say why' };
    for (const value of [undefined, null, 7, 'text', [], { message: {}, name: 1, stack: [] }]) {
      expect(readThrown(value)).toEqual(unknown);
    }
    const { message } = readThrown({ message: 'x'.repeat(1e6) });
    expect(message).toHaveLength(crankBounds.errorCharsMax);
  });
});
