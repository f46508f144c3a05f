/**
 * The kernel's database in a browser's worker: SQLite's own WebAssembly build on the origin-private file system.
 *
 * Files are held by sync access handles (`opfs-sahpool`), so that no COOP or COEP header is needed. Each store has a
 * directory of its own: a handle lets nobody else open its file, and two kernels of different names must not meet.
 */
import sqlite3InitModule, {
  type Database,
  type PreparedStatement,
  type SAHPoolUtil,
  type Sqlite3Static,
} from '@sqlite.org/sqlite-wasm';
import { type Durability, type KernelDatabase, storeFailed } from './kv-store.js';
import { isStoreHeld, makeSqliteStore, type SqliteDatabase } from './sqlite-store.js';

export type WasmDatabaseOptions = {
  /** A name, which becomes a directory of the origin's private files; `:memory:`, the default, ends with the worker. */
  dbFilename?: string;
  /** Default `'normal'`. */
  durability?: Durability;
  /** How long to wait for a store that another tab or worker holds, which may be about to end. Default 1000. */
  lockWaitMs?: number;
  /** SQLite's WebAssembly module, where it cannot be fetched from beside the program. */
  wasmBinary?: Uint8Array;
  /** For tests: is given each connection. */
  onOpen?: (database: SqliteDatabase) => void;
  /** For tests: what one statement of `executeQuery` may take. */
  queryBounds?: { ms: number; rowsMax: number };
};

export type WasmDatabase = KernelDatabase & {
  /** `memory`: it was asked for, or this browser gives its pages no files (an old one, or private browsing). */
  readonly storage: 'file' | 'memory';
  /** The whole store as committed, as the bytes of a SQLite file; Node's kernel can use it as it is. */
  exportFile(): Uint8Array<ArrayBuffer>;
};

/** The database, its -wal and the journal of its first moment; with some to spare, since SQLite refuses to go on without. */
const handlesPerStore = 6;
const lockPollMs = 50;
const databasePath = '/kernel.sqlite';

let loading: Promise<Sqlite3Static> | undefined;

/** One module for all stores of a worker. */
function loadSqlite(wasmBinary: Uint8Array | undefined): Promise<Sqlite3Static> {
  loading ??= (sqlite3InitModule as (options: object) => Promise<Sqlite3Static>)({
    ...(wasmBinary !== undefined && { wasmBinary }),
    print: () => {},
    printErr: () => {},
  })
    .then((sqlite) => {
      // What it says of errors it throws, too.
      sqlite.config.warn = () => {};
      return sqlite;
    })
    .catch((cause: unknown) => {
      loading = undefined;
      throw storeFailed('load', 'SQLite', messageOf(cause), { cause });
    });
  return loading;
}

/** By directory: a pool that was closed is taken up again, since its name stays taken for the life of the worker. */
const pools = new Map<string, SAHPoolUtil>();
const inUse = new Set<string>();

/**
 * Opens or makes the kernel's database. To be called in a dedicated worker; elsewhere there are no sync access handles,
 * and the store is one in memory.
 *
 * @throws TypeError for a name that can be no directory's.
 * @throws KernelError STORE_FAILED where another tab or worker holds the store, where it is of a newer version or no
 * store, or where the browser's storage fails. Never is a store that exists replaced by one in memory.
 */
export async function makeSQLKernelDatabase({
  dbFilename = ':memory:',
  durability = 'normal',
  lockWaitMs = 1000,
  wasmBinary,
  onOpen = () => {},
  ...rest
}: WasmDatabaseOptions = {}): Promise<WasmDatabase> {
  const name = dbFilename.trim();
  if (name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name)) {
    throw new TypeError(
      `Cannot open store ${JSON.stringify(dbFilename)}: in a browser it is a name without slashes`,
    );
  }
  const sqlite = await loadSqlite(wasmBinary);
  let current: Database | undefined;
  const exportFile = (): Uint8Array<ArrayBuffer> => {
    try {
      return portable(sqlite.capi.sqlite3_js_db_export(current as Database));
    } catch (cause) {
      throw storeFailed('export', name, messageOf(cause), { cause });
    }
  };
  const connect = (database: Database): SqliteDatabase => {
    current = database;
    const adapted = adapt(sqlite, database);
    onOpen(adapted);
    return adapted;
  };
  if (name === ':memory:' || !(await hasPrivateFiles())) {
    const open = (): SqliteDatabase => connect(new sqlite.oo1.DB(':memory:', 'c'));
    const store = makeSqliteStore({ filename: ':memory:', open, durability, ...rest });
    return Object.freeze({ ...store, exportFile, storage: 'memory' as const });
  }
  const pool = await acquire(sqlite, name, Date.now() + lockWaitMs);
  const release = (): void => {
    inUse.delete(name);
    pool.pauseVfs();
  };
  try {
    const open = (): SqliteDatabase => connect(new pool.OpfsSAHPoolDb(databasePath));
    const store = makeSqliteStore({ filename: name, open, durability, ...rest });
    let isOpen = true;
    const close = (): void => {
      store.close();
      if (isOpen) release();
      isOpen = false;
    };
    return Object.freeze({ ...store, close, exportFile, storage: 'file' as const });
  } catch (thrown) {
    release();
    throw thrown;
  }
}

/** Where a file's header says how it is written and read: 2 for a write-ahead log, which memory has not. */
const formatOffsets = [18, 19];

function portable(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes);
  for (const offset of formatOffsets) copy[offset] = 1;
  return copy;
}

/**
 * The rows of a store that was exported, by this host or as a copy of Node's file. The bytes are checked, and migrated.
 *
 * @throws KernelError STORE_FAILED where they are no store's, a newer one's, or damaged.
 */
