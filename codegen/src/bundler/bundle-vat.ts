/** Turns a vat's source, with what it imports, into the content of a `.bundle` file. */
import { randomBytes } from 'node:crypto';
import { mkdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, extname, join, resolve } from 'node:path';
import commonjs from '@rollup/plugin-commonjs';
import json from '@rollup/plugin-json';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { rollup, type OutputChunk, type RollupBuild } from 'rollup';
import {
  EXPORTS_GLOBAL,
  RUNTIME_ABI,
  RUNTIME_GLOBAL,
  RUNTIME_MODULES,
  RUNTIME_STAND_INS,
} from '@vatkit/sdk/kernel';
import type { Bundle, BundleFormat } from '@vatkit/sdk/kernel';
import { evadeCensor } from './censor.js';
import { endoSource, type EndoFormat } from './endo-formats.js';
import { BundleError, type Problem } from './problems.js';
import { applyEdits, makeLocator, type ChunkMap } from './source-map.js';
import {
  isOfPackage,
  parseMissingId,
  problemOfMissing,
  vatImports,
  type ImportRules,
  type MissingImport,
} from './vat-imports.js';
import { problemOfBuildError, sourceText, typescript, vatSyntax } from './vat-source.js';

export type BundleOptions = {
  /**
   * `vatkit` (the default) leaves Endo and `@vatkit/sdk/vat` to the worker's runtime: a few kilobytes, and a
   * vat that starts in about a millisecond. `iife` has everything inside, as MetaMask's bundles do.
   * The others are @endo/bundle-source's, which takes packages by the `dependencies` of the vat's package.json.
   */
  format?: BundleFormat;
  /** Put the text of the sources into the source map. */
  sourcesContent?: boolean;
};

export type BundleFileOptions = BundleOptions & {
  /** Where to write; by default beside the source, `todo.vat.ts` to `todo.vat.bundle`. */
  output?: string;
};

export type WrittenBundle = {
  /** Absolute path of the file that was written. */
  output: string;
  bytes: number;
  bundle: Bundle;
};

export const BUNDLE_FORMATS = [
  'vatkit',
  'iife',
  'endoScript',
  'getExport',
  'nestedEvaluate',
] as const satisfies readonly BundleFormat[];

/**
 * Bundles a vat. The same sources give the same bundle, whenever and wherever they lie.
 *
 * @param entry - the vat's module, `vats/todo.vat.ts`; it exports `buildRootObject`.
 * @throws {BundleError} with all that was found wrong in the sources, each with its file and line.
 */
export async function bundleVat(entry: string, options: BundleOptions = {}): Promise<Bundle> {
  const { format = 'vatkit', sourcesContent = false } = options;
  if (!BUNDLE_FORMATS.includes(format)) {
    throw new TypeError(`Cannot bundle as '${String(format)}': use ${BUNDLE_FORMATS.join(', ')}`);
  }
  const file = await insistEntry(resolve(entry));
  if (format === 'vatkit' || format === 'iife') return bundleScript(file, format, sourcesContent);
  return bundleWithEndo(file, format);
}

/** Bundles a vat into a file, which is replaced at once or, on any failure, not touched. */
export async function bundleVatFile(
  entry: string,
  options: BundleFileOptions = {},
): Promise<WrittenBundle> {
  const output = resolve(options.output ?? defaultOutput(entry));
  const bundle = await bundleVat(entry, options);
  const content = formatBundle(bundle);
  await mkdir(dirname(output), { recursive: true });
  const partial = join(dirname(output), `.${basename(output)}.${randomBytes(6).toString('hex')}`);
  try {
    await writeFile(partial, content);
    await rename(partial, output);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  return { output, bytes: Buffer.byteLength(content), bundle };
}

/** `vats/todo.vat.ts` is written to `vats/todo.vat.bundle`. */
export const defaultOutput = (entry: string) =>
  `${entry.slice(0, entry.length - extname(entry).length)}.bundle`;

/** The text of a `.bundle` file. @endo/bundle-source's formats have their program under `source`. */
export function formatBundle({ moduleFormat, code, ...rest }: Bundle): string {
  const program = isEndoFormat(moduleFormat) ? { source: code } : { code };
  return `${JSON.stringify({ moduleFormat, ...rest, ...program })}\n`;
}

const isEndoFormat = (format: BundleFormat): format is EndoFormat =>
  format !== 'vatkit' && format !== 'iife';

async function insistEntry(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) throw new BundleError(file, [{ message: 'there is no such file' }]);
  if (!found.isFile()) throw new BundleError(file, [{ message: 'it is not a file' }]);
  return realpath(file);
}

async function bundleScript(
  entry: string,
  format: 'vatkit' | 'iife',
  sourcesContent: boolean,
): Promise<Bundle> {
  const { chunk, missing, problems } = await build(entry, rulesOf(format), sourcesContent);
  const sourceMap: ChunkMap = chunk.map ?? { sources: [], names: [], mappings: '' };
  const locate = makeLocator(chunk.code, sourceMap);
  const { edits, refusals } = evadeCensor(chunk.code);
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
  const { code, map } = applyEdits(chunk.code, sourceMap, edits);
  return {
    moduleFormat: format,
    ...(format === 'vatkit' ? { abi: RUNTIME_ABI } : {}),
    external,
    exports: exported,
    code,
    sourceMap: formatSourceMap(map, sourcesContent),
  };
}

async function bundleWithEndo(entry: string, format: EndoFormat): Promise<Bundle> {
  // Only the entry, for what it exports; bundle-source reads the rest by its own rules.
  const { chunk, problems } = await build(entry, 'entry only', false);
  const exported = namesOf(chunk);
  insistRoot(entry, exported, problems);
  const code = await endoSource(entry, format);
  return { moduleFormat: format, exports: exported, code };
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

const formatSourceMap = ({ sources, names, mappings, sourcesContent }: ChunkMap, full: boolean) =>
  JSON.stringify({
    version: 3,
    sources: sources.map(portablePath),
    ...(full ? { sourcesContent } : {}),
    names,
    mappings,
  });

/** A package that lies elsewhere (ours, in a self-contained bundle) must not tell where. */
const portablePath = (source: string) =>
  source.replace(/^(?:\.\.\/)+(?!node_modules\/).*?\/(?=node_modules\/)/, '');

/** How an import of a vat is to be resolved in each format. */
function rulesOf(format: 'vatkit' | 'iife'): ImportRules {
  if (format === 'vatkit') {
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
  rules: ImportRules | 'entry only',
  sourcesContent: boolean,
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
      ...(rules === 'entry only' ? { external: (id: string) => resolve(id) !== entry } : {}),
      plugins: [
        sourceText(report),
        typescript(report),
        vatSyntax(report),
        ...(rules === 'entry only'
          ? []
          : [
              vatImports(rules, missing),
              nodeResolve({
                browser: true,
                preferBuiltins: false,
                extensions: ['.mjs', '.js', '.json', '.mts', '.ts', '.cjs', '.cts'],
              }),
              commonjs({ esmExternals: true }),
              json({ preferConst: true }),
            ]),
      ],
    });
    const { output } = await built.generate({
      format: 'iife',
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
