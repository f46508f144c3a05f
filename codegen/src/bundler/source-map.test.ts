import { encode } from '@jridgewell/sourcemap-codec';
import { expect, it } from 'vitest';
import { applyEdits, makeLocator } from './source-map.js';

/** A map by which each character comes from its own place in `a.js`. */
const identity = (code: string) => ({
  sources: ['a.js'],
  names: [],
  mappings: encode(
    code
      .split('\n')
      .map((text, line) => Array.from(text, (_, column) => [column, 0, line, column])),
  ),
});

it('a map still leads every character that an edit leaves to its place', () => {
  const code = 'first line\nsecond [a] and [b] here\n\nlast [c]';
  const edits = [
    { offset: code.indexOf('[a]'), length: 3, text: 'long text' },
    { offset: code.indexOf('[b]'), length: 3, text: '' },
    { offset: code.indexOf('here'), length: 0, text: ' ' },
    { offset: code.indexOf('[c]'), length: 1, text: '((' },
  ];
  const result = applyEdits(code, identity(code), edits);
  expect(result.code).toBe('first line\nsecond long text and   here\n\nlast ((c]');
  const locate = makeLocator(result.code, result.map);
  const before = makeLocator(code, identity(code));
  for (const word of ['first', 'line', 'second', 'and', 'here', 'last', 'c]']) {
    expect(locate(result.code.indexOf(word))).toStrictEqual(before(code.indexOf(word)));
  }
});

it('without edits nothing changes', () => {
  const map = identity('abc');
  expect(applyEdits('abc', map, [])).toStrictEqual({ code: 'abc', map });
});

it('a place that the map does not know has no source', () => {
  expect(makeLocator('abc', { sources: [], names: [], mappings: '' })(1)).toBeUndefined();
});
