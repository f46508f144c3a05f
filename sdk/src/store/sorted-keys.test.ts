import { describe, expect, it } from 'vitest';
import { compareKeys, makeSortedKeys } from './sorted-keys.js';

describe('compareKeys', () => {
  it('orders as UTF-8 does', () => {
    const characters = [
      '\0',
      'a',
      'é',
      '\ud7ff',
      '\ue000',
      '\uffff',
      '\u{10000}',
      '😀',
      '\u{10ffff}',
    ];
    const words = ['', ...characters.flatMap((a) => [a, ...characters.map((b) => a + b)])];
    for (const a of words) {
      for (const b of words) {
        const bytes = Buffer.compare(Buffer.from(a), Buffer.from(b));
        expect(Math.sign(compareKeys(a, b))).toBe(bytes);
      }
    }
  });
});

describe('sorted keys', () => {
  it.each([3, 300])('follow %i keys that come and go between two questions', (count) => {
    const there = new Set(['b', 'k100', 'z']);
    const keys = makeSortedKeys(there, (key) => there.has(key));
    const toggle = (key: string): void => {
      if (!there.delete(key)) there.add(key);
      keys.touch(key);
    };
    const check = (): void => {
      expect(keys.range('', undefined, Infinity)).toEqual([...there].sort());
    };
    for (let i = 0; i < count; i += 1) toggle(`k${i}`);
    check();
    for (let i = 0; i < count; i += 2) toggle(`k${i}`);
    check();
    for (let i = 0; i < count; i += 1) toggle(`k${i}`);
    for (let i = 0; i < count; i += 1) toggle(`k${i}`);
    check();
  });
});
