import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { makeFixture } from './fixture.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

const vatkit = (cwd: string, ...args: string[]) =>
  spawnSync(process.execPath, [`${root}codegen/bin/vatkit.mjs`, ...args], {
    cwd,
    encoding: 'utf8',
  });

it('makes a new app, whose vat can be generated', () => {
  const at = makeFixture({ 'x/.keep': '' });
  expect(vatkit(at(), 'init', 'my-app').status).toBe(0);
  expect(JSON.parse(readFileSync(at('my-app/package.json'), 'utf8'))).toMatchObject({
    name: 'my-app',
    dependencies: { '@vatkit/sdk': 'latest' },
  });
  mkdirSync(at('my-app/node_modules/@vatkit'), { recursive: true });
  symlinkSync(`${root}sdk`, at('my-app/node_modules/@vatkit/sdk'));
  expect(vatkit(at('my-app'), 'generate')).toMatchObject({ status: 0, stderr: '' });
  const types = readFileSync(at('my-app/src/vats/counter.vat.gen.d.ts'), 'utf8');
  expect(types).toContain('increment(by: number): Promise<number>;');
});

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
    dependencies: { react: '^19.0.0', '@vatkit/sdk': 'latest', '@vatkit/react': 'latest' },
    devDependencies: { '@vatkit/codegen': 'latest' },
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
