/**
 * Vats at work: what each is given to do next, and what becomes of it when that is done or fails.
 *
 * Vats run in parallel, one delivery in flight each. What is known here only in memory (`Run`) is what dies with
 * the process: whether a worker is up, and what it was given.
 */
import { formatKernelErrorText, insistInvariant } from '../errors.js';
import { errorCapData } from '../protocol/capdata.js';
import { isPromiseKRef, ROOT_VREF, type KRef, type VatId, type VRef } from '../protocol/refs.js';
import type { Delivery, Resolution } from '../protocol/vat-wire.js';
import { IllegalSyscall, type CLists } from './clists.js';
import { makeCrank, type Exit, type InFlight } from './crank.js';
import { insistCrankResult, readThrown } from './crank-shape.js';
import type { ErrorData, KernelEffect, RequestId, ThrownData } from './events.js';
import type { Incarnations } from './incarnations.js';
import { rejection, type Messages } from './messages.js';
import type { Queues } from './queues.js';
import type { References } from './references.js';
import {
  krefOrder,
  type KernelRows,
  type QueueItem,
  type SettledPromiseRow,
  type VatRow,
} from './rows.js';
import {
  ringOf,
  settledFrom,
  settledPromisesMax,
  type SettledPromises,
} from './settled-promises.js';

export type VatPolicy = {
  /** A message whose delivery was begun this often and never ended is rejected. */
  deliveryAttemptsMax: number;
  /** A vat that failed this often in a row is quarantined. */
  failuresMax: number;
  /** Settled promises that one notification carries at most. */
  notifyBatchMax: number;
  /** Deliveries after which a vat is asked to report what it dropped. */
  deliveriesPerReap: number;
  /** References to drop that a vat may owe before they come ahead of its messages. */
  collectBatch: number;
};

type Run = {
  incarnation: number;
  phase: 'stopped' | 'idle' | 'busy';
  deliveryId: number;
  inFlight?: InFlight;
  wantsStart: boolean;
  wantsTurn: boolean;
  wantsReap: boolean;
  /** Requests to answer when the vat is idle after a start. */
  starting: RequestId[];
  /** To be called after a reap that begins later than the request, or when the incarnation has ended before it. */
  reaping: (() => void)[];
  deliveriesSinceReap: number;
  /** C-list entries that garbage collection must look at. */
  collectable: Set<KRef>;
  /**
   * The process before this one died with the vat at work, and no one knows which of the messages that now wait was
   * its death: each of them is delivered only when that attempt is in the store.
   */
  isCautious: boolean;
};

export type VatPowers = {
  rows: KernelRows;
  references: References;
  clists: CLists;
  queues: Queues;
  messages: Messages;
  incarnations: Incarnations;
  policy: VatPolicy;
  emit: (effect: KernelEffect) => void;
  /** Runs `work` as a whole: where it throws, its rows and effects are undone. */
  atomically: <T>(work: () => T) => T;
  /** A launching vat has started, or could not. */
  onFirstStart: (vatId: VatId, start: { hasBootstrap: boolean } | { failure: ErrorData }) => void;
  /** The vat ends itself. */
  onExit: (vatId: VatId, exit: Exit) => void;
};

/** What a vat is told of a promise instead of a value that it could never be told whole. */
const tooManyPromises = {
  state: 'rejected',
  value: errorCapData(
    formatKernelErrorText(
      'BAD_PROMISE_RESOLUTION',
      `Promise was resolved to a value that leads to more than ${settledPromisesMax} promises`,
    ),
  ),
} as const;

