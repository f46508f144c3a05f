/** Apps that are made, and apps that vatkit is added to: what is written is built, and run. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright';
import { preview } from 'vite';
import { expect, it } from 'vitest';
import { chromiumArguments, findChromium } from '../../scripts/chromium.mjs';
import { makeFixture } from './fixture.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

const vatkit = (cwd: string, ...args: string[]) =>
  spawnSync(process.execPath, [`${root}codegen/bin/vatkit.mjs`, ...args], {
    cwd,
    encoding: 'utf8',
  });

const { version } = JSON.parse(readFileSync(`${root}codegen/package.json`, 'utf8')) as {
  version: string;
};

/** As `npm install` leaves it, once everything is published: our packages are those of this repository. */
const install = (dir: string): void => symlinkSync(`${root}node_modules`, `${dir}/node_modules`);

async function build(dir: string): Promise<void> {
  const { stdout } = await promisify(execFile)('npm', ['run', 'build'], { cwd: dir }).catch(
    (error: { stdout: string }) => error,
  );
  expect(stdout).toContain('built in');
}

it(
  'npm create makes an app that is type-checked, built, and counts in a browser',
  { timeout: 90_000 },
  async () => {
    const at = makeFixture({ 'x/.keep': '' });
    // What npm runs for `npm create vatkit My-App`.
    const made = spawnSync(process.execPath, [`${root}codegen/create/create.mjs`, 'My-App'], {
      cwd: at(),
      encoding: 'utf8',
    });
    expect(made).toMatchObject({ status: 0, stderr: '' });
    expect(made.stdout).toContain('Next: cd My-App, npm install, npm run dev\n');
    const manifest = JSON.parse(readFileSync(at('My-App/package.json'), 'utf8')) as object;
    expect(manifest).toMatchObject({
      name: 'my-app',
      dependencies: { '@vatkit/sdk': `^${version}`, '@vatkit/react': `^${version}` },
      devDependencies: { '@vatkit/codegen': `^${version}` },
    });
    install(at('My-App'));
    await build(at('My-App'));

    const server = await preview({
      root: at('My-App'),
      configFile: false,
      logLevel: 'silent',
      preview: { port: 0, host: '127.0.0.1' },
    });
    const executablePath = findChromium();
    const browser = await chromium.launch({
      args: chromiumArguments,
      ...(executablePath !== undefined && { executablePath }),
    });
    try {
      const page = await browser.newPage();
      await page.goto(server.resolvedUrls?.local[0] ?? '');
      const button = page.locator('button');
      await button.filter({ hasText: '0' }).click();
      await button.filter({ hasText: '1' }).waitFor();
      await page.reload();
      await button.filter({ hasText: '1' }).waitFor();
    } finally {
      await browser.close();
      await server.close();
    }
  },
);

it('create writes into nothing that holds something', () => {
  const at = makeFixture({ 'app/package.json': '{}', 'full/a.txt': '', 'empty/.git/HEAD': '' });
  for (const [args, status, message] of [
    [['app'], 1, "app is not empty: it has package.json; 'vatkit init' adds vatkit to an app\n"],
    [['full'], 1, 'full is not empty: it has a.txt: name a new folder, or an empty one\n'],
    [['full/a.txt'], 1, 'vatkit create could not go on: ENOTDIR'],
    [['full/a.txt/b'], 1, 'vatkit create could not go on: ENOTDIR'],
    [[], 2, 'Which folder? None was named.\n'],
    [['a', 'b'], 2, 'One folder at a time.\n'],
  ] as const) {
    const made = vatkit(at(), 'create', ...args);
    expect([made.status, made.stderr]).toStrictEqual([status, expect.stringContaining(message)]);
  }
  expect(existsSync(at('a'))).toBe(false);
  expect(vatkit(at('empty'), 'create', '.').stdout).toContain('Next: npm install, npm run dev\n');
});

