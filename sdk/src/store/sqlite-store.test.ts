import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { KernelDatabase } from './kv-store.js';
import { describeKVStore } from './kv-store.contract.js';
import { fillUp } from './sqlite-store.contract.js';
import {
  isStoreHeld,
  makeSqliteStore,
  prefixEnd,
  type SqliteDatabase,
  type SqliteStoreOptions,
  storeApplicationId,
  storeMigrations,
} from './sqlite-store.js';

const directory = mkdtempSync(join(tmpdir(), 'vatkit-store-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
let files = 0;
const newFile = (): string => join(directory, `store-${(files += 1)}.db`);

const opened: KernelDatabase[] = [];
afterEach(() => {
  for (const store of opened.splice(0)) store.close();
});

/** Opens a store and gives the connection below it as well. */
function open(filename: string, options: Partial<SqliteStoreOptions> = {}) {
  let database: Database.Database | undefined;
  const store = makeSqliteStore({
    filename,
    open: () => (database = new Database(filename, { timeout: 0 })),
    ...options,
  });
  opened.push(store);
  return { store, database: () => database as Database.Database };
}

/** What another program does with the file. */
function alter<T>(filename: string, body: (database: Database.Database) => T): T {
  const database = new Database(filename);
  try {
    return body(database);
  } finally {
    database.close();
  }
}

const contract = (filename: () => string) => () => {
  const name = filename();
  const { store, database } = open(name);
  return {
    store,
    breakCommits: () => fillUp(database()),
    ...(name === ':memory:' ? {} : { reopen: () => open(name).store }),
  };
};

describeKVStore(
  'SQLite store in memory',
  contract(() => ':memory:'),
);
describeKVStore('SQLite store in a file', contract(newFile));

describe('SQLite store', () => {
  it('takes the lock of its file and leaves no file but one when it is closed', () => {
    const filename = newFile();
    const { store } = open(filename);
    store.commit([['a', '1']]);
    expect(existsSync(`${filename}-wal`)).toBe(true);
    expect(existsSync(`${filename}-shm`)).toBe(false);
    store.close();
    expect(existsSync(`${filename}-wal`)).toBe(false);
    expect(alter(filename, (db) => db.prepare('SELECT * FROM kv').all())).toEqual([
      { key: 'a', value: '1' },
    ]);
  });

  it('is refused to a second kernel until the first closes it', () => {
    const filename = newFile();
    const { store } = open(filename);
    let error: unknown;
    try {
      open(filename);
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({
      code: 'STORE_FAILED',
      message: `[KERNEL:STORE_FAILED] Cannot open store ${filename}: another kernel or program holds it. Stop that one, or give this kernel another file`,
      cause: { code: 'SQLITE_BUSY' },
    });
    expect(isStoreHeld(error)).toBe(true);
    store.commit([['a', '1']]);
    store.close();
    expect(open(filename).store.get('a')).toBe('1');
  });

  it('is refused while another program reads the file', () => {
    const filename = newFile();
    open(filename).store.close();
    alter(filename, (db) => {
      db.exec('BEGIN; SELECT * FROM kv');
      expect(() => open(filename)).toThrow('another kernel or program holds it');
    });
    open(filename);
  });

  it('writes its application id and schema version into the file', () => {
    const filename = newFile();
    open(filename).store.close();
    const header = readFileSync(filename);
    expect(header.readUInt32BE(68)).toBe(storeApplicationId);
    expect(header.subarray(68, 72).toString('latin1')).toBe('vatk');
    expect(header.readUInt32BE(60)).toBe(storeMigrations.length);
  });

  it.each([
    ['a text', Buffer.from('not a database')],
    ['a longer text', Buffer.from('not a database\n'.repeat(1000))],
    ['noise', Buffer.from(Array.from({ length: 9000 }, (_, i) => (i * 31) & 255))],
  ])('refuses a file that holds %s and leaves it alone', (_what, content) => {
    const filename = newFile();
    writeFileSync(filename, content);
    expect(() => open(filename)).toThrow(
      expect.objectContaining({
        code: 'STORE_FAILED',
        message: `[KERNEL:STORE_FAILED] Cannot open store ${filename}: it is not a SQLite database. Give the kernel a file of its own`,
        cause: expect.objectContaining({ code: 'SQLITE_NOTADB' }),
      }),
    );
    expect(readFileSync(filename).equals(content)).toBe(true);
    expect(existsSync(`${filename}-wal`)).toBe(false);
  });

  it.each([
    ['a table', 'CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT)'],
    ['an application id', 'PRAGMA application_id = 7'],
    ['a user version', 'PRAGMA user_version = 1'],
  ])('refuses the database of another program that has %s and leaves it alone', (_what, sql) => {
    const filename = newFile();
    alter(filename, (db) => db.exec(sql));
    const content = readFileSync(filename);
    expect(() => open(filename)).toThrow('it is a SQLite database of another program');
    expect(readFileSync(filename).equals(content)).toBe(true);
  });

  it('takes an empty file and an empty database', () => {
    const empty = newFile();
    writeFileSync(empty, '');
    open(empty).store.commit([['a', '1']]);
    const vacuumed = newFile();
    alter(vacuumed, (db) => db.exec('CREATE TABLE t (a); DROP TABLE t; VACUUM'));
    open(vacuumed).store.commit([['a', '1']]);
  });

  it('says that a damaged file is damaged', () => {
    const filename = newFile();
    const { store } = open(filename);
    store.commit(Array.from({ length: 3000 }, (_, i) => [`k${i}`, 'x'.repeat(100)]));
    store.close();
    const content = readFileSync(filename);
    content.fill(0xaa, 4096, 8192);
    writeFileSync(filename, content);
    expect(() => {
      const damaged = open(filename).store;
      damaged.get('k1');
    }).toThrow(/\[KERNEL:STORE_FAILED\] .*malformed/);
  });

  it('names the path that is no file', () => {
    expect(() => open(directory)).toThrow(`Cannot open store ${directory}: `);
  });

  it('refuses a newer schema version, saying which it knows', () => {
    const filename = newFile();
    const { store } = open(filename);
    store.commit([['a', '1']]);
    store.close();
    alter(filename, (db) => db.pragma('user_version = 9'));
    expect(() => open(filename)).toThrow(
      expect.objectContaining({
        code: 'STORE_FAILED',
        message: `[KERNEL:STORE_FAILED] Cannot open store ${filename}: its schema version is 9, this vatkit knows versions up to 1. Update vatkit, or give the kernel another file`,
        data: { filename, found: 9, known: 1 },
      }),
    );
    alter(filename, (db) => db.pragma('user_version = 1'));
    expect(open(filename).store.get('a')).toBe('1');
  });

  it('migrates an older store through every version between', () => {
    const filename = newFile();
    const { store } = open(filename);
    store.commit([['old', '1']]);
    store.close();
    const migrations = [
      ...storeMigrations,
      (db: SqliteDatabase) => db.exec("UPDATE kv SET key = 'new.' || key"),
      (db: SqliteDatabase) => db.exec("INSERT INTO kv VALUES ('version', '3')"),
    ];
    const { store: migrated } = open(filename, { migrations });
    const expected = [
      ['new.old', '1'],
      ['version', '3'],
    ];
    expect(migrated.scan('')).toEqual(expected);
    migrated.close();
    // And not again.
    expect(open(filename, { migrations }).store.scan('')).toEqual(expected);
    expect(() => open(filename)).toThrow(/./);
  });

  it('makes a new store by the same migrations', () => {
    const migrations = [
      ...storeMigrations,
      (db: SqliteDatabase) => db.exec('CREATE TABLE more (a)'),
    ];
    const { store } = open(newFile(), { migrations });
    expect(store.executeQuery('PRAGMA user_version')).toEqual([{ user_version: 2 }]);
    expect(store.executeQuery('SELECT * FROM more')).toEqual([]);
  });

  it('keeps the old version whole when a migration fails', () => {
    const filename = newFile();
    const { store } = open(filename);
    store.commit([['old', '1']]);
    store.close();
    const migrations = [
      ...storeMigrations,
      (db: SqliteDatabase) => db.exec('DELETE FROM kv; CREATE TABLE more (a)'),
      () => {
        throw new Error('of the migration');
      },
    ];
    expect(() => open(filename, { migrations })).toThrow(
      `Cannot migrate to schema version 3 store ${filename}: of the migration. It stays at version 1`,
    );
    expect(open(filename).store.scan('')).toEqual([['old', '1']]);
  });

  it('commits with the sync that its durability or the commit asks for', () => {
    const record = (durability: 'normal' | 'full') => {
      const synced: unknown[] = [];
      const { store } = open(newFile(), {
        durability,
        open: () => {
          const db = new Database(newFile());
          return {
            exec: (sql) => db.exec(sql),
            close: () => db.close(),
            prepare(sql) {
              const statement = db.prepare(sql);
              if (sql !== 'COMMIT') return statement;
              const run = () => {
                synced.push(db.pragma('synchronous', { simple: true }));
                return statement.run();
              };
              return {
                reader: false,
                readonly: true,
                run,
                get: run,
                all: () => [],
                iterate: () => [],
              };
            },
          };
        },
      });
      synced.length = 0;
      store.commit([['a', '1']]);
      store.commit([['a', '2']], { sync: true });
      store.commit([['a', '3']]);
      expect(() => store.commit([['\ud800', '']], { sync: true })).toThrow();
      store.commit([['a', '4']]);
      return synced;
    };
    const [normal, full] = [1, 2];
    expect(record('normal')).toEqual([normal, full, normal, normal]);
    expect(record('full')).toEqual([full, full, full, full]);
  });

  it('rolls back when SQLite refuses one row and leaves the transaction open', () => {
    const { store, database } = open(newFile());
    store.commit([['a', '1']]);
    database().exec(`
      CREATE TRIGGER refuse BEFORE INSERT ON kv WHEN new.key = 'bad'
      BEGIN SELECT RAISE (ABORT, 'it is bad'); END
    `);
    const changes = [
      ['a', '2'],
      ['bad', ''],
    ] as const;
    expect(() => store.commit(changes)).toThrow(/Cannot commit to store .*: it is bad/);
    expect(store.scan('')).toEqual([['a', '1']]);
    store.commit([['a', '3']]);
    expect(store.scan('')).toEqual([['a', '3']]);
  });

  it('returns to its own durability after a synced commit that failed', () => {
    const { store, database } = open(newFile());
    database().pragma('max_page_count = 10');
    expect(() => store.commit([['a', 'x'.repeat(100_000)]], { sync: true })).toThrow(/full/);
    expect(store.executeQuery('PRAGMA synchronous')).toEqual([{ synchronous: 1 }]);
    expect(database().inTransaction).toBe(false);
  });

  it('syncs what came before when an empty commit asks for it', () => {
    const filename = newFile();
    const { store } = open(filename);
    store.commit([], { sync: true });
    store.commit([['a', 'x'.repeat(100_000)]]);
    expect(statSync(filename).size).toBeLessThan(100_000);
    store.commit([], { sync: true });
    expect(statSync(filename).size).toBeGreaterThan(100_000);
  });

  it('names store and reason when a commit fails', () => {
    const filename = newFile();
    const { store, database } = open(filename);
    database().pragma('max_page_count = 10');
    expect(() => store.commit([['a', 'x'.repeat(100_000)]])).toThrow(
      expect.objectContaining({
        message: `[KERNEL:STORE_FAILED] Cannot commit to store ${filename}: database or disk is full`,
        cause: expect.objectContaining({ code: 'SQLITE_FULL' }),
        data: { filename },
      }),
    );
  });

  it('does not keep a huge -wal file after a huge commit', () => {
    const filename = newFile();
    const { store } = open(filename);
    store.commit([['a', 'x'.repeat(40_000_000)]]);
    expect(statSync(`${filename}-wal`).size).toBeGreaterThan(40_000_000);
    for (let i = 0; i < 3; i += 1) store.commit([['b', `${i}`]]);
    expect(statSync(`${filename}-wal`).size).toBeLessThan(20_000_000);
  });

  it('reopens with what was committed, also after it was closed', () => {
    const filename = newFile();
    const { store, database } = open(filename);
    store.commit([['a', '1']]);
    const first = database();
    store.reopen();
    expect(database()).not.toBe(first);
    expect(first.open).toBe(false);
    expect(store.get('a')).toBe('1');
    store.close();
    store.reopen();
    store.commit([['b', '2']]);
    expect(store.keys('')).toEqual(['a', 'b']);
  });

  it('reopens with what was committed after a commit that failed', () => {
    const { store, database } = open(newFile());
    store.commit([['a', '1']]);
    database().pragma('max_page_count = 10');
    expect(() => store.commit([['a', 'x'.repeat(100_000)]])).toThrow();
    store.reopen();
    expect(store.scan('')).toEqual([['a', '1']]);
    store.commit([['a', 'x'.repeat(100_000)]]);
  });

  it('stays closed when a reopen fails, until one succeeds', () => {
    const filename = newFile();
    let fails = false;
    const { store } = open(filename, {
      open: () => {
        if (fails) throw new Error('no such device');
        return new Database(filename);
      },
    });
    store.commit([['a', '1']]);
    fails = true;
    expect(() => store.reopen()).toThrow(`Cannot open store ${filename}: no such device`);
    expect(() => store.get('a')).toThrow('it is closed, or a reopen failed');
    fails = false;
    store.reopen();
    expect(store.get('a')).toBe('1');
  });

  it('keeps its content over a reopen when it is in memory', () => {
    const { store } = open(':memory:');
    store.commit([['a', '1']]);
    store.reopen();
    expect(store.get('a')).toBe('1');
  });

  it('clears all rows and gives the space back', () => {
    const filename = newFile();
    const { store } = open(filename);
    store.commit(Array.from({ length: 1000 }, (_, i) => [`k${i}`, 'x'.repeat(1000)]));
    store.commit([], { sync: true });
    expect(statSync(filename).size).toBeGreaterThan(1_000_000);
    store.clear();
    expect(store.scan('')).toEqual([]);
    expect(statSync(filename).size).toBeLessThan(50_000);
    store.commit([['a', '1']]);
    store.close();
    expect(open(filename).store.scan('')).toEqual([['a', '1']]);
  });
});

describe('executeQuery', () => {
  const filled = (): KernelDatabase => {
    const { store } = open(':memory:');
    store.commit([
      ['a', '1'],
      ['b', '2'],
    ]);
    return store;
  };

  it.each([
    [
      'SELECT * FROM kv ORDER BY key',
      [
        { key: 'a', value: '1' },
        { key: 'b', value: '2' },
      ],
    ],
    ['select count(*) as n from kv;', [{ n: 2 }]],
    ['  -- how many\n /* of\nthem */ SELECT 1 AS one ; ', [{ one: 1 }]],
    ['VALUES (1)', [{ column1: 1 }]],
    ['WITH k AS (SELECT key FROM kv) SELECT max(key) AS last FROM k', [{ last: 'b' }]],
    ['PRAGMA user_version', [{ user_version: 1 }]],
    ['pragma main.application_id;', [{ application_id: storeApplicationId }]],
    ['PRAGMA integrity_check(10)', [{ integrity_check: 'ok' }]],
  ])('gives the rows of %s', (sql, rows) => {
    expect(filled().executeQuery(sql)).toEqual(rows);
  });

  it('explains and describes', () => {
    const store = filled();
    const plan = store.executeQuery("EXPLAIN QUERY PLAN SELECT * FROM kv WHERE key >= 'a'");
    expect(plan).toMatchObject([{ detail: expect.stringContaining('USING INDEX') }]);
    expect(store.executeQuery('PRAGMA table_info(kv)')).toMatchObject([
      { name: 'key' },
      { name: 'value' },
    ]);
  });

  it.each([
    "INSERT INTO kv VALUES ('c', '3')",
    'DELETE FROM kv',
    'DELETE FROM kv RETURNING *',
    'WITH x AS (SELECT 1) DELETE FROM kv',
    'WITH x AS (SELECT 1) DELETE FROM kv RETURNING *',
    'EXPLAIN DELETE FROM kv',
    'DROP TABLE kv',
    'BEGIN',
    'COMMIT',
    'ROLLBACK',
    'SAVEPOINT x',
    'VACUUM',
    "ATTACH ':memory:' AS other",
    'PRAGMA synchronous = OFF',
    'PRAGMA synchronous(OFF)',
    'pragma/**/synchronous=OFF',
    'PRAGMA main.synchronous = OFF',
    '/* a comment */ PRAGMA synchronous = OFF',
    'EXPLAIN PRAGMA synchronous = OFF',
    'EXPLAIN/**/PRAGMA synchronous = OFF',
    'EXPLAIN QUERY PLAN PRAGMA synchronous = OFF',
    ';PRAGMA synchronous = OFF',
    'SELECT 1; PRAGMA synchronous = OFF',
    'PRAGMA user_version = 3',
    'PRAGMA optimize',
    'PRAGMA wal_checkpoint',
    'PRAGMA locking_mode = NORMAL',
    'SELECT 1; DELETE FROM kv',
    'SELECT nonsense',
    'nonsense',
    '',
    '-- nothing',
  ])('refuses %j, naming it', (sql) => {
    const store = filled();
    expect(() => store.executeQuery(sql)).toThrow(
      expect.objectContaining({
        name: 'TypeError',
        message: expect.stringContaining(`Cannot execute ${JSON.stringify(sql)}: `),
      }),
    );
    expect(store.keys('')).toEqual(['a', 'b']);
    expect(store.executeQuery('PRAGMA synchronous')).toEqual([{ synchronous: 1 }]);
    expect(store.executeQuery('PRAGMA user_version')).toEqual([{ user_version: 1 }]);
    store.commit([['c', '3']]);
  });

  it('is refused when the store is closed', () => {
    const store = filled();
    store.close();
    expect(() => store.executeQuery('SELECT 1')).toThrow('it is closed');
  });

  const endless =
    'WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT i FROM n';
  it.each([
    [{ ms: 60_000, rowsMax: 100 }, 'the statement gives more than 100 rows; give it a LIMIT'],
    [{ ms: 20, rowsMax: Infinity }, 'the statement took longer than 20 ms'],
  ])('ends a statement beyond %j, and the store goes on', (queryBounds, why) => {
    const { store } = open(':memory:', { queryBounds });
    const refusal = expect.objectContaining({
      code: 'STORE_FAILED',
      message: expect.stringContaining(why),
    });
    expect(() => store.executeQuery(endless)).toThrow(refusal);
    store.commit([['a', '1']]);
    expect(store.executeQuery(`${endless} LIMIT 100`)).toHaveLength(100);
  });
});

describe('prefixEnd', () => {
  it.each([
    ['a', 'b'],
    ['az', 'a{'],
    ['a\ud7ff', 'a\ue000'],
    ['a\uffff', 'a\u{10000}'],
    ['a\u{10ffff}', 'b'],
    ['\ud7ff\u{10ffff}', '\ue000'],
    ['😀', '😁'],
    ['', undefined],
    ['\u{10ffff}\u{10ffff}', undefined],
  ])('of %j is %j', (prefix, end) => {
    expect(prefixEnd(prefix)).toBe(end);
  });
});