export function makeVats(powers: VatPowers) {
  const { rows, references, clists, queues, messages, incarnations, policy, emit } = powers;
  const crank = makeCrank(powers);
  const runs = new Map<VatId, Run>();
  const awake = new Set<VatId>();
  const busy = new Set<VatId>();
  let lastDeliveryId = 0;

  const runOf = (vatId: VatId): Run => {
    let run = runs.get(vatId);
    if (run === undefined) {
      run = {
        incarnation: rows.vats.getRequired(vatId).incarnation,
        phase: 'stopped',
        deliveryId: 0,
        wantsStart: false,
        wantsTurn: false,
        wantsReap: false,
        starting: [],
        reaping: [],
        deliveriesSinceReap: 0,
        collectable: new Set(),
        isCautious: false,
      };
      runs.set(vatId, run);
    }
    return run;
  };

  const changeVat = (vatId: VatId, change: Partial<VatRow>): void =>
    rows.vats.set(vatId, { ...rows.vats.getRequired(vatId), ...change });

  const deliver = (
    vatId: VatId,
    run: Run,
    inFlight: InFlight,
    delivery: Delivery,
    afterCommit = false,
  ): void => {
    lastDeliveryId += 1;
    run.deliveriesSinceReap += 1;
    run.wantsTurn = false;
    run.phase = 'busy';
    busy.add(vatId);
    run.deliveryId = lastDeliveryId;
    run.inFlight = inFlight;
    emit({
      type: 'deliver',
      vatId,
      incarnation: run.incarnation,
      deliveryId: run.deliveryId,
      delivery,
      ...(afterCommit && { afterCommit: true }),
    });
  };

  const start = (vatId: VatId, run: Run): void => {
    const vat = rows.vats.getRequired(vatId);
    run.incarnation = vat.incarnation + 1;
    run.wantsStart = false;
    run.deliveriesSinceReap = 0;
    // Of what the incarnation inherits, some may have become garbage while it was not running.
    run.collectable = new Set(clists.krefs(vatId).filter((kref) => !isPromiseKRef(kref)));
    changeVat(vatId, { incarnation: run.incarnation, live: true });
    emit({
      type: 'start-vat',
      vatId,
      incarnation: run.incarnation,
      bundleHash: vat.bundleHash,
      config: vat.config,
    });
    const prefix = `${vatId}.`;
    const state = rows.state
      .ids(prefix)
      .map((id): [string, string] => [id.slice(prefix.length), rows.state.getRequired(id).value]);
    deliver(vatId, run, { type: 'start' }, {
      type: 'start',
      parameters: vat.config.parameters ?? {},
      state,
      nextExport: clists.beginIncarnation(vatId),
    });
  };

  const deliverMessage = (vatId: VatId, run: Run, item: QueueItem & { type: 'message' }): void => {
    const attempts = item.attempts ?? 0;
    queues.replaceFirst(vatId, { ...item, attempts: attempts + 1 });
    const { methargs, result, target } = item;
    deliver(
      vatId,
      run,
      { type: 'message' },
      {
        type: 'message',
        target: clists.toEndpoint(vatId, target),
        methargs: clists.capDataToEndpoint(vatId, methargs),
        ...(result !== undefined && { result: clists.toEndpoint(vatId, result) }),
      },
      attempts > 0 || run.isCautious,
    );
  };

  /**
   * What is told together with a settled promise: settled promises that its value leads to, up to a bound, and in any
   * case those of its ring. Else a vat that asks for each promise that it is told of would be told of a ring for ever.
   */
  const notifyBatch = (first: KRef, promise: SettledPromiseRow): SettledPromises | undefined => {
    if (!promise.value.slots.some(isPromiseKRef)) return new Map([[first, promise]]);
    const found = settledFrom(rows, first);
    if (found === undefined || found.size <= policy.notifyBatchMax) return found;
    const ring = ringOf(first, found);
    const batch = new Map<KRef, SettledPromiseRow>();
    for (const [kref, row] of found) {
      if (ring.has(kref) || batch.size < policy.notifyBatchMax) batch.set(kref, row);
    }
    return batch;
  };

  const deliverNotify = (vatId: VatId, run: Run, first: KRef): void => {
    const promise = rows.promises.getRequired(first);
    insistInvariant(promise.state !== 'open', `${vatId} is notified of ${first}, which is open`);
    const batch = notifyBatch(first, promise) ?? new Map([[first, { ...promise, ...tooManyPromises }]]);
    const resolutions: Resolution[] = [];
    for (const [kref, { state, value }] of batch) {
      resolutions.push({
        vpid: clists.toEndpoint(vatId, kref),
        rejected: state === 'rejected',
        value: clists.capDataToEndpoint(vatId, value),
      });
    }
    deliver(vatId, run, { type: 'notify', promises: [...batch.keys()] }, { type: 'notify', resolutions });
  };

  /** Items that need no vat: notifications it no longer waits for, messages that cannot be delivered. */
  const skipIdleItems = (vatId: VatId): QueueItem | undefined => {
    for (let item = queues.first(vatId); item !== undefined; item = queues.first(vatId)) {
      if (item.type === 'notify') {
        if (clists.entry(vatId, item.promise) !== undefined) return item;
        queues.shift(vatId).release();
        continue;
      }
      const failure =
        (item.attempts ?? 0) >= policy.deliveryAttemptsMax
          ? rejection('VAT_CRASHED', `Vat ${vatId} was lost ${item.attempts} times while it had this message`)
          : messages.undeliverable(item.target);
      if (failure === undefined) return item;
      const { release } = queues.shift(vatId);
      if (item.result !== undefined) messages.settle(item.result, failure);
      release();
    }
    return undefined;
  };

  const nextCollection = (
    vatId: VatId,
    run: Run,
  ): { type: 'drop-exports' | 'retire-exports' | 'retire-imports'; krefs: KRef[] } | undefined => {
    const due = { 'drop-exports': [] as KRef[], 'retire-exports': [] as KRef[], 'retire-imports': [] as KRef[] };
    for (const kref of run.collectable) {
      const row = clists.entry(vatId, kref);
      const object = rows.objects.get(kref);
      if (row === undefined || object === undefined) run.collectable.delete(kref);
      else if (object.owner === vatId && row.reach && object.reach === 0) due['drop-exports'].push(kref);
      else if (object.owner === vatId && !row.reach && object.recog === 0) due['retire-exports'].push(kref);
      else if (object.owner === null && !row.reach) due['retire-imports'].push(kref);
      else run.collectable.delete(kref);
    }
    for (const type of ['drop-exports', 'retire-exports', 'retire-imports'] as const) {
      const krefs = due[type].sort(krefOrder);
      if (krefs.length > 0) return { type, krefs };
    }
    return undefined;
  };

  const dispatch = (vatId: VatId): void => {
    const vat = rows.vats.get(vatId);
    if (vat === undefined || vat.condition === 'broken') return;
    const run = runOf(vatId);
    if (run.phase === 'busy') return;
    const item = skipIdleItems(vatId);
    if (item === undefined) run.isCautious = false;
    if (run.phase === 'stopped') {
      if (item !== undefined || run.wantsStart) start(vatId, run);
      return;
    }
    answerAll(run.starting, null);
    if (run.collectable.size > 0 && (item === undefined || run.collectable.size >= policy.collectBatch)) {
      const collection = nextCollection(vatId, run);
      if (collection !== undefined) {
        const vrefs = collection.krefs.map((kref) => clists.entry(vatId, kref)?.vref as VRef);
        deliver(vatId, run, collection, { type: collection.type, vrefs });
        return;
      }
    }
    if (run.wantsReap || run.deliveriesSinceReap >= policy.deliveriesPerReap) {
      deliver(vatId, run, { type: 'reap', then: run.reaping.splice(0) }, { type: 'reap' });
      run.deliveriesSinceReap = 0;
      run.wantsReap = false;
    } else if (item?.type === 'message') deliverMessage(vatId, run, item);
    else if (item?.type === 'notify') deliverNotify(vatId, run, item.promise);
    else if (run.wantsTurn) deliver(vatId, run, { type: 'turn' }, { type: 'turn' });
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
      (deliveryId === undefined || (run.phase === 'busy' && run.deliveryId === deliveryId))
    );
  };

  /** Kills the worker and ends the incarnation in the store. */
  const endRun = (vatId: VatId, run: Run, reason: ReturnType<typeof rejection>): void => {
    if (run.phase !== 'stopped') emit({ type: 'stop-vat', vatId, incarnation: run.incarnation });
    forgetWork(vatId, run);
    incarnations.end(vatId, reason);
    changeVat(vatId, { live: false });
  };

  const forgetWork = (vatId: VatId, run: Run): void => {
    const { inFlight } = run;
    run.phase = 'stopped';
    run.wantsTurn = false;
    run.wantsReap = false;
    run.collectable.clear();
    busy.delete(vatId);
    delete run.inFlight;
    if (inFlight?.type === 'reap') callAll(inFlight.then);
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
    emit({ type: 'log', level: 'error', vatId, message: `vat ${vatId} (${name}) is quarantined: ${fault}` });
  };

  /** The incarnation failed. `startError` is set where the code itself refused to start: trying again is no use. */
  const fail = (vatId: VatId, why: string, startError?: ThrownData): void => {
    const run = runOf(vatId);
    const vat = rows.vats.getRequired(vatId);
    const wasStarting = run.inFlight?.type === 'start';
    endRun(vatId, run, rejection('VAT_RESTARTED', `Vat ${vatId} (${vat.name}) was restarted: ${why}`));
    const failures = vat.failures + 1;
    changeVat(vatId, { failures });
    emit({ type: 'log', level: 'warn', vatId, message: `vat ${vatId} (${vat.name}) failed: ${why}` });
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
    } else if (startError !== undefined || failures >= policy.failuresMax) quarantine(vatId, run, why);
    else {
      // Who asked for a start still waits for one.
      run.wantsStart = run.starting.length > 0;
      vats.wake(vatId);
    }
  };

  const vats = {
    awake,
    wake: (vatId: VatId): void => void awake.add(vatId),

    /** Gives all vats that have something to do, and are idle, their next delivery. */
    dispatchAll(): void {
      for (const vatId of awake) {
        awake.delete(vatId);
        dispatch(vatId);
      }
    },

    noteCollectable(vatId: VatId, kref: KRef): void {
      if (!rows.vats.has(vatId)) return;
      const run = runOf(vatId);
      // One that is not running is told at its next start.
      if (run.phase === 'stopped') return;
      run.collectable.add(kref);
      vats.wake(vatId);
    },

    isRunning: (vatId: VatId): boolean => (runs.get(vatId)?.phase ?? 'stopped') !== 'stopped',

    /** How many vats have a delivery that they have not ended. */
    busyCount: (): number => busy.size,

    crankDone(vatId: VatId, incarnation: number, deliveryId: number, result: unknown): void {
      if (!isCurrent(vatId, incarnation, deliveryId)) return;
      const run = runOf(vatId);
      const inFlight = run.inFlight as InFlight;
      let exit: Exit | undefined;
      let hasBootstrap = false;
      try {
        insistCrankResult(result);
        hasBootstrap = result.start?.hasBootstrap ?? false;
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
      run.phase = 'idle';
      busy.delete(vatId);
      delete run.inFlight;
      const vat = rows.vats.getRequired(vatId);
      if (vat.failures > 0 && inFlight.type !== 'start') changeVat(vatId, { failures: 0 });
      if (inFlight.type === 'reap') callAll(inFlight.then);
      if (exit !== undefined) powers.onExit(vatId, exit);
      else if (inFlight.type === 'start' && vat.condition === 'launching') {
        powers.onFirstStart(vatId, { hasBootstrap });
      }
      vats.wake(vatId);
    },

    crankFailed(vatId: VatId, incarnation: number, deliveryId: number, error: unknown): void {
      if (!isCurrent(vatId, incarnation, deliveryId)) return;
      const starting = runOf(vatId).inFlight?.type === 'start';
      const thrown = readThrown(error);
      fail(vatId, thrown.message, starting ? thrown : undefined);
    },

    lost(vatId: VatId, incarnation: number, why: string): void {
      if (isCurrent(vatId, incarnation)) fail(vatId, why);
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

    /** Ends the present incarnation; a quarantined vat gets another chance. */
    restart(vatId: VatId): void {
      const { name, condition } = rows.vats.getRequired(vatId);
      endRun(vatId, runOf(vatId), rejection('VAT_RESTARTED', `Vat ${vatId} (${name}) was restarted`));
      changeVat(vatId, {
        failures: 0,
        ...(condition === 'broken' && { condition: 'running', fault: undefined }),
      });
      vats.wake(vatId);
    },

    terminate(vatId: VatId, reason: ReturnType<typeof rejection>): void {
      const run = runOf(vatId);
      const { name } = rows.vats.getRequired(vatId);
      if (run.phase !== 'stopped') emit({ type: 'stop-vat', vatId, incarnation: run.incarnation });
      forgetWork(vatId, run);
      failAll(run.starting, { code: 'VAT_TERMINATED', message: `Vat ${vatId} (${name}) was terminated` });
      runs.delete(vatId);
      incarnations.terminate(vatId, reason);
      emit({ type: 'tick-wanted' });
    },

    /** A vat's root, which exists in the kernel before the vat has made it. */
    makeRoot(vatId: VatId): KRef {
      const root = clists.addExport(vatId, ROOT_VREF);
      references.hold(root);
      return root;
    },

    /** Ends what was running when the store was last written: heap and workers are gone with that process. */
    endAll(): void {
      for (const vatId of rows.vats.ids().sort(krefOrder)) {
        const vat = rows.vats.getRequired(vatId);
        if (vat.live) {
          runOf(vatId).isCautious = true;
          endRun(vatId, runOf(vatId), rejection('VAT_RESTARTED', `Vat ${vatId} (${vat.name}) was restarted with its kernel`));
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