it(
  "init adds it to an app as Vite's template has it, which is type-checked and built",
  { timeout: 90_000 },
  async () => {
    const at = makeFixture(viteApp);
    expect(vatkit(at(), 'init')).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(readFileSync(at('package.json'), 'utf8'))).toMatchObject({
      scripts: { build: 'vatkit generate && tsc -b && vite build' },
    });
    writeFileSync(
      at('src/main.ts'),
      "import { kernel } from './kernel';\nimport { counter } from './vats/counter.vat.gen';\nconst { root } = await kernel.launch(counter);\nconst sum: number = await root.increment(1);\ndocument.title = String(sum);\n",
    );
    install(at());
    await build(at());
    expect(readdirSync(at('dist/assets')).some((name) => name.endsWith('.bundle'))).toBe(true);
  },
);

/** What `npm create vite` writes, as strict. */
const viteApp = {
  'package.json': JSON.stringify({
    name: 'app',
    type: 'module',
    scripts: { build: 'tsc -b && vite build' },
  }),
  'index.html': '<script type="module" src="/src/main.ts"></script>',
  'vite.config.ts':
    "import { defineConfig } from 'vite'\nimport react from '@vitejs/plugin-react'\n\n// https://vite.dev/config/\nexport default defineConfig({\n  plugins: [react()],\n})\n",
  'src/main.ts': '',
  'tsconfig.json': JSON.stringify({ files: [], references: [{ path: './tsconfig.app.json' }] }),
  'tsconfig.app.json': JSON.stringify({
    compilerOptions: {
      ...{ target: 'ES2022', module: 'ESNext', moduleResolution: 'bundler', jsx: 'react-jsx' },
      ...{
        lib: ['ES2022', 'DOM', 'DOM.Iterable'],
        types: ['vite/client'],
        useDefineForClassFields: true,
      },
      ...{ tsBuildInfoFile: './tsconfig.app.tsbuildinfo', noEmit: true, moduleDetection: 'force' },
      ...{ allowImportingTsExtensions: true, verbatimModuleSyntax: true, skipLibCheck: true },
      ...{ strict: true, noUnusedLocals: true, noUnusedParameters: true },
      ...{ erasableSyntaxOnly: true, noFallthroughCasesInSwitch: true },
      noUncheckedSideEffectImports: true,
    },
    include: ['src'],
  }),
};

it('adds vatkit to an app, once, and replaces nothing', () => {
  const config = "import react from 'x';\nexport default { plugins: [react()] };\n";
  const at = makeFixture({
    'package.json': '{\n    "name": "app",\n    "dependencies": { "react": "^19.0.0" }\n}\n',
    'vite.config.ts': config,
    'src/kernel.ts': '// mine\n',
  });
  const first = vatkit(at(), 'init');
  expect(first).toMatchObject({ status: 0, stderr: '' });
  expect(first.stdout).toContain('Left src/kernel.ts as it is');
  const written = () =>
    ['package.json', 'vite.config.ts', 'src/kernel.ts'].map((name) =>
      readFileSync(at(name), 'utf8'),
    );
  const [manifest, vite, kernel] = written();
  expect(JSON.parse(manifest ?? '')).toStrictEqual({
    name: 'app',
    dependencies: {
      react: '^19.0.0',
      '@vatkit/sdk': `^${version}`,
      '@vatkit/react': `^${version}`,
    },
    devDependencies: { '@vatkit/codegen': `^${version}` },
  });
  expect(vite).toBe(
    `import { vatkit } from '@vatkit/codegen/vite';\n${config.replace('[react', '[vatkit(), react')}`,
  );
  expect(kernel).toBe('// mine\n');
  expect(vatkit(at(), 'init').status).toBe(0);
  expect(written()).toStrictEqual([manifest, vite, kernel]);
});

it('says where it can do nothing', () => {
  const at = makeFixture({
    'full/a.txt': '',
    'broken/package.json': '{',
    'bare/package.json': '{}',
  });
  expect(vatkit(at(), 'init', 'full')).toMatchObject({ status: 1 });
  expect(vatkit(at(), 'init', 'broken').stderr).toContain('Cannot read broken/package.json');
  expect(vatkit(at(), 'init', 'bare').stderr).toContain('Found no list of plugins');
  expect(vatkit(at(), 'init', 'a', 'b').status).toBe(2);
});
