import { describe, expect, it } from 'vitest';
import type { Json } from './change-set.js';
import { makeRowCache } from './row-cache.js';

function setup(rows: Record<string, string>, rowsMax = 8, charsMax = 1000) {
  const reads: string[] = [];
  const store = {
    get(key: string) {
      reads.push(key);
      return rows[key];
    },
  };
  const cache = makeRowCache(store, rowsMax, charsMax, (text) => JSON.parse(text) as Json);
  return { cache, reads };
}

describe('row cache', () => {
  it('reads a row once, and once that there is none', () => {
    const { cache, reads } = setup({ a: '{"n":1}' });
    expect(cache.knows('a')).toBeUndefined();
    expect(cache.get('a')).toEqual({ n: 1 });
    expect(cache.get('a')).toBe(cache.get('a'));
    expect(cache.get('none')).toBeUndefined();
    expect(cache.get('none')).toBeUndefined();
    expect(reads).toEqual(['a', 'none']);
    expect(cache.knows('a')).toBe(true);
    expect(cache.knows('none')).toBe(false);
  });

  it('gives what was put over what was read', () => {
    const { cache, reads } = setup({ a: '1' });
    cache.get('a');
    cache.put('a', 2, 1);
    expect(cache.get('a')).toBe(2);
    cache.put('a', undefined, 0);
    expect(cache.get('a')).toBeUndefined();
    expect(cache.knows('a')).toBe(false);
    expect(reads).toEqual(['a']);
  });

  it('forgets what was not used for long and keeps what was', () => {
    const { cache, reads } = setup({});
    cache.put('hot', 1, 1);
    cache.put('cold', 2, 1);
    for (let i = 0; i < 20; i += 1) {
      cache.put(`k${i}`, i, 1);
      expect(cache.get('hot')).toBe(1);
    }
    expect(reads).toEqual([]);
    expect(cache.knows('cold')).toBeUndefined();
    const known = Array.from({ length: 20 }, (_, i) => cache.knows(`k${i}`)).filter(Boolean);
    expect(known.length).toBeLessThan(8);
  });

  it('is bounded by the length of its rows too', () => {
    const { cache } = setup({}, 1000, 1000);
    for (let i = 0; i < 20; i += 1) cache.put(`k${i}`, 'x', 200);
    const known = Array.from({ length: 20 }, (_, i) => cache.knows(`k${i}`)).filter(Boolean);
    expect(known.length).toBeGreaterThan(1);
    expect(known.length).toBeLessThan(6);
  });

  it('knows nothing once it is cleared', () => {
    const { cache, reads } = setup({ a: '1' });
    cache.get('a');
    cache.clear();
    expect(cache.knows('a')).toBeUndefined();
    expect(cache.get('a')).toBe(1);
    expect(reads).toEqual(['a', 'a']);
  });
});
