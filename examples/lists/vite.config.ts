import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { vatkit } from '@vatkit/codegen/vite';
import { defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // Wherever the files are put, they find each other.
  base: './',
  plugins: [vatkit(), react()],
  build: { target: 'es2022', chunkSizeWarningLimit: 4_000 },
});
