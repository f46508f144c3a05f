/** What a deploy of the kernel's worker is: one file, of a known size, that any tool takes as it is. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { isNewer, release, storeSchema } from '../../src/protocol/tab-wire.js';
import { storeMigrations } from '../../src/store/sqlite-store.js';
import { loadsOf } from './loads-of.js';

const read = (file: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8');
const kernelWorker = read('dist/entries/worker.js');
const vatWorker = read('dist/_virtual/_vatkit_vat-worker.js');

describe('the files of a browser', () => {
  it.each([
    // Of it SQLite's module is 410,000, libp2p 170,000, and the vats' program 87,000.
    ['the kernel worker', kernelWorker, 820_000],
    ['the vat worker, in it', vatWorker, 92_000],
  ])('%s is no larger than it may be', (_what, text, gzipBytesMax) => {
    expect(gzipSync(text, { level: 9 }).length).toBeLessThanOrEqual(gzipBytesMax);
  });

  it('are complete: the kernel worker loads nothing', () => {
    expect(loadsOf(kernelWorker)).toStrictEqual([]);
    expect(loadsOf('import("x"); import.meta.url; export * from "y";')).toHaveLength(3);
  });
});

describe('the release', () => {
  it('is that of package.json, and its schema that of the store', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    expect(release).toBe(`vatkit ${version}`);
    expect(storeSchema).toBe(storeMigrations.length);
  });

  it.each([
    ['vatkit 0.1.0', 'vatkit 0.0.9', true],
    ['vatkit 1.0.0', 'vatkit 0.9.9', true],
    ['vatkit 0.10.0', 'vatkit 0.9.0', true],
    ['vatkit 0.1.0', 'vatkit 0.1.0', false],
    ['vatkit 0.1.0', 'vatkit 0.1.1', false],
    ['vatkit 0.0.0', 'nonsense', true],
  ])('%s is newer than %s: %s', (a, b, answer) => {
    expect(isNewer(a, b)).toBe(answer);
  });
});
