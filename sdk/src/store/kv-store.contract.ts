/** What every store must do, as tests: `describeKVStore('memory store', make)`. */
import * as vitest from 'vitest';
import { expect } from 'vitest';
import type { Change, KVStore } from './kv-store.js';

export type StoreUnderTest = {
  store: KVStore;
  /** Opens what a closed store left behind; missing where that is nothing. */
  reopen?: () => KVStore | Promise<KVStore>;
  /** From now on a commit of some size fails, as on a full disk, until the function that it gives is called. */
  breakCommits(): () => void;
};

/** Where it runs without a test framework around it. */
export type ContractKit = {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => unknown): void;
  afterEach(body: () => unknown): void;
};

/** Numbers from 0 to below 1, the same ones for the same seed (mulberry32). */
export function makeRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Characters whose order by UTF-16 unit, code point or collation differs, and those that LIKE gives a meaning. */
const awkward = [
  ...[
    '',
    'a',
    'B',
    'b',
    '%',
    '_',
    '*',
    '?',
    '[',
    '\\',
    "'",
    '"',
    '.',
    ' ',
    '\0',
    '\n',
    '\x7f',
    'é',
  ],
  ...['\u0301', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '😀', '\u{10ffff}'],
];

/** A key that is not text: UTF-8 has no form for half of a surrogate pair. */
const illFormed = ['\ud800', 'a\udfff', '\udc00\ud800', 'key.\ud83d'];

/** By the bytes of UTF-8. */
function byUtf8(a: string, b: string): number {
  const [left, right] = [utf8.encode(a), utf8.encode(b)];
  const at = left.findIndex((byte, index) => byte !== right[index]);
  return at < 0 ? left.length - right.length : (left[at] as number) - (right[at] ?? -1);
}

const utf8 = new TextEncoder();

