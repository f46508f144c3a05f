/** Heap stores as @agoric/store makes them, for vats that were written for it. */
import { Far, passStyleOf } from '@endo/pass-style';

const insistScalar = (key: unknown, what: string): void => {
  const style = passStyleOf(key);
  if (['copyArray', 'copyRecord', 'tagged', 'error', 'promise'].includes(style)) {
    throw TypeError(`${what} is a ${style}; a key must be a scalar or a remotable`);
  }
};

const quote = (key: unknown): string =>
  typeof key === 'string' ? JSON.stringify(key) : String(key);

/** A map that throws where a key is missing, or there already. */
export function makeScalarMapStore(keyName = 'key') {
  const map = new Map<unknown, unknown>();
  const insistPresent = (key: unknown): void => {
    if (!map.has(key)) throw Error(`${quote(keyName)} not found: ${quote(key)}`);
  };
  return Far('scalarMapStore', {
    has: (key: unknown) => map.has(key),
    get(key: unknown) {
      insistPresent(key);
      return map.get(key);
    },
    init(key: unknown, value: unknown) {
      insistScalar(key, keyName);
      if (map.has(key)) throw Error(`${quote(keyName)} already registered: ${quote(key)}`);
      map.set(key, harden(value));
    },
    set(key: unknown, value: unknown) {
      insistPresent(key);
      map.set(key, harden(value));
    },
    delete(key: unknown) {
      insistPresent(key);
      map.delete(key);
    },
    getSize: () => map.size,
    keys: () => harden([...map.keys()]),
    values: () => harden([...map.values()]),
    entries: () => harden([...map.entries()]),
    clear: () => map.clear(),
  });
}

export function makeScalarSetStore(keyName = 'key') {
  const set = new Set<unknown>();
  return Far('scalarSetStore', {
    has: (key: unknown) => set.has(key),
    add(key: unknown) {
      insistScalar(key, keyName);
      set.add(key);
    },
    delete(key: unknown) {
      if (!set.delete(key)) throw Error(`${quote(keyName)} not found: ${quote(key)}`);
    },
    getSize: () => set.size,
    keys: () => harden([...set]),
    values: () => harden([...set]),
    clear: () => set.clear(),
  });
}
