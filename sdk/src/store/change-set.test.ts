import { describe, expect, it } from 'vitest';
import { type ChangeSetOptions, type Json, makeChangeSet, type Savepoint } from './change-set.js';
import type { Change, CommitOptions, KVStore } from './kv-store.js';
import { makeRandom } from './kv-store.contract.js';
import { makeMemoryStore, type MemoryStore } from './memory-store.js';
import { makeSQLKernelDatabase } from './sqlite-node.js';

/** A change set over a memory store that records what reaches it. */
function setup(content: Record<string, Json> = {}, options: ChangeSetOptions = { strict: true }) {
  const memory = makeMemoryStore(
    Object.entries(content).map(([key, value]) => [key, JSON.stringify(value)] as const),
  );
  const calls: string[] = [];
  const commits: { changes: Change[]; options: CommitOptions }[] = [];
  const store: KVStore = {
    ...memory,
    get(key) {
      calls.push(`get ${key}`);
      return memory.get(key);
    },
    commit(changes, commitOptions = {}) {
      commits.push({ changes: [...changes], options: commitOptions });
      memory.commit(changes, commitOptions);
    },
  };
  return { changes: makeChangeSet(store, options), memory, calls, commits };
}

const parsed = (store: MemoryStore): Record<string, unknown> =>
  Object.fromEntries([...store.snapshot()].map(([key, text]) => [key, JSON.parse(text)]));

