import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import commonjs from '@rollup/plugin-commonjs';
import json from '@rollup/plugin-json';
import nodeResolve from '@rollup/plugin-node-resolve';
import terser from '@rollup/plugin-terser';
import typescript from '@rollup/plugin-typescript';
import { rollup } from 'rollup';
import ts from 'typescript';

/** What package.json exports as one file of its own. */
const bundled = ['./dist/entries/index.js', './dist/entries/worker.js'];

/** One module per source file, with types and maps. Its entries are those that package.json exports. */
function library(dir, ...unexported) {
  const manifest = JSON.parse(readFileSync(`${dir}/package.json`, 'utf8'));
  const packages = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
  const exported = Object.values(manifest.exports)
    .flatMap((target) => target.default ?? [])
    .filter((file) => dir !== 'sdk' || !bundled.includes(file));
  return {
    input: [...exported, ...unexported].map((file) =>
      file.replace('./dist/', `${dir}/src/`).replace(/\.js$/, '.ts'),
    ),
    external: (id) =>
      id.startsWith('node:') || packages.some((name) => id === name || id.startsWith(`${name}/`)),
    output: {
      dir: `${dir}/dist`,
      format: 'es',
      sourcemap: true,
      preserveModules: true,
      preserveModulesRoot: `${dir}/src`,
      // Frameworks that render components on a server load these modules in the page only.
      ...(dir === 'react' && { banner: "'use client';" }),
    },
    plugins: [browserVatWorker, typescript({ tsconfig: `./${dir}/tsconfig.json` })],
    // An import that nothing resolves, or a cycle: rollup would only warn.
    onwarn(warning) {
      throw new Error(warning.message);
    },
  };
}

/** The library's build has checked the types of the same files, so a worker's only drops them. */
const dropTypes = {
  name: 'drop-types',
  transform(code, id) {
    if (!id.endsWith('.ts')) return null;
    const { outputText, sourceMapText } = ts.transpileModule(code, {
      fileName: id,
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
        sourceMap: true,
      },
    });
    return { code: outputText.replace(/\n\/\/# sourceMappingURL=.*/, ''), map: sourceMapText };
  },
};

/** One self-contained program, Endo and SES included: a worker starts by reading this and nothing else. */
const program = (name) => ({
  input: `sdk/src/${name}.ts`,
  external: /^node:/,
  plugins: [
    dropTypes,
    nodeResolve({ extensions: ['.ts', '.js', '.mjs', '.json'], preferBuiltins: true }),
    commonjs(),
    json(),
    // A worker's heap holds the program's text: minified, each vat takes 3.4 MB less. Names stay for stack traces.
    terser({ module: true, keep_fnames: true, keep_classnames: true }),
  ],
  onwarn(warning, warn) {
    if (warning.code === 'UNRESOLVED_IMPORT') throw new Error(warning.message);
    // Endo's own modules form cycles.
    if (warning.code !== 'CIRCULAR_DEPENDENCY') warn(warning);
  },
});

const worker = (name) => ({
  ...program(name),
  output: {
    file: `sdk/dist/${name}.js`,
    format: 'es',
    sourcemap: true,
    inlineDynamicImports: true,
  },
});

/** The text of the browser's vat worker as a module: a kernel's worker starts vats from a Blob of it. */
const browserVatWorker = {
  name: 'browser-vat-worker',
  resolveId: (id) => (id === 'vatkit:vat-worker' ? `\0${id}` : null),
  async load(id) {
    if (id !== '\0vatkit:vat-worker') return null;
    const bundle = await rollup(program('vat/worker-browser'));
    const { output } = await bundle.generate({ format: 'iife', inlineDynamicImports: true });
    await bundle.close();
    // The minifier takes it for a module, which is strict without saying so.
    return `export default ${JSON.stringify(`'use strict';${output[0].code}`)};`;
  },
};

/** SQLite's WebAssembly module as text: compressed, since gzip finds nothing to save in base64 of the plain bytes. */
const packedWasm = {
  name: 'packed-wasm',
  resolveId: (id) => (id === 'vatkit:sqlite-wasm' ? `\0${id}` : null),
  load(id) {
    if (id !== '\0vatkit:sqlite-wasm') return null;
    const file = fileURLToPath(import.meta.resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm'));
    const packed = gzipSync(readFileSync(file), { level: 9 }).toString('base64');
    return `export default ${JSON.stringify(packed)};`;
  },
};

/** What the SQLite package says of files beside its own, which bundlers would look for and a single file has not. */
const noFilesBeside = {
  name: 'no-files-beside',
  transform(code, id) {
    if (!id.includes('@sqlite.org/sqlite-wasm')) return null;
    const alone = code
      .replace(/new URL\(("[^"]+"), import\.meta\.url\)/g, 'new URL($1, "file:///none/")')
      .replaceAll('import.meta.url', '"file:///none/"');
    return { code: alone, map: null };
  },
};

/** The kernel's worker of the browser: all that it will ever need, in one file. */
const kernelWorker = {
  ...program('entries/worker'),
  output: {
    file: 'sdk/dist/entries/worker.js',
    format: 'es',
    // Tools that look for exports without parsing lose their way in base64, which has // in it.
    banner: 'export {};',
    sourcemap: true,
    inlineDynamicImports: true,
  },
};
kernelWorker.plugins = [browserVatWorker, packedWasm, noFilesBeside, ...kernelWorker.plugins];

/** The page's client: no packages, and as few bytes as it can be. */
const client = {
  input: 'sdk/src/entries/index.ts',
  external: () => false,
  output: { file: 'sdk/dist/entries/index.js', format: 'es', sourcemap: true },
  plugins: [dropTypes, nodeResolve({ extensions: ['.ts', '.js'] }), terser({ module: true })],
  onwarn(warning) {
    throw new Error(warning.message);
  },
};

export default [
  library('sdk', './dist/host/node/kernel-worker-main.js'),
  client,
  worker('vat/worker-node'),
  kernelWorker,
  library('codegen', './dist/cli.js', './dist/vite/page-hot.js'),
  library('react'),
];
