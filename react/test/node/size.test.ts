/** What is added to a page that has react-query and the client, minified and compressed by gzip. */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import nodeResolve from '@rollup/plugin-node-resolve';
import terser from '@rollup/plugin-terser';
import { rollup } from 'rollup';
import { expect, it } from 'vitest';

const entry = fileURLToPath(new URL('../../dist/index.js', import.meta.url));
const given = ['@vatkit/sdk', '@tanstack/react-query', /^react($|\/)/];

const sizeOf = async (...external: string[]): Promise<number> => {
  const bundle = await rollup({
    input: entry,
    external: [...given, ...external],
    plugins: [nodeResolve(), terser({ module: true })],
    onwarn: () => undefined,
  });
  const { output } = await bundle.generate({ format: 'es' });
  await bundle.close();
  return gzipSync(output[0].code, { level: 9 }).length;
};

it('all hooks are no larger than they may be', async () => {
  expect(await sizeOf('@vatkit/sdk/query')).toBeLessThanOrEqual(1_500);
});

it('and no larger with the options and the cache bridge, which other frameworks share', async () => {
  expect(await sizeOf()).toBeLessThanOrEqual(4_800);
});

it('and a page that has the whole client and react-query grows by no more than it may', async () => {
  const others = `export * from '@vatkit/sdk'; export * from '@tanstack/react-query';`;
  const pageSize = async (code: string): Promise<number> => {
    const bundle = await rollup({
      input: 'page',
      external: /^react($|\/)/,
      plugins: [
        {
          name: 'page',
          resolveId: (id) => (id === 'page' ? `${entry}.page.js` : null),
          load: (id) => (id === `${entry}.page.js` ? code : null),
        },
        nodeResolve({ browser: true }),
        terser({ module: true }),
      ],
      onwarn: () => undefined,
    });
    const { output } = await bundle.generate({ format: 'es', inlineDynamicImports: true });
    await bundle.close();
    return gzipSync(output[0].code, { level: 9 }).length;
  };
  const without = await pageSize(others);
  expect(without).toBeGreaterThan(20_000);
  const growth = (await pageSize(`${others} export * from './index.js';`)) - without;
  expect(growth).toBeGreaterThan(3_000);
  expect(growth).toBeLessThanOrEqual(4_000);
});
