/**
 * The committed rows that were read or written last, decoded, and keys that have no row.
 *
 * Two generations: a row that is used moves to the young one; when that is half of the bound, it becomes the
 * old one and the old one is forgotten. That keeps what is in use without a list to relink at each read.
 */
import type { Json } from './change-set.js';
import type { KVStore } from './kv-store.js';

export type RowCache = {
  /** The committed value, read from the store where the cache does not know. */
  get(key: string): Json | undefined;
  /** Is there a committed row? undefined where only the store knows. */
  knows(key: string): boolean | undefined;
  /** Says what was committed. @param chars - the length of the value's JSON text. */
  put(key: string, value: Json | undefined, chars: number): void;
  clear(): void;
};

/** `value` is undefined for a key without a row. */
type Cell = { readonly value: Json | undefined; readonly chars: number };

/** @param decode - what a row's JSON text says. */
export function makeRowCache(
  store: Pick<KVStore, 'get'>,
  rowsMax: number,
  charsMax: number,
  decode: (text: string) => Json,
): RowCache {
  let young = new Map<string, Cell>();
  let old = new Map<string, Cell>();
  let youngChars = 0;

  const keep = (key: string, cell: Cell): void => {
    if (young.size >= rowsMax / 2 || youngChars + cell.chars > charsMax / 2) {
      old = young;
      young = new Map();
      youngChars = 0;
    }
    young.set(key, cell);
    youngChars += cell.chars;
  };

  const put = (key: string, value: Json | undefined, chars: number): void => {
    keep(key, { value, chars: chars + key.length });
  };

  return Object.freeze({
    get(key: string) {
      const cell = young.get(key);
      if (cell !== undefined) return cell.value;
      const older = old.get(key);
      if (older !== undefined) {
        keep(key, older);
        return older.value;
      }
      const text = store.get(key);
      const value = text === undefined ? undefined : decode(text);
      put(key, value, text === undefined ? 0 : text.length);
      return value;
    },
    knows(key: string) {
      const cell = young.get(key) ?? old.get(key);
      return cell === undefined ? undefined : cell.value !== undefined;
    },
    put,
    clear() {
      young = new Map();
      old = new Map();
      youngChars = 0;
    },
  });
}
