/** Which files a command means. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';

export type FoundVats = {
  /** Absolute paths, in order. `stray`: it was not named by itself, and may be no vat at all. */
  vats: { entry: string; stray: boolean }[];
  /** Patterns that match nothing. */
  unmatched: string[];
};

/** Where nothing is named. */
export const everyVat = '**/*.vat.{ts,js}';

const ignore = ['**/node_modules/**', '**/dist/**', '**/.*/**'];

/** Of a folder it is every vat in it and below. */
export async function findVats(patterns: readonly string[]): Promise<FoundVats> {
  const vats = new Map<string, boolean>();
  const unmatched: string[] = [];
  for (const pattern of patterns.length === 0 ? [everyVat] : patterns) {
    const asked = pattern.replaceAll('\\', '/');
    const found = isDynamicPattern(asked) ? undefined : await stat(pattern).catch(() => undefined);
    if (found?.isFile()) {
      vats.set(resolve(pattern), false);
      continue;
    }
    const files = (
      found?.isDirectory() ? await search(everyVat, pattern) : await search(asked, '.')
    ).filter(isSource);
    if (files.length === 0) unmatched.push(pattern);
    for (const file of files) if (!vats.has(resolve(file))) vats.set(resolve(file), !isNamed(file));
  }
  const inOrder = [...vats].sort(([a], [b]) => (a < b ? -1 : 1));
  return { vats: inOrder.map(([entry, stray]) => ({ entry, stray })), unmatched };
}

/** Packages are left out wherever they lie: patterns of what to ignore are relative to the folder. */
const search = async (pattern: string, folder: string): Promise<string[]> => {
  const files = await glob([pattern], {
    ...{ cwd: resolve(folder), ignore, absolute: true, expandDirectories: false },
    followSymbolicLinks: false,
  });
  return files.filter((file) => !file.includes('/node_modules/'));
};

/** What vatkit wrote has a module's name, too. */
const isSource = (file: string): boolean =>
  /\.[cm]?[jt]s$/.test(file) && !/\.(?:test|spec|gen|d)\.[cm]?[jt]s$/.test(file);

const isNamed = (file: string): boolean => /\.vat\.[jt]s$/.test(file);

/** The files that vatkit may have written, in the folders that the patterns reach. */
export async function findGenerated(patterns: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const pattern of patterns.length === 0 ? [everyVat] : patterns) {
    const asked = pattern.replaceAll('\\', '/');
    const target = isDynamicPattern(asked) ? undefined : await stat(pattern).catch(() => undefined);
    if (target?.isFile()) continue;
    const files = target?.isDirectory()
      ? await search('**/*.gen.js', pattern)
      : await search(asked.replace(/\.(?:\{[^}]*\}|[cm]?[jt]s|\*)$/, '.gen.js'), '.');
    files.forEach((file) => found.add(resolve(file)));
  }
  return [...found].sort();
}
