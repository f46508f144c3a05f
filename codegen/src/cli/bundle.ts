import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import {
  BUNDLE_FORMATS,
  bundleVatFile,
  defaultOutput,
  type BundleFileOptions,
} from '../bundler/bundle-vat.js';
import { BundleError, displayPath } from '../bundler/problems.js';
import { parseCommandLine, UsageError, type Command, type Terminal } from './command.js';

type Format = (typeof BUNDLE_FORMATS)[number];

/** `endoScript` is written `endo-script`; both are understood. */
const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export const bundle: Command = {
  name: 'bundle',
  help: `vatkit bundle: turn vat sources into .bundle files

Usage: vatkit bundle <files or folders ...> [options]

Each vat is written beside its source: vats/todo.vat.ts to vats/todo.vat.bundle. Of a folder, all
its .js and .ts files are taken, except for *.test.*, *.gen.* and *.d.ts; those that export no
buildRootObject are left out with a note, unless they are named *.vat.*.

Options:
  -f, --format <format>   vatkit           small; the worker's runtime provides Endo (default)
                          iife             everything inside, as in MetaMask's bundles
                          endo-script, get-export, nested-evaluate
                                           everything inside, made by @endo/bundle-source
  -o, --output <path>     the file to write, if it ends with .bundle; else a folder for all of them
  --sources-content       put the text of the sources into the source map
  --json                  print one JSON object, when all is done: { bundles: [{ source, output,
                          bytes }], leftOut: [source], failures: [text] }
  -h, --help              show this help

Examples:
  vatkit bundle vats/todo.vat.ts
  vatkit bundle vats --output public/bundles
  vatkit bundle alice.js --format endo-script --output dist/alice.bundle

Exit codes: 0 all are written, 1 some failed (the others are written), 2 the command line is wrong.`,
  run: async (args, terminal) => {
    const { values, positionals } = parseCommandLine(args, {
      format: { type: 'string', short: 'f', default: 'vatkit' },
      output: { type: 'string', short: 'o' },
      'sources-content': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    });
    if (positionals.length === 0) throw new UsageError('Which file or folder? None was named.');
    const format = parseFormat(values.format);
    const { vats, failures } = await findVats(positionals);
    const outputs = placeOutputs(vats, values.output);
    const report: Report = { asked: positionals, bundles: [], leftOut: [], failures };
    for (const [index, vat] of vats.entries()) {
      const output = outputs[index] as string;
      const outcome = await bundleOne(vat, {
        format,
        output,
        sourcesContent: values['sources-content'],
      });
      if ('written' in outcome) {
        report.bundles.push({ source: vat.source, ...outcome.bundle });
        if (!values.json) terminal.out(outcome.written);
      } else if ('skipped' in outcome) report.leftOut.push(outcome.skipped);
      else failures.push(outcome.failure);
    }
    return tell(terminal, report, values.json);
  },
};

type Report = {
  asked: readonly string[];
  bundles: { source: string; output: string; bytes: number }[];
  leftOut: string[];
  failures: string[];
};

function parseFormat(wanted: string): Format {
  const format = BUNDLE_FORMATS.find((known) => known === wanted || kebab(known) === wanted);
  if (format !== undefined) return format;
  const known = BUNDLE_FORMATS.map(kebab).join(', ');
  throw new UsageError(`Unknown format '${wanted}': it is one of ${known}.`);
}

/** `stray`: it lay in a folder, and may be no vat at all. */
export type Vat = { source: string; stray: boolean };

async function findVats(paths: readonly string[]): Promise<{ vats: Vat[]; failures: string[] }> {
  const vats: Vat[] = [];
  const failures: string[] = [];
  const seen = new Set<string>();
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) {
      failures.push(`Cannot bundle ${path}: there is no such file or folder`);
      continue;
    }
    const isFolder = found.isDirectory();
    const sources = isFolder
      ? (await readdir(path))
          .filter(mayBeVat)
          .sort()
          .map((name) => join(path, name))
      : [path];
    for (const source of sources) {
      if (seen.has(resolve(source))) continue;
      seen.add(resolve(source));
      vats.push({ source, stray: isFolder && isStray(source) });
    }
  }
  return { vats, failures };
}

export const isStray = (source: string) => !/\.vat\.[jt]s$/.test(source);

/** By its name, without a folder. */
export const mayBeVat = (name: string) =>
  /\.[jt]s$/.test(name) && !/\.(?:test|spec|gen|d)\.[jt]s$/.test(name) && !name.startsWith('.');

function placeOutputs(vats: readonly Vat[], wanted: string | undefined): string[] {
  if (wanted?.endsWith('.bundle') && vats.length > 1) {
    throw new UsageError(
      `'--output ${wanted}' is one file, and there are ${vats.length} vats: name a folder.`,
    );
  }
  const outputs = vats.map(({ source }) => {
    if (wanted === undefined) return resolve(defaultOutput(source));
    if (wanted.endsWith('.bundle')) return resolve(wanted);
    return resolve(wanted, basename(defaultOutput(source)));
  });
  outputs.forEach((output, index) => {
    const other = outputs.indexOf(output);
    if (other === index) return;
    const both = `${vats[other]?.source} and ${vats[index]?.source}`;
    throw new UsageError(`${both} would both be written to ${displayPath(output)}.`);
  });
  return outputs;
}

export type Outcome =
  | { written: string; bundle: { output: string; bytes: number } }
  | { skipped: string }
  | { failure: string };

export async function bundleOne(
  { source, stray }: Vat,
  options: BundleFileOptions,
): Promise<Outcome> {
  try {
    const { output, bytes } = await bundleVatFile(source, options);
    const file = displayPath(output);
    return { written: `Wrote ${file}: ${bytes} bytes`, bundle: { output: file, bytes } };
  } catch (error) {
    if (error instanceof BundleError) {
      const isNoVat = error.problems.some(({ kind }) => kind === 'no-root');
      return stray && isNoVat ? { skipped: source } : { failure: error.message };
    }
    // The disk's answer; anything else is a fault of ours and shows its stack.
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    return { failure: `Cannot bundle ${source}: ${(error as Error).message}` };
  }
}

function tell(terminal: Terminal, report: Report, json: boolean): 0 | 1 {
  const { asked, bundles, leftOut, failures } = report;
  if (failures.length === 0 && bundles.length === 0) {
    failures.push(`Cannot bundle ${asked.join(', ')}: there is no vat in it`);
  }
  if (json) terminal.out(JSON.stringify({ bundles, leftOut, failures }, null, 2));
  else {
    for (const source of leftOut) terminal.err(`Left out ${source}: it exports no buildRootObject`);
    for (const failure of failures) terminal.err(failure);
  }
  return failures.length === 0 ? 0 : 1;
}
