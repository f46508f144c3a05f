/**
 * Promises and their vrefs.
 *
 * Three kinds stand in one table. `p+N` that the vat made by mentioning a promise of its own: the vat decides it.
 * `p+N` that is the result of a send: whoever receives the message decides it. `p-N` that it was given: the kernel
 * says how it settles, unless it comes as the result of a message to this vat, which then decides it.
 *
 * A settled promise's vref is retired by both sides. Mentioned again, the same promise gets a new vref that is
 * resolved in the same breath; promises that settle to one another go into one `resolve`.
 */
import { insistInvariant } from '../errors.js';
import type { VRef } from '../protocol/refs.js';
import type { Resolution } from '../protocol/vat-wire.js';
import type { SyscallLog } from './syscall-log.js';

export type Outcome = { rejected: boolean; value: unknown };

type Settle = { resolve(value?: unknown): void; reject(reason?: unknown): void };

type Entry = {
  vref: VRef;
  /** Of a message's result it is made when it is first asked for: most are settled before anybody does. */
  promise: Promise<unknown> | undefined;
  decider: 'vat' | 'kernel';
  /** What errors call the value that it settles to: `result of "list"`. */
  label: string;
  /** Of promises that this table made. */
  settle?: Settle;
  /** Of a message's result: what the method returned. */
  source?: Promise<unknown>;
  outcome?: Outcome;
  /** No longer a name of this promise. It still stands for it in the delivery that is being read. */
  retired: boolean;
  /** Does the kernel know the vref? */
  reached: boolean;
};

export type PromiseTablePowers = {
  syscalls: SyscallLog;
  nextNumber(): number;
  /** Sends what is called on the unsettled promise `vref`. */
  pipelineHandler(vref: VRef): object;
  /** The outcome as it goes out: a value that cannot pass has become a rejection that says so. Never throws. */
  encodeOutcome(vref: VRef, outcome: Outcome, label: string): Resolution;
};

/** A promise itself where it is one, so that one that was resolved to itself is found out. */
function promiseFor(value: unknown): Promise<unknown> {
  try {
    return Promise.resolve(value);
  } catch (thrown) {
    // Its `constructor` is a getter of the vat's.
    return Promise.reject(thrown);
  }
}

export type PromiseTable = ReturnType<typeof makePromiseTable>;

