/**
 * The store in a SQLite database, on any driver: its schema, its settings, its errors. It loads no driver
 * and opens no file by itself; `sqlite-node.ts` does on Node.
 *
 * A plain table, not WITHOUT ROWID: with rows of 20 bytes the two are equally fast, and from 600 bytes up,
 * as bundles and vat state are, the plain one commits and reads two to five times faster.
 */
import { isKernelError } from '../errors.js';
import { limits } from '../limits.js';
import {
  type Change,
  checkChanges,
  checkScan,
  type CommitOptions,
  type Durability,
  insistStorable,
  type KernelDatabase,
  type ScanOptions,
  storeFailed,
} from './kv-store.js';
import { compareKeys } from './sorted-keys.js';

/** What the store needs of a driver. better-sqlite3's `Database` is one as it is. */
export type SqliteDatabase = {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
  close(): unknown;
  /** Does `body()`; what SQLite does in it fails soon after `isOver()` is true. Absent where the driver cannot. */
  interruptible?<T>(isOver: () => boolean, body: () => T): T;
};

export type SqliteStatement = {
  /** It gives rows. */
  readonly reader: boolean;
  /** It leaves the file as it is (`sqlite3_stmt_readonly`). */
  readonly readonly: boolean;
  run(...values: (string | number)[]): unknown;
  get(...values: (string | number)[]): unknown;
  all(...values: (string | number)[]): unknown[];
  iterate(...values: (string | number)[]): Iterable<unknown>;
  /** Frees it, where the driver does not do so by itself. */
  finalize?(): void;
};

/** Brings the schema from the version before to its own. Runs in a transaction and must not end it. */
export type Migration = (database: SqliteDatabase) => void;

/** The migration to version n stands at n - 1. Append only: the stores of old versions are out there. */
export const storeMigrations: readonly Migration[] = [
  (database) =>
    database.exec('CREATE TABLE kv (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)'),
];

/** "vatk". In the header of every file that is ours. */
export const storeApplicationId = 0x7661746b;

/** One huge commit must not leave a huge -wal file for good. Usual ones stay below 4 MB, SQLite's checkpoint. */
const walBytesKept = 16 * 1024 * 1024;

export type SqliteStoreOptions = {
  /** Names the store in errors. */
  filename: string;
  /** Opens the database; called again by `reopen`. It does not wait for a lock: the caller decides about that. */
  open: () => SqliteDatabase;
  durability?: Durability;
  /** For tests. */
  migrations?: readonly Migration[];
  /** What one statement of `executeQuery` may take. */
  queryBounds?: { ms: number; rowsMax: number };
};

const usualBounds = { ms: limits.storeQueryMs, rowsMax: limits.storeQueryRowsMax };

/**
 * Opens the store, making its schema in an empty database and migrating an older one.
 *
 * While it is open no other connection, of this process or another, can open the file: a kernel remembers
 * what it wrote, and two would overwrite each other.
 *
 * @throws KernelError STORE_FAILED. If the reason is that the file is held, {@link isStoreHeld} says so.
 */
