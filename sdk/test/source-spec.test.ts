/** Vats by their sources: bundled at the launch, by a bundler that the sdk does not depend on. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Kernel } from '@vatkit/sdk/kernel';
import { makeSQLKernelDatabase, NodejsPlatformServices } from '@vatkit/sdk/node';
import { describe, expect, it } from 'vitest';
import {
  bundleOfRoot,
  call,
  failsWithoutTrace,
  makeFile,
  makeFolder,
  makeLogRecorder,
  startKernel,
  track,
} from './harness.js';

const sourceSaying = (word: string): string => `
  import { makeDefaultExo } from '@vatkit/sdk/vat';
  export const buildRootObject = (): unknown => makeDefaultExo('root', { say: () => '${word}' });`;

const sourceCluster = (sourceSpec: string) => ({ bootstrap: 'a', vats: { a: { sourceSpec } } });

describe('a sourceSpec', () => {
  it.each([
    ['an absolute path', (file: string) => file],
    ['a path from the working directory', (file: string) => relative(process.cwd(), file)],
    ['a file URL', (file: string) => pathToFileURL(file).href],
  ])('is %s', async (_what, specOf) => {
    const kernel = await startKernel();
    const file = makeFile('a b%20c.vat.ts', sourceSaying('source'));
    const { rootKref } = await kernel.launchSubcluster(sourceCluster(specOf(file)));
    expect(await call(kernel, rootKref, 'say')).toBe('source');
    expect(kernel.getVats()).toMatchObject([{ config: { sourceSpec: specOf(file) } }]);
  });

  it('stands beside bundles, under `bundles`, and alone in launchVat', async () => {
    const kernel = await startKernel();
    const sourceSpec = makeFile('a.vat.ts', sourceSaying('source'));
    await kernel.launchSubcluster({
      bootstrap: 'a',
      vats: {
        a: { sourceSpec },
        b: { bundleSpec: bundleOfRoot(`say: () => 'bundle'`) },
        c: { bundleName: 'shared' },
      },
      bundles: { shared: { sourceSpec } },
    });
    await kernel.launchVat({ sourceSpec });
    const said = kernel.getVatIds().map((id) => call(kernel, kernel.getRootObject(id), 'say'));
    expect(await Promise.all(said)).toStrictEqual(['source', 'bundle', 'source', 'source']);
    // By content: the same source gives the same bundle.
    const stored = kernel.kernelDatabase.executeQuery("SELECT key FROM kv WHERE key GLOB 'b.*'");
    expect(stored).toHaveLength(2);
  });

  it('is bundled at the launch and at a reload, not at a restart', async () => {
    const kernel = await startKernel();
    const file = makeFile('a.vat.ts', sourceSaying('old'));
    const { rootKref } = await kernel.launchSubcluster(sourceCluster(file));
    writeFileSync(file, sourceSaying('new'));
    await kernel.restartVat('v1');
    expect(await call(kernel, rootKref, 'say')).toBe('old');
    const { vats } = await kernel.reloadSubcluster('s1');
    expect(await call(kernel, kernel.getRootObject(vats.a!), 'say')).toBe('new');
  });

  it.each([
    ['/no/such/vat.js', /no\/such\/vat\.js: ?\s*there is no such file/],
    ['http://localhost/vat.js', /http:\/\/localhost\/vat\.js is no path or file URL/],
    ['data:text/javascript,1', /is no path or file URL.*bundleSpec/],
  ])('%s is named in the error with the vat', async (spec, message) => {
    const kernel = await startKernel();
    const error = await failsWithoutTrace(kernel, () =>
      kernel.launchSubcluster(sourceCluster(spec)),
    );
    expect(error).toMatchObject({ code: 'BAD_CONFIG', data: { name: 'a' } });
    expect(error.message).toContain(
      `Failed to launch vat v1 (a): bundling of user code ${spec} failed: `,
    );
    expect(error.message).toMatch(message);
    expect(error.cause).toBeInstanceOf(Error);
  });

  it('that cannot be bundled is told with all that is wrong, and where', async () => {
    const kernel = await startKernel();
    const source = `import 'lost';\nexport const buildRootObject = () => import('other');`;
    const file = makeFile('a.vat.js', source);
    const error = await failsWithoutTrace(kernel, () =>
      kernel.launchSubcluster(sourceCluster(file)),
    );
    expect(error.message).toContain('a.vat.js:1:8');
    expect((error.cause as Error).name).toBe('BundleError');
  });
});

it('a platform without a bundler says so, and names the vat', async () => {
  const node = new NodejsPlatformServices();
  const platform = {
    startVatWorker: node.startVatWorker.bind(node),
    fetchText: node.fetchText.bind(node),
    isDebugged: node.isDebugged.bind(node),
  };
  const database = await makeSQLKernelDatabase();
  const kernel = track(await Kernel.make(platform, database, { logger: makeLogRecorder() }));
  const error = await failsWithoutTrace(kernel, () =>
    kernel.launchSubcluster(sourceCluster('./a.vat.js')),
  );
  expect(error).toMatchObject({ code: 'BAD_CONFIG', data: { name: 'a' } });
  expect(error.message).toBe(
    '[KERNEL:BAD_CONFIG] Failed to launch vat v1 (a): sourceSpec ./a.vat.js: this platform has no bundler; name a bundle with bundleSpec',
  );
});

describe('the bundler', () => {
  /** An app with a copy of the sdk's module, away from this workspace's packages. */
  function makeApp(): string {
    const app = makeFolder();
    const dist = fileURLToPath(new URL('../dist/host/node', import.meta.url));
    const copy = join(app, 'lib/sdk');
    cpSync(join(dist, 'bundle-source.js'), join(copy, 'bundle-source.js'));
    writeFileSync(join(app, 'package.json'), '{"type":"module"}');
    writeFileSync(
      join(app, 'app.js'),
      `import { bundleSource } from './lib/sdk/bundle-source.js';
       console.log(await bundleSource('vats/a.js').catch((error) => error.message));`,
    );
    return app;
  }

  const install = (folder: string, word: string): void => {
    const bundler = join(folder, 'node_modules/@vatkit/codegen');
    mkdirSync(bundler, { recursive: true });
    writeFileSync(
      join(bundler, 'package.json'),
      '{"type":"module","exports":{".":{"default":"./index.js"}}}',
    );
    writeFileSync(
      join(bundler, 'index.js'),
      `export const bundleVat = async (entry) => entry;
       export const formatBundle = (bundle) => '${word} ' + bundle;`,
    );
  };

  const run = async (app: string, cwd: string): Promise<string> =>
    (await promisify(execFile)(process.execPath, [join(app, 'app.js')], { cwd })).stdout.trim();

  it("is the app's own, wherever it runs, and not one that lies by the source", async () => {
    const app = makeApp();
    const elsewhere = makeFolder();
    install(join(elsewhere, 'vats'), 'by the source');
    expect(await run(app, elsewhere)).toBe(
      'sourceSpec needs the package @vatkit/codegen, which is not installed. Run `npm install @vatkit/codegen`, or bundle the vat before and give bundleSpec',
    );
    install(elsewhere, 'of the working directory');
    expect(await run(app, elsewhere)).toBe(`of the working directory ${elsewhere}/vats/a.js`);
    install(app, 'of the app');
    expect(await run(app, elsewhere)).toBe(`of the app ${elsewhere}/vats/a.js`);
  });
});
