import type { Plugin } from 'vite';

export function reactCompiler(): Plugin;
