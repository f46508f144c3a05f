/**
 * Vats at work: what each is given to do next, and what becomes of it when that is done or fails.
 *
 * Vats run in parallel; each works on one delivery at a time and may have been sent what follows it. What is known
 * here only in memory (`Run`) is what dies with the process: whether a worker is up, and what it was given.
 */
import {
  isPromiseKRef,
  ROOT_VREF,
  type KRef,
  type SubclusterId,
  type VatId,
} from '../protocol/refs.js';
import type { BackPressure } from './back-pressure.js';
import { IllegalSyscall, type CLists } from './clists.js';
import { makeCrank, type Exit, type InFlight } from './crank.js';
import { insistCrankResult, readThrown } from './crank-shape.js';
import { makeDeliveries, type Next } from './deliveries.js';
import type { ErrorData, KernelEffect, RequestId, ThrownData } from './events.js';
import { makeIdleness } from './idleness.js';
import type { Incarnations } from './incarnations.js';
import { rejection, type Messages } from './messages.js';
import type { Queues } from './queues.js';
import type { ReadMarks } from './read-marks.js';
import type { References } from './references.js';
import { krefOrder, type KernelRows, type QueueItem, type VatRow } from './rows.js';
import type { Shapes } from './shapes.js';
import type { Traces } from './traces.js';
import { newRun, type Code, type Run } from './vat-runs.js';
import { makeVatUpgrades } from './vat-upgrades.js';

export type VatPolicy = {
  /** A message whose delivery was begun this often and never ended is rejected. */
  deliveryAttemptsMax: number;
  /** A vat that failed this often in a row is quarantined. */
  failuresMax: number;
  /** Settled promises that one notification carries at most. */
  notifyBatchMax: number;
  /** Deliveries after which a vat is asked to report what it dropped. */
  deliveriesPerReap: number;
  /** Deliveries that a vat is sent at most before it has ended the first of them. */
  deliveriesAheadMax: number;
  /** References to drop that a vat may owe before they come ahead of its messages. */
  collectBatch: number;
  /** Vats that may run before those that allow it are put to sleep. */
  vatsLiveMax: number;
  /** Milliseconds of idleness after which a vat collects by force. */
  reapIdleMs: number;
};

export type FirstStart = { hasBootstrap: boolean } | { failure: ErrorData };

export type VatPowers = {
  rows: KernelRows;
  references: References;
  clists: CLists;
  queues: Queues;
  backPressure: BackPressure;
  messages: Messages;
  marks: ReadMarks;
  shapes: Shapes;
  traces: Traces;
  incarnations: Incarnations;
  policy: VatPolicy;
  emit: (effect: KernelEffect) => void;
  /** Runs `work` as a whole: where it throws, its rows and effects are undone. */
  atomically: <T>(work: () => T) => T;
  /** The host's time. */
  now: () => number;
  /** A launching vat has started, or could not. */
  onFirstStart: (vatId: VatId, start: FirstStart) => void;
  /** A promise of a launching vat's was rejected, and nobody looked at it by the crank's end. */
  /** `null`: all that were told of have been looked at meanwhile. */
  onUncaught: (vatId: VatId, cause: ThrownData | null) => void;
  /** The vat has other code; what was on its heap is gone for that reason. */
  onUpgraded: (vatId: VatId) => void;
  /** The vat ends itself. */
  onExit: (vatId: VatId, exit: Exit) => void;
};

