/** What host sessions were handed, and how often each: a session keeps it alive until it has let go as often. */
import type { EndpointId, KRef } from '../protocol/refs.js';
import type { References } from './references.js';
import type { KernelRows } from './rows.js';

export type Holds = ReturnType<typeof makeHolds>;

export function makeHolds(rows: KernelRows, references: References) {
  /** Who was handed a kref meanwhile still holds it: a release says how many times it knows of. */
  const letGo = (session: EndpointId, kref: KRef, times: number): void => {
    const handed = rows.holds.get(`${session}.${kref}`);
    if (handed === undefined) return;
    if (handed > times) {
      rows.holds.set(`${session}.${kref}`, handed - times);
      return;
    }
    rows.holds.delete(`${session}.${kref}`);
    references.release(kref);
  };

  return {
    hand(session: EndpointId, krefs: readonly KRef[]): void {
      for (const kref of krefs) {
        const times = rows.holds.get(`${session}.${kref}`) ?? 0;
        rows.holds.set(`${session}.${kref}`, times + 1);
        if (times === 0) references.hold(kref);
      }
    },
    letGo,
    /** No host session outlives its process. */
    letGoOfAll(): void {
      for (const hold of rows.holds.ids()) {
        const [session, kref] = hold.split('.') as [EndpointId, KRef];
        letGo(session, kref, Infinity);
      }
    },
  };
}
