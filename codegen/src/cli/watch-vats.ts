/**
 * Keeps the bundles of a folder up to date with its sources. It watches each folder by itself and looks at all files
 * when anything stirs: Node's recursive watch on Linux loses a file that an editor replaces when it saves (20.20).
 */
import { existsSync, watch, type FSWatcher } from 'node:fs';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { defaultOutput } from '../bundler/bundle-vat.js';
import { displayPath } from '../bundler/problems.js';
import { bundleOne, isStray, mayBeVat } from './bundle.js';

export type WatchOptions = {
  dir: string;
  out: (line: string) => void;
  err: (line: string) => void;
  /** Milliseconds of quiet after which the sources are looked at. */
  quietMs?: number;
};

export type Watching = {
  /** Resolves when there is nothing more to watch, with why. */
  failed: Promise<string>;
  close(): Promise<void>;
};

type WatchedVat = {
  output: string;
  wasBundled: boolean;
  /** The files that went into the bundle; undefined when it could not be made last. */
  parts: string[] | undefined;
};

/** What a vat may import, of the files of its folder. */
const isSource = (name: string) =>
  /\.(?:[cm]?[jt]s|json)$/.test(name) && !/\.(?:test|spec|gen|d)\.[cm]?[jt]s$/.test(name);

const isSkipped = (folder: string) => folder === 'node_modules' || folder.startsWith('.');

/**
 * Bundles all vats in a folder and in those below it; resolves when that is done, and goes on with what changes.
 *
 * @throws Error that says so where there is no such folder.
 */
export async function watchVats(options: WatchOptions): Promise<Watching> {
  const { out, err, quietMs = 100 } = options;
  const root = resolve(options.dir);
  await insistFolder(root, options.dir);

  const watchers = new Map<string, FSWatcher>();
  /** Of each source file, what changes with its content. */
  let known = new Map<string, string>();
  /** By its source. What was never bundled may be no vat at all. */
  const vats = new Map<string, WatchedVat>();
  let timer: NodeJS.Timeout | undefined;
  let passing: Promise<void> | undefined;
  let closed = false;
  let fail: (why: string) => void = () => {};
  const failed = new Promise<string>((done) => (fail = done));

  const stir = (): void => {
    if (closed) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      // One pass at a time; what stirs in its midst gets one more.
      const before = passing;
      passing = (before ?? Promise.resolve()).then(pass).catch(giveUp);
    }, quietMs);
  };

  const giveUp = (thrown: unknown): void => {
    if (!closed) fail(`Cannot watch ${options.dir}: ${(thrown as Error).message}`);
  };

  const watchFolder = (folder: string): void => {
    if (watchers.has(folder)) return;
    const watcher = watch(folder, stir);
    watcher.on('error', stir);
    watchers.set(folder, watcher);
  };

  const forget = (folder: string): void => {
    watchers.get(folder)?.close();
    watchers.delete(folder);
  };

  const scan = async (): Promise<Map<string, string>> => {
    const files = new Map<string, string>();
    const seen = new Set<string>();
    const enter = async (folder: string): Promise<void> => {
      // Before its files are listed, so that none comes unseen in between.
      watchFolder(folder);
      seen.add(folder);
      for (const entry of await readdir(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) {
          if (!isSkipped(entry.name)) await enter(path).catch(ignoreGone);
        } else if (isSource(entry.name)) {
          const found = await stat(path).catch(ignoreGone);
          if (found?.isFile()) files.set(path, `${found.mtimeMs} ${found.size} ${found.ino}`);
        }
      }
    };
    await enter(root);
    for (const folder of watchers.keys()) if (!seen.has(folder)) forget(folder);
    return files;
  };

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

  const pass = async (): Promise<void> => {
    if (closed) return;
    const before = known;
    known = await scan();
    const removed = [...before.keys()].filter((file) => !known.has(file));
    const added = [...known.keys()].filter((file) => !before.has(file));
    const stirred = [...before.keys()].filter((file) => known.get(file) !== before.get(file));
    for (const file of removed) await removeBundle(file);
    // A module that is no vat may be a part of any of them, though it left no trace in the bundle.
    const all = stirred.some((file) => !vats.has(file));
    const isDue = (file: string): boolean => {
      if (added.includes(file) || stirred.includes(file)) return true;
      const vat = vats.get(file);
      if (vat === undefined) return false;
      return all || vat.parts === undefined || vat.parts.some((part) => stirred.includes(part));
    };
    const due = [...known.keys()].filter((file) => mayBeVat(basename(file)) && isDue(file)).sort();
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

  const close = async (): Promise<void> => {
    closed = true;
    clearTimeout(timer);
    for (const folder of [...watchers.keys()]) forget(folder);
    await passing;
  };

  passing = pass();
  await passing.catch(async (thrown: unknown) => {
    await close().catch(() => {});
    throw new Error(`Cannot watch ${options.dir}: ${(thrown as Error).message}`);
  });
  return { failed, close };
}

async function insistFolder(folder: string, name: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined) throw new Error(`Cannot watch ${name}: there is no such folder`);
  if (!found.isDirectory()) throw new Error(`Cannot watch ${name}: it is not a folder`);
}

/** What the bundle's map names. */
async function partsOf(source: string, bundle: string): Promise<string[]> {
  const { sourceMap } = JSON.parse(await readFile(bundle, 'utf8')) as { sourceMap?: string };
  const { sources = [] } = JSON.parse(sourceMap ?? '{}') as { sources?: string[] };
  return sources.map((part) => resolve(dirname(source), part));
}

/** It was there a moment ago. */
function ignoreGone(thrown: NodeJS.ErrnoException): undefined {
  if (thrown.code !== 'ENOENT' && thrown.code !== 'ENOTDIR') throw thrown;
}
