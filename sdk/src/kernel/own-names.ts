/** Names of the other side of a link, which may be anybody's: how many it makes, and which there ever were. */
import { isExportVRef, isPromiseVRef, type EndpointId, type VRef } from '../protocol/refs.js';
import { IllegalSyscall, type CLists } from './clists.js';
import type { KernelRows } from './rows.js';

/** @param most - names of its own that one endpoint may have. */
export function makeOwnNames(rows: KernelRows, clists: CLists, most: number) {
  return {
    /** @throws IllegalSyscall where the endpoint may make no further name. */
    insistRoom(endpoint: EndpointId): void {
      const { own } = clists.size(endpoint);
      if (own < most) return;
      throw new IllegalSyscall(`${endpoint} has ${own} names of its own, of at most ${most}`);
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
  };
}

export type OwnNames = ReturnType<typeof makeOwnNames>;
