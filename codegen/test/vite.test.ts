/** The plugin in a real Vite: its build, and its dev server. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, createServer, type InlineConfig, type ViteDevServer } from 'vite';
import { afterAll, describe, expect, it } from 'vitest';
import { vatkit, type VatkitPluginOptions } from '@vatkit/codegen/vite';
import { makeKernel } from '@vatkit/sdk/node';
import { kunser } from '@vatkit/sdk/kernel';
import { makeFixture } from './fixture.js';
import { overlayOfFailure, parseFailure } from '../src/vite/hot.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const vat = (methods: string): string =>
  `import { makeDefaultExo } from '@vatkit/sdk/vat';
export const buildRootObject = () => makeDefaultExo('todo', { ${methods} });
`;

const app = (files: Record<string, string> = {}) => {
  const at = makeFixture({
    'package.json': '{ "type": "module" }',
    'index.html': '<script type="module" src="/src/main.ts"></script>',
    'src/main.ts':
      "import { todo } from './todo.vat.gen.js';\nconsole.log(todo.config.vats['todo']?.bundleSpec);\n",
    'src/todo.vat.ts': vat('hi: () => 1,'),
    ...files,
  });
  mkdirSync(at('node_modules/@vatkit'), { recursive: true });
  symlinkSync(join(root, 'sdk'), at('node_modules/@vatkit/sdk'));
  return at;
};

const inline = (folder: string, options?: VatkitPluginOptions): InlineConfig => ({
  root: folder,
  configFile: false,
  logLevel: 'silent',
  plugins: [vatkit(options)],
});

describe('in a build', () => {
  it('generates, and emits the bundle as a hashed asset that a kernel can launch', async () => {
    const at = app();
    await build(inline(at()));
    expect(readFileSync(at('src/todo.vat.gen.d.ts'), 'utf8')).toContain('hi(): Promise<number>');
    const assets = readdirSync(at('dist/assets'));
    const bundle = assets.find((name) => /^todo\.vat-[\w-]+\.bundle$/.test(name)) ?? '';
    const script = assets.find((name) => name.endsWith('.js')) ?? '';
    // The kernel's worker fetches it, which knows nothing of the page's address.
    const [, address] =
      /new URL\(([`"'][^)]*\.bundle[`"']), ?import\.meta\.url\)/.exec(
        readFileSync(at('dist/assets', script), 'utf8'),
      ) ?? [];
    expect(address).toContain(`/assets/${bundle}`);
    const kernel = await makeKernel();
    const bundleSpec = readFileSync(at('dist/assets', bundle), 'utf8');
    const { rootKref } = await kernel.launchSubcluster({
      bootstrap: 'todo',
      vats: { todo: { bundleSpec } },
    });
    expect(kunser(await kernel.queueMessage(rootKref, 'hi', []))).toBe(1);
    await kernel.stop();
  });

  it.each([
    [
      { 'src/todo.vat.ts': vat('bad: () => new Map(),') },
      /src\/todo\.vat\.ts:2:\d+: TodoRoot\.bad, result: a Map cannot pass/,
    ],
    [
      {
        'src/main.ts':
          "import { buildRootObject } from './todo.vat.ts';\nconsole.log(buildRootObject);",
      },
      /src\/main\.ts imports todo\.vat\.ts, which is a vat.*Import '\.\/todo\.vat\.gen\.js'/,
    ],
  ])('fails with what is wrong', async (files, message) => {
    await expect(build(inline(app(files as Record<string, string>)()))).rejects.toThrow(message);
  });
});

describe('in development', () => {
  const servers: ViteDevServer[] = [];
  afterAll(() => Promise.all(servers.map((server) => server.close())));

  async function serve(folder: string) {
    const server = await createServer({
      ...inline(folder),
      server: { port: 0, host: '127.0.0.1' },
    });
    servers.push(server);
    const sent: unknown[] = [];
    const { send } = server.ws;
    server.ws.send = (...args: unknown[]) => {
      sent.push(args.length > 1 ? args : args[0]);
      Reflect.apply(send, server.ws, args);
    };
    await server.listen();
    const url = server.resolvedUrls?.local[0] ?? '';
    const text = async (path: string) => (await fetch(new URL(path, url))).text();
    const specOf = async (): Promise<string> => {
      const code = await text('/src/todo.vat.gen.js');
      return /"(\/@vatkit-bundle\/\w+\/src\/todo\.vat\.bundle)"/.exec(code)?.[1] ?? code;
    };
    return { server, sent, text, specOf };
  }

  it(
    'serves bundles by their content, and tells the page of an edit',
    { timeout: 40_000 },
    async () => {
      const at = app();
      const { sent, text, specOf } = await serve(at());
      const first = await specOf();
      const bundle = await text(first);
      expect(JSON.parse(bundle)).toMatchObject({ moduleFormat: 'vatkit' });
      expect(await text('/src/todo.vat.gen.js')).toContain('virtual:vatkit/hot');
      expect(await text('/@id/__x00__virtual:vatkit/hot')).toContain('vatkit:update');

      writeFileSync(at('src/todo.vat.ts'), vat('hi: () => 2,'));
      await expect
        .poll(() => sent.find((each) => Array.isArray(each) && each[0] === 'vatkit:update'), {
          timeout: 15_000,
        })
        .toMatchObject(['vatkit:update', { name: 'todo' }]);
      const second = await specOf();
      expect(second).not.toBe(first);
      expect(await text(second)).toContain('hi: () => 2');
      // A page that has not heard of it yet.
      expect(await text(first)).toBe(bundle);

      writeFileSync(at('src/todo.vat.ts'), vat('hi: () => new Map(),'));
      await expect
        .poll(() => sent.find((each) => (each as { type?: string }).type === 'error'), {
          timeout: 15_000,
        })
        .toMatchObject({
          err: { plugin: 'vatkit', loc: { file: at('src/todo.vat.ts'), line: 2 } },
        });
      expect(await specOf()).toBe(second);
    },
  );

  it('sets what workers and wasm need', async () => {
    const { server } = await serve(app()());
    expect(server.config.worker.format).toBe('es');
    expect(server.config.optimizeDeps.exclude).toContain('@vatkit/sdk');
  });

  it("shows a vat's error at its source line", () => {
    const at = app();
    const failure = parseFailure({
      ...{ name: 'todo', update: 'u', message: 'no' },
      stack: `Error: no\n    at ${import.meta.url}:1:1\n    at buildRootObject (todo.vat.ts:2:7)`,
    });
    if (failure === undefined) throw Error('it is one');
    expect(overlayOfFailure(failure, at('src')).err).toMatchObject({
      message: 'todo did not start with its new code, and the old goes on: no',
      loc: { file: at('src/todo.vat.ts'), line: 2, column: 6 },
    });
    expect([parseFailure({ name: 1 }), parseFailure(null)]).toStrictEqual([undefined, undefined]);
  });
});
