/**
 * Tells what changes among the sources of a folder and of those below it. It watches each folder by itself and looks
 * at all files when anything stirs: Node's recursive watch on Linux loses a file that an editor replaces when it saves
 * (20.20).
 */
import { watch, type FSWatcher } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** Absolute paths. `known` holds all that are there. */
export type FileChanges = {
  added: string[];
  removed: string[];
  stirred: string[];
  known: readonly string[];
};

export type WatchFoldersOptions = {
  dir: string;
  /** Called once with all files as `added`, then with each change; one call at a time. */
  onChange: (changes: FileChanges) => Promise<void>;
  /** Milliseconds of quiet after which the files are looked at. */
  quietMs?: number;
};

export type Watching = {
  /** Resolves when there is nothing more to watch, with why. */
  failed: Promise<string>;
  /** Resolves when what is under way has ended. */
  close(): Promise<void>;
};

/** What a vat may import, of the files of its folder. */
const isSource = (name: string) =>
  /\.(?:[cm]?[jt]s|json)$/.test(name) && !/\.(?:test|spec|gen|d)\.[cm]?[jt]s$/.test(name);

const isSkipped = (folder: string) => folder === 'node_modules' || folder.startsWith('.');

/**
 * Resolves after the first `onChange`.
 *
 * @throws Error that says so where there is no such folder.
 */
export async function watchFolders(options: WatchFoldersOptions): Promise<Watching> {
  const { dir, onChange, quietMs = 100 } = options;
  const root = resolve(dir);
  await insistFolder(root, dir);

  const watchers = new Map<string, FSWatcher>();
  /** Of each source file, what changes with its content. */
  let known = new Map<string, string>();
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
    if (!closed) fail(`Cannot watch ${dir}: ${(thrown as Error).message}`);
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

  const pass = async (): Promise<void> => {
    if (closed) return;
    const before = known;
    const isFirst = before.size === 0;
    known = await scan();
    const changes: FileChanges = {
      removed: [...before.keys()].filter((file) => !known.has(file)),
      added: [...known.keys()].filter((file) => !before.has(file)),
      stirred: [...before.keys()].filter(
        (file) => known.has(file) && known.get(file) !== before.get(file),
      ),
      known: [...known.keys()],
    };
    const { added, removed, stirred } = changes;
    const isQuiet = added.length + removed.length + stirred.length === 0;
    if (!closed && (isFirst || !isQuiet)) await onChange(changes);
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
    throw new Error(`Cannot watch ${dir}: ${(thrown as Error).message}`);
  });
  return { failed, close };
}

async function insistFolder(folder: string, name: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined) throw new Error(`Cannot watch ${name}: there is no such folder`);
  if (!found.isDirectory()) throw new Error(`Cannot watch ${name}: it is not a folder`);
}

/** It was there a moment ago. */
function ignoreGone(thrown: NodeJS.ErrnoException): undefined {
  if (thrown.code !== 'ENOENT' && thrown.code !== 'ENOTDIR') throw thrown;
}