export function makePromiseTable({
  syscalls,
  nextNumber,
  pipelineHandler,
  encodeOutcome,
}: PromiseTablePowers) {
  const entries = new Map<VRef, Entry>();
  const entryOf = new WeakMap<object, Entry>();
  /** Mentioned by a message that is on its way, though settled long since. */
  let owed: Entry[] = [];
  let retired: Entry[] = [];
  /** Promises that the notify which is being read settles: they need no subscription. */
  let settling: ReadonlySet<VRef> = new Set();

  const add = (
    vref: VRef,
    promise: Promise<unknown> | undefined,
    fields: Partial<Entry>,
  ): Entry => {
    const entry: Entry = {
      vref,
      promise,
      decider: 'vat',
      label: 'resolution of a promise',
      retired: false,
      reached: true,
      ...fields,
    };
    entries.set(vref, entry);
    if (promise !== undefined) entryOf.set(promise, entry);
    return entry;
  };

  const makePromise = (handler?: object): { promise: Promise<unknown>; settle: Settle } => {
    let settle: Settle | undefined;
    const promise = new HandledPromise<unknown>((resolve, reject) => {
      settle = { resolve, reject };
    }, handler);
    insistInvariant(settle, 'a promise calls its executor');
    // Nobody may care how it settles; that is no uncaught rejection.
    promise.catch(() => undefined);
    return { promise: harden(promise), settle };
  };

  const addMade = (vref: VRef): Entry & { promise: Promise<unknown> } => {
    const { promise, settle } = makePromise(pipelineHandler(vref));
    return add(vref, promise, { decider: 'kernel', settle }) as Entry & {
      promise: Promise<unknown>;
    };
  };

  const promiseOf = (entry: Entry): Promise<unknown> => {
    if (entry.promise === undefined) {
      const { promise, settle } = makePromise();
      entry.promise = promise;
      entryOf.set(promise, entry);
      if (entry.source !== undefined) settle.resolve(entry.source);
      else entry.settle = settle;
    }
    return entry.promise;
  };

  const watch = (entry: Entry, promise: Promise<unknown>): void => {
    const settled = (rejected: boolean) => (value: unknown) => {
      entry.outcome = { rejected, value };
      resolveAll([entry]);
    };
    promise.then(settled(false), settled(true));
  };

  /** Settles a result with what a method returned or threw. */
  const settleResult = (entry: Entry, source: Promise<unknown>): void => {
    insistInvariant(entry.source === undefined, `${entry.vref} is settled once`);
    entry.source = source;
    watch(entry, source);
    entry.settle?.resolve(source);
  };

  const resolveAll = (first: Entry[]): void => {
    const resolutions: Resolution[] = [];
    const all = [...first];
    // Encoding a value may name further promises that are settled already: they belong to the same call.
    for (const entry of all) {
      insistInvariant(entry.outcome, `${entry.vref} is settled`);
      resolutions.push(encodeOutcome(entry.vref, entry.outcome, entry.label));
      all.push(...owed);
      owed = [];
    }
    syscalls.push({ type: 'resolve', resolutions });
    all.forEach(retire);
  };

  const retire = (entry: Entry): void => {
    entry.retired = true;
    retired.push(entry);
  };

  return harden({
    /** The promise's vref, if it has one now. */
    vrefOf(promise: object): VRef | undefined {
      const entry = entryOf.get(promise);
      return entry === undefined || entry.retired ? undefined : entry.vref;
    },

    /** Does the name stand for a promise of this vat's, or may it be given one? */
    knows: (vref: VRef): boolean => entries.has(vref) || vref.startsWith('p-'),

    /** Names a promise. Until {@link reached} nobody but this table knows of it. */
    name(promise: Promise<unknown>): VRef {
      const vref = `p+${nextNumber()}`;
      const outcome = entryOf.get(promise)?.outcome;
      add(vref, promise, { reached: false, ...(outcome && { outcome }) });
      return vref;
    },

    /** Takes back {@link name}. */
    unname(promise: object, vref: VRef): void {
      const entry = entries.get(vref);
      insistInvariant(entry !== undefined && !entry.reached, `${vref} is known to nobody`);
      entries.delete(vref);
      // What is known of its outcome is kept.
      entry.retired = true;
      if (entry.outcome === undefined) entryOf.delete(promise);
    },

    /** A message that names the promise leaves. */
    reached(vref: VRef): void {
      const entry = entries.get(vref);
      if (entry === undefined || entry.reached) return;
      entry.reached = true;
      if (entry.outcome === undefined) watch(entry, promiseOf(entry));
      else owed.push(entry);
    },

    /** To be called after the system call that {@link reached} belonged to. */
    resolveOwed(): void {
      if (owed.length === 0) return;
      const first = owed;
      owed = [];
      resolveAll(first);
    },

    /** The promise of a send's result, which another endpoint will decide. `alias` is what the caller already holds. */
    makeResult(alias: Promise<unknown> | undefined): { vref: VRef; promise: Promise<unknown> } {
      const entry = addMade(`p+${nextNumber()}`);
      if (alias !== undefined) entryOf.set(alias, entry);
      return { vref: entry.vref, promise: entry.promise };
    },

    /** The promise that the kernel means; imports and subscribes to a new one. `undefined` for an export never made. */
    provide(vref: VRef): Promise<unknown> | undefined {
      const known = entries.get(vref);
      if (known !== undefined) return promiseOf(known);
      if (!vref.startsWith('p-')) return undefined;
      const { promise } = addMade(vref);
      if (!settling.has(vref)) syscalls.push({ type: 'subscribe', vpid: vref });
      return promise;
    },

    /** A message came whose result this vat decides from now on. */
    decide(vref: VRef, label: string): Settle {
      let entry = entries.get(vref);
      if (entry === undefined) {
        entry = add(vref, undefined, { label });
      } else {
        insistInvariant(
          entry.decider === 'kernel' && !entry.retired,
          `${vref} is not yet the vat's to decide`,
        );
        entry.decider = 'vat';
        entry.label = label;
      }
      const own = entry;
      return {
        resolve: (value) => settleResult(own, promiseFor(value)),
        reject: (reason) => settleResult(own, Promise.reject(reason)),
      };
    },

    /** Names what will come out of it, for errors. */
    setLabel(vref: VRef, label: string): void {
      const entry = entries.get(vref);
      if (entry !== undefined) entry.label = label;
    },

    /** The kernel settles promises. They are read together, so that they may name one another. */
    notify(resolutions: readonly Resolution[], decode: (resolution: Resolution) => Outcome): void {
      settling = new Set(resolutions.map(({ vpid }) => vpid));
      const settled = resolutions.map((resolution) => {
        const entry = entries.get(resolution.vpid) ?? addMade(resolution.vpid);
        insistInvariant(
          entry.decider === 'kernel' && !entry.retired && entry.settle,
          `notify of ${resolution.vpid}, which the vat waits for`,
        );
        return { entry, settle: entry.settle, resolution };
      });
      for (const { entry, resolution } of settled) entry.outcome = decode(resolution);
      settling = new Set();
      for (const { entry, settle } of settled) {
        const { outcome } = entry;
        insistInvariant(outcome, `${entry.vref} was read`);
        retire(entry);
        if (outcome.rejected) settle.reject(outcome.value);
        else settle.resolve(outcome.value);
      }
    },

    /** The crank is over: no delivery can name what has settled. */
    forgetRetired(): void {
      for (const { vref } of retired) entries.delete(vref);
      retired = [];
    },

    /** For tests and diagnosis: how many promises have a vref. */
    size: () => entries.size - retired.length,
  });
}
