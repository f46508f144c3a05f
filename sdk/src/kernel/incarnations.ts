/**
 * The end of an incarnation, in one change set and without starting the vat.
 *
 * Heap and suspended functions die with the worker. So every promise that the vat decided is rejected, its
 * subscriptions end, its heap exports are nobody's, and every import that its durable state does not hold is
 * dropped. What is durable stays: the root, durable exos, state, and what state holds.
 */
import {
  ROOT_VREF,
  isDurableVRef,
  isExportVRef,
  isPromiseKRef,
  type KRef,
  type VatId,
} from '../protocol/refs.js';
import type { CLists } from './clists.js';
import { type Messages, type Settlement } from './messages.js';
import type { Queues } from './queues.js';
import type { References } from './references.js';
import type { KernelRows } from './rows.js';
import type { Shapes } from './shapes.js';

/** Rows of a terminated vat's state that one tick deletes. */
const cleanUpRowsMax = 1_000;

export type IncarnationPowers = {
  rows: KernelRows;
  references: References;
  clists: CLists;
  queues: Queues;
  messages: Messages;
  shapes: Shapes;
  isUpgradingTo: (bundleHash: string) => boolean;
};

export function makeIncarnations(powers: IncarnationPowers) {
  const { rows, references, clists, queues, messages, shapes, isUpgradingTo } = powers;

  const endPromise = (vatId: VatId, kref: KRef, reason: Settlement): void => {
    messages.unsubscribe(vatId, kref);
    const promise = rows.promises.getRequired(kref);
    if (promise.state === 'open' && promise.decider === vatId) messages.settle(kref, reason);
    clists.remove(vatId, kref);
  };

  const end = (vatId: VatId, reason: Settlement, keepDurable: boolean): void => {
    for (const kref of clists.krefs(vatId)) {
      if (isPromiseKRef(kref)) {
        endPromise(vatId, kref, reason);
        continue;
      }
      const row = clists.entry(vatId, kref);
      if (row === undefined) continue;
      const durable = isExportVRef(row.vref)
        ? row.vref === ROOT_VREF || isDurableVRef(row.vref)
        : (row.durable ?? 0) > 0;
      if (!(keepDurable && durable)) clists.remove(vatId, kref);
    }
  };

  return {
    /** The vat's present incarnation is over. Its row is left to the caller. */
    end: (vatId: VatId, reason: Settlement): void => end(vatId, reason, true),

    /** The vat is over. Its state rows are cleaned away in slices by {@link cleanUp}. */
    terminate(vatId: VatId, reason: Settlement): void {
      const vat = rows.vats.getRequired(vatId);
      rows.vats.delete(vatId);
      rows.dead.set(vatId, true);
      references.release(vat.root);
      for (let pins = rows.pins.get(vat.root) ?? 0; pins > 0; pins -= 1)
        references.release(vat.root);
      rows.pins.delete(vat.root);
      end(vatId, reason, false);
      this.rejectQueue(vatId, reason);
      rows.forgetNumbers(vatId);
      shapes.forget(vatId);
      this.dropBundle(vat.bundleHash);
    },

    /** Deletes a bundle that no vat has, nor is being upgraded to. */
    dropBundle(hash: string): void {
      const isUsed = rows.vats.ids().some((id) => rows.vats.get(id)?.bundleHash === hash);
      if (!isUsed && !isUpgradingTo(hash)) rows.bundles.delete(hash);
    },

    /** Rejects all messages that wait for the vat. */
    rejectQueue(vatId: VatId, reason: Settlement): void {
      while (queues.length(vatId) > 0) {
        const { item, release } = queues.shift(vatId);
        if (item.type === 'message' && item.result !== undefined) {
          messages.settle(item.result, reason);
        }
        release();
      }
    },

    /** Deletes a slice of what terminated vats left. Returns whether there is more. */
    cleanUp(): boolean {
      const [vatId] = rows.dead.ids('', 1);
      if (vatId === undefined) return false;
      const keys = rows.state.ids(`${vatId}.`, cleanUpRowsMax);
      for (const key of keys) rows.state.delete(key);
      if (keys.length < cleanUpRowsMax) rows.dead.delete(vatId);
      return rows.dead.ids('', 1).length > 0;
    },
  };
}

export type Incarnations = ReturnType<typeof makeIncarnations>;
