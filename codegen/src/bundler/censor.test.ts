import { runInThisContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { evadeCensor } from './censor.js';
import { applyEdits } from './source-map.js';

/** As they stand in ses/src/transforms.js. */
const rejected = [
  new RegExp(`(?:${'<'}!--|--${'>'})`),
  new RegExp('(^|[^.]|\\.\\.\\.)\\bimport(\\s*(?:\\(|/[/*]))'),
  new RegExp('(^|[^.])\\beval(\\s*\\()'),
];

const noMap = { sources: [], names: [], mappings: '' };

const evade = (code: string) => {
  const { edits, refusals } = evadeCensor(code);
  return { code: applyEdits(code, noMap, edits).code, refusals: refusals.map((r) => r.offset) };
};

const passes = (code: string) => !rejected.some((pattern) => pattern.test(code));

/** Run outside of any compartment, to compare a program with itself. */
const run = (code: string): unknown =>
  runInThisContext(`(function () { 'use strict';\n${code}\n})()`);

/** mulberry32, so that a failure can be repeated. */
function makeRandom(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const pieces = ['import', 'eval', '(', '/*', '//', '<!--', '-->', '-', '!', '>', '<', ' ', '\n'];

const makeText = (random: (below: number) => number) =>
  Array.from({ length: 1 + random(7) }, () =>
    random(8) === 0 ? 'x.\\u'[random(3)] : pieces[random(pieces.length)],
  ).join('');

describe('evadeCensor', () => {
  it('makes any text pass wherever it stands, and the program means the same', () => {
    const random = makeRandom(20261122);
    let suspects = 0;
    for (let round = 0; round < 3000; round += 1) {
      const text = makeText(random);
      const inComment = text.replaceAll('*/', '* /');
      const inTemplate = text.replaceAll('\\', '\\\\');
      const inRegexp = text.replace(/[\\/(*+?{[\n.]/g, (each) =>
        each === '\n' ? '\\n' : `\\${each}`,
      );
      const program = [
        `/*${inComment}*/ const a = ${JSON.stringify(text)}; // ${text.replaceAll('\n', ' ')}`,
        `const b = \`${inTemplate}\${a}${inTemplate}\`;`,
        `const c = /^${inRegexp}$/s.test(a);`,
        `const d = { ${JSON.stringify(text)}: 1, import() { return 2; }, eval () { return 3; } };`,
        'return JSON.stringify([a, b, c, d, d.import(), d.eval()]);',
      ].join('\n');
      const { code, refusals } = evade(program);
      expect(refusals).toStrictEqual([]);
      expect(passes(code), `${program}\nbecame\n${code}`).toBe(true);
      expect(run(code)).toBe(run(program));
      if (!passes(text)) suspects += 1;
    }
    expect(suspects).toBeGreaterThan(1000);
  });

  it.each([
    ['x-->0', 'x-- >0'],
    ['class A { #import(x) { return this.#import (x); } }', undefined],
    ['class A { static async import(x) {} get eval() { return 1; } }', undefined],
    ['a. import(1); b\n.eval (2); c?.import(3)', undefined],
    ['new eval(1)', undefined],
    ['/[!-->]/.test(x)', '/[!--\\x3E]/.test(x)'],
    ['/(?<!--)x/.test(x)', '/(?<!-\\x2D)x/.test(x)'],
    ['[...eval(1)]', '[...eval(1)]'],
    ['x /* import("a") */ ;', 'x /* IMPORT("a") */ ;'],
    ['x //# sourceURL=other.js', 'x //  sourceURL=other.js'],
    ["'//# sourceURL=other.js'", "'//# sourceURL=other.js'"],
  ])('%s', (code, wanted) => {
    const result = evade(code);
    expect(result.refusals).toStrictEqual([]);
    expect(passes(result.code)).toBe(true);
    if (wanted !== undefined) expect(result.code).toBe(wanted);
  });

  it('leaves a program that is not suspect as it is, unread', () => {
    const code = 'this is no program at all, but x.import(1) and important (2)';
    expect(evade(code)).toStrictEqual({ code, refusals: [] });
  });

  it.each([
    ['a; import("b")', 3],
    ['a; import(/* c */ b)', 3],
    ['a; eval("b")', 3],
    ['a; eval /* c */ ("b")', undefined],
    ['a; f(eval("b"))', 5],
    ['a; __vatkit_import_meta__.url', 3],
    ['a; String.raw`import(b)`', 14],
  ])('refuses %s', (code, offset) => {
    expect(evade(code).refusals).toStrictEqual(offset === undefined ? [] : [offset]);
  });

  it('does not refuse the name of the mark in a string', () => {
    expect(evade('"__vatkit_import_meta__"').refusals).toStrictEqual([]);
  });
});
