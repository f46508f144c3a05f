/**
 * The kernel as a state machine: plain-data events in, plain-data effects out, all state in one change set.
 *
 * Nothing here awaits, reads a clock, draws randomness, or touches a worker, a socket or a database. Each step
 * runs to its end: what the event caused, what that settled, what became garbage, and who is given what next.
 */
import { KernelPanic, insistInvariant } from '../errors.js';
import { errorCapData, type CapData } from '../protocol/capdata.js';
import {
  HOST_REALM,
  isKRef,
  isPromiseKRef,
  isRemoteEndpoint,
  isSessionEndpoint,
  type KRef,
  type VatId,
  type VRef,
} from '../protocol/refs.js';
import type { ChangeSet } from '../store/change-set.js';
import { makeBackPressure, type QueuePolicy } from './back-pressure.js';
import { makeCaveats } from './caveats.js';
import { makeCLists } from './clists.js';
import { makeCollect } from './collect.js';
import { makeDeliveries } from './deliveries.js';
import type { KernelEffect, KernelEvent } from './events.js';
import { makeHolds } from './holds.js';
import { makeHostRealm } from './host-realm.js';
import { makeIncarnations } from './incarnations.js';
import { makeMessages, rejection, type Settlement } from './messages.js';
import { makeOcapUrls } from './ocap-urls.js';
import { makeQueues } from './queues.js';
import { makeReadMarks } from './read-marks.js';
import { makeReferences } from './references.js';
import type { RemotePolicy } from './remote-frames.js';
import { makeRemotes } from './remotes.js';
import { makeRequests } from './requests.js';
import { krefOrder, makeKernelRows, type RowsPolicy } from './rows.js';
import { makeSessions, type SessionPolicy } from './sessions.js';
import { makeShapes } from './shapes.js';
import { makeSubclusterUpgrades } from './subcluster-upgrades.js';
import { makeSubclusters } from './subclusters.js';
import { makeTraces } from './traces.js';
import { makeVats, type VatPolicy } from './vats.js';
import { makeWaiting } from './waiting.js';
import { makeWatches } from './watches.js';

/** Services that every kernel has, in the order of their krefs: a fresh store's first vat root is ko4. */
export const builtInServices = [
  { name: 'ocapURLIssuerService', systemOnly: false },
  { name: 'ocapURLRedemptionService', systemOnly: false },
  { name: 'kernelFacet', systemOnly: true },
] as const;

export type KernelPolicy = VatPolicy &
  RowsPolicy &
  SessionPolicy &
  RemotePolicy &
  QueuePolicy & { ocapUrlsMax: number };

