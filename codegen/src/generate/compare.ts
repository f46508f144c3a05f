/** What is on disk against what should be there. */
import { contentOf, isGenerated, type GeneratedFile } from './generate.js';

export type Deviation = {
  path: string;
  what: 'stale' | 'missing' | 'extra';
  /** Lines that begin with `-` (on disk) and `+` (as it should be). */
  diff: string[];
};

/**
 * @param expected - all files as they should be.
 * @param candidates - files that may be left from vats that are gone.
 */
export async function compareFiles(
  expected: readonly GeneratedFile[],
  candidates: readonly string[],
): Promise<Deviation[]> {
  const deviations: Deviation[] = [];
  for (const { path, content } of expected) {
    const found = await contentOf(path);
    if (found === undefined) deviations.push({ path, what: 'missing', diff: [] });
    else if (found !== content) {
      deviations.push({ path, what: 'stale', diff: diffLines(found, content) });
    }
  }
  for (const path of await findExtra(expected, candidates)) {
    deviations.push({ path, what: 'extra', diff: [] });
  }
  return deviations.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Files that vatkit wrote for a vat that is not there any more, with what lies beside each. */
async function findExtra(
  expected: readonly GeneratedFile[],
  candidates: readonly string[],
): Promise<string[]> {
  const wanted = new Set(expected.map(({ path }) => path));
  const extra: string[] = [];
  for (const code of candidates) {
    if (wanted.has(code) || !isGenerated((await contentOf(code)) ?? '')) continue;
    const stem = code.slice(0, -'.gen.js'.length);
    const source = ['.ts', '.js'].map((ending) => contentOf(stem + ending));
    // One whose vat has problems, or was not asked for.
    if ((await Promise.all(source)).some((content) => content !== undefined)) continue;
    const endings = ['gen.js', 'gen.d.ts', 'gen.d.ts.map', 'gen.json', 'bundle'];
    const beside = endings.map((ending) => `${stem}.${ending}`);
    for (const path of beside) if ((await contentOf(path)) !== undefined) extra.push(path);
  }
  return extra;
}

/** Lines of each side that are shown; and how long they may be, for a bundle is one line. */
const shownLines = 12;
const shownChars = 160;

/** What lies between the first and the last line that differ. */
function diffLines(before: string, after: string): string[] {
  const old = before.split('\n');
  const now = after.split('\n');
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let end = 0;
  const rest = Math.min(old.length, now.length) - start;
  while (end < rest && old.at(-1 - end) === now.at(-1 - end)) end += 1;
  const part = (lines: readonly string[], sign: string): string[] => {
    const changed = lines.slice(start, lines.length - end);
    const shown = changed.slice(0, shownLines).map((line) => `${sign} ${shorten(line)}`);
    const more = changed.length - shown.length;
    return more > 0 ? [...shown, `${sign} ... ${more} more lines`] : shown;
  };
  return [`@@ line ${start + 1} @@`, ...part(old, '-'), ...part(now, '+')];
}

const shorten = (line: string): string =>
  line.length > shownChars ? `${line.slice(0, shownChars)}... (${line.length} characters)` : line;
