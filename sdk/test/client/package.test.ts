/** What a page loads: what it needs to begin with, and what it loads when it uses more. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import nodeResolve from '@rollup/plugin-node-resolve';
import terser from '@rollup/plugin-terser';
import { rollup } from 'rollup';
import { describe, expect, it } from 'vitest';

const entry = fileURLToPath(import.meta.resolve('@vatkit/sdk'));
const folder = fileURLToPath(new URL('../page/', import.meta.resolve('@vatkit/sdk')));

/**
 * As an app's bundler makes it: what is loaded with the page, and, by name, what `import()` loads later. What the app does
 * not use of the entry the bundler leaves out.
 *
 * @returns bytes, compressed as by a web server.
 */
async function sizesIn(app: string): Promise<{ [file: string]: number }> {
  const bundle = await rollup({
    input: 'app',
    plugins: [
      {
        name: 'app',
        resolveId: (source) => (source === 'app' ? source : null),
        load: (id) => (id === 'app' ? app : null),
      },
      nodeResolve(),
      terser({ module: true }),
    ],
  });
  const { output } = await bundle.generate({ format: 'es', chunkFileNames: '[name]' });
  await bundle.close();
  const chunks = output.filter((file) => file.type === 'chunk');
  // All that is loaded at first is one file.
  expect(chunks.flatMap(({ imports, isEntry }) => (isEntry ? imports : []))).toStrictEqual([]);
  return Object.fromEntries(
    chunks.map(({ fileName, isEntry, code }) => [
      isEntry ? 'at first' : fileName,
      gzipSync(code, { level: 9 }).length,
    ]),
  );
}

/** The first is what users are promised; the others are what there is at present, with little room. */
const bytesMax = {
  client: 10_000,
  everything: 11_350,
  later: { tabs: 3_450, powers: 950 },
};

describe('what an app has of the client is no larger than it may be', () => {
  it('with createKernel, for a kernel at a port', async () => {
    const { 'at first': first, ...later } = await sizesIn(
      `import { createKernel } from '@vatkit/sdk';
       globalThis.kernel = createKernel({ worker: () => globalThis.port });`,
    );
    expect(first).toBeLessThanOrEqual(bytesMax.client);
    expect(Object.keys(later).sort()).toStrictEqual(Object.keys(bytesMax.later).sort());
    for (const [file, max] of Object.entries(bytesMax.later))
      expect(later[file], file).toBeLessThanOrEqual(max);
  });

  it('with all that the entry exports', async () => {
    const { 'at first': first } = await sizesIn(
      "import * as all from '@vatkit/sdk'; globalThis.all = Object.values(all);",
    );
    expect(first).toBeLessThanOrEqual(bytesMax.everything);
  });
});

describe('the files of the client', () => {
  const files = [
    entry,
    ...readdirSync(folder)
      .filter(isScript)
      .map((name) => folder + name),
  ];

  it('import one another and nothing else, and need nothing of Node', () => {
    expect(files).toHaveLength(4);
    for (const file of files) {
      const text = readFileSync(file, 'utf8');
      const imports = text.match(/(?<!-)\bimport\b|\bfrom\s*["']/g) ?? [];
      const known =
        text.match(/(?:\bfrom|\bimport\()\s*"\.\.?\/(?:page\/)?(?:client|powers|tabs)\.js"/g) ?? [];
      const statements = text.match(/\bimport\s*\{/g) ?? [];
      expect(known.length + statements.length, file).toBe(imports.length);
      expect(text).not.toMatch(/\brequire\(|\bprocess\b|\bBuffer\b/);
    }
  });

  it('are told where they cannot be loaded, and are loaded at the next use', () => {
    const place = mkdtempSync(`${tmpdir()}/vatkit-page-`);
    for (const name of ['entries', 'page']) mkdirSync(`${place}/${name}`);
    copyFileSync(entry, `${place}/entries/index.js`);
    copyFileSync(`${folder}client.js`, `${place}/page/client.js`);
    const program = `
    import { copyFileSync } from 'node:fs';
    import { createKernel, isKernelError } from ${JSON.stringify(pathToFileURL(`${place}/entries/index.js`).href)};
    import { startKernelWorker } from ${JSON.stringify(import.meta.resolve('@vatkit/sdk/node'))};
    const told = (what) => (error) => {
      const { code, retryable, indeterminate, cause, message } = error;
      console.log(what, isKernelError(error), code, retryable, indeterminate, cause?.code);
      console.log(message.includes(what + '.js'), message.endsWith('Try again or reload the page'));
    };
    // Where there may be tabs, as in a browser, their file is needed first.
    globalThis.Worker = class {};
    const kernel = createKernel({ worker: () => startKernelWorker() });
    await kernel.ready().catch(told('tabs'));
    console.log(kernel.status.phase, isKernelError(kernel.status.error, 'LOAD_FAILED'));
    copyFileSync(${JSON.stringify(`${folder}tabs.js`)}, ${JSON.stringify(`${place}/page/tabs.js`)});
    await kernel.ready();
    await kernel.terminate('nothing').catch(told('powers'));
    copyFileSync(${JSON.stringify(`${folder}powers.js`)}, ${JSON.stringify(`${place}/page/powers.js`)});
    console.log(await kernel.terminate('nothing'));
    await kernel.close();`;
    const args = ['--input-type=module', '-e', program];
    try {
      expect(execFileSync(process.execPath, args, { encoding: 'utf8' }).split('\n')).toStrictEqual([
        'tabs true LOAD_FAILED true false ERR_MODULE_NOT_FOUND',
        'true true',
        'failed true',
        'powers true LOAD_FAILED true false ERR_MODULE_NOT_FOUND',
        'true true',
        'false',
        '',
      ]);
    } finally {
      rmSync(place, { recursive: true });
    }
  });

  it('change nothing global, and look at nothing that only a page has until they are used', () => {
    const program = `
    const everything = () => JSON.stringify(
      [globalThis, Object, Object.prototype, Promise, Promise.prototype, Symbol, Array.prototype, Function.prototype]
        .map((object) => Reflect.ownKeys(object).map(String)),
    );
    for (const name of ['window', 'document', 'location', 'localStorage', 'indexedDB'])
      Object.defineProperty(globalThis, name, { get() { throw new Error(name) }, configurable: true });
    const before = everything();
    for (const file of ${JSON.stringify(files)}) await import(file);
    const { createKernel } = await import(${JSON.stringify(entry)});
    createKernel({ worker: () => { throw new Error('used') } });
    console.log(before === everything());`;
    const args = ['--input-type=module', '-e', program];
    expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toBe('true\n');
  });
});

function isScript(name: string): boolean {
  return name.endsWith('.js');
}
