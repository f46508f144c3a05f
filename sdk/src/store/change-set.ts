/**
 * What the pure parts write into: rows of JSON over a store, gathered until the host commits them, and undone
 * where a crank is not applied. One store has one change set, which alone writes to it.
 */
import { insistInvariant } from '../errors.js';
import {
  type Change,
  checkScan,
  type CommitOptions,
  insistStorable,
  type KVStore,
  type ScanOptions,
} from './kv-store.js';
import { makeRowCache } from './row-cache.js';
import { compareKeys, makeSortedKeys, type SortedKeys } from './sorted-keys.js';

/** What a row holds. A property that is undefined is not there, and is left out when the row is stored. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [name: string]: Json | undefined };

/** Where {@link ChangeSet.rollback} goes back to. */
export type Savepoint = { readonly undoLength: number };

/**
 * A value that went in or came out is never changed by anyone: to change a row, set a new value. Nothing is
 * copied, so a changed value would change committed rows unseen and survive a rollback.
 */
export type ChangeSet = {
  /** The row as it is now, undefined where there is none. */
  get(key: string): Json | undefined;
  /** As {@link get}, of a row that is sure not to be in the store: it is looked for in what is pending only. */
  getPending(key: string): Json | undefined;
  set(key: string, value: Json): void;
  /**
   * Sets a row that is sure not to exist, so that deleting it before the commit costs no look into the store.
   * If it does exist, a later delete may leave it there.
   */
  insert(key: string, value: Json): void;
  /** Deletes the row if there is one. */
  delete(key: string): void;
  /** Keys that start with `prefix`, in the store's order, with what is pending. */
  keys(prefix: string, options?: ScanOptions): string[];
  /** Savepoints nest. */
  savepoint(): Savepoint;
  /** Undoes what was set and deleted since. It and the savepoints made after it are gone. */
  rollback(savepoint: Savepoint): void;
  /** Keeps what was done since. It and the savepoints made after it are gone. */
  release(savepoint: Savepoint): void;
  /** How often pending rows went to the store: what was new before may be stored since. */
  readonly commits: number;
  /** Rows that wait for the commit. */
  readonly size: number;
  /** About how many characters they have as JSON. */
  readonly chars: number;
  /**
   * Commits the pending rows to the store, all or none; a row that came and went since the last commit
   * never reaches it. No savepoint may be open.
   *
   * With nothing pending it writes nothing, but `sync` is still obeyed. If the store throws, the rows stay
   * pending; whether it holds them is then for the store to say, see {@link KVStore.commit}.
   */
  commit(options?: CommitOptions): void;
  /** Forgets all but the store: pending rows, savepoints and cache. */
  reset(): void;
};

export type ChangeSetOptions = {
  /** Committed rows that stay decoded in memory. */
  cacheRowsMax?: number;
  /** The bound of their JSON text; a larger row is still cached while it is among the last two. */
  cacheCharsMax?: number;
  /**
   * For tests: freezes every value, and throws where one is not what JSON gives back (NaN, a hole, a Date)
   * or an inserted row exists.
   */
  strict?: boolean;
};

type PendingRow = {
  /** undefined: deleted. */
  readonly value: Json | undefined;
  /** Has the store a row to delete? false: surely not. undefined: nobody has looked. */
  readonly stored: boolean | undefined;
  readonly chars: number;
};

