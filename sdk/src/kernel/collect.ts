/**
 * What a count of zero leads to, decided at the end of each step.
 *
 * A promise goes with its last holder. An object that nobody reaches is dropped at its owner, one that nobody
 * recognizes is retired there; those of a vat are noted for a delivery to it, those of the host realm go at once.
 */
import { insistInvariant } from '../errors.js';
import { HOST_REALM, isPromiseKRef, type KRef, type VatId, type VRef } from '../protocol/refs.js';
import type { CLists } from './clists.js';
import type { References } from './references.js';
import type { KernelRows, SettledPromiseRow } from './rows.js';

/** Rings of settled promises are searched for up to this many members; larger ones stay, which costs rows only. */
const promiseRingMax = 1_000;

export type CollectPowers = {
  rows: KernelRows;
  references: References;
  clists: CLists;
  /** The vat's c-list entry for `kref` may be due for a drop or retire delivery. */
  noteForVat: (vatId: VatId, kref: KRef) => void;
  retireAtHost: (vref: VRef) => void;
};

export function makeCollect({ rows, references, clists, noteForVat, retireAtHost }: CollectPowers) {
  const collectPromise = (kref: KRef): void => {
    const promise = rows.promises.get(kref);
    if (promise === undefined || promise.refs > 0) return;
    rows.promises.delete(kref);
    if (promise.state !== 'open') promise.value.slots.forEach(references.release);
  };

  /** Trial deletion: a set of settled promises that are held by nothing but their own values is let go. */
  const collectRing = (start: KRef): void => {
    const held = new Map<KRef, { refs: number; row: SettledPromiseRow }>();
    const queue = [start];
    for (const kref of queue) {
      if (held.has(kref)) continue;
      const row = rows.promises.get(kref);
      if (row === undefined || row.state === 'open') continue;
      held.set(kref, { refs: row.refs, row });
      if (held.size > promiseRingMax) return;
      queue.push(...row.value.slots.filter(isPromiseKRef));
    }
    for (const { row } of held.values()) {
      for (const slot of row.value.slots) {
        const member = held.get(slot);
        if (member !== undefined) member.refs -= 1;
      }
    }
    // Whatever something outside of the set holds keeps all that it leads to.
    const kept = [...held].filter(([, { refs }]) => refs > 0).map(([kref]) => kref);
    for (const kref of kept) {
      const member = held.get(kref);
      if (member === undefined) continue;
      held.delete(kref);
      kept.push(...member.row.value.slots.filter(isPromiseKRef));
    }
    for (const [kref, { row }] of held) {
      rows.promises.set(kref, { ...row, value: { body: row.value.body, slots: [] } });
    }
    for (const { row } of held.values()) row.value.slots.forEach(references.release);
  };

  const collectObject = (kref: KRef): void => {
    const object = rows.objects.get(kref);
    if (object === undefined || object.reach > 0) return;
    if (object.owner === null) {
      if (object.recog === 0) rows.objects.delete(kref);
      else tellRecognizers(kref);
      return;
    }
    if (object.owner === HOST_REALM) {
      const row = clists.entry(HOST_REALM, kref);
      insistInvariant(row !== undefined, `${kref} is not in its owner's c-list`);
      retireAtHost(row.vref);
      clists.remove(HOST_REALM, kref);
      return;
    }
    noteForVat(object.owner, kref);
  };

  const tellRecognizers = (kref: KRef): void => {
    for (const vatId of rows.vats.ids()) {
      if (clists.entry(vatId, kref) !== undefined) noteForVat(vatId, kref);
    }
  };

  return function collect(): void {
    const { dropped, ringed } = references;
    while (dropped.size > 0 || ringed.size > 0) {
      for (const kref of dropped) {
        dropped.delete(kref);
        if (isPromiseKRef(kref)) collectPromise(kref);
        else collectObject(kref);
      }
      for (const kref of ringed) {
        ringed.delete(kref);
        collectRing(kref);
      }
    }
  };
}