describe('change set', () => {
  it('reads through to the store, once for each key', () => {
    const { changes, calls } = setup({ a: { n: 1 } });
    expect(changes.get('a')).toEqual({ n: 1 });
    expect(changes.get('a')).toBe(changes.get('a'));
    expect(changes.get('none')).toBeUndefined();
    expect(changes.get('none')).toBeUndefined();
    expect(calls).toEqual(['get a', 'get none']);
  });

  it('shows its own changes at once and the store only when they are committed', () => {
    const { changes, memory } = setup({ a: 1, b: 2 });
    changes.set('a', 'new');
    changes.delete('b');
    changes.insert('c', null);
    expect(['a', 'b', 'c'].map((key) => changes.get(key))).toEqual(['new', undefined, null]);
    expect(changes.size).toBe(3);
    expect(parsed(memory)).toEqual({ a: 1, b: 2 });
    changes.commit();
    expect(changes.size).toBe(0);
    expect(changes.chars).toBe(0);
    expect(parsed(memory)).toEqual({ a: 'new', c: null });
    expect(['a', 'b', 'c'].map((key) => changes.get(key))).toEqual(['new', undefined, null]);
  });

  it('remembers what it committed, rows and absences, without reading it again', () => {
    const { changes, calls } = setup({ b: 2 });
    changes.set('a', { n: 1 });
    changes.delete('b');
    changes.commit();
    expect(changes.get('a')).toEqual({ n: 1 });
    expect(changes.get('b')).toBeUndefined();
    expect(calls).toEqual([]);
  });

  it('leaves a property that is undefined out of the row', () => {
    const { changes, memory } = setup();
    changes.set('a', { x: undefined, y: 1 });
    changes.commit();
    changes.reset();
    expect(memory.get('a')).toBe('{"y":1}');
    expect(changes.get('a')).toEqual({ y: 1 });
  });

  it('commits once for each call, and not at all with nothing pending', () => {
    const { changes, commits } = setup();
    changes.commit();
    expect(commits).toEqual([]);
    changes.set('a', 1);
    changes.set('a', 2);
    changes.commit();
    changes.commit();
    expect(commits).toEqual([{ changes: [['a', '2']], options: {} }]);
  });

  it('hands on the wish for a sync, with nothing pending too', () => {
    const { changes, commits } = setup();
    changes.set('a', 1);
    changes.commit({ sync: true });
    changes.commit({ sync: true });
    expect(commits).toEqual([
      { changes: [['a', '1']], options: { sync: true } },
      { changes: [], options: { sync: true } },
    ]);
  });

  it('never writes a row that came and went, nor looks for one that was inserted', () => {
    const { changes, commits, calls } = setup({}, {});
    changes.insert('a', 1);
    changes.set('a', 2);
    changes.delete('a');
    expect(changes.size).toBe(0);
    changes.set('b', 1);
    changes.delete('b');
    expect(changes.get('c')).toBeUndefined();
    calls.length = 0;
    changes.set('c', 1);
    changes.delete('c');
    expect(changes.size).toBe(1);
    changes.commit();
    expect(commits).toEqual([]);
    expect(calls).toEqual(['get b']);
  });

  it('deletes a stored row that was set, inserted again and deleted', () => {
    const { changes, memory } = setup({ a: 1, b: 1, c: 1 });
    changes.delete('a');
    changes.insert('a', 2);
    changes.delete('a');
    changes.set('b', 2);
    changes.delete('b');
    changes.delete('c');
    changes.insert('c', 2);
    changes.commit();
    expect(parsed(memory)).toEqual({ c: 2 });
  });

  it('does nothing to delete what it knows to be absent', () => {
    const { changes, commits } = setup({ a: 1 });
    changes.get('none');
    changes.delete('none');
    changes.delete('a');
    changes.delete('a');
    expect(changes.size).toBe(1);
    changes.commit();
    changes.delete('a');
    changes.commit();
    expect(commits).toHaveLength(1);
    expect(commits[0]?.changes).toEqual([['a', null]]);
  });

  it('lists keys in the order of the store with what is pending', () => {
    const { changes } = setup({ 'k.a': 1, 'k.c': 1, 'k.e': 1, 'k.\uffff': 1, other: 1 });
    changes.insert('k.b', 1);
    changes.insert('k.\u{10000}', 1);
    changes.set('k.c', 2);
    changes.delete('k.a');
    changes.insert('k.gone', 1);
    changes.delete('k.gone');
    const keys = ['k.b', 'k.c', 'k.e', 'k.\uffff', 'k.\u{10000}'];
    expect(changes.keys('k.')).toEqual(keys);
    expect(changes.keys('k.', { limit: 1 })).toEqual(['k.b']);
    expect(changes.keys('k.', { after: 'k.b', limit: 2 })).toEqual(['k.c', 'k.e']);
    expect(changes.keys('k.', { after: 'k.\uffff' })).toEqual(['k.\u{10000}']);
    changes.commit();
    expect(changes.keys('k.')).toEqual(keys);
  });

  it('fills the limit of a list whose first stored keys are deleted', () => {
    const { changes } = setup(Object.fromEntries('abcdefgh'.split('').map((key) => [key, 1])));
    for (const key of 'abcd') changes.delete(key);
    expect(changes.keys('', { limit: 3 })).toEqual(['e', 'f', 'g']);
  });

  it('undoes what came after a savepoint, and only that', () => {
    const { changes } = setup({ stored: 1, both: 1 });
    changes.set('before', 1);
    changes.set('both', 2);
    const savepoint = changes.savepoint();
    changes.set('before', 2);
    changes.delete('stored');
    changes.insert('after', 1);
    changes.delete('both');
    changes.delete('before');
    changes.rollback(savepoint);
    expect(changes.keys('')).toEqual(['before', 'both', 'stored']);
    expect(['before', 'both', 'stored'].map((key) => changes.get(key))).toEqual([1, 2, 1]);
    expect(changes.size).toBe(2);
  });

  it('brings back a row that was inserted before the savepoint and deleted after it', () => {
    const { changes, memory } = setup();
    changes.insert('a', 1);
    const savepoint = changes.savepoint();
    changes.delete('a');
    changes.rollback(savepoint);
    expect(changes.keys('')).toEqual(['a']);
    changes.commit();
    expect(parsed(memory)).toEqual({ a: 1 });
  });

  it('nests savepoints', () => {
    const { changes } = setup();
    changes.set('a', 0);
    const outer = changes.savepoint();
    changes.set('a', 1);
    const inner = changes.savepoint();
    changes.set('a', 2);
    changes.rollback(inner);
    expect(changes.get('a')).toBe(1);
    const kept = changes.savepoint();
    changes.set('a', 3);
    changes.release(kept);
    expect(changes.get('a')).toBe(3);
    changes.rollback(outer);
    expect(changes.get('a')).toBe(0);
    changes.commit();
  });

  it('ends a savepoint once, with those inside it, and commits only when none is open', () => {
    const { changes } = setup();
    const outer = changes.savepoint();
    const inner = changes.savepoint();
    expect(() => changes.commit()).toThrow('Broken kernel invariant');
    changes.release(outer);
    expect(() => changes.rollback(inner)).toThrow('Broken kernel invariant');
    expect(() => changes.release(outer)).toThrow('Broken kernel invariant');
    changes.commit();
  });

  it('keeps its rows when a commit fails, and can commit them later', () => {
    const { changes, memory } = setup({ a: 1, b: 1 });
    changes.set('a', 2);
    changes.delete('b');
    changes.insert('c', 3);
    memory.failNextCommit();
    expect(() => changes.commit()).toThrow('[KERNEL:STORE_FAILED]');
    expect(parsed(memory)).toEqual({ a: 1, b: 1 });
    expect(changes.size).toBe(3);
    expect(['a', 'b', 'c'].map((key) => changes.get(key))).toEqual([2, undefined, 3]);
    changes.commit();
    expect(parsed(memory)).toEqual({ a: 2, c: 3 });
  });

  it('trusts nothing that it remembers after a failed commit that was applied', () => {
    const { changes, memory } = setup({ b: 1 });
    changes.insert('a', 1);
    changes.delete('b');
    memory.failNextCommit({ applied: true });
    expect(() => changes.commit()).toThrow('[KERNEL:STORE_FAILED]');
    changes.delete('a');
    changes.insert('b', 2);
    changes.commit();
    expect(parsed(memory)).toEqual({ b: 2 });
  });

  it('goes back to the store when it is reset', () => {
    const { changes, memory } = setup({ a: 1 });
    changes.get('a');
    changes.savepoint();
    changes.set('a', 2);
    memory.commit([['a', '3']]);
    changes.reset();
    expect(changes.size).toBe(0);
    expect(changes.chars).toBe(0);
    expect(changes.get('a')).toBe(3);
    changes.commit();
  });

  it('refuses a key that the store would refuse, when it is set', () => {
    const { changes } = setup();
    changes.set('a', 1);
    expect(() => changes.set('\ud800', 1)).toThrow(TypeError);
    expect(() => changes.insert('\ud800', 1)).toThrow(TypeError);
    expect(() => changes.delete('\ud800')).toThrow(TypeError);
    expect(() => changes.get('\ud800')).toThrow(TypeError);
    changes.commit();
  });

  it('stores any string as a value', () => {
    const { changes } = setup();
    const value = 'lone \ud800, NUL \0, line\u2028';
    changes.set('a', value);
    changes.commit();
    changes.reset();
    expect(changes.get('a')).toBe(value);
  });

  it('counts the characters that wait', () => {
    const { changes } = setup();
    const row = { body: '#["hello"]', slots: ['ko4', 'kp40'], n: 7, none: null };
    changes.set('key', row);
    const exact = 'key'.length + JSON.stringify(row).length;
    expect(changes.chars).toBeGreaterThan(exact * 0.8);
    expect(changes.chars).toBeLessThan(exact * 1.3);
    const once = changes.chars;
    const savepoint = changes.savepoint();
    changes.set('key', 'x'.repeat(1000));
    expect(changes.chars).toBeGreaterThan(1000);
    changes.rollback(savepoint);
    expect(changes.chars).toBe(once);
  });
});