export function makeSqliteStore(options: SqliteStoreOptions): KernelDatabase {
  const { filename, durability = 'normal', queryBounds = usualBounds } = options;
  let connection: Connection | undefined = connect(options);
  /** A power failure could take commits; at first those of a process that was killed. */
  let unsynced = true;

  const connected = (action: string): Connection => {
    if (connection !== undefined) return connection;
    throw storeFailed(action, filename, 'it is closed, or a reopen failed');
  };

  /** Only what the driver does goes into `body`: whatever it throws becomes STORE_FAILED. */
  const attempt = <T>(action: string, body: (open: Connection) => T): T => {
    const open = connected(action);
    try {
      return body(open);
    } catch (cause) {
      throw storeFailed(action, filename, messageOf(cause), { cause });
    }
  };

  const scan = (what: 'entries' | 'keys', prefix: string, scanOptions?: ScanOptions): unknown[] => {
    const { after, limit } = checkScan(prefix, scanOptions);
    const isAfter = after !== undefined && compareKeys(after, prefix) >= 0;
    const low = isAfter ? after : prefix;
    const end = prefixEnd(prefix);
    // A negative limit is none.
    const most = limit === Infinity ? -1 : limit;
    return attempt('read from', (open) => {
      const { bounded, unbounded } = open[what][isAfter ? 'after' : 'from'];
      return end === undefined ? unbounded.all(low, most) : bounded.all(low, end, most);
    });
  };

  const close = (): void => {
    const closing = connection;
    connection = undefined;
    try {
      // The close of the last connection checkpoints and removes the -wal file.
      closing?.database.close();
    } catch (cause) {
      throw storeFailed('close', filename, messageOf(cause), { cause });
    }
  };

  return Object.freeze({
    filename,

    get(key: string) {
      insistStorable(key, 'key');
      return attempt('read from', ({ get }) => (get.get(key) as Entry | undefined)?.value);
    },

    scan(prefix: string, scanOptions?: ScanOptions) {
      const rows = scan('entries', prefix, scanOptions) as Entry[];
      return rows.map(({ key, value }): [string, string] => [key, value]);
    },

    keys(prefix: string, scanOptions?: ScanOptions) {
      return (scan('keys', prefix, scanOptions) as Entry[]).map(({ key }) => key);
    },

    commit(changes: Iterable<Change>, { sync = false }: CommitOptions = {}) {
      const list = checkChanges(changes);
      attempt('commit to', (open) => {
        if (list.length > 0) {
          const raise = sync && durability === 'normal' && !open.inMemory;
          // Within a transaction the pragma would be ignored.
          if (raise) open.database.exec('PRAGMA synchronous = FULL');
          try {
            inTransaction(open, () => write(open, list));
          } finally {
            if (raise) open.database.exec('PRAGMA synchronous = NORMAL');
          }
          unsynced = durability === 'normal' && !sync;
        } else if (sync && unsynced) {
          // An empty transaction syncs nothing; a checkpoint syncs all that was written.
          open.database.exec('PRAGMA wal_checkpoint(PASSIVE)');
          unsynced = false;
        }
      });
    },

    executeQuery(sql: string) {
      const { database } = connected('read from');
      const statement = prepareRead(database, sql);
      try {
        return attempt('read from', () => boundedRows(database, statement, queryBounds));
      } finally {
        statement.finalize?.();
      }
    },

    clear() {
      attempt('clear', (open) => {
        inTransaction(open, () => open.database.exec('DELETE FROM kv'));
        unsynced = true;
        open.database.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)');
      });
    },

    close,

    reopen() {
      if (connection?.inMemory === true) return;
      close();
      connection = connect(options);
    },
  });
}

/** Did the store not open because another connection holds the file? It may be free again soon. */
export function isStoreHeld(error: unknown): boolean {
  return (
    isKernelError(error, 'STORE_FAILED') &&
    (error.data as { held?: unknown } | undefined)?.held === true
  );
}

type Entry = { key: string; value: string };

/** Statements that read from a key on, it included or not, to the end of the prefix or of all. */
type Scan = Record<'from' | 'after', { bounded: SqliteStatement; unbounded: SqliteStatement }>;

type Connection = {
  database: SqliteDatabase;
  inMemory: boolean;
  begin: SqliteStatement;
  commit: SqliteStatement;
  rollback: SqliteStatement;
  get: SqliteStatement;
  put: SqliteStatement;
  /** Takes an object of values by key, as JSON. */
  putAll: SqliteStatement;
  /** Takes an array of keys, as JSON. */
  removeAll: SqliteStatement;
  entries: Scan;
  keys: Scan;
};

function connect({
  filename,
  open,
  durability = 'normal',
  migrations = storeMigrations,
}: SqliteStoreOptions): Connection {
  let database: SqliteDatabase | undefined;
  try {
    database = open();
    // Before the first read: only then does WAL do without shared memory, which OPFS has not, and the
    // first read takes the lock that keeps all others out.
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    const found = foundVersion(database, filename, migrations.length);
    const journal = pragma(database, 'journal_mode = WAL');
    if (journal !== 'wal' && journal !== 'memory') {
      throw storeFailed('open', filename, `its journal mode stays '${String(journal)}', not 'wal'`);
    }
    // With fullfsync macOS syncs the drive too; elsewhere it does nothing.
    database.exec(`PRAGMA fullfsync = ON; PRAGMA journal_size_limit = ${walBytesKept}`);
    database.exec('PRAGMA synchronous = FULL');
    if (found < migrations.length) migrate(database, filename, found, migrations);
    database.exec(`PRAGMA synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`);
    return prepareAll(database, journal === 'memory');
  } catch (cause) {
    try {
      database?.close();
    } catch {
      // Why it cannot be used is what the caller needs to know.
    }
    throw isKernelError(cause) ? cause : openFailed(filename, cause);
  }
}