export function describeKVStore(
  name: string,
  make: () => StoreUnderTest | Promise<StoreUnderTest>,
  { describe, it, afterEach }: ContractKit = vitest,
): void {
  describe(name, () => {
    const opened: KVStore[] = [];
    afterEach(() => {
      for (const store of opened.splice(0)) store.close();
    });
    const open = async (content: Iterable<Change> = []): Promise<StoreUnderTest> => {
      const made = await make();
      opened.push(made.store);
      made.store.commit(content);
      return made;
    };
    const all = (store: KVStore) => store.scan('');

    it('gives what was committed and nothing for other keys', async () => {
      const { store } = await open([['a', '1']]);
      expect(store.get('a')).toBe('1');
      expect(store.get('b')).toBeUndefined();
      expect(store.get('')).toBeUndefined();
    });

    it('replaces a value and deletes with null', async () => {
      const { store } = await open([
        ['a', '1'],
        ['b', '2'],
      ]);
      store.commit([
        ['a', 'one'],
        ['b', null],
        ['never there', null],
      ]);
      expect(all(store)).toEqual([['a', 'one']]);
    });

    it('lets the later of two changes to one key count', async () => {
      const { store } = await open();
      store.commit([
        ['a', '1'],
        ['a', '2'],
        ['b', '1'],
        ['b', null],
        ['c', null],
        ['c', '3'],
      ]);
      expect(all(store)).toEqual([
        ['a', '2'],
        ['c', '3'],
      ]);
    });

    it('tells an empty value from none, and holds an empty key', async () => {
      const { store } = await open([
        ['', 'of the empty key'],
        ['empty', ''],
      ]);
      expect(store.get('empty')).toBe('');
      expect(store.get('')).toBe('of the empty key');
      expect(all(store)).toEqual([
        ['', 'of the empty key'],
        ['empty', ''],
      ]);
    });

    it('gives back values and keys of any characters', async () => {
      const { store } = await open(awkward.map((text): Change => [`k${text}`, `v${text}v`]));
      for (const text of awkward) expect(store.get(`k${text}`)).toBe(`v${text}v`);
      expect(all(store)).toHaveLength(awkward.length);
    });

    it('keeps keys apart that differ in case, normal form or what follows U+0000', async () => {
      const keys = ['a', 'A', '\u00e9', 'e\u0301', 'a\0', 'a\0b', 'a\0c', '1', '1.0', '01'];
      const { store } = await open(keys.map((key): Change => [key, `=${key}`]));
      for (const key of keys) expect(store.get(key)).toBe(`=${key}`);
    });

    it('refuses lone surrogates everywhere, and then applies nothing', async () => {
      const { store } = await open([['a', '1']]);
      for (const text of illFormed) {
        expect(() => store.get(text)).toThrow(TypeError);
        expect(() => store.scan(text)).toThrow(TypeError);
        expect(() => store.keys('', { after: text })).toThrow(TypeError);
        const changes: Change[][] = [
          [
            ['a', '2'],
            [text, '3'],
          ],
          [
            ['a', '2'],
            ['b', text],
          ],
          [
            ['a', null],
            [text, null],
          ],
        ];
        for (const change of changes) expect(() => store.commit(change)).toThrow(TypeError);
      }
      expect(all(store)).toEqual([['a', '1']]);
    });

    it('scans by code point, with any prefix, after and limit', async () => {
      const random = makeRandom(1);
      const pick = (): string => awkward[Math.floor(random() * awkward.length)] as string;
      const word = (length: number): string => Array.from({ length }, pick).join('');
      const keys = [...new Set(Array.from({ length: 1000 }, () => word(random() * 5)))];
      const { store } = await open(keys.map((key): Change => [key, `=${key}`]));
      keys.sort(byUtf8);
      for (let i = 0; i < 600; i += 1) {
        const prefix = i < awkward.length ? (awkward[i] as string) : word(random() * 3);
        const after = random() < 0.5 ? undefined : random() < 0.5 ? prefix + pick() : word(3);
        const limit = random() < 0.5 ? undefined : Math.floor(random() * 20);
        const options = {
          ...(after === undefined ? {} : { after }),
          ...(limit === undefined ? {} : { limit }),
        };
        const expected = keys
          .filter((key) => key.startsWith(prefix))
          .filter((key) => after === undefined || byUtf8(key, after) > 0)
          .slice(0, limit);
        expect(store.keys(prefix, options)).toEqual(expected);
        expect(store.scan(prefix, options)).toEqual(expected.map((key) => [key, `=${key}`]));
      }
    });

    it('starts a scan at the prefix itself and ends it before the next prefix', async () => {
      const keys = ['a', 'a.', 'a.1', 'a.2', 'a/', 'a0', 'b'];
      const { store } = await open(keys.map((key): Change => [key, '']));
      expect(store.keys('a.')).toEqual(['a.', 'a.1', 'a.2']);
      expect(store.keys('a.', { after: 'a.' })).toEqual(['a.1', 'a.2']);
      expect(store.keys('a.', { after: 'a.1zz' })).toEqual(['a.2']);
      expect(store.keys('a.', { after: 'A' })).toEqual(['a.', 'a.1', 'a.2']);
      expect(store.keys('a.', { after: 'a/' })).toEqual([]);
      expect(store.keys('a.', { limit: 0 })).toEqual([]);
      expect(store.keys('nothing')).toEqual([]);
    });

    it('ends a scan where the last code point of the prefix has no successor, or a surrogate for one', async () => {
      const keys = [
        '\ud7ff',
        '\ud7ffx',
        '\ue000',
        '\uffff',
        '\u{10000}',
        '\u{10ffff}',
        'z\u{10ffff}',
      ];
      const { store } = await open(keys.map((key): Change => [key, '']));
      expect(store.keys('\ud7ff')).toEqual(['\ud7ff', '\ud7ffx']);
      expect(store.keys('\uffff')).toEqual(['\uffff']);
      expect(store.keys('\u{10ffff}')).toEqual(['\u{10ffff}']);
      expect(store.keys('z\u{10ffff}')).toEqual(['z\u{10ffff}']);
      expect(store.keys('z')).toEqual(['z\u{10ffff}']);
    });

    it('refuses a limit that is no count', async () => {
      const { store } = await open();
      for (const limit of [-1, 0.5, Number.NaN]) {
        expect(() => store.scan('', { limit })).toThrow(RangeError);
      }
      expect(store.scan('', { limit: Infinity })).toEqual([]);
    });

    it('pages through 100,000 rows', async () => {
      const count = 100_000;
      const key = (n: number): string => `row.${String(n).padStart(6, '0')}`;
      const { store } = await open(
        (function* () {
          yield ['row', 'before'] as const;
          // 7919 has no factor in common with the count: each row once, not in order.
          for (let i = 0; i < count; i += 1) yield [key((i * 7919) % count), `${i}`] as const;
          yield ['row/', 'behind'] as const;
        })(),
      );
      let seen = 0;
      let after: string | undefined;
      for (;;) {
        const page = store.scan('row.', {
          limit: 3000,
          ...(after === undefined ? {} : { after }),
        });
        if (page.length === 0) break;
        expect(page[0]?.[0]).toBe(key(seen));
        seen += page.length;
        after = page.at(-1)?.[0];
        expect(after).toBe(key(seen - 1));
      }
      expect(seen).toBe(count);
      expect(store.keys('row.')).toHaveLength(count);
    });

    it('keeps its order over many small commits', async () => {
      const random = makeRandom(2);
      const { store } = await open();
      const model = new Map<string, string>();
      for (let round = 0; round < 300; round += 1) {
        const changes = Array.from({ length: random() < 0.05 ? 200 : 5 }, (): Change => {
          const key = `k${Math.floor(random() * 400)}`;
          return [key, random() < 0.4 ? null : `${round}`];
        });
        store.commit(changes);
        for (const [key, value] of changes) {
          if (value === null) model.delete(key);
          else model.set(key, value);
        }
        if (round % 3 === 0) {
          expect(all(store)).toEqual([...model].sort(([a], [b]) => byUtf8(a, b)));
        }
      }
    });

    it('holds a value of 10 MB', async () => {
      const { store, reopen } = await open();
      const value = `${'0123456789'.repeat(1_000_000)}é😀`;
      store.commit([['big', value]]);
      expect(store.get('big') === value).toBe(true);
      expect(store.scan('b')[0]?.[1] === value).toBe(true);
      if (reopen === undefined) return;
      store.close();
      const again = await reopen();
      opened.push(again);
      expect(again.get('big') === value).toBe(true);
    });

    it('takes changes from any iterable, and none of one that throws', async () => {
      const { store } = await open([['a', '1']]);
      store.commit(new Map([['b', '2']]));
      expect(() =>
        store.commit(
          (function* () {
            yield ['a', 'changed'] as const;
            yield ['b', null] as const;
            throw new Error('of the iterable');
          })(),
        ),
      ).toThrow('of the iterable');
      expect(all(store)).toEqual([
        ['a', '1'],
        ['b', '2'],
      ]);
      store.commit([['c', '3']]);
      expect(store.get('c')).toBe('3');
    });

    it('applies nothing of a commit that fails, and goes on', async () => {
      const { store, breakCommits, reopen } = await open([
        ['a', '1'],
        ['b', '2'],
      ]);
      const repair = breakCommits();
      const changes: Change[] = [
        ['a', 'changed'],
        ['b', null],
        ['c', 'x'.repeat(4_000_000)],
        ['d', '4'],
      ];
      expect(() => store.commit(changes)).toThrow(
        expect.objectContaining({ code: 'STORE_FAILED', indeterminate: true }),
      );
      const before = [
        ['a', '1'],
        ['b', '2'],
      ];
      expect(all(store)).toEqual(before);
      expect(store.get('c')).toBeUndefined();
      repair();
      expect(all(store)).toEqual(before);
      store.commit(changes);
      expect(store.keys('')).toEqual(['a', 'c', 'd']);
      store.commit([['c', 'small']], { sync: true });
      const after = [
        ['a', 'changed'],
        ['c', 'small'],
        ['d', '4'],
      ];
      expect(all(store)).toEqual(after);
      if (reopen === undefined) return;
      store.close();
      const again = await reopen();
      opened.push(again);
      expect(all(again)).toEqual(after);
    });

    it('takes an empty commit, synced or not', async () => {
      const { store } = await open([['a', '1']]);
      store.commit([]);
      store.commit([], { sync: true });
      store.commit([['b', '2']], { sync: true });
      store.commit([], { sync: true });
      expect(store.keys('')).toEqual(['a', 'b']);
    });

    it('is closed once and refuses everything then', async () => {
      const { store } = await open([['a', '1']]);
      store.close();
      store.close();
      const closed = expect.objectContaining({
        code: 'STORE_FAILED',
        message: expect.stringContaining('it is closed') as unknown,
      }) as unknown;
      expect(() => store.get('a')).toThrow(closed);
      expect(() => store.scan('')).toThrow(closed);
      expect(() => store.keys('')).toThrow(closed);
      expect(() => store.commit([['a', '2']])).toThrow(closed);
      expect(() => store.commit([])).toThrow(closed);
    });

    it('keeps what was committed when it is opened again', async () => {
      const { store, reopen } = await open([['a', '1']]);
      if (reopen === undefined) return;
      let current = store;
      for (let i = 0; i < 3; i += 1) {
        current.commit([[`b${i}`, `${i}`]], { sync: i === 1 });
        current.close();
        current = await reopen();
        opened.push(current);
      }
      expect(all(current)).toEqual([
        ['a', '1'],
        ['b0', '0'],
        ['b1', '1'],
        ['b2', '2'],
      ]);
    });
  });
}
