/**
 * Reads and versions: what live queries stand on.
 *
 * A session may mark a call as a read. The mark is inherited by all that the call causes: messages bear it, and the
 * promises of their results, by which a vat that waits for one is woken. So the kernel knows which vats an answer
 * touched. A vat's version rises with every crank that is not marked. Memory only: after a restart versions begin anew,
 * and hosts tell their clients so.
 */
import { isPromiseKRef, type KRef, type VatId } from '../protocol/refs.js';
import type { CrankResult, Syscall } from '../protocol/vat-wire.js';
import type { CLists } from './clists.js';
import type { InFlight } from './crank.js';
import type { KernelEffect } from './events.js';
import type { KernelRows } from './rows.js';

type Touched = { [vatId: VatId]: number };

export function makeReadMarks(
  rows: KernelRows,
  clists: CLists,
  emit: (effect: KernelEffect) => void,
) {
  const versions = new Map<VatId, number>();
  /** By mark, the vats that it reached, with their versions when it did first. */
  const reads = new Map<KRef, Touched>();
  /** Vats that some answer has touched. */
  const touchedEver = new Set<VatId>();
  /** Of the crank that is being applied; and of that part of it which is. */
  let own: KRef | undefined;
  let current: KRef | undefined;

  const versionOf = (vatId: VatId): number => versions.get(vatId) ?? 0;

  const isBookkeeping = ({ type }: Syscall): boolean =>
    type === 'drop-imports' || type === 'retire-imports' || type === 'retire-exports';

  /** The one read that everything in here belongs to, if it is only the end of what reads had begun. */
  const markOfTurn = (vatId: VatId, result: CrankResult): KRef | undefined => {
    let mark: KRef | undefined;
    if (result.writes.length > 0) return undefined;
    for (const syscall of [...result.prior, ...result.own]) {
      if (isBookkeeping(syscall)) continue;
      if (syscall.type !== 'resolve') return undefined;
      for (const { vpid } of syscall.resolutions) {
        const kref = rows.clistByVRef.get(`${vatId}.${vpid}`);
        const promise =
          kref !== undefined && isPromiseKRef(kref) ? rows.promises.get(kref) : undefined;
        if (promise?.mark === undefined) return undefined;
        mark = promise.mark;
      }
    }
    return mark;
  };

  const isIdle = (result: CrankResult): boolean =>
    result.writes.length === 0 && [...result.prior, ...result.own].every(isBookkeeping);

  return {
    /** The read that what is being applied belongs to. */
    current: (): KRef | undefined => current,

    begin: (mark: KRef): void => void reads.set(mark, {}),

    /** A crank's result is about to be applied, of which `work` is the application. */
    within<T>(vatId: VatId, inFlight: InFlight, result: CrankResult, work: () => T): T {
      const { type } = inFlight;
      const mark = inFlight.mark ?? (type === 'turn' ? markOfTurn(vatId, result) : undefined);
      const isWork = type === 'message' || type === 'notify' || type === 'start';
      // What the vat did before it read the delivery is not the delivery's doing.
      const didOther = type !== 'turn' && !result.prior.every(isBookkeeping);
      if (didOther || (mark === undefined && (isWork || !isIdle(result)))) this.rise(vatId);
      const touched = mark === undefined ? undefined : reads.get(mark);
      if (touched !== undefined) touched[vatId] ??= versionOf(vatId);
      own = mark;
      try {
        return work();
      } finally {
        own = undefined;
        current = undefined;
      }
    },

    /** Within a crank: what was done before it is applied, and its own is next. */
    beginOwn(): void {
      current = own;
    },

    /** Something may be different in the vat now. */
    rise(vatId: VatId): void {
      const version = versionOf(vatId) + 1;
      versions.set(vatId, version);
      if (touchedEver.has(vatId)) emit({ type: 'vat-version', vatId, version });
    },

    gone(vatId: VatId): void {
      this.rise(vatId);
      touchedEver.delete(vatId);
    },

    /** Of the result of a read: what it touched. To be asked once. */
    answered(result: KRef): Touched | undefined {
      const touched = reads.get(result);
      reads.delete(result);
      for (const [vatId, version] of Object.entries(touched ?? {})) {
        if (!rows.vats.has(vatId)) continue;
        touchedEver.add(vatId);
        // It rose while the read went on elsewhere, and who asked was not told.
        if (versionOf(vatId) > version)
          emit({ type: 'vat-version', vatId, version: versionOf(vatId) });
      }
      return touched;
    },

    /** Forgets reads whose results nobody waits for any more. */
    prune(): void {
      for (const mark of reads.keys()) if (!rows.promises.has(mark)) reads.delete(mark);
    },

    /** The mark of what a vat is given. */
    ofPromise: (kref: KRef): KRef | undefined => rows.promises.get(kref)?.mark,

    /** The result of a message that bears a mark. */
    stamp(result: KRef, mark: KRef): void {
      rows.promises.set(result, { ...rows.promises.getRequired(result), mark });
    },
  };
}

export type ReadMarks = ReturnType<typeof makeReadMarks>;
