/**
 * Strings in code point order, sorted when somebody asks. What comes and goes between two questions is
 * noted only, so that a thousand insertions cost one sort.
 */

/**
 * By Unicode code point. `<` goes by UTF-16 unit, which puts a surrogate pair (U+10000 and up) before
 * U+E000 to U+FFFF.
 */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

const rank = (unit: number): number =>
  unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800;

export type SortedKeys = {
  /** To be called when `key` came to be or ceased to be. */
  touch(key: string): void;
  /** The keys that start with `prefix`, strictly after `after` if given, at most `limit`. */
  range(prefix: string, after: string | undefined, limit: number): string[];
};

/** Up to so many changes are spliced in; each moves half of the array, but compares only log n keys. */
const splicesMax = 64;

/** @param has - says whether a touched key is there now. */
export function makeSortedKeys(
  initial: Iterable<string>,
  has: (key: string) => boolean,
): SortedKeys {
  let sorted = [...initial].sort(compareKeys);
  const touched = new Set<string>();

  /** The first position whose key is not less than `key`. */
  const lowerBound = (key: string): number => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(sorted[middle] as string, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  const settle = (): void => {
    if (touched.size > splicesMax) {
      const rest = sorted.filter((key) => !touched.has(key));
      const come = [...touched].filter(has).sort(compareKeys);
      // Two runs, each in order: the engine's sort merges them in linear time.
      sorted = rest.concat(come).sort(compareKeys);
    } else {
      for (const key of touched) {
        const at = lowerBound(key);
        const listed = sorted[at] === key;
        if (has(key) && !listed) sorted.splice(at, 0, key);
        else if (!has(key) && listed) sorted.splice(at, 1);
      }
    }
    touched.clear();
  };

  return Object.freeze({
    touch(key: string) {
      touched.add(key);
    },
    range(prefix: string, after: string | undefined, limit: number) {
      settle();
      const found: string[] = [];
      let at = lowerBound(prefix);
      if (after !== undefined) {
        let next = lowerBound(after);
        if (sorted[next] === after) next += 1;
        at = Math.max(at, next);
      }
      for (; at < sorted.length && found.length < limit; at += 1) {
        const key = sorted[at] as string;
        if (!key.startsWith(prefix)) break;
        found.push(key);
      }
      return found;
    },
  });
}
