import { vatkit } from '@vatkit/codegen/vite';

export default { root: import.meta.dirname, base: './', plugins: [vatkit()] };
