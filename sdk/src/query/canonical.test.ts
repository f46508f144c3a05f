/** Keys of arguments: what is equal for a vat has one text, what is not has another, and nothing that is given is run. */
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { expose } from '../client/expose.js';
import { decode } from '../protocol/smallcaps.js';
import { canonicalText } from './canonical.js';

const tagged = (tag: string, payload: string): unknown =>
  decode({ body: `#{"#tag":"${tag}","payload":"${payload}"}`, slots: [] });
const elsewhere = (code: string): unknown => runInNewContext(`(${code})`);

/** Each line makes equal values anew, which no other line does. */
const values: [string, ...(() => unknown)[]][] = [
  ['undefined', () => undefined],
  ['null', () => null],
  ['0', () => 0, () => -0],
  ['NaN', () => NaN],
  ['5', () => 5],
  ['a bigint', () => 5n],
  ['text', () => '5'],
  ['other text', () => '5n'],
  ['a symbol', () => Symbol.for('a')],
  ['a well-known symbol', () => Symbol.iterator],
  ['a list', () => [1, [2]], () => elsewhere('[1, [2]]')],
  ['another list', () => [[1], 2]],
  ['an empty record', () => ({}), () => elsewhere('{}'), () => Object.create(null) as object],
  ['a record', () => ({ a: 1, b: 2 }), () => ({ b: 2, a: 1 }), () => elsewhere('{ b: 2, a: 1 }')],
  ['a record of undefined', () => ({ a: undefined })],
  ['bytes', () => new Uint8Array([1, 2]), () => elsewhere('new Uint8Array([1, 2])')],
  ['other bytes', () => new Uint8Array([12])],
  ['an error', () => new TypeError('no'), () => elsewhere('new TypeError("no")')],
  ['another error', () => new Error('no')],
  ['a tagged value', () => tagged('one', 'x')],
  ['a tagged value of another tag', () => tagged('two', 'x')],
  ['a tagged value with another payload', () => tagged('one', 'y')],
  // These are refused when they are called, each kind for its reason.
  ['a Map', () => new Map(), () => new Map([[1, 2]])],
  ['a Date', () => new Date(0), () => new Date(1)],
  ['a function', () => () => 1, () => () => 2],
];

test('what is equal has one text, made anew or of another realm, and no other has it', () => {
  const seen = new Map<string, string>();
  for (const [name, ...makes] of values) {
    const texts = new Set(
      makes.flatMap((make) => [make, make]).map((make) => canonicalText([make()])),
    );
    expect([...texts], name).toHaveLength(1);
    const [text = ''] = texts;
    expect(seen.get(text), name).toBeUndefined();
    seen.set(text, name);
  }
});

test('what passes by reference is known by itself', () => {
  const references = [
    Promise.resolve(1),
    Promise.resolve(1),
    expose(() => 1),
    expose({ a: () => 1 }),
  ];
  const texts = references.map((each) => canonicalText([each]));
  expect(new Set(texts).size).toBe(references.length);
  expect(references.map((each) => canonicalText([each]))).toStrictEqual(texts);
});

test('what has no end, or is an accessor, has a text all the same', () => {
  const makeCyclic = (): object => {
    const cyclic: { self?: unknown } = {};
    cyclic.self = [cyclic];
    return cyclic;
  };
  expect(canonicalText(makeCyclic())).toBe(canonicalText(makeCyclic()));
  let deep: unknown = [];
  for (let level = 0; level < 5_000; level += 1) deep = [deep];
  expect(canonicalText(deep)).toContain('<>');
  const trap = {
    get a(): never {
      throw new Error('it was run');
    },
  };
  expect(canonicalText(trap)).not.toBe(canonicalText({ a: undefined }));
});
