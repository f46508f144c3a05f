import { kser, kslot } from '@vatkit/sdk/kernel';
import { describe, expect, it } from 'vitest';
import { prettify } from './prettify.js';

describe('prettify', () => {
  it.each([
    ['text', 'plain', 'plain'],
    ['text that is special on the wire', '$0', '$0'],
    ['a number', 42, 42],
    ['null', null, null],
    ['a boolean', true, true],
    ['undefined', undefined, '[undefined]'],
    ['a bigint', 5n, '5n'],
    ['a negative bigint', -7n, '-7n'],
    ['no number', NaN, '[NaN]'],
    ['a number without end', -Infinity, '[-Infinity]'],
    ['a symbol', Symbol.for('foo'), '[Symbol: foo]'],
    ['a symbol of the language', Symbol.iterator, '[Symbol: @@iterator]'],
    ['an error', new Error('m'), '[Error: m]'],
    ['an error of a kind', new TypeError('boom'), '[TypeError: boom]'],
    ['bytes', new Uint8Array([1, 2, 3]), '[bytes: AQID]'],
    ['an object', kslot('ko5', 'purse'), '<ko5> (Alleged: purse)'],
    ['an object without an interface', kslot('ko5'), '<ko5>'],
    ['a promise', kslot('kp40'), '<kp40>'],
    ['a list', [1n, [undefined]], ['1n', ['[undefined]']]],
    ['a record', { a: kslot('ko1'), '#b': 1n }, { a: '<ko1>', '#b': '1n' }],
  ])('shows %s', (_what, value, shown) => {
    expect(prettify(kser(value))).toStrictEqual(shown);
  });

  it('shows an object by its interface at each place', () => {
    const body = '#["$0.Alleged: purse","$0"]';
    const shown = '<ko5> (Alleged: purse)';
    expect(prettify({ body, slots: ['ko5'] })).toStrictEqual([shown, shown]);
  });

  it('shows a tagged value by its tag', () => {
    const body = '#{"#tag":"match:any","payload":"#undefined"}';
    expect(prettify({ body, slots: [] })).toStrictEqual({ '[Tagged: match:any]': '[undefined]' });
  });

  it('keeps a key that is special in the language', () => {
    const shown = prettify({ body: '#{"__proto__":"+1"}', slots: [] });
    expect(JSON.stringify(shown)).toBe('{"__proto__":"1n"}');
  });

  it('refuses what is no CapData', () => {
    expect(() => prettify({ body: '"hello"', slots: [] })).toThrow('does not begin with #');
    expect(() => prettify(null as never)).toThrow('kunser takes CapData');
  });
});
