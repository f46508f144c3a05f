/**
 * The kernel as a state machine: plain-data events in, plain-data effects out, all state in one change set.
 *
 * Nothing here awaits, reads a clock, draws randomness, or touches a worker, a socket or a database. Each step
 * runs to its end: what the event caused, what that settled, what became garbage, and who is given what next.
 */
import { KernelPanic, insistInvariant } from '../errors.js';
import { errorCapData, type CapData } from '../protocol/capdata.js';
import {
  CAVEAT_MAKER,
  HOST_REALM,
  isKRef,
  isPromiseKRef,
  isRemoteEndpoint,
  isSessionEndpoint,
  isSubclusterId,
  isVatId,
  type EndpointId,
  type KRef,
  type SubclusterId,
  type VatId,
  type VRef,
} from '../protocol/refs.js';
import type { ChangeSet } from '../store/change-set.js';
import { makeBackPressure } from './back-pressure.js';
import { makeCaveats } from './caveats.js';
import { makeCLists } from './clists.js';
import { makeCollect } from './collect.js';
import { makeDeliveries } from './deliveries.js';
import type { ErrorData, KernelEffect, KernelEvent, RequestId } from './events.js';
import { makeHostRealm } from './host-realm.js';
import { makeIncarnations } from './incarnations.js';
import { makeMessages, rejection, type Settlement } from './messages.js';
import { makeOcapUrls } from './ocap-urls.js';
import { makeQueues } from './queues.js';
import { makeReadMarks } from './read-marks.js';
import { makeReferences } from './references.js';
import type { RemotePolicy } from './remote-frames.js';
import { makeRemotes } from './remotes.js';
import { krefOrder, makeKernelRows, type RowsPolicy } from './rows.js';
import { makeSessions, type SessionPolicy } from './sessions.js';
import { makeShapes } from './shapes.js';
import { makeSubclusterUpgrades } from './subcluster-upgrades.js';
import { makeSubclusters } from './subclusters.js';
import { makeTraces } from './traces.js';
import { makeVats, type VatPolicy } from './vats.js';

/** Services that every kernel has, in the order of their krefs: a fresh store's first vat root is ko4. */
export const builtInServices = [
  { name: 'ocapURLIssuerService', systemOnly: false },
  { name: 'ocapURLRedemptionService', systemOnly: false },
  { name: 'kernelFacet', systemOnly: true },
] as const;

