import { fileURLToPath } from 'node:url';
import type { StorybookConfig } from '@storybook/react-vite';
import { vatkit } from '@vatkit/codegen/vite';
import { mergeConfig } from 'vite';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Stories show the sources of the React package, and the kernel as it was built. Nothing is sent anywhere. */
const config: StorybookConfig = {
  stories: ['../src/**/*.stories.tsx'],
  addons: ['@storybook/addon-vitest'],
  framework: { name: '@storybook/react-vite', options: {} },
  core: { disableTelemetry: true, disableWhatsNewNotifications: true },
  typescript: { reactDocgen: 'react-docgen' },
  viteFinal: (vite) =>
    mergeConfig(vite, {
      worker: { format: 'es' },
      plugins: [vatkit()],
      // Found late they would be optimized in the midst of a run, which reloads the page.
      optimizeDeps: {
        include: [
          'axe-core',
          '@endo/eventual-send',
          '@endo/eventual-send/shim.js',
          '@endo/eventual-send/utils.js',
          '@endo/exo',
          '@endo/exo/tools.js',
          '@endo/far',
          '@endo/marshal',
          '@endo/pass-style',
          '@endo/pass-style/endow.js',
          '@endo/patterns',
          '@endo/promise-kit',
          '@jridgewell/trace-mapping',
          '@noble/curves/ed25519.js',
          '@noble/hashes/hmac.js',
          '@noble/hashes/sha2.js',
          '@noble/hashes/utils.js',
          '@scure/bip39',
          '@scure/bip39/wordlists/english.js',
          'ses/assert-shim.js',
        ],
      },
      resolve: {
        alias: [
          { find: '@vatkit/react/devtools', replacement: at('../../react/src/devtools/index.ts') },
          { find: '@vatkit/react', replacement: at('../../react/src/index.ts') },
        ],
      },
    }),
};
export default config;
