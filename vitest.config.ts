import { fileURLToPath } from 'node:url';
import { storybookTest } from '@storybook/addon-vitest/vitest-plugin';
import { playwright } from '@vitest/browser-playwright';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { bundleOf } from './scripts/bundle-for-page.mjs';
import { chromiumArguments, findChromium } from './scripts/chromium.mjs';
import { reactCompiler } from './scripts/react-compiler.mjs';

const executablePath = findChromium();
/** As the build leaves it. */
const built = (name: string): string =>
  fileURLToPath(new URL(`./sdk/dist/_virtual/_vatkit_${name}.js`, import.meta.url));

const onNode = fileURLToPath(new URL('./sdk/test/browser/on-node.ts', import.meta.url));
/** Tests of `sdk/test/client/` that run in a page, too, find there what their harness gives on Node. */
const clientTestsInPages: Plugin = {
  name: 'client-tests-in-pages',
  enforce: 'pre',
  resolveId: (source, importer) =>
    source === '@vatkit/sdk/node' ||
    (source === '../harness.js' && importer?.includes('/sdk/test/client/'))
      ? onNode
      : null,
};

const jsdom = {
  environment: 'jsdom',
  exclude: ['react/test/{node,browser}/**'],
  globalSetup: './scripts/vitest-setup.mjs',
  pool: 'forks' as const,
  testTimeout: 20_000,
  hookTimeout: 20_000,
};
const builtPackages = [/\/(sdk|codegen)\/dist\//];
const tests = ['react/{src,test}/**/*.test.{ts,tsx}'];

/**
 * Components in jsdom against a kernel of this process: all of it, and once more in StrictMode; hooks on the oldest
 * React; an app of theirs compiled by React's compiler.
 */
const reactProjects = [
  ...['jsdom', 'jsdom-strict'].map((name) => ({
    extends: true as const,
    test: {
      ...jsdom,
      name,
      include: tests,
      env: { VATKIT_STRICT_MODE: name === 'jsdom-strict' ? '1' : '' },
      server: { deps: { external: builtPackages } },
    },
  })),
  {
    extends: true as const,
    resolve: { alias: [{ find: /^react(-dom)?(?=$|\/)/, replacement: 'react$1-18' }] },
    test: {
      ...jsdom,
      name: 'jsdom-react-18',
      include: ['react/test/{app,attacks,hooks,ssr}.test.tsx'],
      env: { VATKIT_REACT: '18.2.0' },
      setupFiles: ['./scripts/react-18.mjs'],
      server: { deps: { external: builtPackages, inline: ['@tanstack/react-query'] } },
    },
  },
  {
    extends: true as const,
    plugins: [reactCompiler()],
    test: {
      ...jsdom,
      name: 'jsdom-compiled',
      include: ['react/test/app.test.tsx'],
      env: { VATKIT_COMPILED: '1' },
      server: { deps: { external: builtPackages } },
    },
  },
];

const network = (): Promise<typeof import('./scripts/network-for-page.mjs')> =>
  import('./scripts/network-for-page.mjs');
/** Loaded when a page asks: before the setup there may be nothing built. */
const startNetwork = async () => (await network()).startNetwork();
const startPeer = async (_page: unknown, relays: string[]) => (await network()).startPeer(relays);
const stopNetwork = async () => (await network()).stopNetwork();

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
            'react/test/node/**/*.test.ts',
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
      ...reactProjects,
      {
        extends: true,
        // Found late they would be optimized in the midst of a run, which reloads the page.
        plugins: [clientTestsInPages],
        resolve: {
          alias: {
            'vatkit:vat-worker': built('vat-worker'),
            'vatkit:libp2p': built('libp2p'),
          },
        },
        optimizeDeps: {
          include: [
            '@sqlite.org/sqlite-wasm',
            '@jridgewell/trace-mapping',
            '@tanstack/react-query',
            '@testing-library/react',
            'axe-core',
            // By itself the name would be that of the folder here.
            '@testing-library/react > react',
            'react/jsx-dev-runtime',
          ],
        },
        test: {
          name: 'chromium',
          include: [
            'sdk/test/browser/**/*.test.ts',
            'sdk/test/client/client.test.ts',
            'react/test/browser/**/*.test.tsx',
          ],
          globalSetup: ['./scripts/vitest-setup.mjs', './scripts/chromium.mjs'],
          testTimeout: 20_000,
          hookTimeout: 20_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            commands: { bundleOf, startNetwork, startPeer, stopNetwork },
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
      {
        extends: true,
        plugins: [
          storybookTest({
            configDir: fileURLToPath(new URL('stories/.storybook', import.meta.url)),
          }),
        ],
        test: {
          name: 'stories',
          // This project's root is stories/.
          globalSetup: ['vitest-setup', 'chromium'].map((name) =>
            fileURLToPath(new URL(`scripts/${name}.mjs`, import.meta.url)),
          ),
          testTimeout: 30_000,
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