describe('strict change set', () => {
  it('freezes what goes in and what comes out', () => {
    const { changes } = setup({ stored: { list: [1] } });
    const row = { list: [{ n: 1 }] };
    changes.set('a', row);
    expect(() => row.list.push({ n: 2 })).toThrow(TypeError);
    expect(() => ((row.list[0] as { n: number }).n = 2)).toThrow(TypeError);
    const stored = changes.get('stored') as { list: number[] };
    expect(() => stored.list.push(2)).toThrow(TypeError);
  });

  it.each([
    ['NaN', Number.NaN],
    ['negative zero', -0],
    ['undefined in an array', [undefined]],
    ['a hole', new Array(1)],
    ['a Date', new Date(0)],
    ['a Map', { map: new Map() }],
    ['a bigint', 1n],
    ['a function', { f: () => 1 }],
    ['a symbol', Symbol('x')],
  ])('refuses %s', (_what, value) => {
    expect(() => setup().changes.set('a', value as Json)).toThrow(
      'Broken kernel invariant: JSON has',
    );
  });

  it('refuses to insert a row that exists', () => {
    const { changes } = setup({ a: 1 });
    changes.set('b', 1);
    expect(() => changes.insert('a', 2)).toThrow('Broken kernel invariant');
    expect(() => changes.insert('b', 2)).toThrow('Broken kernel invariant');
  });
});

/**
 * Random operations against a model that copies a plain Map at every savepoint and commit.
 * `fail` makes the next commit fail, after it was applied where that is `applied`.
 */
