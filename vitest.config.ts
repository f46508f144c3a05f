import { fileURLToPath } from 'node:url';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { chromiumArguments, findChromium } from './scripts/chromium.mjs';

const executablePath = findChromium();
/** As the build leaves it. */
const vatWorker = fileURLToPath(
  new URL('./sdk/dist/_virtual/_vatkit_vat-worker.js', import.meta.url),
);

export default defineConfig({
  test: {
    // By default one core is left idle, which on two is half of the machine.
    maxWorkers: '100%',
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
          exclude: ['sdk/test/browser/**'],
          globalSetup: './scripts/vitest-setup.mjs',
          pool: 'forks',
          testTimeout: 20_000,
          hookTimeout: 20_000,
          // Node loads the built packages itself, as it does for those who install them.
          server: { deps: { external: [/\/(sdk|codegen)\/dist\//] } },
        },
      },
      {
        extends: true,
        // Found late they would be optimized in the midst of a run, which reloads the page.
        resolve: { alias: { 'vatkit:vat-worker': vatWorker } },
        optimizeDeps: { include: ['@sqlite.org/sqlite-wasm', '@jridgewell/trace-mapping'] },
        test: {
          name: 'chromium',
          include: ['sdk/test/browser/**/*.test.ts'],
          globalSetup: ['./scripts/vitest-setup.mjs', './scripts/chromium.mjs'],
          testTimeout: 20_000,
          hookTimeout: 20_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            instances: [{ browser: 'chromium' }],
            provider: playwright({
              launchOptions: {
                ...(executablePath !== undefined && { executablePath }),
                args: chromiumArguments,
              },
            }),
          },
        },
      },
    ],
  },
});