export async function readStoreFile(
  bytes: Uint8Array,
  { wasmBinary }: Pick<WasmDatabaseOptions, 'wasmBinary'> = {},
): Promise<[key: string, value: string][]> {
  const sqlite = await loadSqlite(wasmBinary);
  const { capi, wasm } = sqlite;
  const open = (): SqliteDatabase => {
    const database = new sqlite.oo1.DB(':memory:', 'c');
    const copy = wasm.allocFromTypedArray(portable(bytes));
    const flags = capi.SQLITE_DESERIALIZE_FREEONCLOSE | capi.SQLITE_DESERIALIZE_RESIZEABLE;
    const size = bytes.length;
    database.checkRc(
      capi.sqlite3_deserialize(database.pointer as number, 'main', copy, size, size, flags),
    );
    return adapt(sqlite, database);
  };
  // A look through all of a large file takes what it takes.
  const queryBounds = { ms: Infinity, rowsMax: 1_000 };
  const store = makeSqliteStore({ filename: 'the file', open, queryBounds });
  try {
    const [check] = store.executeQuery('PRAGMA integrity_check');
    const found = String(Object.values(check ?? {})[0]);
    if (found !== 'ok') throw storeFailed('import', 'the file', `it is damaged (${found})`);
    return store.scan('');
  } finally {
    store.close();
  }
}

/** Does this browser give workers files? A refusal of the browser's is no; whatever else goes wrong shows when they are used. */
async function hasPrivateFiles(): Promise<boolean> {
  const { FileSystemFileHandle: Handle } = globalThis as {
    FileSystemFileHandle?: { prototype: object };
  };
  if (Handle === undefined || !('createSyncAccessHandle' in Handle.prototype)) return false;
  try {
    await navigator.storage.getDirectory();
    return true;
  } catch (cause) {
    if (nameOf(cause) === 'SecurityError' || nameOf(cause) === 'TypeError') return false;
    throw storeFailed('open', 'the private file system', messageOf(cause), { cause });
  }
}

async function acquire(sqlite: Sqlite3Static, name: string, end: number): Promise<SAHPoolUtil> {
  for (;;) {
    try {
      return await acquireNow(sqlite, name);
    } catch (thrown) {
      if (!isStoreHeld(thrown) || Date.now() >= end) throw thrown;
    }
    await new Promise((resolve) => setTimeout(resolve, lockPollMs * (0.5 + Math.random())));
  }
}

async function acquireNow(sqlite: Sqlite3Static, name: string): Promise<SAHPoolUtil> {
  if (inUse.has(name)) throw held(name);
  inUse.add(name);
  try {
    const known = pools.get(name);
    if (known !== undefined) return await known.unpauseVfs();
    const directory = `/vatkit:${name}`;
    const options = {
      name: `vatkit:${name}`,
      directory,
      initialCapacity: handlesPerStore,
      // By default a pool that does not open is deleted, and with it the store.
      preserveOnInitFailure: true,
      forceReinitIfPreviouslyFailed: true,
    };
    const pool = await sqlite.installOpfsSAHPoolVfs(options);
    pools.set(name, pool);
    return pool;
  } catch (cause) {
    inUse.delete(name);
    // A sync access handle is given to one at a time.
    if (nameOf(cause) === 'NoModificationAllowedError') throw held(name, cause);
    throw storeFailed('open', name, messageOf(cause), { cause });
  }
}

const held = (name: string, cause?: unknown): Error =>
  storeFailed(
    'open',
    name,
    'another tab or worker of this origin holds it. Close that one, or give this kernel another name',
    { data: { held: true }, ...(cause !== undefined && { cause }) },
  );

/** Instructions of SQLite's machine between two looks at the clock: some tenths of a millisecond. */
const stepsPerLook = 10_000;

/** SQLite's object-oriented interface as the store wants it. */
function adapt(sqlite: Sqlite3Static, database: Database): SqliteDatabase {
  const statements = new Set<PreparedStatement>();
  return {
    exec: (sql) => database.exec(sql),

    prepare(sql) {
      const statement = database.prepare(sql);
      statements.add(statement);
      const withValues = <T>(values: (string | number)[], body: () => T): T => {
        try {
          if (values.length > 0) statement.bind(values);
          return body();
        } finally {
          statement.reset(values.length > 0);
        }
      };
      return {
        reader: statement.columnCount > 0,
        readonly: sqlite.capi.sqlite3_stmt_readonly(statement.pointer as number) !== 0,
        run: (...values) => withValues(values, () => statement.step()),
        get: (...values) =>
          withValues(values, () => (statement.step() ? statement.get({}) : undefined)),
        all: (...values) =>
          withValues(values, () => {
            const rows: unknown[] = [];
            while (statement.step()) rows.push(statement.get({}));
            return rows;
          }),
        *iterate(...values) {
          if (values.length > 0) statement.bind(values);
          try {
            while (statement.step()) yield statement.get({});
          } finally {
            statement.reset(values.length > 0);
          }
        },
        finalize() {
          statements.delete(statement);
          statement.finalize();
        },
      };
    },

    interruptible(isOver, body) {
      const pointer = database.pointer as number;
      const { capi } = sqlite;
      capi.sqlite3_progress_handler(pointer, stepsPerLook, () => (isOver() ? 1 : 0), 0);
      try {
        return body();
      } finally {
        capi.sqlite3_progress_handler(pointer, 0, 0, 0);
      }
    },

    close() {
      // A database with statements left would live on and hold its file.
      for (const statement of statements) statement.finalize();
      statements.clear();
      database.close();
    },
  };
}

const nameOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.name : '');
const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);
