/**
 * WeakMap and WeakSet for a vat's compartment: presences and durable exos are recognized by their vref.
 *
 * The object behind a vref comes and goes with the engine's collector while the vref goes on meaning the same. So an
 * entry under a vref stays when its key is collected, until the kernel says that the vref is retired, the durable
 * object is deleted, or the collection itself is collected. Meanwhile its value is held: a value that leads back to
 * its own key keeps both, which a native WeakMap would not. All other keys are a native one's.
 */
import type { VRef } from '../protocol/refs.js';

/** The entries by vref of one collection. Only the collection holds the values, so that they go with it. */
type Entries = { vrefs: Set<VRef>; values: WeakRef<Map<VRef, unknown>> };

export type WeakCollectionsPowers = {
  /** The name by which a key is recognized when the object itself is gone; `undefined` of all other keys. */
  vrefOf(key: object): VRef | undefined;
  /** The last entry under a vref is gone. */
  onForgotten(vref: VRef): void;
};

export type WeakCollections = ReturnType<typeof makeWeakCollections>;

export function makeWeakCollections({ vrefOf, onForgotten }: WeakCollectionsPowers) {
  const holders = new Map<VRef, Set<Entries>>();

  const forget = (vref: VRef, entries: Entries): void => {
    entries.vrefs.delete(vref);
    const all = holders.get(vref);
    if (all === undefined || !all.delete(entries) || all.size > 0) return;
    holders.delete(vref);
    onForgotten(vref);
  };

  const collected = new FinalizationRegistry<Entries>((entries) => {
    for (const vref of entries.vrefs) forget(vref, entries);
  });

  /** What both classes are: a map with keys of both sorts. */
  class Store {
    #native = new WeakMap<object, unknown>();
    #known: { values: Map<VRef, unknown>; entries: Entries } | undefined;

    has(key: object): boolean {
      const vref = vrefOf(key);
      return vref === undefined ? this.#native.has(key) : Boolean(this.#known?.values.has(vref));
    }

    get(key: object): unknown {
      const vref = vrefOf(key);
      return vref === undefined ? this.#native.get(key) : this.#known?.values.get(vref);
    }

    set(key: object, value: unknown): void {
      const vref = vrefOf(key);
      if (vref === undefined) {
        this.#native.set(key, value);
        return;
      }
      if (this.#known === undefined) {
        const values = new Map<VRef, unknown>();
        const entries = { vrefs: new Set<VRef>(), values: new WeakRef(values) };
        this.#known = { values, entries };
        collected.register(values, entries);
      }
      const { values, entries } = this.#known;
      values.set(vref, value);
      entries.vrefs.add(vref);
      const all = holders.get(vref);
      if (all === undefined) holders.set(vref, new Set([entries]));
      else all.add(entries);
    }

    delete(key: object): boolean {
      const vref = vrefOf(key);
      if (vref === undefined) return this.#native.delete(key);
      if (this.#known === undefined || !this.#known.values.delete(vref)) return false;
      forget(vref, this.#known.entries);
      return true;
    }
  }

  class VatWeakMap {
    #store = new Store();

    constructor(entries?: Iterable<readonly [object, unknown]> | null) {
      if (entries === undefined || entries === null) return;
      for (const [key, value] of entries) this.set(key, value);
    }

    has(key: object): boolean {
      return this.#store.has(key);
    }

    get(key: object): unknown {
      return this.#store.get(key);
    }

    set(key: object, value: unknown): this {
      this.#store.set(key, value);
      return this;
    }

    delete(key: object): boolean {
      return this.#store.delete(key);
    }

    get [Symbol.toStringTag](): string {
      return 'WeakMap';
    }
  }

  class VatWeakSet {
    #store = new Store();

    constructor(keys?: Iterable<object> | null) {
      if (keys === undefined || keys === null) return;
      for (const key of keys) this.add(key);
    }

    has(key: object): boolean {
      return this.#store.has(key);
    }

    add(key: object): this {
      this.#store.set(key, true);
      return this;
    }

    delete(key: object): boolean {
      return this.#store.delete(key);
    }

    get [Symbol.toStringTag](): string {
      return 'WeakSet';
    }
  }

  const globals: Record<string, unknown> = { WeakMap: VatWeakMap, WeakSet: VatWeakSet };
  Object.defineProperty(VatWeakMap, 'name', { value: 'WeakMap' });
  Object.defineProperty(VatWeakSet, 'name', { value: 'WeakSet' });

  return harden({
    globals,

    /** Would an object of this name be recognized? */
    recognizes: (vref: VRef): boolean => holders.has(vref),

    /** No object of this name will come again: its entries go. */
    retire(vref: VRef): void {
      for (const entries of holders.get(vref) ?? []) {
        entries.values.deref()?.delete(vref);
        entries.vrefs.delete(vref);
      }
      holders.delete(vref);
    },

    /** For tests and diagnosis: how many vrefs are recognized. */
    size: () => holders.size,
  });
}