/** The schema version of a store of ours, 0 for an empty database. All else is refused. */
function foundVersion(database: SqliteDatabase, filename: string, known: number): number {
  const application = pragma(database, 'application_id');
  const found = Number(pragma(database, 'user_version'));
  if (application === 0 && found === 0) {
    const objects = database.prepare('SELECT name FROM sqlite_schema LIMIT 1').all();
    if (objects.length === 0) return 0;
  }
  if (application !== storeApplicationId) {
    throw storeFailed(
      'open',
      filename,
      'it is a SQLite database of another program. Give the kernel a file of its own',
    );
  }
  if (found > known) {
    throw storeFailed(
      'open',
      filename,
      `its schema version is ${found}, this vatkit knows versions up to ${known}. ` +
        'Update vatkit, or give the kernel another file',
      { data: { found, known } },
    );
  }
  return found;
}

function migrate(
  database: SqliteDatabase,
  filename: string,
  from: number,
  migrations: readonly Migration[],
): void {
  const to = migrations.length;
  try {
    inTransaction(prepareTransaction(database), () => {
      for (const migration of migrations.slice(from)) migration(database);
      database.exec(`PRAGMA application_id = ${storeApplicationId}; PRAGMA user_version = ${to}`);
    });
  } catch (cause) {
    const action = `migrate to schema version ${to}`;
    const reason = `${messageOf(cause)}. It stays at version ${from}`;
    throw storeFailed(action, filename, reason, { cause, data: { found: from, known: to } });
  }
}

function prepareTransaction(
  database: SqliteDatabase,
): Pick<Connection, 'begin' | 'commit' | 'rollback'> {
  return {
    begin: database.prepare('BEGIN IMMEDIATE'),
    commit: database.prepare('COMMIT'),
    rollback: database.prepare('ROLLBACK'),
  };
}

