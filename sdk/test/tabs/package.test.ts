/** What a deploy of the kernel's worker is: one file, of a known size, that any tool takes as it is. */
import {
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import ts from 'typescript';
import { build } from 'vite';
import { afterAll, describe, expect, it } from 'vitest';
import { isNewer, release, storeSchema } from '../../src/protocol/tab-wire.js';
import { storeMigrations } from '../../src/store/sqlite-store.js';

const read = (file: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8');
const kernelWorker = read('dist/entries/worker.js');
const vatWorker = read('dist/_virtual/_vatkit_vat-worker.js');

/** All that would make a file load another one. */
function loadsOf(text: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const isLoad =
      ts.isImportDeclaration(node) ||
      ts.isMetaProperty(node) ||
      (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) ||
      (ts.isCallExpression(node) &&
        ts.isIdentifier(node.expression) &&
        node.expression.text === 'importScripts') ||
      (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined);
    if (isLoad) found.push(node.getText().slice(0, 100));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('a.js', text, ts.ScriptTarget.Latest, true));
  return found;
}

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

describe("an app's build by Vite", () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'vatkit-vite-')));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('makes one file of the worker, and needs no setting for it', async () => {
    writeFileSync(join(folder, 'index.html'), '<script type="module" src="/main.js"></script>');
    writeFileSync(join(folder, 'kernel.worker.js'), "import '@vatkit/sdk/worker';");
    writeFileSync(
      join(folder, 'main.js'),
      `import { createKernel } from '@vatkit/sdk';
       globalThis.client = createKernel({
         worker: () => new Worker(new URL('./kernel.worker.js', import.meta.url), { type: 'module' }),
       });`,
    );
    await build({
      root: folder,
      configFile: false,
      logLevel: 'error',
      resolve: {
        alias: {
          '@vatkit/sdk/worker': fileURLToPath(import.meta.resolve('@vatkit/sdk/worker')),
          '@vatkit/sdk': fileURLToPath(import.meta.resolve('@vatkit/sdk')),
        },
      },
    });
    const files = readdirSync(join(folder, 'dist/assets'));
    const [worker, ...more] = files.filter((file) => file.startsWith('kernel.worker'));
    expect(more).toStrictEqual([]);
    // The page's: what it loads at first, and the two parts that it loads when it uses them.
    expect(files.map((file) => file.replace(/-[^-]*\.js$/, '')).sort()).toStrictEqual([
      'index',
      'kernel.worker',
      'ports',
      'tabs',
    ]);
    const text = readFileSync(join(folder, 'dist/assets', worker as string), 'utf8');
    expect(loadsOf(text)).toStrictEqual([]);
    expect(text.length).toBeGreaterThan(1_000_000);
  }, 60_000);
});
