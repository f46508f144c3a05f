/**
 * Reference counts of objects and promises, exact for every holder.
 *
 * An object is counted twice: `reach` by who can send to it, `recog` by who can at least recognize it (the key of
 * a weak collection); each reaching holder counts in both. A promise has one count. Holders are c-list entries of
 * importers, queued messages, values of settled promises, pins, and what host sessions were handed.
 *
 * Within a step counts only gather here; rows are written, and what a count of zero leads to is decided, at the end of
 * the step (`collect.ts`), when everything that the step holds is known. A message's way through queues and c-lists
 * touches the same counts many times.
 */
import { type EndpointId, type KRef } from '../protocol/refs.js';
import type { KernelRows } from './rows.js';

/** What a step adds to an object's counts. Of a promise, `recog` is its count. */
export type CountChange = { reach: number; recog: number };

export function makeReferences(rows: KernelRows) {
  /** What this step has changed so far, a count or something else that decides about a life. Empty between steps. */
  const changed = new Map<KRef, CountChange>();

  const count = (kref: KRef, reach: number, recog: number): void => {
    const change = changed.get(kref);
    if (change === undefined) changed.set(kref, { reach, recog });
    else {
      change.reach += reach;
      change.recog += recog;
    }
  };

  return {
    changed,

    makeObject(owner: EndpointId | null): KRef {
      const kref = `ko${rows.nextId('object')}`;
      rows.objects.insert(kref, { owner, reach: 0, recog: 0 });
      // Exported and held by nobody yet: if nothing in this step holds it, it goes again at the step's end.
      count(kref, 0, 0);
      return kref;
    },

    makePromise(decider: EndpointId | null): KRef {
      const kref = rows.nextPromise();
      rows.promises.insert(kref, { state: 'open', decider, subs: [], refs: 0 });
      count(kref, 0, 0);
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
    reconsider: (kref: KRef): void => count(kref, 0, 0),

    /** Can anybody send to the object, as far as this step has come? */
    isReached: (kref: KRef): boolean =>
      rows.objects.getRequired(kref).reach + (changed.get(kref)?.reach ?? 0) > 0,

    /** The step's rows are undone. */
    undo: (): void => changed.clear(),
  };
}

export type References = ReturnType<typeof makeReferences>;
