/** The kernel's database on Node: better-sqlite3, an optional dependency, on a file or in memory. */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { KernelError } from '../errors.js';
import { type Durability, type KernelDatabase, storeFailed } from './kv-store.js';
import { isStoreHeld, makeSqliteStore, type SqliteDatabase } from './sqlite-store.js';

export type SQLKernelDatabaseOptions = {
  /**
   * A path, seen from the working directory; missing directories are made. `:memory:`, the default, for
   * a store that ends with the process.
   */
  dbFilename?: string;
  /** Default `'normal'`. */
  durability?: Durability;
  /** How long to wait for a file that another kernel holds, which may be about to stop. Default 1000. */
  lockWaitMs?: number;
};

const lockPollMs = 50;

/**
 * Opens or makes the kernel's database.
 *
 * @throws TypeError for a name that is no file's.
 * @throws KernelError STORE_FAILED when better-sqlite3 is missing or does not fit this Node, and when the file is
 * held by another kernel, is of a newer version, is not a store, or cannot be opened.
 */
export async function makeSQLKernelDatabase({
  dbFilename = ':memory:',
  durability = 'normal',
  lockWaitMs = 1000,
}: SQLKernelDatabaseOptions = {}): Promise<KernelDatabase> {
  // The driver would trim the name, and open one that is empty as a temporary file.
  const name = dbFilename.trim();
  if (name === '' || name.includes('\0')) {
    throw new TypeError(`Cannot open store ${JSON.stringify(dbFilename)}: it names no file`);
  }
  const Driver = await importDriver();
  const filename = name === ':memory:' ? name : resolve(name);
  const open = (): SqliteDatabase => {
    if (filename !== ':memory:') createFile(filename);
    return new Driver(filename, { timeout: 0 });
  };
  const end = Date.now() + lockWaitMs;
  for (;;) {
    try {
      return makeSqliteStore({ filename, open, durability });
    } catch (error) {
      if (!isStoreHeld(error) || Date.now() >= end) throw error;
    }
    // Not all at once: of two kernels that start together each can keep the other from locking.
    await delay(lockPollMs * (0.5 + Math.random()));
  }
}

/** A new file is its owner's alone, for it holds the kernel's key; SQLite gives its -wal file the same mode. */
function createFile(filename: string): void {
  try {
    mkdirSync(dirname(filename), { recursive: true, mode: 0o700 });
    // One that exists must not be opened here: closing it would drop the locks that this process has on it.
    if (!existsSync(filename)) closeSync(openSync(filename, 'wx', 0o600));
  } catch (cause) {
    throw storeFailed('open', filename, (cause as Error).message, { cause });
  }
}

type Driver = new (filename: string, options: { timeout: number }) => SqliteDatabase;

/**
 * Loads better-sqlite3. Its version is read before: 13 on a Node without Node-API 10 ends the process with a
 * segmentation fault, which nothing can catch.
 *
 * @param from - a file that sees the package; for tests, as is `nodeApi`.
 */
export async function importDriver(
  from: string = import.meta.url,
  nodeApi = Number(process.versions.napi),
): Promise<Driver> {
  const require = createRequire(from);
  const advice = nodeApi >= 10 ? 'npm install better-sqlite3' : 'npm install better-sqlite3@12.11';
  const unusable = (what: string, options: { cause?: unknown } = {}): KernelError =>
    new KernelError('STORE_FAILED', `Cannot load better-sqlite3: ${what}`, options);
  let manifest: string;
  try {
    manifest = require.resolve('better-sqlite3/package.json');
  } catch (cause) {
    throw unusable(`it is not installed, and stores on Node need it. Run \`${advice}\``, {
      cause,
    });
  }
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  if (Number.parseInt(version, 10) >= 13 && !(nodeApi >= 10)) {
    throw unusable(
      `version ${version} needs Node 22, this is ${process.version}. Run \`${advice}\`, or update Node`,
    );
  }
  try {
    const entry = pathToFileURL(require.resolve('better-sqlite3')).href;
    const { default: Driver } = (await import(/* @vite-ignore */ entry)) as { default: Driver };
    // It loads its binary when it is first used.
    new Driver(':memory:', { timeout: 0 }).close();
    return Driver;
  } catch (cause) {
    throw unusable(
      `version ${version} does not work on Node ${process.version} (${(cause as Error).message}). ` +
        'Run `npm rebuild better-sqlite3`',
      { cause },
    );
  }
}
