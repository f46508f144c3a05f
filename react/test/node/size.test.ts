/** What the hooks add to a page that has react-query and the client. */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import nodeResolve from '@rollup/plugin-node-resolve';
import terser from '@rollup/plugin-terser';
import { rollup } from 'rollup';
import { expect, it } from 'vitest';

const entry = fileURLToPath(new URL('../../dist/index.js', import.meta.url));
const GZIP_BYTES_MAX = 4_000;

it('is no larger than it may be, query options and the cache bridge included', async () => {
  const bundle = await rollup({
    input: entry,
    external: ['@vatkit/sdk', '@tanstack/react-query', /^react($|\/)/],
    plugins: [nodeResolve(), terser({ module: true })],
    onwarn: () => undefined,
  });
  const { output } = await bundle.generate({ format: 'es' });
  await bundle.close();
  expect(gzipSync(output[0].code, { level: 9 }).length).toBeLessThanOrEqual(GZIP_BYTES_MAX);
});
