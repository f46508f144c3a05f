import { fileURLToPath } from 'node:url';
import type { StorybookConfig } from '@storybook/react-vite';
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
      resolve: {
        alias: [
          { find: '@vatkit/react/devtools', replacement: at('../../react/src/devtools/index.ts') },
          { find: '@vatkit/react', replacement: at('../../react/src/index.ts') },
        ],
      },
    }),
};
export default config;
