/** One script out of a vat's modules, which passes the censor of SES, or all that stands in its way. */
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import commonjs from '@rollup/plugin-commonjs';
import json from '@rollup/plugin-json';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import {
  EXPORTS_GLOBAL,
  RUNTIME_GLOBAL,
  RUNTIME_MODULES,
  RUNTIME_STAND_INS,
} from '@vatkit/sdk/kernel';
import { rollup, type OutputChunk, type RollupBuild } from 'rollup';
import { problemOfBuildError } from './build-error.js';
import { evadeCensor } from './censor.js';
import { BundleError, type Problem } from './problems.js';
import type { SourceEdits } from './source-edits.js';
import { applyEdits, makeLocator, type ChunkMap } from './source-map.js';
import {
  isOfPackage,
  parseMissingId,
  problemOfMissing,
  vatImports,
  type ImportRules,
  type MissingImport,
} from './vat-imports.js';
import { keepDeeds, sourceText, typescript, vatSyntax } from './vat-source.js';

export type AssemblyOptions = {
  /** A script that declares its exports as a global, or a module. */
  form: 'iife' | 'es';
  /** Whether the worker's runtime provides its modules or everything is inside. */
  runtime: 'shared' | 'inside';
  /** Whether the map carries the text of the sources. */
  sourcesContent: boolean;
  /** Made to the sources as they are read. */
  edits?: SourceEdits | undefined;
};

export type Assembly = {
  code: string;
  map: ChunkMap;
  /** Names that the entry exports, `buildRootObject` among them. */
  exports: string[];
  /** Modules that the runtime is to provide. */
  external: string[];
};

/** @throws {BundleError} with all that was found wrong. */
export async function assemble(entry: string, options: AssemblyOptions): Promise<Assembly> {
  const { chunk, missing, problems } = await build(entry, options);
  const map: ChunkMap = chunk.map ?? { sources: [], names: [], mappings: '' };
  const { edits, refusals } = evadeCensor(chunk.code);
  const locate = refusals.length > 0 ? makeLocator(chunk.code, map) : () => undefined;
  for (const { offset, message } of refusals) {
    const place = locate(offset);
    const file = place === undefined ? entry : resolve(dirname(entry), place.source);
    const whose = isOfPackage(file) ? ' (in a package that the vat imports)' : '';
    problems.push({
      file,
      ...(place === undefined ? {} : { line: place.line, column: place.column }),
      message: message + whose,
    });
  }
  const external: string[] = [];
  for (const id of chunk.imports) {
    const index = parseMissingId(id);
    if (index === undefined) external.push(id);
    else problems.push(problemOfMissing(missing[index] as MissingImport));
  }
  const exported = namesOf(chunk);
  insistRoot(entry, exported, problems);
  const edited = applyEdits(chunk.code, map, edits);
  return { ...edited, exports: exported, external };
}

/** Throws if anything was found wrong, or if `buildRootObject` is not among what the entry exports. */
function insistRoot(entry: string, exported: readonly string[], problems: Problem[]): void {
  if (problems.length === 0 && !exported.includes('buildRootObject')) {
    const found = exported.length === 0 ? 'exports nothing' : `exports ${exported.join(', ')}`;
    const message = `a vat exports 'buildRootObject', and this ${found}. Write 'export function buildRootObject(vatPowers, parameters, baggage)'`;
    problems.push({ file: entry, message, kind: 'no-root' });
  }
  if (problems.length > 0) throw new BundleError(entry, problems);
}

/** Without `*@endo/far`, which stands for all that such a module exports. */
const namesOf = (chunk: OutputChunk) => chunk.exports.filter((name) => !name.startsWith('*'));

/** How an import of a vat is to be resolved. */
function rulesOf(runtime: AssemblyOptions['runtime']): ImportRules {
  if (runtime === 'shared') {
    return { provided: RUNTIME_MODULES, standIns: RUNTIME_STAND_INS, substitutes: new Map() };
  }
  // Self-contained: ours are bundled, and Endo comes from our own dependencies where the vat has none.
  const substitutes = new Map<string, string>();
  for (const specifier of [...RUNTIME_MODULES, ...RUNTIME_STAND_INS]) {
    const standsFor = (RUNTIME_STAND_INS as readonly string[]).includes(specifier)
      ? '@vatkit/sdk/vat'
      : specifier;
    const file = ownModule(standsFor);
    if (file !== undefined) substitutes.set(specifier, file);
  }
  return { provided: [], standIns: [], substitutes };
}

const fromHere = createRequire(import.meta.url);

function ownModule(specifier: string): string | undefined {
  try {
    return fromHere.resolve(specifier);
  } catch {
    return undefined;
  }
}

type Build = { chunk: OutputChunk; missing: MissingImport[]; problems: Problem[] };

async function build(
  entry: string,
  { form, runtime, sourcesContent, edits }: AssemblyOptions,
): Promise<Build> {
  const problems: Problem[] = [];
  const missing: MissingImport[] = [];
  const report = (problem: Problem) => void problems.push(problem);
  let built: RollupBuild | undefined;
  try {
    built = await rollup({
      input: entry,
      // Cycles, unused imports and the like are the vat's own affair; what matters is an error below.
      onLog: () => {},
      plugins: [
        sourceText(report, edits),
        typescript(report),
        vatSyntax(report),
        vatImports(rulesOf(runtime), missing),
        nodeResolve({
          browser: true,
          preferBuiltins: false,
          extensions: ['.mjs', '.js', '.json', '.mts', '.ts', '.cjs', '.cts'],
        }),
        commonjs({ esmExternals: true }),
        json({ preferConst: true }),
        // Last, for it gives a tree, which is only that of the final text.
        keepDeeds(isOfPackage),
      ],
    });
    const { output } = await built.generate({
      format: form,
      // Never written: the sources of the map are relative to its folder.
      file: join(dirname(entry), 'vat.js'),
      name: EXPORTS_GLOBAL,
      exports: 'named',
      globals: (id) => `${RUNTIME_GLOBAL}[${JSON.stringify(id)}]`,
      // What stays outside are ES modules, hardened: nothing to copy, and no binding that changes.
      interop: 'esModule',
      esModule: false,
      externalLiveBindings: false,
      freeze: false,
      generatedCode: { constBindings: true, objectShorthand: true, symbols: false },
      indent: false,
      inlineDynamicImports: true,
      sourcemap: 'hidden',
      sourcemapExcludeSources: !sourcesContent,
    });
    return { chunk: output[0], missing, problems };
  } catch (error) {
    // An error of the build often follows from what a plugin has reported already.
    if (problems.length > 0) throw new BundleError(entry, problems);
    if ((error as { code?: unknown }).code === undefined) throw error;
    throw new BundleError(entry, [problemOfBuildError(error, entry)], { cause: error });
  } finally {
    await built?.close();
  }
}
