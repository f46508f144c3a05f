/**
 * The end of each step: counts become rows, and what a count of zero leads to happens.
 *
 * A promise goes with its last holder. An object that nobody reaches is dropped at its owner, one that nobody
 * recognizes is retired there; those of a vat are noted for a delivery to it, those of the host realm go at once.
 */
import { insistInvariant } from '../errors.js';
import {
  HOST_REALM,
  KERNEL_REALM,
  isPromiseKRef,
  isRemoteEndpoint,
  isSessionEndpoint,
  type EndpointId,
  type KRef,
  type VatId,
  type VRef,
} from '../protocol/refs.js';
import type { CLists } from './clists.js';
import type { CountChange, References } from './references.js';
import type { KernelRows, ObjectRow, ReadMark } from './rows.js';
import { settledFrom, settledPromisesMax } from './settled-promises.js';

/** Rows that one step reads in search of rings: below a millisecond. What remains is looked at in later steps. */
const ringRowsMax = 2_000;

export type CollectPowers = {
  rows: KernelRows;
  references: References;
  clists: CLists;
  /** The vat's c-list entry for `kref` may be due for a drop or retire delivery. */
  noteForVat: (vatId: VatId, kref: KRef) => void;
  retireAtHost: (vref: VRef) => void;
  /** An object of the kernel realm is no more. */
  dropCaveat: (kref: KRef) => void;
  /** A session's client exposed it, and nobody reaches it. */
  letGoAtSession: (session: EndpointId, kref: KRef) => void;
  /** A peer exported it, and nobody reaches it; or it is gone, and peers may still recognize it. */
  letGoAtPeer: (remote: EndpointId, kref: KRef) => void;
  tellPeers: (kref: KRef) => void;
  /** A promise that belonged to a read is no more. */
  readPromiseGone: (kref: KRef, mark: ReadMark) => void;
};

export function makeCollect(powers: CollectPowers) {
  const { rows, references, clists, noteForVat, retireAtHost, dropCaveat, letGoAtSession } = powers;
  const { changed } = references;
  /** Settled promises that have other holders than before: perhaps nothing but a ring of their own values. */
  const ringed = new Set<KRef>();

  const settlePromise = (kref: KRef, { recog }: CountChange): void => {
    const promise = rows.promises.getRequired(kref);
    const refs = promise.refs + recog;
    insistInvariant(refs >= 0, `${kref} would be counted ${refs}`);
    if (refs > 0) {
      if (recog !== 0) rows.promises.set(kref, { ...promise, refs });
      if (promise.state !== 'open' && promise.value.slots.some(isPromiseKRef)) ringed.add(kref);
      return;
    }
    rows.promises.delete(kref);
    if (promise.mark !== undefined) powers.readPromiseGone(kref, promise.mark);
    if (promise.state !== 'open') for (const slot of promise.value.slots) references.release(slot);
  };

  const settleObject = (kref: KRef, change: CountChange): void => {
    const row = rows.objects.get(kref);
    // Its owner and its last recognizer gave it up at once.
    if (row === undefined && change.reach === 0 && change.recog === 0) return;
    insistInvariant(row !== undefined, `there is no ${kref} to count`);
    const reach = row.reach + change.reach;
    const recog = row.recog + change.recog;
    insistInvariant(reach >= 0 && recog >= reach, `${kref} would be counted ${reach},${recog}`);
    const { owner } = row;
    if (owner === null && recog === 0) {
      rows.objects.delete(kref);
      return;
    }
    if (change.reach !== 0 || change.recog !== 0) rows.objects.set(kref, { ...row, reach, recog });
    if (reach === 0) letGo(kref, owner);
  };

  const letGo = (kref: KRef, owner: ObjectRow['owner']): void => {
    if (owner === null) tellRecognizers(kref);
    else if (owner === HOST_REALM) {
      const entry = clists.entry(HOST_REALM, kref);
      insistInvariant(entry !== undefined, `${kref} is not in its owner's c-list`);
      retireAtHost(entry.vref);
      clists.remove(HOST_REALM, kref);
    } else if (owner === KERNEL_REALM) {
      dropCaveat(kref);
      rows.objects.set(kref, { ...rows.objects.getRequired(kref), owner: null });
      references.reconsider(kref);
    } else if (isSessionEndpoint(owner)) letGoAtSession(owner, kref);
    else if (isRemoteEndpoint(owner)) powers.letGoAtPeer(owner, kref);
    else noteForVat(owner, kref);
  };

  const tellRecognizers = (kref: KRef): void => {
    for (const vatId of rows.vats.ids()) {
      if (clists.entry(vatId, kref) !== undefined) noteForVat(vatId, kref);
    }
    powers.tellPeers(kref);
  };

  const settleCounts = (): void => {
    // What a settled count changes again stands at the end of the map, and is reached by the same loop.
    for (const [kref, change] of changed) {
      changed.delete(kref);
      if (isPromiseKRef(kref)) settlePromise(kref, change);
      else settleObject(kref, change);
    }
  };

  /**
   * Trial deletion: of the settled promises that this one leads to, those that are held by nothing but each other's
   * values are let go. Where they are too many to look at they stay, which costs rows only. Returns how many were
   * looked at.
   */
  const collectRing = (start: KRef): number => {
    const found = settledFrom(rows, start);
    if (found === undefined) return settledPromisesMax;
    const holders = new Map<KRef, number>();
    for (const [kref, { refs }] of found) {
      holders.set(kref, refs);
      // What keeps it is the same for each of them: none needs to be looked at again.
      ringed.delete(kref);
    }
    for (const { value } of found.values()) {
      for (const slot of value.slots) {
        const count = holders.get(slot);
        if (count !== undefined) holders.set(slot, count - 1);
      }
    }
    // Whatever something outside of them holds keeps all that it leads to.
    const kept = new Set<KRef>();
    for (const [kref, count] of holders) if (count > 0) kept.add(kref);
    for (const kref of kept) {
      for (const slot of found.get(kref)?.value.slots ?? []) if (found.has(slot)) kept.add(slot);
    }
    for (const [kref, row] of found) {
      if (kept.has(kref)) continue;
      rows.promises.set(kref, { ...row, value: { body: row.value.body, slots: [] } });
      for (const slot of row.value.slots) references.release(slot);
    }
    return found.size;
  };

  /** Returns whether there is more to do in another step. */
  return function collect(): boolean {
    settleCounts();
    let looked = 0;
    for (const kref of ringed) {
      if (looked >= ringRowsMax) return true;
      ringed.delete(kref);
      looked += collectRing(kref);
      settleCounts();
    }
    return false;
  };
}
