#!/usr/bin/env node
// `npm create vatkit my-app` does what `vatkit create my-app` does, and is nothing else.
process.argv.splice(2, 0, 'create');
await import(new URL('bin/vatkit.mjs', import.meta.resolve('@vatkit/codegen/package.json')).href);
