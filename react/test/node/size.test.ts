/** What is added to a page that has react-query and the client. */
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
  expect(await sizeOf()).toBeLessThanOrEqual(5_250);
});
