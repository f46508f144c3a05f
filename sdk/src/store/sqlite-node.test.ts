import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { KernelDatabase } from './kv-store.js';
import {
  importDriver,
  makeSQLKernelDatabase,
  type SQLKernelDatabaseOptions,
} from './sqlite-node.js';

const directory = mkdtempSync(join(tmpdir(), 'vatkit-store-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const opened: KernelDatabase[] = [];
afterEach(() => {
  for (const database of opened.splice(0)) database.close();
});
const open = async (options?: SQLKernelDatabaseOptions): Promise<KernelDatabase> => {
  const database = await makeSQLKernelDatabase(options);
  opened.push(database);
  return database;
};

describe('makeSQLKernelDatabase', () => {
  it('is in memory by default, each one for itself', async () => {
    const [a, b] = [await open(), await open({ dbFilename: ':memory:' })];
    a.commit([['key', 'of a']]);
    expect(b.get('key')).toBeUndefined();
    expect(a.filename).toBe(':memory:');
  });

  it('makes missing directories, and a file that only its owner can read', async () => {
    const dbFilename = join(directory, 'not', 'yet', 'there.db');
    const database = await open({ dbFilename });
    database.commit([['a', '1']]);
    expect(database.filename).toBe(dbFilename);
    if (process.platform === 'win32') return;
    expect(statSync(dbFilename).mode & 0o777).toBe(0o600);
    expect(statSync(`${dbFilename}-wal`).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'not')).mode & 0o777).toBe(0o700);
  });

  it('sees a relative name from the working directory', async () => {
    const absolute = join(directory, 'relative.db');
    const database = await open({ dbFilename: relative(process.cwd(), absolute) });
    expect(database.filename).toBe(absolute);
    expect(statSync(absolute).isFile()).toBe(true);
  });

  it('keeps rows in the file, and reads them with executeQuery', async () => {
    const dbFilename = join(directory, 'kept.db');
    const first = await open({ dbFilename, durability: 'full' });
    first.commit([['a', '1']]);
    expect(first.executeQuery('PRAGMA synchronous')).toEqual([{ synchronous: 2 }]);
    first.close();
    const second = await open({ dbFilename });
    expect(second.executeQuery('SELECT * FROM kv')).toEqual([{ key: 'a', value: '1' }]);
    expect(second.executeQuery('PRAGMA synchronous')).toEqual([{ synchronous: 1 }]);
    second.reopen();
    expect(second.get('a')).toBe('1');
  });

  it.each(['', '  ', 'a\0b.db'])('refuses %j, which names no file', async (dbFilename) => {
    await expect(makeSQLKernelDatabase({ dbFilename })).rejects.toThrow(TypeError);
  });

  it('says what is in the way of a path', async () => {
    const file = join(directory, 'a-file');
    writeFileSync(file, '');
    await expect(makeSQLKernelDatabase({ dbFilename: join(file, 'x.db') })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining(`Cannot open store ${join(file, 'x.db')}: `),
    });
  });

  it('waits for a kernel that is about to let go of the file', async () => {
    const dbFilename = join(directory, 'handed-over.db');
    const first = await open({ dbFilename });
    first.commit([['a', '1']]);
    setTimeout(() => first.close(), 120);
    const second = await open({ dbFilename });
    expect(second.get('a')).toBe('1');
  });

  it('is refused while another kernel holds the file', async () => {
    const dbFilename = join(directory, 'held.db');
    await open({ dbFilename });
    await expect(makeSQLKernelDatabase({ dbFilename, lockWaitMs: 60 })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining(`${dbFilename}: another kernel or program holds it`),
      data: { filename: dbFilename, held: true },
    });
  });

  it('does not wait where waiting is of no use', async () => {
    const dbFilename = join(directory, 'garbage.db');
    writeFileSync(dbFilename, 'garbage');
    await expect(makeSQLKernelDatabase({ dbFilename, lockWaitMs: 60_000 })).rejects.toThrow(
      'it is not a SQLite database',
    );
  });

  it('gives the file to one of several that start together', async () => {
    const dbFilename = join(directory, 'raced.db');
    const starts = Array.from({ length: 5 }, () => open({ dbFilename, lockWaitMs: 100 }));
    const results = await Promise.allSettled(starts);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

describe('importDriver', () => {
  /** A folder that sees a better-sqlite3 of this version, which says so when it is loaded. */
  const withPackage = (version: string, main = 'throw new Error("was loaded")'): string => {
    const root = join(directory, `app-${version}`);
    const folder = join(root, 'node_modules', 'better-sqlite3');
    mkdirSync(folder, { recursive: true });
    const manifest = { name: 'better-sqlite3', version, main: 'index.js' };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(folder, 'index.js'), main);
    return pathToFileURL(join(root, 'app.js')).href;
  };

  it('says how to install the package when it is missing', async () => {
    const from = pathToFileURL(join(directory, 'empty', 'app.js')).href;
    await expect(importDriver(from, 9)).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message:
        '[KERNEL:STORE_FAILED] Cannot load better-sqlite3: it is not installed, and stores on Node need it. Run `npm install better-sqlite3@12.11`',
    });
    await expect(importDriver(from, 10)).rejects.toThrow(/Run `npm install better-sqlite3`$/);
  });

  it('does not load version 13 where that would end the process', async () => {
    const from = withPackage('13.2.0');
    await expect(importDriver(from, 9)).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining(
        `version 13.2.0 needs Node 22, this is ${process.version}. Run \`npm install better-sqlite3@12.11\``,
      ),
    });
    await expect(importDriver(from, 10)).rejects.toThrow('was loaded');
  });

  it('says how to repair a package whose binary does not load', async () => {
    const from = withPackage(
      '12.11.1',
      'module.exports = class { constructor() { throw new Error("no bindings"); } }',
    );
    await expect(importDriver(from)).rejects.toThrow(
      `Cannot load better-sqlite3: version 12.11.1 does not work on Node ${process.version} (no bindings). Run \`npm rebuild better-sqlite3\``,
    );
  });
});