export function makeChangeSet(
  store: KVStore,
  { cacheRowsMax = 20_000, cacheCharsMax = 16_000_000, strict = false }: ChangeSetOptions = {},
): ChangeSet {
  const decode = (text: string): Json => {
    const value = JSON.parse(text) as Json;
    return strict ? freezeJson(value) : value;
  };
  const committed = makeRowCache(store, cacheRowsMax, cacheCharsMax, decode);
  const pending = new Map<string, PendingRow>();
  let chars = 0;
  let commits = 0;
  /** The keys of `pending`, made when they are first asked for. */
  let pendingKeys: SortedKeys | undefined;
  /** What was in `pending` before each change since the outermost savepoint, oldest first. */
  const undo: { key: string; before: PendingRow | undefined }[] = [];
  const savepoints: Savepoint[] = [];

  const put = (
    key: string,
    before: PendingRow | undefined,
    after: PendingRow | undefined,
  ): void => {
    if (after === undefined) pending.delete(key);
    else pending.set(key, after);
    chars += (after === undefined ? 0 : after.chars) - (before === undefined ? 0 : before.chars);
    if ((before === undefined) !== (after === undefined)) pendingKeys?.touch(key);
  };

  const write = (
    key: string,
    before: PendingRow | undefined,
    after: PendingRow | undefined,
  ): void => {
    if (savepoints.length > 0) undo.push({ key, before });
    put(key, before, after);
  };

  const get = (key: string): Json | undefined => {
    const row = pending.get(key);
    return row === undefined ? committed.get(key) : row.value;
  };

  const set = (key: string, value: Json, stored: boolean | undefined): void => {
    if (strict) freezeJson(value);
    const before = pending.get(key);
    // A key that the store refuses would refuse the commit of all that others wrote.
    if (before === undefined) insistStorable(key, 'key');
    else stored = before.stored;
    write(key, before, { value, stored, chars: key.length + jsonChars(value) });
  };

  const endSavepoint = (savepoint: Savepoint): void => {
    const at = savepoints.lastIndexOf(savepoint);
    insistInvariant(at >= 0, 'a savepoint ends once, and before the commit');
    savepoints.length = at;
  };

  const forgetPending = (): void => {
    pending.clear();
    chars = 0;
    pendingKeys = undefined;
  };

  return Object.freeze({
    get,

    getPending: (key: string) => pending.get(key)?.value,

    set(key: string, value: Json) {
      set(key, value, undefined);
    },

    insert(key: string, value: Json) {
      if (strict) insistInvariant(get(key) === undefined, `an inserted row is new: ${key}`);
      set(key, value, false);
    },

    delete(key: string) {
      const before = pending.get(key);
      if (before !== undefined && before.value === undefined) return;
      const stored = before?.stored ?? committed.knows(key);
      if (stored === false) {
        if (before !== undefined) write(key, before, undefined);
        return;
      }
      if (before === undefined) insistStorable(key, 'key');
      // A row that was not made here is likely to be there, and to delete one that is not does no harm.
      const after = {
        value: undefined,
        stored: before === undefined ? true : stored,
        chars: key.length,
      };
      write(key, before, after);
    },

    keys(prefix: string, options?: ScanOptions) {
      const { after, limit } = checkScan(prefix, options);
      pendingKeys ??= makeSortedKeys(pending.keys(), (key) => pending.has(key));
      const changed = pendingKeys.range(prefix, after, Infinity);
      const deleted = new Set(changed.filter((key) => pending.get(key)?.value === undefined));
      // Enough that `limit` are left when all of the deleted are taken away.
      const stored = store.keys(prefix, { ...options, limit: limit + deleted.size });
      if (changed.length === 0) return stored;
      return mergeKeys(stored, changed)
        .filter((key) => !deleted.has(key))
        .slice(0, limit);
    },

    savepoint() {
      const savepoint = Object.freeze({ undoLength: undo.length });
      savepoints.push(savepoint);
      return savepoint;
    },

    rollback(savepoint: Savepoint) {
      endSavepoint(savepoint);
      while (undo.length > savepoint.undoLength) {
        const { key, before } = undo.pop() as { key: string; before: PendingRow | undefined };
        put(key, pending.get(key), before);
      }
    },

    release(savepoint: Savepoint) {
      endSavepoint(savepoint);
      if (savepoints.length === 0) undo.length = 0;
    },

    get commits() {
      return commits;
    },

    get size() {
      return pending.size;
    },

    get chars() {
      return chars;
    },

    commit(options: CommitOptions = {}) {
      insistInvariant(
        savepoints.length === 0,
        'no savepoint is open when a change set is committed',
      );
      const changes: Change[] = [];
      for (const [key, { value, stored }] of pending) {
        if (value !== undefined) {
          // What came back to what it was, as counts do, need not be written.
          if (
            stored !== undefined ||
            committed.knows(key) !== true ||
            !isSame(value, committed.get(key))
          ) {
            changes.push([key, JSON.stringify(value)]);
          }
        } else if (stored ?? committed.get(key) !== undefined) changes.push([key, null]);
      }
      if (changes.length > 0 || options.sync === true) {
        try {
          store.commit(changes, options);
        } catch (error) {
          // It may have been applied after all: no row is surely not in the store any more.
          for (const [key, row] of pending) pending.set(key, { ...row, stored: true });
          throw error;
        }
      }
      for (const [key, text] of changes) {
        committed.put(key, pending.get(key)?.value, text === null ? 0 : text.length);
      }
      forgetPending();
      commits += 1;
    },

    reset() {
      savepoints.length = 0;
      undo.length = 0;
      forgetPending();
      committed.clear();
    },
  });
}

/** The length of `value` as JSON text, but for what strings need to be escaped. */
function jsonChars(value: Json | undefined): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 4;
  let chars = 2;
  if (isArray(value)) {
    for (const item of value) chars += jsonChars(item) + 1;
  } else {
    for (const name in value) chars += name.length + 4 + jsonChars(value[name]);
  }
  return chars;
}

function isSame(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (isArray(a) || isArray(b)) {
    return (
      isArray(a) &&
      isArray(b) &&
      a.length === b.length &&
      a.every((item, at) => isSame(item, b[at]))
    );
  }
  for (const name in a) if (!isSame(a[name], b[name])) return false;
  for (const name in b) if (a[name] === undefined && b[name] !== undefined) return false;
  return true;
}

const isArray: (value: Json) => value is readonly Json[] = Array.isArray;

/** Two ascending lists as one, what is in both once. */
function mergeKeys(a: readonly string[], b: readonly string[]): string[] {
  const merged: string[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const x = a[i];
    const y = b[j];
    const order = x === undefined ? 1 : y === undefined ? -1 : compareKeys(x, y);
    merged.push((order <= 0 ? x : y) as string);
    if (order <= 0) i += 1;
    if (order >= 0) j += 1;
  }
  return merged;
}

/** Freezes `value` throughout, and throws unless its JSON text gives back the same. */
function freezeJson<T extends Json | undefined>(value: T): T {
  if (typeof value === 'number') {
    insistInvariant(Number.isFinite(value) && !Object.is(value, -0), `JSON has no ${value}`);
  } else if (typeof value === 'object' && value !== null) {
    if (isArray(value)) {
      for (let i = 0; i < value.length; i += 1) {
        insistInvariant(value[i] !== undefined, 'JSON has no undefined in an array');
        freezeJson(value[i]);
      }
    } else {
      const prototype: unknown = Object.getPrototypeOf(value);
      const isPlain = prototype === Object.prototype || prototype === null;
      insistInvariant(isPlain, 'JSON has plain objects and arrays only');
      for (const item of Object.values(value)) freezeJson(item);
    }
    Object.freeze(value);
  } else if (!['string', 'boolean', 'undefined'].includes(typeof value) && value !== null) {
    insistInvariant(false, `JSON has no ${typeof value}`);
  }
  return value;
}