export type KernelPolicy = VatPolicy &
  RowsPolicy &
  SessionPolicy &
  RemotePolicy & { ocapUrlsMax: number };

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

  const handTo = (session: EndpointId, krefs: readonly KRef[]): void => {
    for (const kref of krefs) {
      const times = rows.holds.get(`${session}.${kref}`) ?? 0;
      rows.holds.set(`${session}.${kref}`, times + 1);
      if (times === 0) references.hold(kref);
    }
  };

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

  /** A host session may name what exists and is reachable: what nobody reaches its vat may have given up. */
  const isNameable = (kref: KRef): boolean =>
    isPromiseKRef(kref) ? rows.promises.has(kref) : (rows.objects.get(kref)?.reach ?? 0) > 0;

  const hostRealm = makeHostRealm(
    { rows, references, clists, emit, handTo, isNameable },
    () => messages,
  );
  const caveats = makeCaveats({ rows, references, now: () => time }, () => messages);
  const urls = makeOcapUrls({ rows, references, now: () => time, ...policy });
  const backPressure = makeBackPressure(policy.queueMax);
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
  const marks = makeReadMarks(rows, clists, emit);
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
      urls.undo();
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

  /** What to do in the step in which an open promise is settled. An open one never goes: somebody must settle it. */
  const waiting = new Map<KRef, ((settlement: Settlement) => void)[]>();
  const whenSettled = (promise: KRef, then: (settlement: Settlement) => void): void => {
    const others = waiting.get(promise);
    if (others === undefined) waiting.set(promise, [then]);
    else others.push(then);
  };
  const tellWaiting = (): void => {
    for (const kref of messages.settled.splice(0)) {
      const callbacks = waiting.get(kref);
      if (callbacks === undefined) continue;
      waiting.delete(kref);
      const outcome = messages.outcome(kref);
      for (const then of callbacks) {
        if ('open' in outcome) whenSettled(outcome.open, then);
        else then(outcome);
      }
    }
  };

  const subclusters = makeSubclusters({
    rows,
    references,
    messages,
    traces,
    vats,
    emit,
    whenSettled,
    handTo,
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
    whenSettled,
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
    traces,
    deliveries: makeDeliveries({ rows, clists, queues, messages, ...policy }),
    shapes,
    urls,
    policy,
    now: () => time,
    emit,
    atomically,
    forgetQueue: backPressure.forget,
    answerWhenSettled: (requestId, session, promise) =>
      answerWhenSettled(requestId, session, promise),
  });

  const done = (requestId: RequestId, result: unknown = null): void =>
    emit({ type: 'answer', requestId, outcome: { type: 'done', result } });
  const fail = (requestId: RequestId, error: ErrorData): void =>
    emit({ type: 'answer', requestId, outcome: { type: 'failed', error } });
  const notFound = (requestId: RequestId, message: string, data?: unknown): void =>
    fail(requestId, { code: 'NOT_FOUND', message, data });

  const send = ({ requestId, session, target, methargs }: KernelEvent & { type: 'send' }): void => {
    for (const kref of [target, ...methargs.slots]) {
      if (isKRef(kref) && isNameable(kref)) continue;
      const what = kref === target ? 'the target of a message' : 'an argument of a message';
      if (isKRef(kref) && rows.objects.has(kref)) {
        fail(requestId, {
          code: 'OBJECT_DELETED',
          message: `${kref}, ${what}, is held by nobody any more and may have been deleted`,
        });
      } else notFound(requestId, `there is no ${String(kref)}, ${what}`);
      return;
    }
    const result = references.makePromise(null);
    answerWhenSettled(requestId, session, result);
    traces.sent(session, target, { methargs, result });
    messages.route(target, { methargs, result });
  };

  /** Tells a session how a promise settles, and hands it what that holds. */
  const answerWhenSettled = (requestId: RequestId, session: EndpointId, promise: KRef): void => {
    if (!rows.promises.has(promise)) {
      notFound(requestId, `there is no ${promise} to wait for`);
      return;
    }
    const tell = ({ rejected, value, stack }: Settlement): void => {
      handTo(session, value.slots);
      emit({
        type: 'answer',
        requestId,
        outcome: rejected
          ? { type: 'rejected', value, ...(stack && { stack }) }
          : { type: 'fulfilled', value },
      });
    };
    const outcome = messages.outcome(promise);
    if ('open' in outcome) whenSettled(outcome.open, tell);
    else tell(outcome);
  };

  const forVat = (requestId: RequestId, vatId: VatId, act: () => void): void => {
    if (isVatId(vatId) && rows.vats.has(vatId)) act();
    else notFound(requestId, `Vat does not exist. (${String(vatId)})`, { vatId });
  };

  const pinRoot = (vatId: VatId, pin: boolean): KRef => {
    const { root } = rows.vats.getRequired(vatId);
    const pins = rows.pins.get(root) ?? 0;
    if (pin) {
      rows.pins.set(root, pins + 1);
      references.hold(root);
    } else if (pins > 0) {
      if (pins === 1) rows.pins.delete(root);
      else rows.pins.set(root, pins - 1);
      references.release(root);
    }
    return root;
  };

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
      case 'send':
        return send(event);
      case 'session-open':
      case 'session-attach':
      case 'session-frame':
      case 'session-ack':
      case 'session-detach':
      case 'session-end':
        return sessions.handle(event);
      case 'comms-start':
        backPressure.limit('r', event.queueMax);
        return remotes.handle(event);
      case 'peer-begin':
      case 'peer-hello':
      case 'peer-frame':
      case 'peer-ack':
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
      case 'issue-url':
        return issueUrl(event);
      case 'redeem-url':
        return redeemUrl(event);
      case 'revoke-url':
        return done(event.requestId, urls.revoke(event.number));
      case 'host-answer':
        return hostRealm.answer(event.callId, event.rejected, event.value);
      case 'host-resolve':
        return hostRealm.resolve(event.vpid, event.rejected, event.value);
      case 'host-await':
        return answerWhenSettled(event.requestId, HOST_REALM, event.promise);
      case 'launch':
        return subclusters.launch(event);
      case 'spend-vat-ids':
        return done(
          event.requestId,
          Array.from({ length: event.count }, () => `v${rows.nextId('vat')}`),
        );
      case 'upgrade-subcluster':
        return upgrades.begin(event);
      case 'terminate-subcluster':
        return terminateSubcluster(event.requestId, event.subclusterId);
      case 'terminate-vat':
        return forVat(event.requestId, event.vatId, () => terminateVat(event));
      case 'start-vat':
        return forVat(event.requestId, event.vatId, () => startVat(event.requestId, event.vatId));
      case 'restart-vat':
        return forVat(event.requestId, event.vatId, () => {
          vats.restart(event.vatId);
          vats.requestStart(event.vatId, event.requestId);
        });
      case 'upgrade-vat':
        return forVat(event.requestId, event.vatId, () => upgradeVat(event));
      case 'register-service':
        return registerService(event);
      case 'pin-root':
        return forVat(event.requestId, event.vatId, () =>
          done(event.requestId, pinRoot(event.vatId, event.pin)),
        );
      case 'revoke':
        return revoke(event.requestId, event.kref);
      case 'make-caveat':
        return makeCaveat(event);
      case 'release':
        if (isKRef(event.kref)) letGo(event.session, event.kref, event.times ?? 1);
        return;
      case 'reap':
        return reap(event.requestId, event.vatIds);
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
    }
  };

  const terminateSubcluster = (requestId: RequestId, id: SubclusterId): void => {
    if (isSubclusterId(id) && rows.subclusters.has(id)) {
      subclusters.terminate(id);
      done(requestId);
    } else notFound(requestId, `Subcluster does not exist. (${String(id)})`);
  };

  const terminateVat = ({
    requestId,
    vatId,
    reason,
  }: KernelEvent & { type: 'terminate-vat' }): void => {
    const unknown = reason?.slots.find((kref) => !isKRef(kref) || !isNameable(kref));
    if (unknown !== undefined) {
      notFound(
        requestId,
        `there is no ${String(unknown)}, named by the reason to terminate ${vatId}`,
      );
      return;
    }
    subclusters.terminateVat(vatId, reason && { rejected: true, value: reason });
    done(requestId);
  };

  const startVat = (requestId: RequestId, vatId: VatId): void => {
    const { condition, name, fault } = rows.vats.getRequired(vatId);
    if (condition === 'broken') {
      fail(requestId, {
        code: 'VAT_BROKEN',
        message: `Vat ${vatId} (${name}) is quarantined: ${fault}`,
      });
    } else vats.requestStart(vatId, requestId);
  };

  const upgradeVat = ({
    requestId,
    vatId,
    config,
    bundleHash,
    content,
  }: KernelEvent & { type: 'upgrade-vat' }): void => {
    const { condition, name } = rows.vats.getRequired(vatId);
    if (condition === 'launching') {
      fail(requestId, {
        code: 'UPGRADE_FAILED',
        message: `Vat ${vatId} (${name}) has not been launched yet`,
      });
      return;
    }
    if (!rows.bundles.has(bundleHash)) rows.bundles.set(bundleHash, content);
    vats.upgrade(vatId, {
      bundleHash,
      config,
      onStarted() {
        if (vats.applyUpgrades([vatId])) done(requestId);
      },
      onCancelled: (why) =>
        fail(requestId, {
          code: 'UPGRADE_FAILED',
          message: `Vat ${vatId} (${name}) was not upgraded: ${why.message}`,
          cause: { ...why, vatId },
          data: { vatId, vat: name },
        }),
    });
  };

  const revoke = (requestId: RequestId, kref: KRef): void => {
    const object = isKRef(kref) ? rows.objects.get(kref) : undefined;
    if (kref === CAVEAT_MAKER) {
      notFound(requestId, `cannot revoke ${kref}, which makes the caveats of all vats`);
    } else if (object !== undefined) {
      caveats.revoke(kref);
      sessions.noteOrphan(kref, HOST_REALM);
      done(requestId);
    } else if (isKRef(kref) && isPromiseKRef(kref)) {
      notFound(requestId, `cannot revoke promise ${kref}`);
    } else notFound(requestId, `there is no ${String(kref)} to revoke`);
  };

  const registerService = (event: KernelEvent & { type: 'register-service' }): void => {
    const { requestId, name, systemOnly, kref } = event;
    if (kref === undefined) {
      done(requestId, hostRealm.register(name, event.vref, systemOnly));
    } else if (isKRef(kref) && !isPromiseKRef(kref) && isNameable(kref)) {
      hostRealm.registerObject(name, kref, systemOnly);
      done(requestId, { kref });
    } else notFound(requestId, `there is no object ${String(kref)} to be service ${name}`);
  };

  const issueUrl = ({
    requestId,
    number,
    kref,
    limits,
  }: KernelEvent & { type: 'issue-url' }): void => {
    if (!isKRef(kref) || !isNameable(kref)) {
      notFound(requestId, `there is no ${String(kref)} to issue an ocap URL for`);
      return;
    }
    const problem = urls.objection(number, kref);
    if (problem !== undefined) {
      fail(requestId, { code: 'DELIVERY_FAILED', message: `Cannot issue an ocap URL: ${problem}` });
      return;
    }
    urls.issue(number, kref, limits);
    done(requestId);
  };

  const redeemUrl = ({
    requestId,
    session,
    number,
  }: KernelEvent & { type: 'redeem-url' }): void => {
    const found = urls.redeem(number);
    if ('failure' in found) {
      emit({
        type: 'answer',
        requestId,
        outcome: { type: 'rejected', value: found.failure.value },
      });
      return;
    }
    handTo(session, [found.kref]);
    done(requestId, found.kref);
  };

  const makeCaveat = ({
    requestId,
    session,
    target,
    limits,
  }: KernelEvent & { type: 'make-caveat' }): void => {
    if (!isKRef(target) || isPromiseKRef(target) || !isNameable(target)) {
      notFound(requestId, `there is no object ${String(target)} to make a caveat for`);
      return;
    }
    const problem = caveats.objection(target);
    if (problem !== undefined) {
      fail(requestId, { code: 'DELIVERY_FAILED', message: problem });
      return;
    }
    const made = caveats.make(target, limits);
    handTo(session, [made.ref, made.revoker]);
    done(requestId, made);
  };

  const reap = (requestId: RequestId, vatIds?: VatId[]): void => {
    const running = rows.vats
      .ids()
      .sort(krefOrder)
      .filter((id) => vats.isRunning(id) && (vatIds === undefined || vatIds.includes(id)));
    let waitingFor = running.length;
    if (waitingFor === 0) done(requestId);
    for (const vatId of running) {
      vats.requestReap(vatId, () => {
        waitingFor -= 1;
        if (waitingFor === 0) done(requestId);
      });
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
      tellWaiting();
      garbageIsLeft = collect();
      if (draining) vats.awake.clear();
      else vats.dispatchAll();
      sessions.dispatchAll();
      remotes.frames.dispatchAll();
      if (launchesRest()) subclusters.onRest();
    } while (isUnsettled());
    sessions.endStep();
    if (remotes.frames.flush()) emit({ type: 'tick-wanted' });
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
      for (const hold of rows.holds.ids()) {
        const [session, kref] = hold.split('.') as [EndpointId, KRef];
        letGo(session, kref, Infinity);
      }
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
     * Makes the frames of all that sessions were to be told since the last time. It belongs before every commit: what
     * is untold stands in no row.
     */
    tell(): KernelEffect[] {
      sessions.tell();
      return takeEffects();
    },
    untold: sessions.untold,

    isRunning: vats.isRunning,
    /** The full queue that a message to `target` would have to wait for, if so; and whether that has drained. */
    fullQueueOf(target: KRef): VatId | KRef | undefined {
      const queue = isKRef(target) && isNameable(target) ? messages.queueOf(target) : undefined;
      return queue !== undefined && queues.length(queue) >= backPressure.maxOf(queue)
        ? queue
        : undefined;
    },
    hasDrained: (queue: VatId | KRef): boolean =>
      queues.length(queue) <= backPressure.lowWaterOf(queue),
    /** When something that waits for a peer that is away is given up; Infinity: nothing does. */
    peerDeadline: (): number => remotes.soonest(),
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