export function makeVats(powers: VatPowers) {
  const { rows, references, clists, queues, messages, incarnations, policy, emit } = powers;
  const crank = makeCrank(powers);
  const deliveries = makeDeliveries({ rows, clists, queues, messages, ...policy });
  const runs = new Map<VatId, Run>();
  const awake = new Set<VatId>();
  const busy = new Set<VatId>();
  const live = new Map<VatId, Run>();
  let lastDeliveryId = 0;

  const runOf = (vatId: VatId): Run => {
    let run = runs.get(vatId);
    if (run === undefined) {
      run = newRun(rows.vats.getRequired(vatId).incarnation);
      runs.set(vatId, run);
    }
    return run;
  };

  const changeVat = (vatId: VatId, change: Partial<VatRow>): void =>
    rows.vats.set(vatId, { ...rows.vats.getRequired(vatId), ...change });

  const deliver = (
    vatId: VatId,
    run: Run,
    { inFlight, delivery }: Next,
    afterCommit = false,
  ): void => {
    lastDeliveryId += 1;
    run.deliveriesSinceReap += 1;
    run.wantsTurn = false;
    if (inFlight.type !== 'turn') {
      run.activeAt = powers.now();
      run.isDrowsy = false;
    }
    run.phase = 'busy';
    busy.add(vatId);
    live.set(vatId, run);
    run.inFlight.push({ deliveryId: lastDeliveryId, what: inFlight, afterCommit });
    emit({
      type: 'deliver',
      vatId,
      incarnation: run.upgrade?.incarnation ?? run.incarnation,
      deliveryId: lastDeliveryId,
      delivery,
      ...(afterCommit && { afterCommit: true }),
    });
  };

  const startWorker = (vatId: VatId, { bundleHash, config }: Code): number => {
    const incarnation = rows.vats.getRequired(vatId).incarnation + 1;
    changeVat(vatId, { incarnation });
    emit({ type: 'start-vat', vatId, incarnation, bundleHash, config });
    return incarnation;
  };

  const start = (vatId: VatId, run: Run): void => {
    const { bundleHash, config } = rows.vats.getRequired(vatId);
    run.incarnation = startWorker(vatId, { bundleHash, config });
    changeVat(vatId, { live: true });
    beginRun(vatId, run);
    deliver(vatId, run, deliveries.start(vatId, config, clists.beginIncarnation(vatId)));
  };

  const beginRun = (vatId: VatId, run: Run): void => {
    run.wantsStart = false;
    run.deliveriesSinceReap = 0;
    run.maySleep = rows.vats.getRequired(vatId).config.creationOptions?.durable === true;
    // Of what the incarnation inherits, some may have become garbage while it was not running.
    run.collectable = new Set(clists.krefs(vatId).filter((kref) => !isPromiseKRef(kref)));
  };

  const deliverMessage = (vatId: VatId, run: Run, item: QueueItem & { type: 'message' }): void => {
    const attempts = item.attempts ?? 0;
    queues.replaceAt(vatId, run.inFlight.length, { ...item, attempts: attempts + 1 });
    powers.traces.begun(vatId, item.result);
    deliver(vatId, run, deliveries.message(vatId, item), attempts > 0 || run.isCautious);
  };

  /** While a vat works, it is sent what follows: else it would wait for us between any two. */
  const sendAhead = (vatId: VatId, run: Run): void => {
    if (run.isCautious || run.wantsReap || run.upgrade !== undefined) return;
    // What waits for its commit must not be overtaken.
    if (run.inFlight.some(({ afterCommit }) => afterCommit)) return;
    if (run.collectable.size >= policy.collectBatch) return;
    // Not one for each that it ends: what it is sent at once wakes it once.
    if (run.inFlight.length > policy.deliveriesAheadMax / 2) return;
    while (
      run.inFlight.length < policy.deliveriesAheadMax &&
      run.deliveriesSinceReap < policy.deliveriesPerReap
    ) {
      const item = deliveries.itemAhead(
        vatId,
        run.inFlight.map(({ what }) => what),
      );
      if (item === undefined) return;
      if (item.type === 'message') deliverMessage(vatId, run, item);
      else deliver(vatId, run, deliveries.notify(vatId, item.promise));
    }
  };

  const dispatch = (vatId: VatId): void => {
    const vat = rows.vats.get(vatId);
    if (vat === undefined) return;
    const run = runOf(vatId);
    if (run.phase === 'busy') return sendAhead(vatId, run);
    if (run.upgrade !== undefined) {
      // What the old code did since its last crank is its own; it gets a turn for it, and one only.
      if (run.phase === 'stopped' || !run.wantsTurn || run.upgrade.hadTurn) {
        upgrades.start(vatId, run, run.upgrade);
        return;
      }
      run.upgrade.hadTurn = true;
    }
    if (vat.condition === 'broken') return;
    const item = deliveries.firstItem(vatId);
    if (item === undefined) run.isCautious = false;
    if (run.phase === 'stopped') {
      if (item !== undefined || run.wantsStart) start(vatId, run);
      return;
    }
    answerAll(run.starting, null);
    if (
      run.collectable.size > 0 &&
      (item === undefined || run.collectable.size >= policy.collectBatch)
    ) {
      const collection = deliveries.collection(vatId, run.collectable);
      if (collection !== undefined) {
        deliver(vatId, run, collection);
        return;
      }
    }
    if (run.wantsReap || run.deliveriesSinceReap >= policy.deliveriesPerReap) {
      const inFlight: InFlight = { type: 'reap', then: run.reaping.splice(0) };
      deliver(vatId, run, { inFlight, delivery: { type: 'reap' } });
      run.deliveriesSinceReap = 0;
      run.wantsReap = false;
    } else if (item?.type === 'message') deliverMessage(vatId, run, item);
    else if (item?.type === 'notify') {
      deliver(vatId, run, deliveries.notify(vatId, item.promise));
    } else if (run.wantsTurn) {
      deliver(vatId, run, { inFlight: { type: 'turn' }, delivery: { type: 'turn' } });
    }
    if (run.inFlight.length > 0) sendAhead(vatId, run);
  };

  const answerAll = (requests: RequestId[], result: unknown): void => {
    for (const requestId of requests.splice(0)) {
      emit({ type: 'answer', requestId, outcome: { type: 'done', result } });
    }
  };

  const callAll = (callbacks: (() => void)[]): void => {
    for (const callback of callbacks.splice(0)) callback();
  };

  const failAll = (requests: RequestId[], error: ErrorData): void => {
    for (const requestId of requests.splice(0)) {
      emit({ type: 'answer', requestId, outcome: { type: 'failed', error } });
    }
  };

  const isCurrent = (vatId: VatId, incarnation: number, deliveryId?: number): boolean => {
    const run = runs.get(vatId);
    return (
      run !== undefined &&
      run.phase !== 'stopped' &&
      run.incarnation === incarnation &&
      // A vat that was down when its upgrade began has no old worker to speak.
      run.upgrade?.wasStopped !== true &&
      // What the old code sends while the new one starts is not the answer to the start.
      (deliveryId === undefined || run.upgrade?.incarnation === undefined) &&
      (deliveryId === undefined || run.inFlight[0]?.deliveryId === deliveryId)
    );
  };

  /** Kills the worker and ends the incarnation in the store. */
  const endRun = (vatId: VatId, run: Run, reason: ReturnType<typeof rejection>): void => {
    upgrades.cancel(vatId, run, { name: 'Error', message: 'the vat was restarted meanwhile' });
    if (run.phase !== 'stopped') emit({ type: 'stop-vat', vatId, incarnation: run.incarnation });
    forgetWork(vatId, run);
    incarnations.end(vatId, reason);
    powers.marks.rise(vatId);
    changeVat(vatId, { live: false });
  };

  const forgetWork = (vatId: VatId, run: Run): void => {
    const [first, ...ahead] = run.inFlight.splice(0);
    // These it had not begun.
    for (const place of ahead.keys()) {
      const item = queues.at(vatId, place + 1);
      if (item?.type !== 'message') continue;
      const { attempts: _, ...fresh } = item;
      queues.replaceAt(vatId, place + 1, fresh);
    }
    run.phase = 'stopped';
    run.wantsTurn = false;
    run.wantsReap = false;
    run.collectable.clear();
    busy.delete(vatId);
    live.delete(vatId);
    if (first?.what.type === 'reap') callAll(first.what.then);
    callAll(run.reaping);
  };

  const quarantine = (vatId: VatId, run: Run, fault: string): void => {
    const { name } = rows.vats.getRequired(vatId);
    changeVat(vatId, { condition: 'broken', fault });
    incarnations.rejectQueue(
      vatId,
      rejection('VAT_BROKEN', `Vat ${vatId} (${name}) is quarantined: ${fault}`),
    );
    failAll(run.starting, {
      code: 'START_FAILED',
      message: `Vat ${vatId} (${name}) did not start: ${fault}`,
    });
    emit({
      type: 'log',
      level: 'error',
      vatId,
      message: `vat ${vatId} (${name}) is quarantined: ${fault}`,
    });
  };

  /** The incarnation failed. `startError` is set where the code itself refused to start: trying again is no use. */
  const fail = (vatId: VatId, why: string, startError?: ThrownData): void => {
    const run = runOf(vatId);
    const vat = rows.vats.getRequired(vatId);
    const wasStarting = run.inFlight[0]?.what.type === 'start';
    endRun(
      vatId,
      run,
      rejection('VAT_RESTARTED', `Vat ${vatId} (${vat.name}) was restarted: ${why}`),
    );
    const failures = vat.failures + 1;
    changeVat(vatId, { failures });
    emit({
      type: 'log',
      level: 'warn',
      vatId,
      message: `vat ${vatId} (${vat.name}) failed: ${why}`,
    });
    if (wasStarting && vat.condition === 'launching') {
      const cause = startError ?? { name: 'Error', message: why };
      powers.onFirstStart(vatId, {
        failure: {
          code: 'START_FAILED',
          message: `Failed to launch vat ${vatId} (${vat.name}): ${cause.message}`,
          cause: { ...cause, vatId },
          data: { vatId, name: vat.name },
        },
      });
    } else if (startError !== undefined || failures >= policy.failuresMax)
      quarantine(vatId, run, why);
    else {
      // Who asked for a start still waits for one.
      run.wantsStart = run.starting.length > 0;
      vats.wake(vatId);
    }
  };

  const upgrades = makeVatUpgrades({
    ...powers,
    crank,
    deliveries,
    runs,
    runOf,
    changeVat,
    startWorker,
    deliver,
    forgetWork,
    beginRun,
    wake: (vatId) => vats.wake(vatId),
    leave(vatId, run, phase) {
      run.phase = phase;
      if (phase === 'stopped') live.delete(vatId);
      busy.delete(vatId);
    },
    enter(vatId, run) {
      run.phase = 'idle';
      live.set(vatId, run);
    },
  });

  const idleness = makeIdleness({
    rows,
    queues,
    live,
    policy,
    now: powers.now,
    emit,
    wake: (vatId) => vats.wake(vatId),
    sleep(vatId) {
      const { name } = rows.vats.getRequired(vatId);
      const reason = rejection('VAT_RESTARTED', `Vat ${vatId} (${name}) was put to sleep`);
      endRun(vatId, runOf(vatId), reason);
    },
  });

  const vats = {
    awake,
    isRestless: idleness.isRestless,
    reapIdle: idleness.reapIdle,
    wake: (vatId: VatId): void => void awake.add(vatId),

    /** Gives all vats that have something to do, and are idle, their next delivery. */
    dispatchAll(): void {
      for (const vatId of awake) {
        awake.delete(vatId);
        dispatch(vatId);
      }
      idleness.relieve();
    },

    noteCollectable(vatId: VatId, kref: KRef): void {
      if (!rows.vats.has(vatId)) return;
      const run = runOf(vatId);
      // One that is not running is told at its next start.
      if (run.phase === 'stopped') return;
      run.collectable.add(kref);
      vats.wake(vatId);
    },

    /** The incarnation that serves the vat now. */
    incarnationOf: (vatId: VatId): number | undefined => runs.get(vatId)?.incarnation,
    isRunning: (vatId: VatId): boolean => (runs.get(vatId)?.phase ?? 'stopped') !== 'stopped',

    /** How many vats have a delivery that they have not ended. */
    busyCount: (): number => busy.size,

    crankDone(vatId: VatId, incarnation: number, deliveryId: number, result: unknown): void {
      const upgrade = upgrades.of(vatId, incarnation, deliveryId);
      if (upgrade !== undefined) return upgrades.started(upgrade, result);
      if (!isCurrent(vatId, incarnation, deliveryId)) return;
      const run = runOf(vatId);
      const inFlight = (run.inFlight[0] as Run['inFlight'][number]).what;
      let exit: Exit | undefined;
      let hasBootstrap = false;
      let uncaught: ThrownData | null | undefined;
      try {
        insistCrankResult(result);
        hasBootstrap = result.start?.hasBootstrap ?? false;
        uncaught = result.uncaught && readThrown(result.uncaught);
        exit = powers.atomically(() => {
          const asked = crank.apply(vatId, inFlight, result);
          // A failed exit discards its crank: the message that it was for is rejected with the others that wait.
          if (asked?.failure) throw new FailedExit(asked);
          return asked;
        });
      } catch (thrown) {
        if (thrown instanceof IllegalSyscall) {
          fail(vatId, `[KERNEL:VAT_FATAL:ILLEGAL_SYSCALL] ${thrown.message}`);
          return;
        }
        if (!(thrown instanceof FailedExit)) throw thrown;
        exit = thrown.exit;
      }
      run.inFlight.shift();
      if (run.inFlight.length === 0) {
        run.phase = 'idle';
        busy.delete(vatId);
      }
      const vat = rows.vats.getRequired(vatId);
      if (vat.failures > 0 && inFlight.type !== 'start') changeVat(vatId, { failures: 0 });
      if (inFlight.type === 'reap') callAll(inFlight.then);
      if (exit !== undefined) powers.onExit(vatId, exit);
      else if (vat.condition === 'launching') {
        if (uncaught !== undefined) powers.onUncaught(vatId, uncaught);
        else if (inFlight.type === 'start') powers.onFirstStart(vatId, { hasBootstrap });
      }
      vats.wake(vatId);
    },

    crankFailed(vatId: VatId, incarnation: number, deliveryId: number, error: unknown): void {
      const thrown = readThrown(error);
      if (upgrades.of(vatId, incarnation, deliveryId) !== undefined) {
        return upgrades.cancel(vatId, runOf(vatId), thrown);
      }
      if (!isCurrent(vatId, incarnation, deliveryId)) return;
      const starting = runOf(vatId).inFlight[0]?.what.type === 'start';
      fail(vatId, thrown.message, starting ? thrown : undefined);
    },

    lost(vatId: VatId, incarnation: number, why: string): void {
      if (upgrades.of(vatId, incarnation) !== undefined) {
        upgrades.cancel(vatId, runOf(vatId), { name: 'Error', message: why });
      } else if (isCurrent(vatId, incarnation)) fail(vatId, why);
    },

    wantTurn(vatId: VatId, incarnation: number): void {
      if (!isCurrent(vatId, incarnation)) return;
      runOf(vatId).wantsTurn = true;
      vats.wake(vatId);
    },

    /** Starts the vat if it is not running; a request, where given, is answered once it is idle. */
    requestStart(vatId: VatId, requestId?: RequestId): void {
      const run = runOf(vatId);
      run.wantsStart = true;
      if (requestId !== undefined) run.starting.push(requestId);
      vats.wake(vatId);
    },

    requestReap(vatId: VatId, then: () => void): void {
      const run = runOf(vatId);
      run.wantsReap = true;
      run.reaping.push(then);
      vats.wake(vatId);
    },

    upgrade: upgrades.begin,
    applyUpgrades: upgrades.apply,
    cancelUpgrade: (vatId: VatId, why: ThrownData): void =>
      upgrades.cancel(vatId, runOf(vatId), why),
    isUpgradingTo: upgrades.isUpgradingTo,

    /** Ends the present incarnation; a quarantined vat gets another chance. */
    restart(vatId: VatId): void {
      const { name, condition } = rows.vats.getRequired(vatId);
      endRun(
        vatId,
        runOf(vatId),
        rejection('VAT_RESTARTED', `Vat ${vatId} (${name}) was restarted`),
      );
      changeVat(vatId, {
        failures: 0,
        ...(condition === 'broken' && { condition: 'running', fault: undefined }),
      });
      vats.wake(vatId);
    },

    terminate(vatId: VatId, reason: ReturnType<typeof rejection>): void {
      const run = runOf(vatId);
      const { name } = rows.vats.getRequired(vatId);
      upgrades.cancel(vatId, run, { name: 'Error', message: 'the vat was terminated meanwhile' });
      if (run.phase !== 'stopped') emit({ type: 'stop-vat', vatId, incarnation: run.incarnation });
      forgetWork(vatId, run);
      failAll(run.starting, {
        code: 'VAT_TERMINATED',
        message: `Vat ${vatId} (${name}) was terminated`,
      });
      runs.delete(vatId);
      powers.marks.gone(vatId);
      powers.backPressure.forget(vatId);
      incarnations.terminate(vatId, reason);
      emit({ type: 'tick-wanted' });
    },

    /** The row of a new vat, and its root, which exists in the kernel before the vat has made it. */
    make(name: string, subcluster: SubclusterId, { config, bundleHash }: Code): VatId {
      const vatId: VatId = `v${rows.nextId('vat')}`;
      const root = clists.addExport(vatId, ROOT_VREF);
      references.hold(root);
      rows.vats.set(vatId, {
        name,
        subcluster,
        config,
        bundleHash,
        root,
        incarnation: 0,
        condition: 'launching',
        live: false,
        failures: 0,
      });
      return vatId;
    },

    /** Ends what was running when the store was last written: heap and workers are gone with that process. */
    endAll(): void {
      for (const vatId of rows.vats.ids().sort(krefOrder)) {
        // The end of one may be the end of an upgrade, and of the vats that it was to add.
        const vat = rows.vats.get(vatId);
        if (vat?.live) {
          runOf(vatId).isCautious = true;
          endRun(
            vatId,
            runOf(vatId),
            rejection('VAT_RESTARTED', `Vat ${vatId} (${vat.name}) was restarted with its kernel`),
          );
        }
      }
    },
  };
  return vats;
}

class FailedExit extends Error {
  constructor(readonly exit: Exit) {
    super('the vat ended itself with a failure');
  }
}

export type Vats = ReturnType<typeof makeVats>;
