/** The store that holds everything in a Map: for tests, and for kernels that need not outlive the process. */
import {
  type Change,
  checkChanges,
  checkScan,
  insistStorable,
  type KVStore,
  type ScanOptions,
  storeFailed,
} from './kv-store.js';
import { makeSortedKeys } from './sorted-keys.js';

export type MemoryStore = KVStore & {
  /** A copy of the content, closed or not. `makeMemoryStore(store.snapshot())` goes on from it. */
  snapshot(): Map<string, string>;
  /**
   * Makes the next commit throw STORE_FAILED. With `applied` its changes are made all the same, as when
   * a disk wrote them but failed to say so.
   */
  failNextCommit(options?: { applied?: boolean }): void;
};

/** @param content - copied. */
export function makeMemoryStore(content: Iterable<readonly [string, string]> = []): MemoryStore {
  const entries = new Map(content);
  const keys = makeSortedKeys(entries.keys(), (key) => entries.has(key));
  let failure: { applied?: boolean } | undefined;
  let closed = false;

  const insistOpen = (action: string): void => {
    if (closed) throw storeFailed(action, 'in memory', 'it is closed');
  };

  const range = (prefix: string, options?: ScanOptions): string[] => {
    const { after, limit } = checkScan(prefix, options);
    insistOpen('read from');
    return keys.range(prefix, after, limit);
  };

  return Object.freeze({
    get(key: string) {
      insistStorable(key, 'key');
      insistOpen('read from');
      return entries.get(key);
    },
    scan(prefix: string, options?: ScanOptions) {
      return range(prefix, options).map((key): [string, string] => [
        key,
        entries.get(key) as string,
      ]);
    },
    keys: range,
    commit(changes: Iterable<Change>) {
      const list = checkChanges(changes);
      insistOpen('commit to');
      const failing = failure;
      failure = undefined;
      if (failing === undefined || failing.applied === true) {
        for (const [key, value] of list) {
          if (value === null ? entries.delete(key) : !entries.has(key)) keys.touch(key);
          if (value !== null) entries.set(key, value);
        }
      }
      if (failing !== undefined) throw storeFailed('commit to', 'in memory', 'it was told to fail');
    },
    close() {
      closed = true;
    },
    snapshot: () => new Map(entries),
    failNextCommit(options = {}) {
      failure = options;
    },
  });
}
