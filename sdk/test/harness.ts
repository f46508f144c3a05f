/**
 * What the integration tests share: bundles of the vats beside it, kernels that every test leaves sound and
 * stopped, and what of a kernel can be seen from outside: its rows, its workers, its log.
 */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { bundleVat, formatBundle } from '@vatkit/codegen';
import { kunser } from '@vatkit/sdk/kernel';
import type { ClusterConfig, Kernel, Logger, VatConfig } from '@vatkit/sdk/kernel';
import { makeKernel, makeSQLKernelDatabase } from '@vatkit/sdk/node';
import type { MakeKernelOptions } from '@vatkit/sdk/node';
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest';
import { findBrokenInvariants } from '../src/kernel/invariants.js';
import { makeKernelRows } from '../src/kernel/rows.js';
import { makeChangeSet } from '../src/store/change-set.js';

/** For what another thread or process does, on a machine that does much else. */
export const patience = { timeout: 10_000, interval: 10 };

const bundles = new Map<string, Promise<string>>();

/** The content of the bundle of a vat under `vats/`: `bundleOf('keeper.vat.js')`. */
export function bundleOf(name: string): Promise<string> {
  let bundle = bundles.get(name);
  if (bundle === undefined) {
    bundle = bundleVat(join(import.meta.dirname, 'vats', name)).then(formatBundle);
    bundles.set(name, bundle);
  }
  return bundle;
}

/** The content of a bundle that nobody bundled: `code` sees what the worker's runtime provides as `far`. */
export const bundleOfCode = (code: string): string =>
  JSON.stringify({
    moduleFormat: 'vatkit',
    abi: 1,
    code: `const __vatExports__ = (() => { const far = $vatkit['@vatkit/sdk/vat']; ${code} })();`,
  });

/** A bundle whose root object has one method for each of `methods`, in method syntax. */
export const bundleOfRoot = (methods: string): string =>
  bundleOfCode(
    `return { buildRootObject: (powers, parameters, baggage) => far.makeDefaultExo('root', { ${methods} }) };`,
  );

/** A subcluster of one vat, or of several that run the same bundle. */
export function clusterOf(
  bundleSpec: string,
  names: readonly string[] = ['main'],
  options: Partial<VatConfig> = {},
): ClusterConfig {
  const vats = names.map((name) => [name, { bundleSpec, ...options }]);
  return { bootstrap: names[0] as string, vats: Object.fromEntries(vats) as ClusterConfig['vats'] };
}

const folders: string[] = [];

/** A new folder, removed after the file's tests. */
export function makeFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'vatkit-it-')));
  folders.push(folder);
  return folder;
}

export const makeStoreFile = (): string => join(makeFolder(), 'store.db');

export function makeFile(name: string, content: string | Uint8Array): string {
  const file = join(makeFolder(), name);
  writeFileSync(file, content);
  return file;
}

const workers = new Set<Worker>();
process.on('worker', (worker) => {
  workers.add(worker);
  worker.once('exit', () => workers.delete(worker));
});

/** Waits until this process has that many worker threads, as it must sooner or later. */
export const expectWorkers = (count: number): Promise<void> =>
  vi.waitFor(() => expect(workers.size, 'worker threads').toBe(count), patience);

export type LogRecord = { level: string; tags: string[]; text: string };

/** A logger that keeps what it is told, with the tags. */
export function makeLogRecorder(): Logger & { records: LogRecord[] } {
  const records: LogRecord[] = [];
  const write =
    (level: string, tags: string[]) =>
    (...args: unknown[]) => {
      const text = args
        .map((arg) =>
          typeof arg === 'string'
            ? arg
            : JSON.stringify(arg, (_key, value: unknown) =>
                typeof value === 'bigint' ? `${value}n` : value,
              ),
        )
        .join(' ');
      records.push({ level, tags, text });
    };
  const tagged = (tags: string[]): Logger => ({
    debug: write('debug', tags),
    info: write('info', tags),
    log: write('log', tags),
    warn: write('warn', tags),
    error: write('error', tags),
    subLogger: (options) => tagged([...tags, ...options.tags]),
  });
  return { ...tagged([]), records };
}

const kernels = new Set<Kernel>();
const stopped = new WeakSet<Kernel>();

/** A kernel that is checked and stopped after the test. It logs to nobody unless told to. */
export async function startKernel(options: MakeKernelOptions = {}): Promise<Kernel> {
  const kernel = await makeKernel({ logger: makeLogRecorder(), ...options });
  return track(kernel);
}

