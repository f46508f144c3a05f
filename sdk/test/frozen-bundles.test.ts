/**
 * A runtime runs every bundle of its major version, also those that were made long ago: the bundles of `frozen/` are
 * never made again. One of another major version does not run, and nothing is lost by it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { kunser, RUNTIME_ABI } from '@vatkit/sdk/kernel';
import { describe, expect, it } from 'vitest';
import {
  call,
  clusterOf,
  failsWithoutTrace,
  makeStoreFile,
  rejectionOf,
  rowsOf,
  startKernel,
  stopKernel,
} from './harness.js';

const folder = join(import.meta.dirname, 'frozen');
const frozen = (abi: number): string => readFileSync(join(folder, `abi-${abi}.vat.bundle`), 'utf8');
const parameters = { text: 'of long ago' };
const toured = {
  count: 1,
  half: 2,
  sum: 3,
  style: 'remotable',
  matches: true,
  body: '#["+1"]',
  promise: 'kept',
  news: 'first news',
  rows: 1,
};

/** What the store has of bundles becomes one of another major version, as if vatkit had gone on. */
function changeStoredAbi(dbFilename: string, from: number, to: number): void {
  const Driver = createRequire(import.meta.url)('better-sqlite3') as new (file: string) => {
    exec(sql: string): void;
    close(): void;
  };
  const database = new Driver(dbFilename);
  const [before, after] = [from, to].map((abi) => `\\"abi\\":${abi},`);
  database.exec(
    `UPDATE kv SET value = replace(value, '${before}', '${after}') WHERE key LIKE 'b.%'`,
  );
  database.close();
}

it('there is a frozen bundle of the present major version', () => {
  expect(readdirSync(folder)).toContain(`abi-${RUNTIME_ABI}.vat.bundle`);
  expect(JSON.parse(frozen(RUNTIME_ABI))).toMatchObject({
    moduleFormat: 'vatkit',
    abi: RUNTIME_ABI,
  });
});

describe('a bundle of the present major version', () => {
  it('runs, however old it is, and goes on over a restart', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    const config = clusterOf(frozen(RUNTIME_ABI), ['main'], { parameters });
    const { rootKref, bootstrapResult } = await first.launchSubcluster(config);
    expect(kunser(bootstrapResult!)).toBe('of long ago');
    expect(await call(first, rootKref, 'tour')).toStrictEqual(toured);
    await stopKernel(first);
    const second = await startKernel({ dbFilename });
    expect(await call(second, rootKref, 'bootstrap')).toBe('of long ago');
    expect(await call(second, rootKref, 'tour')).toStrictEqual(toured);
  });
});

describe('a bundle of another major version', () => {
  it.each([RUNTIME_ABI - 1, RUNTIME_ABI + 1])('is refused at a launch: %i', async (abi) => {
    const kernel = await startKernel();
    const bundle = frozen(RUNTIME_ABI).replace(`"abi":${RUNTIME_ABI}`, `"abi":${abi}`);
    const error = await failsWithoutTrace(kernel, () =>
      kernel.launchSubcluster(clusterOf(bundle, ['main'], { parameters })),
    );
    expect(error).toMatchObject({ code: 'START_FAILED' });
    expect(error.message).toContain(
      `made for version ${abi} of the vat runtime, this is version ${RUNTIME_ABI}; bundle it again`,
    );
  });

  it('that is in the store quarantines its vat alone, with its state, until an upgrade mends it', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    const config = clusterOf(frozen(RUNTIME_ABI), ['main'], { parameters });
    const { rootKref } = await first.launchSubcluster(config);
    await stopKernel(first);
    changeStoredAbi(dbFilename, RUNTIME_ABI, RUNTIME_ABI - 1);

    const second = await startKernel({ dbFilename });
    const error = await rejectionOf(second.queueMessage(rootKref, 'tour', []));
    expect(error).toMatchObject({ code: 'VAT_BROKEN' });
    expect(error.message).toContain(`made for version ${RUNTIME_ABI - 1} of the vat runtime`);
    expect(second.getVats()).toMatchObject([{ id: 'v1', status: 'broken' }]);
    expect(rowsOf(second).get('t.v1.i.1/1')).toContain('of long ago');
    // With a space, so that it is no content that the store believes to have.
    await second.upgradeVat('v1', { bundleSpec: `${frozen(RUNTIME_ABI)} ` });
    expect(await call(second, rootKref, 'bootstrap')).toBe('of long ago');
    expect(await call(second, rootKref, 'tour')).toStrictEqual(toured);
  });
});