export function makeKernelMachine(changes: ChangeSet, policy: KernelPolicy) {
  const rows = makeKernelRows(changes, policy);
  let effects: KernelEffect[] = [];
  let draining = false;
  /** The host's time as of the present step. */
  let time = 0;
  const emit = (effect: KernelEffect): void => void effects.push(effect);

  const references = makeReferences(rows);
  const clists = makeCLists(rows, references, (kref, owner) => sessions.noteOrphan(kref, owner));
  const queues = makeQueues(rows, references);
  const holds = makeHolds(rows, references);

  /** A host session may name what exists and is reachable: what nobody reaches its vat may have given up. */
  const isNameable = (kref: KRef): boolean =>
    isPromiseKRef(kref) ? rows.promises.has(kref) : (rows.objects.get(kref)?.reach ?? 0) > 0;

  const hostRealm = makeHostRealm(
    { rows, references, clists, emit, handTo: holds.hand, isNameable },
    () => messages,
  );
  const caveats = makeCaveats({ rows, references, now: () => time }, () => messages);
  const urls = makeOcapUrls({ rows, references, now: () => time, ...policy });
  const backPressure = makeBackPressure(policy, queues);
  const traces = makeTraces(rows, emit);
  const messages = makeMessages({
    rows,
    references,
    queues,
    backPressure,
    traces,
    wake: (endpoint) => {
      if (isSessionEndpoint(endpoint)) sessions.wake(endpoint);
      else if (isRemoteEndpoint(endpoint)) remotes.wake(endpoint);
      else vats.wake(endpoint);
    },
    callHost: hostRealm.call,
    callKernel: caveats.receive,
    targetOf: caveats.targetOf,
  });
  const watches = makeWatches();
  const marks = makeReadMarks(rows, clists, watches, emit);
  const shapes = makeShapes(rows, clists);
  const incarnations = makeIncarnations({
    rows,
    references,
    clists,
    queues,
    messages,
    shapes,
    isUpgradingTo: (hash) => vats.isUpgradingTo(hash),
  });

  /** Undoes rows, counts, effects and settlements of `work` where it throws. A step begins with it. */
  const atomically = <T>(work: () => T): T => {
    insistInvariant(references.changed.size === 0, 'what is done whole comes first in its step');
    const savepoint = changes.savepoint();
    for (const memory of [clists, urls, sessions, remotes]) memory.begin();
    const effectCount = effects.length;
    const settledCount = messages.settled.length;
    try {
      const result = work();
      changes.release(savepoint);
      return result;
    } catch (thrown) {
      if (thrown instanceof KernelPanic) throw thrown;
      changes.rollback(savepoint);
      references.undo();
      clists.undo();
      urls.undo();
      shapes.undo();
      sessions.undo();
      remotes.undo();
      effects.length = effectCount;
      messages.settled.length = settledCount;
      throw thrown;
    }
  };

  const vats = makeVats({
    rows,
    references,
    clists,
    queues,
    backPressure,
    messages,
    marks,
    shapes,
    traces,
    incarnations,
    policy,
    onUpgraded: (vatId) => sessions.noteUpgrade(vatId),
    emit,
    atomically,
    now: () => time,
    onFirstStart: (vatId, start) => subclusters.onFirstStart(vatId, start),
    onUncaught: (vatId, cause) => subclusters.onUncaught(vatId, cause),
    onExit: (vatId, { failure, completion }) => {
      // What a discarded crank made does not exist; its reason keeps its text.
      const value = completion.slots.every(isNameable) ? completion : withoutReferences(completion);
      const reason: Settlement = failure
        ? { rejected: true, value }
        : rejection('VAT_TERMINATED', 'Vat was deleted.');
      subclusters.terminateVat(vatId, reason);
    },
  });

  const waiting = makeWaiting(messages);

  const subclusters = makeSubclusters({
    rows,
    references,
    messages,
    traces,
    vats,
    emit,
    whenSettled: waiting.whenSettled,
    handTo: holds.hand,
    registerService: (name, vref) => void hostRealm.register(name, vref, true),
    unregisterService: hostRealm.unregister,
    upgrades: () => upgrades,
  });
  const upgrades = makeSubclusterUpgrades({
    rows,
    references,
    messages,
    traces,
    shapes,
    vats,
    emit,
    whenSettled: waiting.whenSettled,
    registerService: (name, vref) => void hostRealm.register(name, vref, true),
    unregisterService: hostRealm.unregister,
    rootsAndServices: subclusters.rootsAndServices,
    dropBundle: (hash) => incarnations.dropBundle(hash),
  });

  const collect = makeCollect({
    rows,
    references,
    clists,
    noteForVat: vats.noteCollectable,
    retireAtHost: (vref) => emit({ type: 'host-retire', vrefs: [vref] }),
    dropCaveat: caveats.drop,
    letGoAtSession: (session, kref) => sessions.letGo(session, kref),
    letGoAtPeer: (remote, kref) => remotes.frames.letGo(remote, kref),
    tellPeers: (kref) => remotes.tellRecognizers(kref),
    readPromiseGone: marks.promiseGone,
  });

  const sessions = makeSessions({
    rows,
    references,
    clists,
    queues,
    messages,
    deliveries: makeDeliveries({ rows, clists, queues, messages, ...policy }),
    marks,
    traces,
    shapes,
    policy,
    emit,
    atomically,
    forgetQueue: backPressure.forget,
    callAdmin: hostRealm.callAdmin,
  });

  const remotes = makeRemotes({
    rows,
    references,
    clists,
    queues,
    messages,
    reads: marks,
    watches,
    backPressure,
    traces,
    deliveries: makeDeliveries({ rows, clists, queues, messages, ...policy }),
    shapes,
    urls,
    policy,
    now: () => time,
    emit,
    atomically,
    answerWhenSettled: (requestId, session, promise) =>
      requests.answerWhenSettled(requestId, session, promise),
  });

  const requests = makeRequests({
    rows,
    references,
    messages,
    caveats,
    urls,
    hostRealm,
    vats,
    subclusters,
    holds,
    waiting,
    traces,
    emit,
    isNameable,
    noteOrphan: sessions.noteOrphan,
  });

  const handle = (event: KernelEvent): void => {
    switch (event.type) {
      case 'crank-done':
        return vats.crankDone(event.vatId, event.incarnation, event.deliveryId, event.result);
      case 'crank-failed':
        return vats.crankFailed(event.vatId, event.incarnation, event.deliveryId, event.error);
      case 'vat-lost':
        return vats.lost(event.vatId, event.incarnation, event.why);
      case 'want-turn':
        return vats.wantTurn(event.vatId, event.incarnation);
      case 'session-open':
      case 'session-attach':
      case 'session-frame':
      case 'session-ack':
      case 'session-detach':
      case 'session-end':
        return sessions.handle(event);
      case 'comms-start':
        backPressure.limitPeers(event.queueMax);
        return remotes.handle(event);
      case 'peer-begin':
      case 'peer-hello':
      case 'peer-frame':
      case 'peer-ack':
      case 'peer-changed':
      case 'peer-detach':
      case 'peer-redeem':
      case 'forget-peers':
        return remotes.handle(event);
      case 'identify-store':
        if (!rows.store.has('store'))
          rows.store.set('store', { id: event.id, secret: event.secret });
        return;
      case 'identify-kernel':
        rows.identity.set('identity', event.identity);
        return;
      case 'host-answer':
        return hostRealm.answer(event.callId, event.rejected, event.value);
      case 'host-resolve':
        return hostRealm.resolve(event.vpid, event.rejected, event.value);
      case 'launch':
        return subclusters.launch(event);
      case 'upgrade-subcluster':
        return upgrades.begin(event);
      case 'release':
        if (isKRef(event.kref)) holds.letGo(event.session, event.kref, event.times ?? 1);
        return;
      case 'watch':
        return traces.watch(event.on);
      case 'idle':
        return vats.reapIdle();
      case 'drain':
        draining = true;
        return;
      case 'stop':
        draining = true;
        hostRealm.end();
        return vats.endAll();
      case 'tick':
        upgrades.onTick();
        if (incarnations.cleanUp()) emit({ type: 'tick-wanted' });
        return;
      default:
        return requests.handle(event);
    }
  };

  /** Runs everything that the step has caused to its end. */
  const isUnsettled = (): boolean =>
    messages.settled.length + vats.awake.size + references.changed.size > 0 ||
    sessions.isAwake() ||
    remotes.frames.isAwake();

  /** Something launches, and neither a vat nor a service has anything to answer. */
  const launchesRest = (): boolean =>
    subclusters.isLaunching() &&
    !isUnsettled() &&
    vats.busyCount() === 0 &&
    rows.calls.ids('', 1).length === 0;

  const settleDown = (): KernelEffect[] => {
    let garbageIsLeft;
    do {
      waiting.tell();
      garbageIsLeft = collect();
      if (draining) vats.awake.clear();
      else vats.dispatchAll();
      sessions.dispatchAll();
      remotes.frames.dispatchAll();
      if (launchesRest()) subclusters.onRest();
    } while (isUnsettled());
    sessions.endStep();
    if (garbageIsLeft) emit({ type: 'tick-wanted' });
    return takeEffects();
  };

  const takeEffects = (): KernelEffect[] => {
    const result = effects;
    effects = [];
    return result;
  };

  return {
    rows,

    /** Takes up a store: ends what an earlier process left running, and gives vats their next deliveries. */
    start(): KernelEffect[] {
      insistInvariant(effects.length === 0, 'the kernel was started twice');
      for (const [index, { name, systemOnly }] of builtInServices.entries()) {
        if (!rows.services.has(name)) hostRealm.register(name, `o+${index + 1}`, systemOnly);
      }
      caveats.start();
      hostRealm.end();
      sessions.detachAll();
      vats.endAll();
      subclusters.removeCutOff();
      // Those that an upgrade brought which the end of the process cut off.
      for (const hash of rows.bundles.ids()) incarnations.dropBundle(hash);
      holds.letGoOfAll();
      for (const vatId of rows.vats.ids().sort(krefOrder)) vats.wake(vatId);
      if (rows.dead.ids('', 1).length > 0) emit({ type: 'tick-wanted' });
      return settleDown();
    },

    /** @param now - the host's time, in milliseconds since 1970; left out: as in the last step. */
    step(event: KernelEvent, now = time): KernelEffect[] {
      time = now;
      let expired: KernelEffect[] = [];
      remotes.resume();
      if (caveats.isDue() || urls.isDue() || remotes.isDue()) {
        if (caveats.isDue()) caveats.expire();
        if (urls.isDue()) urls.expire();
        if (remotes.isDue()) remotes.expire();
        expired = settleDown();
      }
      handle(event);
      return [...expired, ...settleDown()];
    },

    /**
     * Makes the frames of all that sessions and peers were to be told since the last time. It belongs before every commit: what
     * is untold stands in no row.
     */
    tell(): KernelEffect[] {
      sessions.tell();
      if (remotes.frames.tell()) emit({ type: 'tick-wanted' });
      remotes.tellChanged();
      return takeEffects();
    },
    untold: (): number => sessions.untold() + remotes.frames.untold() + watches.untold(),
    /** Something of that peers are to be told. */
    hasNewsForPeers: (): boolean => remotes.frames.untold() > 0,

    isRunning: vats.isRunning,
    /** The full queue that a message to `target` would have to wait for, if so; and whether that has drained. */
    fullQueueOf(target: KRef): VatId | KRef | undefined {
      const queue = isKRef(target) && isNameable(target) ? messages.queueOf(target) : undefined;
      return queue !== undefined && backPressure.isFull(queue) ? queue : undefined;
    },
    hasDrained: backPressure.hasDrained,
    /** When something that waits for a peer that is away is given up; Infinity: nothing does. */
    peerDeadline: (): number => remotes.soonest(),
    /** Reads that are kept in memory, for whoever is to hear what they touched. */
    readsUnderWay: marks.underWay,
    isPeerWanted: (peerId: string): boolean => remotes.isWanted(peerId),

    shapeOf: shapes.of,
    incarnationOf: vats.incarnationOf,
    busyCount: vats.busyCount,
    isRestless: vats.isRestless,
    isNameable,

    /** The host realm's own name for an object that it exports. */
    hostVRef: (kref: KRef): VRef => clists.entry(HOST_REALM, kref)?.vref as VRef,

    /** The first number that an export of the host realm (`o+N`) may have. */
    nextHostExport: (): number => rows.vrefNumbers.get(HOST_REALM)?.exports ?? 1,
  };
}

/** The value with `undefined` for each of its references. */
function withoutReferences({ body }: CapData): CapData<KRef> {
  // In smallcaps a string that begins so and is meant literally has a `!` before it.
  const strip = (_key: string, value: unknown): unknown =>
    typeof value === 'string' && /^[$&]/.test(value) ? '#undefined' : value;
  try {
    return { body: `#${JSON.stringify(JSON.parse(body.slice(1), strip))}`, slots: [] };
  } catch {
    return errorCapData('Vat ended itself with a failure that cannot be read');
  }
}

export type KernelMachine = ReturnType<typeof makeKernelMachine>;
