/**
 * The contract of every store, and what all stores check alike. Holds no store.
 */
import { KernelError } from '../errors.js';

export type ScanOptions = { after?: string; limit?: number };

export type CommitOptions = {
  /**
   * Do not return before this commit, and every one before it, is safe from a power failure. It holds
   * for an empty commit too: that one only makes safe what came before.
   */
  sync?: boolean;
};

/** null deletes the key. */
export type Change = readonly [key: string, value: string | null];

/**
 * An ordered map of strings whose commits are atomic and survive the process.
 *
 * A key or value is any string, the empty one and U+0000 included, but no lone surrogate, which UTF-8
 * cannot hold: drivers replace it silently and two keys become one. Every method throws a TypeError for
 * such a string, and a KernelError STORE_FAILED when the store fails or is closed.
 */
export type KVStore = {
  get(key: string): string | undefined;
  /**
   * Entries whose keys start with `prefix`, by Unicode code point (which is UTF-8 byte order, and not how
   * `<` orders strings), strictly after `after` if given, at most `limit`.
   */
  scan(prefix: string, options?: ScanOptions): [key: string, value: string][];
  /** The keys that `scan` would give; it does not read the values. */
  keys(prefix: string, options?: ScanOptions): string[];
  /**
   * Applies all of the changes or none; of two changes to one key the later counts.
   *
   * On return they outlive the process, and a power failure as far as the store's durability and `sync`
   * promise. If it throws, nothing was applied as far as this process sees; but when the last sync is what
   * failed, a power failure or a kill can still bring the changes back. So after a failure go on with what the store
   * says, as read after a reopen, and not with what is remembered.
   */
  commit(changes: Iterable<Change>, options?: CommitOptions): void;
  /** Gives the store free. Closing it again does nothing. */
  close(): void;
};

/**
 * What a power failure may take. `normal`: the newest commits, but never a part of one. `full`: none.
 * Neither loses anything when only the process dies.
 */
export type Durability = 'normal' | 'full';

/** A store in a SQL database that a kernel owns alone, with what its host needs around it. */
export type KernelDatabase = KVStore & {
  /** The absolute path, or `:memory:`. */
  readonly filename: string;
  /**
   * The rows that one reading statement gives: `executeQuery('SELECT * FROM kv')` is
   * `[{ key: 'v.v1', value: '…' }]`. It sees what was committed, not what waits for its commit.
   *
   * It runs in this thread, for at most `storeQueryMs` and `storeQueryRowsMax` of `limits.ts`. In browsers that holds for
   * every statement. better-sqlite3 on Node can be stopped only between two rows: there a statement that gives none for ever
   * (a count over a join without a condition) holds the kernel up for good, so it is for who may stop the kernel
   * anyway, and no vat can get at it.
   *
   * @throws TypeError for a statement that writes, that changes a setting, or that SQLite cannot read.
   * @throws KernelError STORE_FAILED for one that takes too long, or gives too many rows.
   */
  executeQuery(sql: string): Record<string, unknown>[];
  /** Deletes every entry, in one commit, and gives the space back. */
  clear(): void;
  /**
   * Closes the database and opens it anew, so that what follows sees what the file holds and nothing else.
   * It works on a closed one too. One in memory stays as it is: nothing of it could be read again.
   */
  reopen(): void;
};

// In Node 20 and in every browser since 2023, but in no TypeScript lib before ES2024.
type WellFormed = { isWellFormed(): boolean };

/** Throws a TypeError for a string that a store cannot hold. */
export function insistStorable(text: string, what: 'key' | 'value' | 'prefix'): void {
  if ((text as unknown as WellFormed).isWellFormed()) return;
  const shown = JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
  throw new TypeError(`Cannot store ${what} ${shown}: it has a lone surrogate`);
}

/** The arguments of a scan with defaults in place. */
export function checkScan(
  prefix: string,
  { after, limit = Infinity }: ScanOptions = {},
): { after: string | undefined; limit: number } {
  insistStorable(prefix, 'prefix');
  if (after !== undefined) insistStorable(after, 'key');
  if (limit !== Infinity && !(Number.isSafeInteger(limit) && limit >= 0)) {
    throw new RangeError(`Cannot scan with limit ${limit}: it is no count`);
  }
  return { after, limit };
}

/** All of the changes, before a store begins to apply any: an iterable may throw half-way. */
export function checkChanges(changes: Iterable<Change>): readonly Change[] {
  const list: readonly Change[] = Array.isArray(changes) ? changes : [...changes];
  for (const [key, value] of list) {
    insistStorable(key, 'key');
    if (value !== null) insistStorable(value, 'value');
  }
  return list;
}

/** `Cannot commit to store /x/store.db: database or disk is full`. */
export function storeFailed(
  action: string,
  filename: string,
  reason: string,
  options: { cause?: unknown; data?: Record<string, unknown> } = {},
): KernelError {
  return new KernelError('STORE_FAILED', `Cannot ${action} store ${filename}: ${reason}`, {
    ...('cause' in options ? { cause: options.cause } : {}),
    data: { filename, ...options.data },
  });
}