function prepareAll(database: SqliteDatabase, inMemory: boolean): Connection {
  const scan = (columns: string): Scan => {
    const prepare = (low: string, high: string): SqliteStatement =>
      database.prepare(`SELECT ${columns} FROM kv WHERE key ${low} ? ${high} ORDER BY key LIMIT ?`);
    const prepareBoth = (low: string): Scan['from'] => ({
      bounded: prepare(low, 'AND key < ?'),
      unbounded: prepare(low, ''),
    });
    return { from: prepareBoth('>='), after: prepareBoth('>') };
  };
  const put = (rows: string): SqliteStatement =>
    database.prepare(
      `INSERT INTO kv (key, value) ${rows} ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
    );
  return {
    database,
    inMemory,
    ...prepareTransaction(database),
    get: database.prepare('SELECT value FROM kv WHERE key = ?'),
    put: put('VALUES (?, ?)'),
    // Without the WHERE, SQLite would take ON for that of a join.
    putAll: put('SELECT key, value FROM json_each(?) WHERE true'),
    removeAll: database.prepare('DELETE FROM kv WHERE key IN (SELECT value FROM json_each(?))'),
    entries: scan('key, value'),
    keys: scan('key'),
  };
}

/** What is longer costs more to say as JSON than a statement of its own. */
const jsonValueCharsMax = 4096;

/**
 * One statement for all rows, given as JSON: to bind and to run one for each costs a third more in a native SQLite, and four
 * times as much in WebAssembly. Of several changes to one key the last one holds.
 */
function write({ put, putAll, removeAll }: Connection, changes: readonly Change[]): void {
  const rows: string[] = [];
  const removed: string[] = [];
  for (const [key, value] of new Map(changes)) {
    if (value === null) removed.push(key);
    else if (value.length > jsonValueCharsMax) put.run(key, value);
    else rows.push(`${JSON.stringify(key)}:${JSON.stringify(value)}`);
  }
  if (rows.length > 0) putAll.run(`{${rows.join()}}`);
  if (removed.length > 0) removeAll.run(JSON.stringify(removed));
}

function inTransaction(
  { begin, commit, rollback }: Pick<Connection, 'begin' | 'commit' | 'rollback'>,
  body: () => void,
): void {
  begin.run();
  try {
    body();
    commit.run();
  } catch (error) {
    try {
      rollback.run();
    } catch {
      // After a full disk or an I/O error SQLite may have rolled back by itself.
    }
    throw error;
  }
}

/**
 * The least string after all that start with `prefix`, undefined where there is none: its last code point
 * that has a successor, raised by one, and nothing after it.
 */
export function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) as number);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10ffff) continue;
    // UTF-8 has no surrogates.
    return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
  }
  return undefined;
}

/** These name what they report on and change nothing; other pragmas take an argument as a new setting. */
const pragmasWithArgument = new Set([
  'table_info',
  'table_xinfo',
  'table_list',
  'index_list',
  'index_info',
  'index_xinfo',
  'integrity_check',
  'quick_check',
]);

/**
 * Prepares a statement that is sure to change nothing. The text is looked at first, because SQLite obeys
 * `PRAGMA synchronous = OFF` when it is prepared, and calls it read-only.
 */
function prepareRead(database: SqliteDatabase, sql: string): SqliteStatement {
  const refusal = (reason: string, options: { cause?: unknown } = {}): TypeError =>
    new TypeError(`Cannot execute ${JSON.stringify(sql.slice(0, 200))}: ${reason}`, options);
  const text = sql.replace(/^(?:\s|--[^\n]*(?:\n|$)|\/\*[^]*?\*\/)+/, '');
  const pragmaForm = /^pragma\s+(?:\w+\.)?(\w+)\s*(\([^()]*\))?[\s;]*$/i.exec(text);
  const isRead =
    pragmaForm === null
      ? /^(?:explain\s+(?:query\s+plan\s+)?)?(?:select|values|with)\b/i.test(text)
      : pragmaForm[2] === undefined
        ? pragmaForm[1]?.toLowerCase() !== 'optimize'
        : pragmasWithArgument.has((pragmaForm[1] as string).toLowerCase());
  const onlyReads =
    'executeQuery takes one statement that reads: SELECT, VALUES, WITH, EXPLAIN of these, ' +
    'or PRAGMA without a new value';
  if (!isRead) throw refusal(onlyReads);
  let statement: SqliteStatement;
  try {
    statement = database.prepare(sql);
  } catch (cause) {
    throw refusal(messageOf(cause), { cause });
  }
  if (!statement.readonly || !statement.reader) {
    statement.finalize?.();
    throw refusal(onlyReads);
  }
  return statement;
}

/** @throws Error that says which bound was met. */
function boundedRows(
  database: SqliteDatabase,
  statement: SqliteStatement,
  { ms, rowsMax }: { ms: number; rowsMax: number },
): Record<string, unknown>[] {
  const end = performance.now() + ms;
  const isOver = (): boolean => performance.now() > end;
  const tooLong = (): Error => new Error(`the statement took longer than ${ms} ms`);
  const rows: Record<string, unknown>[] = [];
  const read = (): void => {
    for (const row of statement.iterate()) {
      if (rows.push(row as Record<string, unknown>) > rowsMax)
        throw new Error(`the statement gives more than ${rowsMax} rows; give it a LIMIT`);
      if (isOver()) throw tooLong();
    }
  };
  try {
    if (database.interruptible === undefined) read();
    else database.interruptible(isOver, read);
  } catch (thrown) {
    // SQLite itself says only that it was interrupted.
    throw /SQLITE_INTERRUPT/.test(messageOf(thrown)) ? tooLong() : thrown;
  }
  return rows;
}

/** The one value that a pragma gives. */
function pragma(database: SqliteDatabase, text: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${text}`).get() as Record<string, unknown>)[0];
}

const messageOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message : String(cause);

function openFailed(filename: string, cause: unknown): Error {
  // better-sqlite3 gives `code`; SQLite's own WebAssembly build has it in the message.
  const { code } = cause as { code?: unknown };
  const name = typeof code === 'string' ? code : (/SQLITE_\w+/.exec(messageOf(cause))?.[0] ?? '');
  const is = (start: string): boolean => name.startsWith(start);
  const held = is('SQLITE_BUSY') || is('SQLITE_LOCKED');
  const reason = held
    ? 'another kernel or program holds it. Stop that one, or give this kernel another file'
    : is('SQLITE_NOTADB')
      ? 'it is not a SQLite database. Give the kernel a file of its own'
      : is('SQLITE_CORRUPT')
        ? `it is damaged (${messageOf(cause)}). Restore it from a copy`
        : is('SQLITE_READONLY')
          ? 'it is read-only. The kernel must be able to write to it and to its directory'
          : messageOf(cause);
  return storeFailed('open', filename, reason, { cause, ...(held ? { data: { held } } : {}) });
}