export function track(kernel: Kernel): Kernel {
  kernels.add(kernel);
  return kernel;
}

/** Stops it as a test may, and the checks after the test know that its store is closed. */
export async function stopKernel(kernel: Kernel): Promise<void> {
  stopped.add(kernel);
  await kernel.stop();
}

export const expectSound = (kernel: Kernel): void =>
  expect(kernel.checkInvariants()).toStrictEqual([]);

/** The invariants of a store that no kernel has open. */
export async function expectSoundStore(dbFilename: string): Promise<void> {
  const database = await makeSQLKernelDatabase({ dbFilename });
  try {
    expect(
      findBrokenInvariants(makeKernelRows(makeChangeSet(database), { promiseBlock: 1 })),
    ).toStrictEqual([]);
    expect(database.executeQuery('PRAGMA integrity_check')).toStrictEqual([
      { integrity_check: 'ok' },
    ]);
  } finally {
    database.close();
  }
}

let shared: Kernel | undefined;

/**
 * One kernel for all tests of a `describe`, which saves the start of its workers. It is checked after each test, and
 * stopped after the last.
 */
export function useSharedKernel(start: () => Promise<Kernel>): void {
  beforeAll(async () => {
    shared = await start();
    kernels.delete(shared);
  });
  afterAll(async () => {
    await shared?.stop();
    shared = undefined;
  });
}

afterEach(async () => {
  const used = [...kernels];
  kernels.clear();
  try {
    for (const kernel of used) if (!stopped.has(kernel)) expectSound(kernel);
  } finally {
    await Promise.all(used.map((kernel) => kernel.stop()));
  }
  if (shared !== undefined) expectSound(shared);
  await expectWorkers(shared?.getVats().filter(({ status }) => status === 'running').length ?? 0);
  const files = new Set(used.map(({ kernelDatabase }) => kernelDatabase.filename));
  files.delete(':memory:');
  for (const file of files) await expectSoundStore(file);
});

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** All rows of the store but the numbers of the next ids and vrefs, which never go back. */
export function rowsOf(kernel: Kernel): Map<string, string> {
  const rows = kernel.kernelDatabase.executeQuery('SELECT key, value FROM kv ORDER BY key');
  const entries = rows.map(({ key, value }) => [key, value] as [string, string]);
  // Counters only grow, and so does a vat's dictionary of method names, up to its bound.
  return new Map(entries.filter(([key]) => !/^[niy]\./.test(key)));
}

/** What differs, with the values cut short. */
export const rowsChanged = (before: Map<string, string>, after: Map<string, string>): string[] =>
  [...new Set([...before.keys(), ...after.keys()])]
    .filter((key) => before.get(key) !== after.get(key))
    .map((key) => `${key}: ${before.get(key)?.slice(0, 100)} -> ${after.get(key)?.slice(0, 100)}`);

/** Calls a method and reads its answer. */
export const call = async (
  kernel: Kernel,
  target: Parameters<Kernel['queueMessage']>[0],
  method: string,
  ...args: unknown[]
): Promise<unknown> => kunser(await kernel.queueMessage(target, method, args));

/** What a promise was rejected with. */
export async function rejectionOf(
  promise: Promise<unknown>,
): Promise<Error & { code?: string; data?: unknown }> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in outcome)) throw new Error(`it was fulfilled with ${String(outcome.value)}`);
  expect(outcome.error).toBeInstanceOf(Error);
  return outcome.error as Error;
}

/**
 * Does what must fail; returns the error. The kernel must be as before: the same rows, the same workers, and the
 * root given still answers.
 */
export async function failsWithoutTrace(
  kernel: Kernel,
  action: () => Promise<unknown>,
): Promise<Error & { code?: string; data?: unknown }> {
  const before = {
    rows: rowsOf(kernel),
    workers: workers.size,
    vats: kernel.getVats().map(({ id, status }) => id + status),
  };
  const error = await rejectionOf(action());
  await vi.waitFor(() => {
    expect(rowsChanged(before.rows, rowsOf(kernel))).toStrictEqual([]);
    expect(workers.size).toBe(before.workers);
  }, patience);
  expect(kernel.getVats().map(({ id, status }) => id + status)).toStrictEqual(before.vats);
  expectSound(kernel);
  return error;
}
