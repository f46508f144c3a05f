/**
 * The one event loop around the kernel's state machine: it feeds events in, performs effects, and decides when to
 * commit.
 *
 * Cranks gather in one change set until there is something to show and nothing more to wait for, or until a bound
 * is reached; then one commit covers them all, and only then are their answers and host calls let go.
 */
import { isKernelError, KernelError, KernelPanic } from '../errors.js';
import { limits } from '../limits.js';
import { isOutput, type KernelEffect, type KernelEvent, type Outcome } from '../kernel/events.js';
import { makeKernelMachine, type KernelMachine, type KernelPolicy } from '../kernel/kernel.js';
import { counterPrefix } from '../kernel/rows.js';
import type { CapData } from '../protocol/capdata.js';
import type { EndpointId, VatId, VRef } from '../protocol/refs.js';
import { readVatTableSizes, type VatTableSizes } from '../protocol/vat-tables.js';
import type { FromVat } from '../protocol/vat-wire.js';
import { makeChangeSet } from '../store/change-set.js';
import type { KernelDatabase } from '../store/kv-store.js';
import { makeActivity } from './activity.js';
import { messageOf } from './bundles.js';
import { makeFullQueues } from './full-queues.js';
import { makeHeartbeat } from './heartbeat.js';
import { makeMessageLog, type MessagePage, type TimedTrace } from './message-log.js';
import type { Log } from './logger.js';
import { makePings } from './pings.js';
import type { PlatformServices } from './platform-services.js';
import { makeVatAsks } from './vat-asks.js';
import { makeVatStarts } from './vat-starts.js';
import { makeVatWorkers } from './vat-workers.js';

export type HostPolicy = KernelPolicy & {
  /** How long stop() waits for deliveries in flight. */
  stopTimeoutMs: number;
  /** How long a worker may leave a ping unanswered while the host itself is awake. */
  vatUnresponsiveMs: number;
};

export type EventLoopPowers = {
  database: KernelDatabase;
  platform: PlatformServices;
  policy: HostPolicy;
  log: Log;
  /** `caller`: the session whose admin object is called, in place of `target`. */
  callHost: (callId: number, target: VRef, methargs: CapData, caller?: EndpointId) => void;
  retireAtHost: (vrefs: VRef[]) => void;
  /** What client sessions are told; after its commit. */
  toSessions: (effect: SessionEffect) => void;
  /** What peers are told; after its commit. */
  toPeers: (effect: PeerEffect) => void;
  /** A commit was made, and what waited for it was let go. */
  onCommit: () => void;
  /**
   * What sessions have said since the last commit is lost. `restarted`: the state is that of the commit; `emptied`: it is
   * gone; `over`: there is no kernel any more.
   */
  onSetback: (error: KernelError, what: 'restarted' | 'emptied' | 'over') => void;
};

/** Counted since the loop began. */
export type LoopCounts = { deliveries: number; commits: number; answers: number };

export type SessionEffect = KernelEffect & {
  type: 'to-session' | 'session-received' | 'session-over' | 'vat-version';
};

export type PeerEffect = KernelEffect & {
  type: 'to-peer' | 'peer-watches' | 'peer-received' | 'peer-over' | 'peer-wanted';
};

type Request = (outcome: Outcome) => void;
/** An event without the request id that the loop gives it. */
export type RequestEvent = KernelEvent extends infer Event
  ? Event extends { requestId: number }
    ? Omit<Event, 'requestId'>
    : never
  : never;

