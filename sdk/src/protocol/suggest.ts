/** What a misspelled name could have meant. */
import { shorten } from './describe.js';

export const quote = (value: string): string => shorten(JSON.stringify(value));

/** A list of what could have been meant, for the end of an error: `alice, bob; did you mean bob?` */
export function known(names: readonly string[], meant: unknown): string {
  const shown = names.length > 30 ? [...names.slice(0, 30), `${names.length - 30} more`] : names;
  const near = typeof meant === 'string' && names.find((name) => isNear(name, meant));
  return shown.join(', ') + (near ? `; did you mean ${near}?` : '');
}

/** At most two slips apart (a letter more, less, other, or two swapped), one in short names; case never counts. */
function isNear(name: string, meant: string): boolean {
  const [a, b] = [name.toLowerCase(), meant.toLowerCase()];
  const slipsMax = a.length < 6 ? 1 : 2;
  if (a.length > 40 || Math.abs(a.length - b.length) > slipsMax) return false;
  let [before, row]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const other = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const [up, left, corner] = [row[j] as number, next[j - 1] as number, row[j - 1] as number];
      const swap = swapped ? (before[j - 2] as number) + 1 : Infinity;
      next.push(Math.min(up + 1, left + 1, corner + other, swap));
    }
    [before, row] = [row, next];
  }
  return (row[b.length] as number) <= slipsMax;
}
