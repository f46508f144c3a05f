import { createHash } from 'node:crypto';
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

/** A page has the client as one file: what asks vats for TanStack Query takes it from there. */
const oneClient = {
  name: 'one-client',
  resolveId: (source, importer) =>
    /[\\/]sdk[\\/]src[\\/]query[\\/]/.test(importer ?? '') &&
    /\/(?:client\/\w+|errors)\.js$/.test(source)
      ? { id: '@vatkit/sdk', external: true }
      : null,
};

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
    plugins: [
      oneClient,
      browserVatWorker,
      browserComms,
      typescript({ tsconfig: `./${dir}/tsconfig.json`, inlineSources: true }),
    ],
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
const program = (name, { browser = false } = {}) => ({
  input: `sdk/src/${name}.ts`,
  external: /^node:/,
  plugins: [
    dropTypes,
    nodeResolve({ browser, extensions: ['.ts', '.js', '.mjs', '.json'], preferBuiltins: !browser }),
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

/**
 * The browser's libp2p as a function: engines skim over its 600 KB until it is called, when comms start. A Blob or a file of
 * its own would do the same, but for pages whose policy allows neither.
 */
const browserComms = {
  name: 'browser-comms',
  resolveId: (id) => (id === 'vatkit:libp2p' ? `\0${id}` : null),
  async load(id) {
    if (id !== '\0vatkit:libp2p') return null;
    const bundle = await rollup(program('comms/libp2p/browser', { browser: true }));
    const { output } = await bundle.generate({ format: 'cjs', inlineDynamicImports: true });
    await bundle.close();
    return `export default function load() { const exports = {}; ${output[0].code}; return exports; }`;
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
kernelWorker.plugins = [
  browserVatWorker,
  browserComms,
  packedWasm,
  noFilesBeside,
  ...kernelWorker.plugins,
];

/** A page with its one script in it, which its policy knows by its hash: nothing else runs in it, and nothing is loaded. */
const vatSandbox = {
  ...program('host/browser/vat-sandbox-page'),
  output: { file: 'sdk/dist/vat-sandbox.js', format: 'iife' },
};
vatSandbox.plugins = [
  ...vatSandbox.plugins,
  {
    name: 'sandbox-page',
    generateBundle(_options, bundle) {
      const [[file, { code }]] = Object.entries(bundle);
      delete bundle[file];
      const script = code.trim();
      const hash = createHash('sha256').update(script).digest('base64');
      const policy = `default-src 'none'; script-src 'sha256-${hash}' 'unsafe-eval' blob:; worker-src blob:`;
      const source =
        `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">` +
        `<title>vatkit: a sandbox for vats</title><script>${script}</script>\n`;
      this.emitFile({ type: 'asset', fileName: 'vat-sandbox.html', source });
    },
  },
];

/** Limits as numbers where they are used, so that the table of all of them stays behind. */
const inlineLimits = {
  name: 'inline-limits',
  async transform(code, id) {
    if (id.endsWith('/limits.ts') || !code.includes('limits.')) return null;
    const table = ts.transpile(readFileSync('sdk/src/limits.ts', 'utf8'), {
      module: ts.ModuleKind.ESNext,
    });
    const { limits } = await import(`data:text/javascript,${encodeURIComponent(table)}`);
    return {
      code: code.replace(/\blimits\.(\w+)/g, (all, name) => limits[name] ?? all),
      map: null,
    };
  },
};

/**
 * The page's client: no packages, and as few bytes as it can be. What only some pages use is in files of its own beside it,
 * which are loaded when they are used; what these share with it is `page/client.js`.
 */
const client = {
  input: { index: 'sdk/src/entries/index.ts' },
  external: () => false,
  output: {
    dir: 'sdk/dist',
    format: 'es',
    sourcemap: true,
    entryFileNames: 'entries/[name].js',
    chunkFileNames: ({ facadeModuleId, name }) => `page/${facadeModuleId ? name : 'client'}.js`,
  },
  plugins: [
    dropTypes,
    inlineLimits,
    nodeResolve({ extensions: ['.ts', '.js'] }),
    // Sequences and turned comparisons are shorter only until they are compressed.
    terser({
      module: true,
      compress: { passes: 2, pure_getters: true, sequences: false, comparisons: false, inline: 2 },
    }),
  ],
  onwarn(warning) {
    throw new Error(warning.message);
  },
};

export default [
  library('sdk', './dist/host/node/kernel-worker-main.js'),
  client,
  worker('vat/worker-node'),
  kernelWorker,
  vatSandbox,
  library('codegen', './dist/cli.js', './dist/vite/page-hot.js'),
  library('react'),
];
