/** Keeps the bundles of a folder up to date with its sources. */
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { defaultOutput } from '../bundler/bundle-vat.js';
import { displayPath } from '../bundler/problems.js';
import { bundleOne, isStray, mayBeVat } from './bundle.js';
import { watchFolders, type FileChanges, type Watching } from './watch-folders.js';

export type { Watching };

export type WatchOptions = {
  dir: string;
  out: (line: string) => void;
  err: (line: string) => void;
  /** Milliseconds of quiet after which the sources are looked at. */
  quietMs?: number;
};

type WatchedVat = {
  output: string;
  wasBundled: boolean;
  /** The files that went into the bundle; undefined when it could not be made last. */
  parts: string[] | undefined;
};

/**
 * Bundles all vats in a folder and in those below it; resolves when that is done, and goes on with what changes.
 *
 * @throws Error that says so where there is no such folder.
 */
export async function watchVats(options: WatchOptions): Promise<Watching> {
  const { dir, out, err, quietMs } = options;
  /** By its source. What was never bundled may be no vat at all. */
  const vats = new Map<string, WatchedVat>();
  let closed = false;

  const bundle = async (source: string, taken: Map<string, string>): Promise<void> => {
    const output = defaultOutput(source);
    const name = displayPath(source);
    const other = taken.get(output);
    if (other !== undefined) {
      const place = displayPath(output);
      err(`${displayPath(other)} and ${name} would both be written to ${place}.`);
      return;
    }
    const before = vats.get(source);
    const stray = isStray(source) && before?.wasBundled !== true;
    const outcome = await bundleOne(
      { source: name, stray },
      { output, format: 'vatkit', sourcesContent: false },
    );
    if ('skipped' in outcome) {
      vats.delete(source);
      return;
    }
    taken.set(output, source);
    if ('written' in outcome) {
      vats.set(source, { output, wasBundled: true, parts: await partsOf(source, output) });
      out(outcome.written);
    } else {
      vats.set(source, { output, wasBundled: before?.wasBundled === true, parts: undefined });
      err(outcome.failure);
    }
  };

  const update = async ({ added, removed, stirred, known }: FileChanges): Promise<void> => {
    for (const file of removed) await removeBundle(file);
    // A module that is no vat may be a part of any of them, though it left no trace in the bundle.
    const all = stirred.concat(removed).some((file) => !vats.has(file));
    const isDue = (file: string): boolean => {
      if (added.includes(file) || stirred.includes(file)) return true;
      const vat = vats.get(file);
      if (vat === undefined) return false;
      const changed = [...stirred, ...removed];
      return all || vat.parts === undefined || vat.parts.some((part) => changed.includes(part));
    };
    const due = known.filter((file) => mayBeVat(basename(file)) && isDue(file)).sort();
    for (const file of removed) vats.delete(file);
    const taken = new Map<string, string>();
    for (const [file, { output }] of vats) if (!due.includes(file)) taken.set(output, file);
    for (const file of due) if (!closed) await bundle(file, taken);
  };

  const removeBundle = async (source: string): Promise<void> => {
    const vat = vats.get(source);
    if (vat === undefined || !existsSync(vat.output)) return;
    await rm(vat.output, { force: true });
    out(`Removed ${displayPath(vat.output)}`);
  };

  const watching = await watchFolders({
    dir,
    onChange: update,
    ...(quietMs !== undefined && { quietMs }),
  });
  return {
    failed: watching.failed,
    close() {
      closed = true;
      return watching.close();
    },
  };
}

/** What the bundle's map names. */
async function partsOf(source: string, bundle: string): Promise<string[]> {
  const { sourceMap } = JSON.parse(await readFile(bundle, 'utf8')) as { sourceMap?: string };
  const { sources = [] } = JSON.parse(sourceMap ?? '{}') as { sources?: string[] };
  return sources.map((part) => resolve(dirname(source), part));
}