function exercise(
  seed: number,
  steps: number,
  {
    store,
    content,
    fail,
  }: {
    store: KVStore;
    content: () => Map<string, string>;
    fail?: (applied: boolean) => void;
  },
): void {
  const random = makeRandom(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const key = (): string => `${['a', 'b', 'b.', '😀', '\uffff'][below(5)] as string}${below(12)}`;
  let serial = 0;
  const value = (): Json => {
    serial += 1;
    return [serial, `s${serial}`, { n: serial, list: [serial] }, null, [], ''][below(6)] as Json;
  };
  const changes = makeChangeSet(store, { strict: true, cacheRowsMax: below(2) * 8 + 2 });
  let committed = new Map<string, string>();
  let current = new Map<string, string>();
  const savepoints: { savepoint: Savepoint; was: Map<string, string> }[] = [];
  const expectKeys = (prefix: string, after?: string, limit?: number): void => {
    const expected = [...current.keys()]
      .filter((candidate) => candidate.startsWith(prefix))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .filter((k) => after === undefined || Buffer.compare(Buffer.from(k), Buffer.from(after)) > 0)
      .slice(0, limit);
    const options = {
      ...(after === undefined ? {} : { after }),
      ...(limit === undefined ? {} : { limit }),
    };
    expect(changes.keys(prefix, options)).toEqual(expected);
  };
  const expectRow = (k: string): void => {
    const text = current.get(k);
    expect(changes.get(k)).toEqual(text === undefined ? undefined : JSON.parse(text));
  };
  const commit = (): void => {
    for (const { savepoint, was } of savepoints.splice(0, 1)) {
      if (random() < 0.5) changes.release(savepoint);
      else {
        changes.rollback(savepoint);
        current = was;
      }
      savepoints.length = 0;
    }
    const failing = fail !== undefined && random() < 0.25;
    const applied = random() < 0.5;
    const pendingRows = changes.size;
    if (failing) fail(applied);
    // What only came and went is no reason for a commit, so asking for the sync makes sure of one.
    const run = (): void => changes.commit({ sync: failing || random() < 0.2 });
    if (failing) {
      expect(run).toThrow('STORE_FAILED');
      expect(changes.size).toBe(pendingRows);
      if (applied) committed = new Map(current);
      if (random() < 0.5) {
        changes.reset();
        current = new Map(committed);
      }
    } else {
      run();
      committed = new Map(current);
      expect(changes.size).toBe(0);
      expect(changes.chars).toBe(0);
    }
    expect(content()).toEqual(committed);
  };
  for (let step = 0; step < steps; step += 1) {
    const dice = random();
    const k = key();
    if (dice < 0.25) {
      const v = value();
      changes.set(k, v);
      current.set(k, JSON.stringify(v));
    } else if (dice < 0.4) {
      const v = value();
      if (!current.has(k)) changes.insert(k, v);
      else changes.set(k, v);
      current.set(k, JSON.stringify(v));
    } else if (dice < 0.62) {
      changes.delete(k);
      current.delete(k);
    } else if (dice < 0.77) {
      expectRow(k);
    } else if (dice < 0.83) {
      const prefix = ['', 'a', 'b', 'b.', '😀', 'none'][below(6)] as string;
      expectKeys(prefix, random() < 0.5 ? key() : undefined, random() < 0.5 ? below(6) : undefined);
    } else if (dice < 0.9) {
      savepoints.push({ savepoint: changes.savepoint(), was: new Map(current) });
    } else if (dice < 0.96) {
      const at = below(savepoints.length);
      const chosen = savepoints[at];
      if (chosen === undefined) continue;
      savepoints.length = at;
      if (random() < 0.6) {
        changes.rollback(chosen.savepoint);
        current = chosen.was;
      } else {
        changes.release(chosen.savepoint);
      }
    } else if (dice < 0.99) {
      commit();
    } else {
      changes.reset();
      savepoints.length = 0;
      current = new Map(committed);
    }
  }
  savepoints.length = 0;
  expectKeys('');
  for (const k of current.keys()) expectRow(k);
}

describe('change set under random operations', () => {
  it.each(Array.from({ length: 20 }, (_, i) => i + 1))(
    'agrees with a plain map over a memory store that fails at times (seed %i)',
    (seed) => {
      const memory = makeMemoryStore();
      exercise(seed, 3000, {
        store: memory,
        content: () => memory.snapshot(),
        fail: (applied) => memory.failNextCommit({ applied }),
      });
    },
  );

  it('agrees with a plain map over SQLite', async () => {
    const store = await makeSQLKernelDatabase();
    exercise(100, 5000, { store, content: () => new Map(store.scan('')) });
    store.close();
  });
});
