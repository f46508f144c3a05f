import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'node',
          environment: 'node',
          include: [
            '{sdk,codegen}/{src,test}/**/*.test.ts',
            'examples/**/*.test.ts',
            'scripts/**/*.test.mjs',
            'test/**/*.test.ts',
          ],
          globalSetup: './scripts/vitest-setup.mjs',
          pool: 'forks',
          testTimeout: 20_000,
          hookTimeout: 20_000,
          // Node loads the built packages itself, as it does for those who install them.
          server: { deps: { external: [/\/(sdk|codegen)\/dist\//] } },
        },
      },
    ],
  },
});
