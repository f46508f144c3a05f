/**
 * C-lists: the table between the kernel's names and one endpoint's own. An endpoint can name only what is in its
 * c-list: that is what confines it.
 */
import { insistInvariant } from '../errors.js';
import type { CapData } from '../protocol/capdata.js';
import {
  CAVEAT_MAKER,
  CAVEAT_MAKER_VREF,
  isDurableVRef,
  isExportVRef,
  isPromiseKRef,
  isPromiseVRef,
  isRemoteEndpoint,
  isVatEndpoint,
  isVRef,
  type EndpointId,
  type KRef,
  type VRef,
} from '../protocol/refs.js';
import type { References } from './references.js';
import type { CListRow, KernelRows, VRefNumbers } from './rows.js';
import { makeTallies } from './tallies.js';

/** What an endpoint asked for is not its to ask. The crank that holds it is discarded whole. */
export class IllegalSyscall extends Error {
  override readonly name = 'IllegalSyscall';
}

/** Names of an endpoint's own objects and promises, and of those that it was given. */
export type CListSize = { own: number; given: number };

const firstNumbers: VRefNumbers = { object: 1, promise: 1, exports: 1, incarnationExports: 1 };

/** @param onOrphaned - an endpoint gives up an object of its own; others may still hold it. */
export function makeCLists(
  rows: KernelRows,
  references: References,
  onOrphaned: (kref: KRef, owner: EndpointId) => void = () => {},
) {
  const key = (endpoint: EndpointId, ref: KRef | VRef): string => `${endpoint}.${ref}`;
  const numbers = (endpoint: EndpointId): VRefNumbers =>
    rows.vrefNumbers.get(endpoint) ?? firstNumbers;

  const plus = ({ own, given }: CListSize, vref: VRef, by: 1 | -1): CListSize =>
    isExportVRef(vref) ? { own: own + by, given } : { own, given: given + by };
  const sizes = makeTallies<CListSize>((endpoint) => {
    let size = { own: 0, given: 0 };
    for (const kref of clists.krefs(endpoint))
      size = plus(size, rows.clistByKRef.getRequired(key(endpoint, kref)).vref, 1);
    return size;
  });
  const resize = (endpoint: EndpointId, vref: VRef, by: 1 | -1): void =>
    sizes.change(endpoint, (size) => plus(size, vref, by));

  const add = (endpoint: EndpointId, kref: KRef, vref: VRef): void => {
    resize(endpoint, vref, 1);
    rows.clistByKRef.insert(key(endpoint, kref), { vref, reach: true });
    rows.clistByVRef.insert(key(endpoint, vref), kref);
    // Who exports an object does not hold it; a promise is held by both sides.
    if (!isExportVRef(vref) || isPromiseKRef(kref)) references.hold(kref);
  };

  const entry = (endpoint: EndpointId, kref: KRef): CListRow | undefined =>
    rows.clistByKRef.getOf(kref, key(endpoint, kref));

  const krefOf = (endpoint: EndpointId, vref: VRef): KRef => {
    const kref = rows.clistByVRef.get(key(endpoint, vref));
    if (kref === undefined && vref === CAVEAT_MAKER_VREF && isVatEndpoint(endpoint)) {
      // Every vat may name it, from when it first does.
      add(endpoint, CAVEAT_MAKER, vref);
      return CAVEAT_MAKER;
    }
    if (kref === undefined) {
      throw new IllegalSyscall(`${endpoint} names ${vref}, which is not in its c-list`);
    }
    return kref;
  };

  const setReach = (endpoint: EndpointId, kref: KRef, reach: boolean): void => {
    const row = entry(endpoint, kref);
    insistInvariant(row !== undefined, `${kref} is not in the c-list of ${endpoint}`);
    if (row.reach === reach) return;
    rows.clistByKRef.set(key(endpoint, kref), { ...row, reach });
    if (isExportVRef(row.vref)) references.reconsider(kref);
    else if (reach) references.reachAgain(kref);
    else references.unreach(kref);
  };

  /** @param decider - who settles it, if it is a promise. */
  const takeExport = (
    endpoint: EndpointId,
    vref: VRef,
    decider: EndpointId | null = endpoint,
  ): KRef => {
    if (!isVRef(vref))
      throw new IllegalSyscall(`${endpoint} names ${String(vref)}, which is no vref`);
    if (!isExportVRef(vref)) return krefOf(endpoint, vref);
    if (!isDurableVRef(vref)) {
      const next = numbers(endpoint);
      const number = Number(vref.slice(2));
      if (!Number.isSafeInteger(number)) {
        throw new IllegalSyscall(`${endpoint} names ${vref}, whose number is too large`);
      }
      if (number < next.incarnationExports) {
        throw new IllegalSyscall(`${endpoint} names ${vref}, which an earlier incarnation had`);
      }
      if (number >= next.exports) {
        rows.vrefNumbers.set(endpoint, { ...next, exports: number + 1 });
      }
    }
    const kref = isPromiseVRef(vref)
      ? references.makePromise(decider)
      : references.makeObject(endpoint);
    add(endpoint, kref, vref);
    return kref;
  };

  const clists = {
    entry,
    krefOf,

    /** The endpoint's name for `kref`; imports it where it has none yet. */
    toEndpoint(endpoint: EndpointId, kref: KRef): VRef {
      const row = entry(endpoint, kref);
      if (row !== undefined) {
        if (!row.reach) setReach(endpoint, kref, true);
        return row.vref;
      }
      // To a peer it is an object like any other: `o+0` of its own would be a root.
      if (kref === CAVEAT_MAKER && !isRemoteEndpoint(endpoint)) {
        add(endpoint, kref, CAVEAT_MAKER_VREF);
        return CAVEAT_MAKER_VREF;
      }
      const next = numbers(endpoint);
      const isPromise = isPromiseKRef(kref);
      if (isPromise) {
        const { number, numbers: changed } = rows.nextImportedPromise(endpoint, next);
        if (changed !== undefined) rows.vrefNumbers.set(endpoint, changed);
        add(endpoint, kref, `p-${number}`);
        return `p-${number}`;
      }
      rows.vrefNumbers.set(endpoint, { ...next, object: next.object + 1 });
      add(endpoint, kref, `o-${next.object}`);
      return `o-${next.object}`;
    },

    /** The kernel's name for what the endpoint named; takes a new export of its into the c-list. */
    toKernel(endpoint: EndpointId, vref: VRef): KRef {
      const known = rows.clistByVRef.get(key(endpoint, vref));
      if (known === undefined) return takeExport(endpoint, vref);
      const row = rows.clistByKRef.getRequired(key(endpoint, known));
      if (!row.reach) {
        if (!isExportVRef(vref)) {
          throw new IllegalSyscall(`${endpoint} names ${vref}, which it has dropped`);
        }
        setReach(endpoint, known, true);
      }
      return known;
    },

    /** A promise of the endpoint's own whose number it has not reached before: no row needs to be looked for. */
    isNewPromise: (endpoint: EndpointId, vref: VRef): boolean =>
      isPromiseVRef(vref) &&
      isExportVRef(vref) &&
      Number(vref.slice(2)) >= numbers(endpoint).exports,

    /** The result promise of a send: one that the sender decided until now, or a new one. */
    toKernelResult(endpoint: EndpointId, vref: VRef): KRef {
      const isNew =
        clists.isNewPromise(endpoint, vref) ||
        rows.clistByVRef.get(key(endpoint, vref)) === undefined;
      if (isNew && isPromiseVRef(vref) && isExportVRef(vref))
        return takeExport(endpoint, vref, null);
      const kref = clists.toKernel(endpoint, vref);
      const promise = isPromiseKRef(kref) ? rows.promises.getRequired(kref) : undefined;
      if (promise?.state !== 'open' || promise.decider !== endpoint) {
        throw new IllegalSyscall(`${endpoint} names ${vref} as a result, which it does not decide`);
      }
      rows.promises.set(kref, { ...promise, decider: null });
      return kref;
    },

    capDataToEndpoint: (endpoint: EndpointId, data: CapData<KRef>): CapData<VRef> => ({
      body: data.body,
      slots: data.slots.map((kref) => clists.toEndpoint(endpoint, kref)),
    }),

    capDataToKernel(endpoint: EndpointId, data: CapData<VRef>): CapData<KRef> {
      const slots: KRef[] = [];
      // No method of an array that a vat sent is called: it may bear its own (`crank-shape.ts`).
      for (const vref of data.slots) slots.push(clists.toKernel(endpoint, vref));
      return { body: data.body, slots };
    },

    /** The endpoint (of an export: everybody else) can no longer use it. */
    drop: (endpoint: EndpointId, kref: KRef): void => setReach(endpoint, kref, false),

    /** Takes the entry out of the c-list, in both directions. */
    remove(endpoint: EndpointId, kref: KRef): void {
      const row = rows.clistByKRef.getRequired(key(endpoint, kref));
      rows.clistByKRef.delete(key(endpoint, kref));
      rows.clistByVRef.delete(key(endpoint, row.vref));
      resize(endpoint, row.vref, -1);
      if (isPromiseKRef(kref)) references.release(kref);
      else if (isExportVRef(row.vref)) {
        const object = rows.objects.get(kref);
        if (object !== undefined) rows.objects.set(kref, { ...object, owner: null });
        onOrphaned(kref, endpoint);
        references.reconsider(kref);
      } else {
        if (row.reach) references.unreach(kref);
        references.forget(kref);
      }
    },

    /** The endpoint's durable state holds an import more (1) or less (-1) often. */
    countDurable(endpoint: EndpointId, kref: KRef, change: 1 | -1): void {
      const { durable: before = 0, ...row } = rows.clistByKRef.getRequired(key(endpoint, kref));
      const durable = before + change;
      insistInvariant(durable >= 0, `${endpoint} would hold ${kref} durably ${durable} times`);
      rows.clistByKRef.set(key(endpoint, kref), durable === 0 ? row : { ...row, durable });
    },

    /** All krefs in the endpoint's c-list. */
    krefs: (endpoint: EndpointId): KRef[] =>
      rows.clistByKRef.ids(`${endpoint}.k`).map((id) => id.slice(endpoint.length + 1)),

    /** How many names the endpoint has. They are counted when this is first asked. */
    size: sizes.of,
    /** The endpoint is no more. */
    forget: sizes.forget,
    begin: sizes.begin,
    undo: sizes.undo,

    /** The first number that an export of a next incarnation may have. */
    nextExport: (endpoint: EndpointId): number => numbers(endpoint).exports,

    /** A new incarnation begins. Returns the first number that its exports may have. */
    beginIncarnation(endpoint: EndpointId): number {
      const next = numbers(endpoint);
      rows.vrefNumbers.set(endpoint, { ...next, incarnationExports: next.exports });
      return next.exports;
    },

    /** An export that the kernel names before the endpoint does: a new vat's root. */
    addExport(endpoint: EndpointId, vref: VRef): KRef {
      const kref = references.makeObject(endpoint);
      add(endpoint, kref, vref);
      return kref;
    },
  };
  return clists;
}

export type CLists = ReturnType<typeof makeCLists>;
