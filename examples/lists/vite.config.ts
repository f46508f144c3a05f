import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { vatkit } from '@vatkit/codegen/vite';
import { defineConfig, type Plugin } from 'vite';

const root = fileURLToPath(new URL('.', import.meta.url));

/** The service worker, told the names of all files that were built. */
const serviceWorker = (): Plugin => ({
  name: 'tandem-service-worker',
  apply: 'build',
  writeBundle: {
    order: 'post',
    sequential: true,
    handler({ dir = 'dist' }) {
      const built = readdirSync(dir, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !/^(?:index\.html|sw\.js)$/.test(entry.name))
        .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1));
      const files = ['./', ...built.map((file) => file.replaceAll('\\', '/')).sort()];
      const source = readFileSync(join(root, 'src/sw.js'), 'utf8');
      writeFileSync(join(dir, 'sw.js'), `const files = ${JSON.stringify(files)};\n${source}`);
    },
  },
});

export default defineConfig({
  root,
  // Wherever the files are put, they find each other.
  base: './',
  plugins: [vatkit(), react(), serviceWorker()],
  build: { target: 'es2022', chunkSizeWarningLimit: 4_000 },
});
