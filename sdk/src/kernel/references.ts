/**
 * Reference counts of objects and promises, exact for every holder.
 *
 * An object is counted twice: `reach` by who can send to it, `recog` by who can at least recognize it (the key of
 * a weak collection); each reaching holder counts in both. A promise has one count. Holders are c-list entries of
 * importers, queued messages, values of settled promises, pins, and what host sessions were handed. What a count
 * of zero leads to is decided at the end of a step (`collect.ts`), when everything that the step holds is known.
 */
import { insistInvariant } from '../errors.js';
import { isPromiseKRef, type EndpointId, type KRef } from '../protocol/refs.js';
import type { KernelRows } from './rows.js';

export function makeReferences(rows: KernelRows) {
  /** Krefs whose count fell to zero in this step. Memory only: it is empty between steps. */
  const dropped = new Set<KRef>();
  /** Settled promises that lost a holder in this step and kept others: perhaps only a ring of their own values. */
  const ringed = new Set<KRef>();

  const count = (kref: KRef, reach: number, recog: number): void => {
    if (isPromiseKRef(kref)) {
      const promise = rows.promises.getRequired(kref);
      const refs = promise.refs + recog;
      insistInvariant(refs >= 0, `${kref} would be counted ${refs}`);
      rows.promises.set(kref, { ...promise, refs });
      if (refs === 0) dropped.add(kref);
      else if (recog < 0 && promise.state !== 'open' && promise.value.slots.some(isPromiseKRef)) {
        ringed.add(kref);
      }
      return;
    }
    const object = rows.objects.getRequired(kref);
    const next = { ...object, reach: object.reach + reach, recog: object.recog + recog };
    insistInvariant(
      next.reach >= 0 && next.recog >= next.reach,
      `${kref} would be counted ${next.reach},${next.recog}`,
    );
    rows.objects.set(kref, next);
    if (next.reach === 0) dropped.add(kref);
  };

  return {
    dropped,
    ringed,

    makeObject(owner: EndpointId): KRef {
      const kref = `ko${rows.nextId('object')}`;
      rows.objects.set(kref, { owner, reach: 0, recog: 0 });
      // Exported and held by nobody yet: if nothing in this step holds it, it goes again at the step's end.
      dropped.add(kref);
      return kref;
    },

    makePromise(decider: EndpointId | null): KRef {
      const kref = `kp${rows.nextId('promise')}`;
      rows.promises.set(kref, { state: 'open', decider, subs: [], refs: 0 });
      dropped.add(kref);
      return kref;
    },

    hold: (kref: KRef): void => count(kref, 1, 1),
    release: (kref: KRef): void => count(kref, -1, -1),
    /** A holder that recognized an object reaches it again. */
    reachAgain: (kref: KRef): void => count(kref, 1, 0),
    /** A holder that reached an object only recognizes it now. */
    unreach: (kref: KRef): void => count(kref, -1, 0),
    /** A holder that recognized an object forgets it. */
    forget: (kref: KRef): void => count(kref, 0, -1),
    /** Something else than a count changed that decides about this kref's life. */
    reconsider: (kref: KRef): void => void dropped.add(kref),
  };
}

export type References = ReturnType<typeof makeReferences>;
