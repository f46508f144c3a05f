/**
 * Upgrades of vats: the new code starts in a worker of its own, on a copy of the state, while the old one waits; then the
 * new one takes its place, or goes as if it had never been.
 */
import type { VatId } from '../protocol/refs.js';
import type { CLists } from './clists.js';
import { IllegalSyscall } from './clists.js';
import type { Crank } from './crank.js';
import { insistCrankResult } from './crank-shape.js';
import type { Deliveries, Next } from './deliveries.js';
import type { KernelEffect, ThrownData } from './events.js';
import type { Incarnations } from './incarnations.js';
import { rejection } from './messages.js';
import type { KernelRows, VatRow } from './rows.js';
import type { Code, Run, Upgrade } from './vat-runs.js';

type UpgradePowers = {
  rows: KernelRows;
  clists: CLists;
  incarnations: Incarnations;
  crank: Crank;
  deliveries: Deliveries;
  runs: ReadonlyMap<VatId, Run>;
  runOf: (vatId: VatId) => Run;
  changeVat: (vatId: VatId, change: Partial<VatRow>) => void;
  /** Returns the incarnation. */
  startWorker: (vatId: VatId, code: Code) => number;
  deliver: (vatId: VatId, run: Run, next: Next) => void;
  forgetWork: (vatId: VatId, run: Run) => void;
  beginRun: (vatId: VatId, run: Run) => void;
  /** The vat has nothing in hand any more. */
  leave: (vatId: VatId, run: Run, phase: 'stopped' | 'idle') => void;
  /** The vat is up and idle. */
  enter: (vatId: VatId, run: Run) => void;
  wake: (vatId: VatId) => void;
  emit: (effect: KernelEffect) => void;
  atomically: <T>(work: () => T) => T;
  /** The vat has other code; what was on its heap is gone for that reason. */
  onUpgraded: (vatId: VatId) => void;
};

export function makeVatUpgrades({
  rows,
  clists,
  incarnations,
  crank,
  deliveries,
  runs,
  runOf,
  changeVat,
  startWorker,
  deliver,
  forgetWork,
  beginRun,
  leave,
  enter,
  wake,
  emit,
  atomically,
  onUpgraded,
}: UpgradePowers) {
  /** The old code goes on as if nothing had been tried. */
  const cancel = (vatId: VatId, run: Run, why: ThrownData): void => {
    const { upgrade } = run;
    if (upgrade === undefined) return;
    delete run.upgrade;
    if (upgrade.incarnation !== undefined) {
      emit({ type: 'stop-vat', vatId, incarnation: upgrade.incarnation });
      leave(vatId, run, upgrade.wasStopped ? 'stopped' : 'idle');
      run.inFlight = [];
    }
    incarnations.dropBundle(upgrade.bundleHash);
    wake(vatId);
    upgrade.onCancelled(why);
  };

  /** The new incarnation takes the old one's place in the store. @throws IllegalSyscall, and undoes nothing. */
  const applyStart = (vatId: VatId): void => {
    const { name } = rows.vats.getRequired(vatId);
    const result = runOf(vatId).upgrade?.started?.result;
    insistCrankResult(result);
    incarnations.end(vatId, rejection('VAT_RESTARTED', `Vat ${vatId} (${name}) was upgraded`));
    clists.beginIncarnation(vatId);
    if (crank.apply(vatId, { type: 'start' }, result) !== undefined) {
      throw new IllegalSyscall('the new code ended the vat at its start');
    }
  };

  const complete = (vatId: VatId): void => {
    const old = rows.vats.getRequired(vatId);
    const run = runOf(vatId);
    onUpgraded(vatId);
    const { bundleHash, config, incarnation, wasStopped } = run.upgrade as Upgrade;
    if (!wasStopped) emit({ type: 'stop-vat', vatId, incarnation: run.incarnation });
    delete run.upgrade;
    forgetWork(vatId, run);
    enter(vatId, run);
    run.incarnation = incarnation as number;
    changeVat(vatId, {
      bundleHash,
      config,
      live: true,
      failures: 0,
      condition: 'running',
      fault: undefined,
    });
    beginRun(vatId, run);
    incarnations.dropBundle(old.bundleHash);
    wake(vatId);
  };

  return {
    /** Gives the vat other code, on its state, once it is idle; what it starts with counts when it is applied. */
    begin(vatId: VatId, upgrade: Upgrade): void {
      const run = runOf(vatId);
      if (run.upgrade === undefined) {
        run.upgrade = upgrade;
        wake(vatId);
        return;
      }
      incarnations.dropBundle(upgrade.bundleHash);
      upgrade.onCancelled({ name: 'Error', message: 'it is being upgraded already' });
    },

    start(vatId: VatId, run: Run, upgrade: Upgrade): void {
      upgrade.wasStopped = run.phase === 'stopped';
      upgrade.incarnation = startWorker(vatId, upgrade);
      deliver(vatId, run, deliveries.start(vatId, upgrade.config, clists.nextExport(vatId)));
    },

    started(upgrade: Upgrade, result: unknown): void {
      upgrade.started = { result };
      upgrade.onStarted();
    },

    /** Whose new code has started runs it from now on: all of them or none. To be called first in a step. */
    apply(vatIds: readonly VatId[]): boolean {
      let current: VatId | undefined;
      try {
        atomically(() => {
          for (const vatId of vatIds) applyStart((current = vatId));
        });
      } catch (thrown) {
        if (!(thrown instanceof IllegalSyscall) || current === undefined) throw thrown;
        cancel(current, runOf(current), { name: 'Error', message: thrown.message });
        return false;
      }
      vatIds.forEach(complete);
      return true;
    },

    cancel,

    /** The upgrade whose new code runs as this incarnation. */
    of(vatId: VatId, incarnation: number, deliveryId?: number): Upgrade | undefined {
      const run = runs.get(vatId);
      const isIt =
        run?.upgrade?.incarnation === incarnation &&
        (deliveryId === undefined || run.inFlight[0]?.deliveryId === deliveryId);
      return isIt ? run.upgrade : undefined;
    },

    /** Bundles that running upgrades need though no vat has them yet. */
    isUpgradingTo: (bundleHash: string): boolean =>
      [...runs.values()].some((run) => run.upgrade?.bundleHash === bundleHash),
  };
}
