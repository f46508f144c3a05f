/** Apps as bundlers build them, each with the two files of docs/browser.md and no setting, on the static server. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build as vite } from 'vite';
import type { BrowserContext } from 'playwright';
import webpack from 'webpack';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadsOf } from './loads-of.js';
import { serveSite, startBrowser, type Site } from './site.js';

const main = `
import { createKernel } from '@vatkit/sdk';

const programs = {
  app: () => new Worker(new URL('./kernel.worker.js', import.meta.url), { type: 'module' }),
  package: () => new Worker(new URL('@vatkit/sdk/worker', import.meta.url), { type: 'module' }),
};
const main = { bundleSpec: '/keeper.bundle' };
globalThis.greetingFrom = async (program) => {
  const client = createKernel({ worker: programs[program], name: 'built-' + program });
  const { root } = await client.launch({ name: 'keeper', config: { bootstrap: 'main', vats: { main } } });
  return [client.status.storage, await root.greet(program)];
};
`;

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'vatkit-bundlers-')));
const at = (name: string): string => join(folder, name);

type Files = { [file: string]: string };

function filesIn(directory: string): Files {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [relative(directory, path).split(sep).join('/'), readFileSync(path, 'utf8')];
    }),
  );
}

async function buildWithVite(): Promise<Files> {
  await vite({
    root: folder,
    base: '/vite/',
    configFile: false,
    logLevel: 'error',
    build: { outDir: 'vite' },
  });
  return filesIn(at('vite'));
}

async function buildWithWebpack(): Promise<Files> {
  const compiler = webpack({
    mode: 'production',
    context: folder,
    entry: './main.js',
    output: { path: at('webpack') },
    // The worker is minified already, and the time is better spent.
    optimization: { minimize: false },
    // Its size is known: package.test.ts holds it.
    performance: false,
  });
  const stats = await new Promise<webpack.Stats | undefined>((resolve, reject) => {
    compiler?.run((error, done) => (error ? reject(error) : resolve(done)));
  });
  await new Promise((resolve) => compiler?.close(resolve));
  const { errors, warnings } = stats?.toJson({ all: false, errors: true, warnings: true }) ?? {};
  expect([...(errors ?? []), ...(warnings ?? [])]).toStrictEqual([]);
  return { ...filesIn(at('webpack')), 'index.html': '<script defer src="./main.js"></script>' };
}

let built: { [folder: string]: Files };
let site: Site;
let browser: BrowserContext;
beforeAll(async () => {
  mkdirSync(at('node_modules/@vatkit'), { recursive: true });
  symlinkSync(fileURLToPath(new URL('../..', import.meta.url)), at('node_modules/@vatkit/sdk'));
  writeFileSync(at('index.html'), '<script type="module" src="/main.js"></script>');
  writeFileSync(at('main.js'), main);
  writeFileSync(at('kernel.worker.js'), "import '@vatkit/sdk/worker';");
  built = { '/vite/': await buildWithVite(), '/webpack/': await buildWithWebpack() };
  [site, browser] = await Promise.all([serveSite(built), startBrowser(at('profile'))]);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await site?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(['vite', 'webpack'])('a build by %s', (bundler) => {
  it.each(['app', 'package'])("runs the worker from the %s's file", async (program) => {
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    page.on('pageerror', (error) => problems.push(String(error)));
    await page.goto(`${site.newOrigin()}/${bundler}/`);
    await page.waitForFunction('globalThis.greetingFrom');
    expect(await page.evaluate(`greetingFrom('${program}')`)).toStrictEqual([
      'file',
      `nobody greets ${program}`,
    ]);
    expect(problems).toStrictEqual([]);
    await page.close();
  });
});

it('a build by vite has the worker as one file, which loads no other', () => {
  const files = Object.entries(built['/vite/'] as Files);
  const workers = files.filter(([file]) => file.includes('kernel.worker'));
  expect(workers).toHaveLength(1);
  const [[, text]] = workers as [[string, string]];
  expect(loadsOf(text)).toStrictEqual([]);
  expect(text.length).toBeGreaterThan(1_000_000);
});
