/**
 * What the host realm was handed: stand-ins for objects, promises that can be awaited, and when the kernel hears that
 * nobody here has them any more.
 *
 * Each time that the kernel hands a reference over, both sides count it. When this process's collector has taken the
 * last stand-in for it, the kernel is told how many times are over; one that it has handed over meanwhile stays held.
 */
import type { Outcome } from '../kernel/events.js';
import type { CapData } from '../protocol/capdata.js';
import { standInBrand, standInFor } from '../protocol/kernel-values.js';
import { isPromiseKRef, type KRef } from '../protocol/refs.js';
import { decode, type Mention } from '../protocol/smallcaps.js';

export type HeldReferencesPowers = {
  release: (kref: KRef, times: number) => void;
  /** How a promise has settled, as soon as it has. */
  settlement: (promise: KRef) => Promise<Outcome>;
  /** Throws what a promise was rejected with, or why there is no telling. */
  fail: (outcome: Outcome) => unknown;
};

type Held = { handed: number; standIns: number };

export type HeldReferences = ReturnType<typeof makeHeldReferences>;

export function makeHeldReferences({ release, settlement, fail }: HeldReferencesPowers) {
  const held = new Map<KRef, Held>();

  const letGo = (kref: KRef): void => {
    const entry = held.get(kref);
    if (entry === undefined || entry.standIns > 0) return;
    held.delete(kref);
    release(kref, entry.handed);
  };

  const collected = new FinalizationRegistry<KRef>((kref) => {
    const entry = held.get(kref);
    if (entry === undefined) return;
    entry.standIns -= 1;
    letGo(kref);
  });

  /**
   * A promise of the kernel's: a stand-in that can be sent on, and a real one, whose settlement is asked for when
   * somebody first waits for it.
   */
  class HeldPromise extends Promise<unknown> {
    static override get [Symbol.species](): PromiseConstructor {
      return Promise;
    }
    declare readonly kref: KRef;
    #settle: ((value: Promise<unknown>) => void) | undefined;

    constructor(kref: KRef) {
      let settle: ((value: Promise<unknown>) => void) | undefined;
      super((resolve) => (settle = resolve));
      this.#settle = settle;
      void Object.defineProperty(this, 'kref', { value: kref, enumerable: true });
    }

    getKref(): KRef {
      return this.kref;
    }

    override then<A, B>(
      onFulfilled?: ((value: unknown) => A | PromiseLike<A>) | null,
      onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
    ): Promise<A | B> {
      this.#settle?.(settlement(this.kref).then(take));
      this.#settle = undefined;
      return super.then(onFulfilled, onRejected);
    }
  }
  void Object.defineProperty(HeldPromise.prototype, standInBrand, { value: true });

  const take = (outcome: Outcome): unknown => {
    if (outcome.type === 'fulfilled') return readValue(outcome.value);
    if (outcome.type === 'rejected') {
      outcome.value.slots.forEach(count);
      outcome.value.slots.forEach(letGo);
    }
    return fail(outcome);
  };

  const count = (kref: KRef): void => {
    const entry = held.get(kref);
    if (entry === undefined) held.set(kref, { handed: 1, standIns: 0 });
    else entry.handed += 1;
  };

  const makeStandIn = (kref: KRef, mention: Mention): object => {
    const checked = standInFor(kref, mention);
    const standIn = isPromiseKRef(kref) ? new HeldPromise(kref) : checked;
    (held.get(kref) as Held).standIns += 1;
    collected.register(standIn, kref);
    return standIn;
  };

  /** The value of what the kernel has handed over, with a stand-in for each reference. */
  const readValue = (data: CapData<KRef>): unknown => {
    data.slots.forEach(count);
    try {
      return decode(data, { fromSlot: makeStandIn });
    } finally {
      // What the text does not mention nobody has.
      data.slots.forEach(letGo);
    }
  };

  return {
    readValue,
    /** For tests and diagnosis: how many references are held. */
    size: (): number => held.size,
  };
}