export function makeEventLoop(powers: EventLoopPowers) {
  const { database, platform, policy, log } = powers;
  const changes = makeChangeSet(database);
  let machine: KernelMachine = makeKernelMachine(changes, policy);

  const requests = new Map<number, Request>();
  let lastRequestId = 0;
  const counts: LoopCounts = { deliveries: 0, commits: 0, answers: 0 };
  /** What is told of messages, until its commit. */
  let traces: TimedTrace[] = [];
  const messageLog = makeMessageLog({
    // Not from within a commit, whose outputs come first.
    watch: (on) => queueMicrotask(() => feed({ type: 'watch', on })),
    now: () => performance.now(),
  });
  const activity = makeActivity();
  let outputs: KernelEffect[] = [];
  let oldestOutputAt: number | undefined;
  /** What a peer has said is committed, and a power failure could still take it. */
  let owesSync = false;
  /** What the last commit took that waited for the disk: to gather for as long costs nobody more than that again. */
  let syncMs = 0;
  let busy = 0;
  let commitTimer: ReturnType<typeof setTimeout> | undefined;
  let isCommitNear = false;
  let tickTimer: ReturnType<typeof setTimeout> | undefined;
  let idleTimer: ReturnType<typeof setInterval> | undefined;
  /** Why the loop takes no more events, once it does not. */
  let over: KernelError | undefined;
  let tellEnd: (why: KernelError) => void;
  const ended = new Promise<KernelError>((resolve) => (tellEnd = resolve));
  let onQuiet: (() => void) | undefined;

  const heartbeat = makeHeartbeat({
    unresponsiveMs: policy.vatUnresponsiveMs,
    startingMs: Math.max(policy.vatUnresponsiveMs, limits.vatUnresponsiveMs),
    isDebugged: platform.isDebugged,
    ping: (vatId, incarnation) => workers.send(vatId, incarnation, { type: 'ping', id: 0 }),
    onUnresponsive: (vatId, incarnation, ms) =>
      feed({ type: 'vat-lost', vatId, incarnation, why: `it did not answer for ${ms} ms` }),
  });

  const workers = makeVatWorkers({
    platform,
    heartbeat,
    log,
    onMessage: (vatId, incarnation, message) => onVatMessage(vatId, incarnation, message),
    onLost: (vatId, incarnation, why) => feed({ type: 'vat-lost', vatId, incarnation, why }),
    onEnd: (vatId, incarnation) => asks.end(vatId, incarnation),
  });

  const asks = makeVatAsks({
    fetch: platform.fetchForVats,
    allowedHosts: (vatId) => machine.rows.vats.get(vatId)?.config.network?.allowedHosts ?? [],
    reply: (vatId, incarnation, id, answer) =>
      workers.send(vatId, incarnation, { type: 'reply', id, answer }),
  });

  const starts = makeVatStarts((hash) => machine.rows.bundles.getRequired(hash));
  const pings = makePings((vatId, id) =>
    workers.send(vatId, machine.incarnationOf(vatId) as number, { type: 'ping', id }),
  );
  const fullQueues = makeFullQueues({
    fullQueueOf: (target) => machine.fullQueueOf(target),
    hasDrained: (queue) => machine.hasDrained(queue),
    feed: (event) => feed(event),
  });

  const onVatMessage = (vatId: VatId, incarnation: number, message: FromVat): void => {
    switch (message.type) {
      case 'done':
        return feed({
          type: 'crank-done',
          vatId,
          incarnation,
          deliveryId: message.id,
          result: message.result,
        });
      case 'failed':
        return feed({
          type: 'crank-failed',
          vatId,
          incarnation,
          deliveryId: message.id,
          error: message.failure.error,
        });
      case 'want-turn':
        return feed({ type: 'want-turn', vatId, incarnation });
      case 'log':
        return log(message.level, [vatId, ...message.tags], message.args);
      case 'ask':
        return asks.begin(vatId, incarnation, message.id, message);
      case 'cancel':
        return asks.cancel(vatId, incarnation, message.id);
      case 'pong':
        return pings.answered(vatId, message.id, readVatTableSizes(message.sizes));
      default:
        feed({
          type: 'vat-lost',
          vatId,
          incarnation,
          why: 'its worker sent a message that there is not',
        });
    }
  };

  const perform = (effect: KernelEffect): void => {
    switch (effect.type) {
      case 'start-vat':
        workers.start(effect.vatId, effect.incarnation);
        return workers.send(effect.vatId, effect.incarnation, starts.init(effect));
      case 'deliver':
        counts.deliveries += 1;
        return workers.deliver(effect.vatId, effect.incarnation, {
          id: effect.deliveryId,
          delivery: effect.delivery,
        });
      case 'stop-vat':
        workers.stop(effect.vatId, effect.incarnation);
        return pings.gone(effect.vatId);
      case 'host-call':
        return powers.callHost(effect.callId, effect.target, effect.methargs, effect.caller);
      case 'host-retire':
        return powers.retireAtHost(effect.vrefs);
      case 'answer': {
        const answer = requests.get(effect.requestId);
        requests.delete(effect.requestId);
        counts.answers += 1;
        return answer?.(effect.outcome);
      }
      case 'to-session':
      case 'session-received':
      case 'session-over':
      case 'vat-version':
        return powers.toSessions(effect);
      case 'to-peer':
      case 'peer-watches':
      case 'peer-received':
      case 'peer-over':
      case 'peer-wanted':
        return powers.toPeers(effect);
      case 'log':
        return log(effect.level, effect.vatId ? ['kernel', effect.vatId] : ['kernel'], [
          effect.message,
        ]);
      case 'trace':
        traces.push({ trace: effect.trace, at: Date.now() });
        return;
      case 'tick-wanted':
        tickTimer ??= setTimeout(() => {
          tickTimer = undefined;
          feed({ type: 'tick' });
        }, 0);
        return;
    }
  };

  const commitDelay = (): number =>
    Math.max(limits.commitDelayMs, Math.min(syncMs, limits.commitSyncDelayMs));

  const take = (effects: readonly KernelEffect[]): void => {
    for (const effect of effects) {
      if (!isOutput(effect)) perform(effect);
      else outputs.push(effect);
    }
    workers.flush();
    busy = machine.busyCount();
    const waiting = outputs.length + machine.untold();
    if (waiting === 0) oldestOutputAt = undefined;
    else oldestOutputAt ??= performance.now();
    const due =
      oldestOutputAt !== undefined &&
      (busy === 0 ||
        waiting >= limits.commitOutputsMax ||
        performance.now() - oldestOutputAt >= commitDelay());
    if (changes.size >= limits.commitRowsMax || waiting >= limits.commitOutputsMax) commit();
    else if (due && (machine.hasNewsForPeers() || outputs.some(isForPeers))) commitSoon();
    else if (due) commit();
    else if (waiting + changes.size > 0) {
      // Not before what is already in the event queue has been taken; that is how cranks come to share a commit.
      commitTimer ??= setTimeout(() => commit(), commitDelay());
    }
    if (busy === 0) onQuiet?.();
    fullQueues.look();
  };

  /** What is sent to a peer in one turn, or came from it in one, shares a frame and a commit. */
  const commitSoon = (): void => {
    if (isCommitNear) return;
    isCommitNear = true;
    queueMicrotask(() => {
      isCommitNear = false;
      if (outputs.length + machine.untold() > 0) commit();
    });
  };

  const commit = (isSynced = false): void => {
    clearTimeout(commitTimer);
    commitTimer = undefined;
    if (over !== undefined) return;
    try {
      for (const effect of machine.tell()) {
        if (isOutput(effect)) outputs.push(effect);
        else perform(effect);
      }
    } catch (thrown) {
      failed(thrown);
      return;
    }
    try {
      owesSync ||= outputs.some(({ type }) => type === 'peer-received');
      // What a peer has seen must outlive a power failure: else the two would remember differently. And what it has not seen
      // acknowledged it says again: a service that is called for it must not be called twice.
      const sync =
        isSynced ||
        outputs.some(({ type }) => type === 'to-peer' || (owesSync && type === 'host-call'));
      const start = performance.now();
      changes.commit({ sync });
      if (sync) {
        syncMs = performance.now() - start;
        owesSync = false;
      }
    } catch (thrown) {
      recover(thrown);
      return;
    }
    const released = outputs;
    outputs = [];
    oldestOutputAt = undefined;
    counts.commits += 1;
    released.forEach(perform);
    workers.flush();
    if (traces.length > 0) messageLog.take(traces.splice(0));
    activity.committed();
    powers.onCommit();
  };

  /** The kernel can go no further: workers end, and every caller hears why. */
  const giveUp = (error: KernelError): void => {
    over = error;
    clearTimeout(commitTimer);
    clearTimeout(tickTimer);
    clearInterval(idleTimer);
    heartbeat.stop();
    workers.stopAll();
    outputs = [];
    fullQueues.forgetCallbacks();
    rejectAll(error);
    activity.end();
    powers.onSetback(error, 'over');
    tellEnd(error);
  };

  const rejectAll = ({ code, message, data }: KernelError): void => {
    const waiting = [...requests.values()];
    requests.clear();
    fullQueues.forgetSends();
    for (const answer of waiting) answer({ type: 'failed', error: { code, message, data } });
    pings.gone();
  };

  /** The next machine tells of no message before it is asked to. */
  const forgetTraces = (): void => {
    traces = [];
    messageLog.end();
  };

  /** A commit failed, or a read: what the vats have in memory never happened. Begin again from the store. */
  const recover = (thrown: unknown): void => {
    const error = new KernelError('STORE_FAILED', `the store failed: ${messageOf(thrown)}`, {
      cause: thrown,
    });
    log('error', ['kernel'], [error.message]);
    workers.stopAll();
    outputs = [];
    fullQueues.forgetCallbacks();
    forgetTraces();
    rejectAll(error);
    try {
      database.reopen();
      changes.reset();
      machine = makeKernelMachine(changes, policy);
      take(machine.start());
      powers.onSetback(error, 'restarted');
    } catch (second) {
      giveUp(
        new KernelError('STORE_FAILED', `the store cannot be reopened: ${messageOf(second)}`, {
          cause: second,
        }),
      );
    }
  };

  const feed = (event: KernelEvent): void => {
    if (over !== undefined) return;
    activity.note(event);
    try {
      take(machine.step(event, Date.now()));
    } catch (thrown) {
      failed(thrown);
    }
  };

  const failed = (thrown: unknown): void => {
    // A row that cannot be read is the store's fault, as one that cannot be written.
    if (isKernelError(thrown, 'STORE_FAILED')) recover(thrown);
    else panic(thrown);
  };

  /** A fault of ours. The store stays as last committed; nothing that came after can be trusted. */
  const panic = (thrown: unknown): void => {
    const what =
      thrown instanceof KernelPanic ? thrown.message : `The kernel threw ${messageOf(thrown)}`;
    log('error', ['kernel'], [what, thrown]);
    giveUp(new KernelError('INTERNAL_ERROR', `the kernel has stopped: ${what}`, { cause: thrown }));
  };

  const watchIdleness = (): void => {
    clearInterval(idleTimer);
    idleTimer = setInterval(
      () => {
        if (machine.isRestless()) feed({ type: 'idle' });
      },
      Math.max(10, policy.reapIdleMs / 2),
    );
    // On Node no kernel keeps its process for this.
    if (typeof idleTimer === 'object') idleTimer.unref();
  };

  const failure = ({ code, message, data }: KernelError): Outcome => ({
    type: 'failed',
    error: { code, message, data },
  });

  return {
    rows: () => machine.rows,
    shapeOf: (kref: string) => machine.shapeOf(kref),
    queueLengths: (): { [target: string]: number } => {
      const { queues } = machine.rows;
      const targets = queues.ids().filter((id) => !id.includes('.'));
      return Object.fromEntries(
        targets.map((id) => {
          const { head, tail } = queues.getRequired(id);
          return [id, tail - head];
        }),
      );
    },
    isRunning: (vatId: VatId): boolean => machine.isRunning(vatId),
    isPeerWanted: (peerId: string): boolean => over === undefined && machine.isPeerWanted(peerId),
    /** When something that waits for a peer is given up. */
    peerDeadline: (): number => machine.peerDeadline(),
    isNameable: (kref: string): boolean => machine.isNameable(kref),
    hostVRef: (kref: string): VRef => machine.hostVRef(kref),
    nextHostExport: (): number => machine.nextHostExport(),
    bundleOf: starts.bundleOf,
    feed,
    /** The full queue of a vat that a message to `target` would have to wait for, if so. */
    fullQueueOf: (target: string): string | undefined => machine.fullQueueOf(target),
    whenDrained: fullQueues.whenDrained,
    over: (): KernelError | undefined => over,
    /** Resolves to why the loop takes no more events, once it does not. */
    ended,

    start(): void {
      heartbeat.start();
      watchIdleness();
      try {
        take(machine.start());
      } catch (thrown) {
        panic(thrown);
      }
    },

    /** Feeds an event that is answered; the answer comes after the commit of what it tells. */
    request(event: RequestEvent): Promise<Outcome> {
      if (over !== undefined) return Promise.resolve(failure(over));
      lastRequestId += 1;
      const requestId = lastRequestId;
      return new Promise((resolve) => {
        requests.set(requestId, resolve);
        fullQueues.feedOrKeep({ ...event, requestId });
      });
    },

    /** As `request`, for events that are answered in their own step: commits, and returns the answer. */
    requestNow(event: RequestEvent): Outcome {
      if (over !== undefined) return failure(over);
      lastRequestId += 1;
      let answer: Outcome | undefined;
      requests.set(lastRequestId, (outcome) => (answer = outcome));
      feed({ ...event, requestId: lastRequestId });
      commit();
      return answer ?? failure(over ?? new KernelError('INTERNAL_ERROR', 'no answer came'));
    },

    commit: (): void => commit(),
    /** Commits to the disk: only then may a peer hear that what it said has come. */
    sync(): void {
      if (owesSync || changes.size > 0) commit(true);
    },
    counts: (): Readonly<LoopCounts> => ({ ...counts }),
    messageLog: (after?: number): MessagePage => messageLog.read(after),
    nextActivity: (after?: number): Promise<number> => activity.next(after),

    /** Resolves to what the worker answers, to undefined when it is gone. The heartbeat bounds it. */
    ping(vatId: VatId): Promise<VatTableSizes | undefined> {
      if (!machine.isRunning(vatId)) return Promise.resolve(undefined);
      return pings.ping(vatId);
    },

    /** Waits for deliveries in flight, ends all incarnations in the store, and takes no more events. */
    async stop(): Promise<void> {
      const stopped = new KernelError('KERNEL_STOPPED', 'the kernel was stopped');
      if (over === undefined) {
        feed({ type: 'drain' });
        if (busy > 0) {
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, policy.stopTimeoutMs);
            onQuiet = () => {
              clearTimeout(timer);
              resolve();
            };
          });
          onQuiet = undefined;
        }
        // Who still waits has waited for this kernel, whatever becomes of the vat that has the call.
        commit();
        rejectAll(stopped);
        feed({ type: 'stop' });
        commit();
      }
      giveUp(over ?? stopped);
      await workers.allGone();
    },

    /** Deletes everything but the counters of ids, which are never used twice, and starts afresh. */
    reset({ keepIdentity }: { keepIdentity: boolean }): void {
      if (over !== undefined) throw over;
      heartbeat.start();
      watchIdleness();
      workers.stopAll();
      const wasReset = new KernelError('KERNEL_STOPPED', 'the kernel was reset');
      rejectAll(wasReset);
      fullQueues.forgetCallbacks();
      outputs = [];
      forgetTraces();
      changes.reset();
      for (const key of changes.keys('')) {
        const isKept = key.startsWith(counterPrefix) || (keepIdentity && key === 'a.identity');
        if (!isKept) changes.delete(key);
      }
      machine = makeKernelMachine(changes, policy);
      take(machine.start());
      commit();
      powers.onSetback(wasReset, 'emptied');
    },
  };
}

const isForPeers = ({ type }: KernelEffect): boolean =>
  type === 'to-peer' || type === 'peer-received';

export type EventLoop = ReturnType<typeof makeEventLoop>;
