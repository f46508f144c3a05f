/** Names that the other side of a link makes in its c-list, which may be anybody's: how many, and which there ever were. */
import { isExportVRef, isPromiseVRef, type EndpointId, type VRef } from '../protocol/refs.js';
import { IllegalSyscall, type CLists } from './clists.js';
import type { KernelRows } from './rows.js';

/** @param most - names of its own that one endpoint may have. */
export function makeOwnNames(rows: KernelRows, clists: CLists, most: number) {
  /** By endpoint, the number of a new name at which its names are counted again. */
  const countAt = new Map<EndpointId, number>();

  return {
    /**
     * Names are counted now and then: in between they are no more than were made since.
     *
     * @throws IllegalSyscall where the endpoint may have no further one.
     */
    insistRoom(endpoint: EndpointId): void {
      const { exports = 1 } = rows.vrefNumbers.get(endpoint) ?? {};
      if (exports < (countAt.get(endpoint) ?? most)) return;
      const own = rows.clistByVRef.ids(`${endpoint}.`).filter((id) => id.includes('+')).length;
      if (own >= most) {
        throw new IllegalSyscall(`${endpoint} has ${own} names of its own, of at most ${most}`);
      }
      countAt.set(endpoint, exports + most - own);
    },

    /** @throws IllegalSyscall where it neither was a name of the link once, nor may have been. */
    insistWasNamed(endpoint: EndpointId, vref: VRef): void {
      const { exports = 1, object = 1, promise = 1 } = rows.vrefNumbers.get(endpoint) ?? {};
      const next = isExportVRef(vref) ? exports : isPromiseVRef(vref) ? promise : object;
      if (Number(vref.slice(2)) < next) return;
      throw new IllegalSyscall(`${endpoint} names ${vref}, which was never one of its names`);
    },

    /**
     * Mentions of an object that the endpoint had been given, of which it gives up so many.
     *
     * @throws IllegalSyscall where it was not given the object as often.
     */
    insistGiven(endpoint: EndpointId, vref: VRef, dropped: number): number {
      const { mentions = 0 } = clists.entry(endpoint, clists.krefOf(endpoint, vref)) ?? {};
      if (isExportVRef(vref) || isPromiseVRef(vref) || dropped > mentions) {
        throw new IllegalSyscall(
          `${endpoint} drops ${vref} ${dropped} times, which it was given ${mentions} times`,
        );
      }
      return mentions;
    },

    forget: (endpoint: EndpointId): void => void countAt.delete(endpoint),
  };
}

export type OwnNames = ReturnType<typeof makeOwnNames>;
