/** Turns a vat's source, with what it imports, into the content of a `.bundle` file. */
import { randomBytes } from 'node:crypto';
import { mkdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { RUNTIME_ABI } from '@vatkit/sdk/kernel';
import type { Bundle, BundleFormat } from '@vatkit/sdk/kernel';
import { assemble } from './assemble.js';
import { endoSource, type EndoFormat } from './endo-formats.js';
import { BundleError } from './problems.js';
import type { SourceEdits } from './source-edits.js';
import type { ChunkMap } from './source-map.js';

export type BundleOptions = {
  /**
   * `vatkit` (the default) leaves Endo and `@vatkit/sdk/vat` to the worker's runtime: a few kilobytes, and a
   * vat that starts in about a millisecond. `iife` has everything inside, as MetaMask's bundles do.
   * The others are @endo/bundle-source's, with everything inside, too.
   */
  format?: BundleFormat;
  /** Put the text of the sources into the source map. */
  sourcesContent?: boolean;
  /** Made to the sources on their way: how `vatkit generate --guards` puts guards into a vat. */
  edits?: SourceEdits;
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
  const { format = 'vatkit', sourcesContent = false, edits } = options;
  if (!BUNDLE_FORMATS.includes(format)) {
    throw new TypeError(`Cannot bundle as '${String(format)}': use ${BUNDLE_FORMATS.join(', ')}`);
  }
  const file = await insistEntry(resolve(entry));
  if (isEndoFormat(format)) {
    const { code, exports } = await assemble(file, {
      form: 'es',
      runtime: 'inside',
      sourcesContent: false,
      edits,
    });
    return { moduleFormat: format, exports, code: await endoSource(code, format) };
  }
  const runtime = format === 'vatkit' ? 'shared' : 'inside';
  const { code, map, exports, external } = await assemble(file, {
    form: 'iife',
    runtime,
    sourcesContent,
    edits,
  });
  return {
    moduleFormat: format,
    ...(runtime === 'shared' ? { abi: RUNTIME_ABI } : {}),
    external,
    exports,
    code,
    sourceMap: formatSourceMap(map, sourcesContent),
  };
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
  source.replace(/^(?:\.\.\/)+(?!\.\.\/|node_modules\/).*?\/(?=node_modules\/)/, '');
