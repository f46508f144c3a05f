/**
 * A whole kernel with fake vats, a fake host and fake callers, driven at random: everything that may happen happens at
 * some seed, in some order. After every step the store must be sound, and no vat may have been told a lie.
 */
import type { ClusterConfig } from '../../protocol/config.js';
import {
  CAVEAT_MAKER,
  isKRef,
  type KRef,
  type SubclusterId,
  type VatId,
  type VRef,
} from '../../protocol/refs.js';
import { makeChangeSet } from '../../store/change-set.js';
import { makeMemoryStore } from '../../store/memory-store.js';
import type { Caveat } from '../caveats.js';
import { isOutput, type KernelEffect, type KernelEvent } from '../events.js';
import { findBrokenInvariants } from '../invariants.js';
import { makeKernelMachine } from '../kernel.js';
import type { VatRow } from '../rows.js';
import { makeClientLinks } from './client-links.js';
import { makeFakeVat, type FakeVat } from './fake-vat.js';
import { makeLedger } from './ledger.js';
import { makeLiar } from './liar.js';
import { makeRandom } from './random.js';

export type WorldOptions = {
  seed: number;
  vats: number;
  /** How many of the vats lie. */
  liars?: number;
  /** Client sessions, and how many of them lie. */
  clients?: number;
  lyingClients?: number;
  /** Vats crash, end and restart, and so does the kernel. */
  chaos?: boolean;
  /** Steps between two searches of the whole store. */
  checkEvery?: number;
  trace?: (line: string) => void;
};

type Deliver = KernelEffect & { type: 'deliver' };
type HostCall = KernelEffect & { type: 'host-call' };

const hostMark = '#["host",';

const isCaveat = (result: unknown): result is Caveat =>
  typeof result === 'object' && result !== null && 'revoker' in result;

export function makeWorld({
  seed,
  vats,
  liars = 0,
  clients = 0,
  lyingClients = 0,
  chaos = false,
  checkEvery = 1,
  trace,
}: WorldOptions) {
  const random = makeRandom(seed);
  const ledger = makeLedger();
  const changes = makeChangeSet(makeMemoryStore(), { strict: seed % 4 === 0 });
  const policy = {
    deliveryAttemptsMax: 2,
    failuresMax: liars > 0 ? 1_000 : 2 + random.below(5),
    notifyBatchMax: 1 + random.below(6),
    deliveriesPerReap: 3 + random.below(20),
    queueMax: chaos && random.chance(0.3) ? 3 + random.below(6) : 10_000,
    collectBatch: 1 + random.below(6),
    deliveriesAheadMax: 1 + random.below(5),
    promiseBlock: 1 + random.below(8),
    vatsLiveMax: random.chance(0.5) ? 1 + random.below(3) : 100,
    reapIdleMs: 20,
    sessionFramesMax: 1 + random.below(4),
    sessionFrameCharsMax: random.chance(0.3) ? 1 + random.below(100) : 1_000_000,
    ocapUrlsMax: 1_000,
    peerFramesMax: 4,
    peerFrameCharsMax: 100_000,
    peerRefsMax: 10_000,
    peerGivenMax: 10_000,
    peerQueueCharsMax: 1_000_000,
    queueCharsMax: 1_000_000,
    chargedMessagesMax: random.chance(0.5) ? 1 + random.below(20) : 100_000,
    peersMax: 100,
    peerTimeoutMs: 1_000,
    sessionsMax: 8,
    sessionRefsMax: 10_000,
  };
  let machine = makeKernelMachine(changes, policy);

  const isLiar = (vatId: VatId): boolean => Number(vatId.slice(1)) <= liars;
  /** Workers by incarnation, `v1.2`: while a vat is upgraded it has two. */
  const workers = new Map<string, FakeVat>();
  /** What each of them was given and has not ended, in order. */
  const given = new Map<string, Deliver[]>();
  let outputs: KernelEffect[] = [];
  let hostCalls: HostCall[] = [];
  let hostObjects = new Set<VRef>();
  let hostPromises = new Set<VRef>();
  let nextHostObject = 4;
  const waitingRequests = new Set<number>();
  /** Requests that a session sent messages with. */
  const sends = new Set<number>();
  const handed = new Set<KRef>();
  const sequences = new Map<KRef, number>();
  let lastRequest = 0;
  let ticks = false;
  let steps = 0;

  const request = (): number => {
    lastRequest += 1;
    waitingRequests.add(lastRequest);
    return lastRequest;
  };

  const workerOf = ({ vatId, incarnation }: { vatId: VatId; incarnation: number }): string =>
    `${vatId}.${incarnation}`;

  const perform = (effect: KernelEffect): void => {
    if (links.take(effect)) return;
    switch (effect.type) {
      case 'start-vat': {
        const { vatId, incarnation } = effect;
        const lies = { isLiar: isLiar(vatId), hasLiars: liars > 0, hasClients: clients > 0 };
        insist(!workers.has(workerOf(effect)), `${workerOf(effect)} was started twice`);
        workers.set(
          workerOf(effect),
          makeFakeVat({ vatId, incarnation, random, ledger, hostMark, ...lies }),
        );
        return;
      }
      case 'stop-vat':
        insist(workers.delete(workerOf(effect)), `${workerOf(effect)} was stopped and did not run`);
        given.delete(workerOf(effect));
        return;
      case 'deliver':
        // One that waited for its commit may come too late.
        insist(
          effect.afterCommit || workers.has(workerOf(effect)),
          `${workerOf(effect)} was given something`,
        );
        insistOrder(effect);
        if (workers.has(workerOf(effect))) {
          given.set(workerOf(effect), [...(given.get(workerOf(effect)) ?? []), effect]);
        }
        return;
      case 'host-call':
        hostCalls.push(effect);
        return;
      case 'host-retire':
        for (const vref of effect.vrefs)
          insist(hostObjects.delete(vref), `the host was told to retire ${vref}`);
        return;
      case 'answer': {
        insist(
          waitingRequests.delete(effect.requestId),
          `request ${effect.requestId} was answered twice`,
        );
        sends.delete(effect.requestId);
        const { outcome } = effect;
        if (outcome.type === 'fulfilled' || outcome.type === 'rejected') {
          for (const kref of outcome.value.slots) handed.add(kref);
        } else if (outcome.type === 'done' && isCaveat(outcome.result)) {
          handed.add(outcome.result.ref);
          handed.add(outcome.result.revoker);
        }
        return;
      }
      case 'tick-wanted':
        ticks = true;
        return;
      case 'log':
        return;
    }
  };

  /** Ahead of what a vat has not ended only messages and notifications come, up to a bound. */
  const insistOrder = (effect: Deliver): void => {
    const before = given.get(workerOf(effect)) ?? [];
    insist(
      before.length < policy.deliveriesAheadMax,
      `${workerOf(effect)} was given too much at once`,
    );
    const all = before.length > 0 ? [...before, effect] : [];
    for (const { delivery } of all) {
      const isSmall = delivery.type === 'message' || delivery.type === 'notify';
      insist(
        isSmall,
        `${workerOf(effect)} was given a ${delivery.type} and something else at once`,
      );
    }
  };

  const take = (effects: readonly KernelEffect[]): void => {
    for (const effect of effects) {
      if (effect.type !== 'log') trace?.(`    ${JSON.stringify(effect)}`);
      insistHeld(effect);
      if (isOutput(effect)) outputs.push(effect);
      else perform(effect);
    }
    steps += 1;
    if (steps % checkEvery === 0) check();
  };

  /** Whoever is told of a kref outside of the vats holds it. */
  const insistHeld = (effect: KernelEffect): void => {
    const { holds, calls } = machine.rows;
    if (effect.type === 'host-call') {
      insist(
        calls.has(String(effect.callId)),
        `the host got call ${effect.callId}, which there is not`,
      );
      for (const kref of effect.methargs.slots)
        insist(holds.has(`h1.${kref}`), `the host does not hold ${kref}`);
    }
    if (effect.type !== 'answer') return;
    const { outcome } = effect;
    if (outcome.type !== 'fulfilled' && outcome.type !== 'rejected') return;
    for (const kref of outcome.value.slots)
      insist(holds.has(`a1.${kref}`), `the session does not hold ${kref}`);
  };

  const check = (): void => {
    const problems = findBrokenInvariants(machine.rows);
    if (problems.length > 0) throw new Error(`broken invariants:\n${problems.join('\n')}`);
  };

  const step = (event: KernelEvent): void => {
    trace?.(`${event.type} ${show(event)}`);
    take(machine.step(event, steps));
  };

  const commit = (): void => {
    trace?.('commit');
    take(machine.tell());
    changes.commit();
    ledger.commit();
    const released = outputs;
    outputs = [];
    released.forEach(perform);
  };

  const links = makeClientLinks({
    count: clients,
    liars: lyingClients,
    random,
    ledger,
    hostMark,
    rows: () => machine.rows,
    request,
    step,
  });

  const liar = makeLiar(random);

  /** A vat ends what it was given. */
  const finish = (worker: string, actsMax: number): void => {
    const [first, ...others] = given.get(worker) as [Deliver, ...Deliver[]];
    const { vatId, incarnation, deliveryId, delivery } = first;
    const vat = workers.get(worker) as FakeVat;
    if (others.length > 0) given.set(worker, others);
    else given.delete(worker);
    const { result, applied } = vat.crank(delivery, actsMax);
    const event = { type: 'crank-done', vatId, incarnation, deliveryId } as const;
    if (chaos && actsMax > 0 && random.chance(0.003) && machine.rows.vats.ids().length > 2) {
      const failure = random.chance(0.5);
      // A failed exit undoes its crank, and nobody hears of what it said.
      if (!failure) applied();
      result.own.push({ type: 'exit', failure, completion: { body: '#"bye"', slots: [] } });
      return step({ ...event, result });
    }
    applied();
    step({ ...event, result: isLiar(vatId) && actsMax > 0 ? liar(result, delivery, vat) : result });
    const isAsleep = machine.rows.vats.get(vatId)?.failures === 0 && !machine.isRunning(vatId);
    insist(
      isLiar(vatId) || isAsleep || workers.has(worker),
      `${worker} was ended by a crank that it may make`,
    );
  };

  const sessionSend = (): void => {
    const roots = machine.rows.vats.ids().map((id) => machine.rows.vats.getRequired(id).root);
    const target = random.maybePick([...roots, ...handed]);
    if (target === undefined) return;
    const slots = random.some([...handed, ...roots], random.below(3));
    const id = ledger.nextId();
    const sequence = (sequences.get(target) ?? 0) + 1;
    sequences.set(target, sequence);
    ledger.sent(id, {
      from: 'a1',
      sequence,
      target: `k:${target}`,
      slots: slots.map(() => undefined),
      result: undefined,
    });
    const requestId = request();
    sends.add(requestId);
    step({
      type: 'send',
      requestId,
      session: 'a1',
      target,
      methargs: { body: `#["m",[${id}]]`, slots },
    });
  };

  const answerHost = (): void => {
    const [call] = hostCalls.splice(random.below(hostCalls.length), 1) as [HostCall];
    const slots: string[] = random
      .some(call.methargs.slots, random.below(2))
      .filter((kref) => machine.isNameable(kref));
    for (let made = random.below(3); made > 0; made -= 1) {
      const vref = `o+${nextHostObject}`;
      nextHostObject += 1;
      hostObjects.add(vref);
      slots.push(vref);
    }
    if (random.chance(0.3)) {
      const vref = `p+${nextHostObject}`;
      nextHostObject += 1;
      hostPromises.add(vref);
      slots.push(vref);
    }
    slots.push(...random.some([...hostObjects, ...hostPromises], random.below(2)));
    step({
      type: 'host-answer',
      callId: call.callId,
      rejected: random.chance(0.2),
      value: { body: `${hostMark}${ledger.nextId()}]`, slots: [...new Set(slots)] },
    });
    if (random.chance(0.5)) resolveHost();
    // What the realm was handed it lets go at some time.
    for (const kref of call.methargs.slots)
      if (isKRef(kref)) step({ type: 'release', session: 'h1', kref });
  };

  /** A promise of the realm settles, perhaps to another one of its. */
  const resolveHost = (): void => {
    const vpid = random.maybePick([...hostPromises]);
    if (vpid === undefined) return;
    hostPromises.delete(vpid);
    step({
      type: 'host-resolve',
      vpid,
      rejected: random.chance(0.2),
      value: {
        body: `${hostMark}${ledger.nextId()}]`,
        slots: random.some([...hostObjects, ...hostPromises], random.below(2)),
      },
    });
  };

  const restartKernel = (): void => {
    trace?.('the kernel dies');
    changes.reset();
    ledger.rollback();
    workers.clear();
    given.clear();
    outputs = [];
    hostCalls = [];
    hostObjects = new Set();
    hostPromises = new Set();
    waitingRequests.clear();
    sends.clear();
    handed.clear();
    links.kernelDied();
    machine = makeKernelMachine(changes, policy);
    take(machine.start());
    nextHostObject = machine.nextHostExport();
    commit();
  };

  const stopKernel = (): void => {
    step({ type: 'drain' });
    for (const worker of random.some([...given.keys()], given.size)) {
      if (given.has(worker) && random.chance(0.7)) finish(worker, 3);
    }
    step({ type: 'stop' });
    commit();
    restartKernel();
  };

  /** Something that no sound host would let through twice. */
  const stale = ({ vatId, incarnation }: FakeVat): void => {
    const before = workers.size;
    const result = { prior: [], own: [{ type: 'subscribe', vpid: 'p-99' }], writes: [] };
    const past = random.below(incarnation);
    const other = random.chance(0.5)
      ? { incarnation: past, deliveryId: 1 + random.below(50) }
      : { incarnation, deliveryId: 0 };
    const hasTwo = workers.has(`${vatId}.${past}`);
    step({ type: 'crank-done', vatId, ...other, result });
    if (!hasTwo) step({ type: 'vat-lost', vatId, incarnation: past, why: 'it was lost before' });
    insist(workers.size === before, `${vatId} was ended by what is long past`);
  };

  const someVat = (): VatId | undefined => random.maybePick(machine.rows.vats.ids());

  /** Another definition: some vats get other code, one may come, and one may go. */
  const redefine = (subclusterId: SubclusterId): void => {
    const { config, vats: members } = machine.rows.subclusters.getRequired(subclusterId);
    const { bootstrap } = config;
    const gone =
      Object.keys(members).length > 3 && random.chance(0.2)
        ? random.maybePick(Object.keys(members).filter((name) => name !== bootstrap))
        : undefined;
    const kept = Object.keys(members).filter((name) => name !== gone);
    const names = new Set([bootstrap, ...kept]);
    if (random.chance(0.3)) names.add(`later${1 + random.below(3)}`);
    const changed = random.some(kept, random.below(kept.length + 1));
    const unchanged = kept.filter((name) => !changed.includes(name));
    const rowOf = (name: string): VatRow => machine.rows.vats.getRequired(members[name] as VatId);
    const vatConfig = { bundleSpec: 'data:', creationOptions: { durable: random.chance(0.7) } };
    const hash = `hash${1 + random.below(3)}`;
    step({
      type: 'upgrade-subcluster',
      requestId: request(),
      subclusterId,
      config: {
        ...config,
        vats: Object.fromEntries(
          [...names].map((name) => [
            name,
            unchanged.includes(name) ? rowOf(name).config : vatConfig,
          ]),
        ),
      },
      bundles: Object.fromEntries(
        [...names].map((name) => [name, unchanged.includes(name) ? rowOf(name).bundleHash : hash]),
      ),
      contents: { [hash]: 'other code' },
      changed,
      definition: hash,
      pastMax: 2,
    });
  };

  const disturb = (): void => {
    const vatId = someVat();
    const vat = random.maybePick([...workers.values()]);
    const delivered = random.maybePick([...given.values()])?.[0];
    const kinds = {
      crash: 8,
      failure: 2,
      restart: 3,
      start: 2,
      upgrade: 3,
      redefine: 3,
      kernel: 4,
      stop: 1,
      stale: 3,
    };
    switch (random.weighted({ ...kinds, terminate: 1, revoke: 2, caveat: 4 })) {
      case 'caveat': {
        const target = random.maybePick([...handed].filter((kref) => kref.startsWith('ko')));
        const limits = {
          ...(random.chance(0.3) && { uses: 1 + random.below(3) }),
          ...(random.chance(0.3) && { expiresInMs: random.below(200) }),
          ...(random.chance(0.1) && { methods: ['none'] }),
        };
        const type = 'make-caveat';
        return target === undefined
          ? undefined
          : step({ type, requestId: request(), session: 'a1', target, limits });
      }
      case 'revoke': {
        const kref = random.maybePick([...handed].filter((kref) => machine.rows.objects.has(kref)));
        return kref === undefined
          ? undefined
          : step({ type: 'revoke', requestId: request(), kref });
      }
      case 'crash':
        if (vat === undefined) return;
        return step({
          type: 'vat-lost',
          vatId: vat.vatId,
          incarnation: vat.incarnation,
          why: 'it crashed',
        });
      case 'failure': {
        if (delivered === undefined) return;
        const { incarnation, deliveryId } = delivered;
        const error = new Error('it broke');
        return step({
          type: 'crank-failed',
          vatId: delivered.vatId,
          incarnation,
          deliveryId,
          error,
        });
      }
      case 'upgrade':
        if (vatId === undefined) return;
        return step({
          type: 'upgrade-vat',
          requestId: request(),
          vatId,
          config: { bundleSpec: 'data:', creationOptions: { durable: random.chance(0.7) } },
          bundleHash: `hash${1 + random.below(3)}`,
          content: 'other code',
        });
      case 'redefine': {
        const id = machine.rows.subclusters.ids()[0];
        return id === undefined ? undefined : redefine(id);
      }
      case 'restart':
        if (vatId !== undefined) step({ type: 'restart-vat', requestId: request(), vatId });
        return;
      case 'start':
        if (vatId !== undefined) step({ type: 'start-vat', requestId: request(), vatId });
        return;
      case 'kernel':
        return restartKernel();
      case 'stop':
        return stopKernel();
      case 'stale':
        return vat === undefined ? undefined : stale(vat);
      case 'terminate':
        if (vatId !== undefined && machine.rows.vats.ids().length > 2) {
          step({ type: 'terminate-vat', requestId: request(), vatId });
        }
    }
  };

  const live = (): void => {
    switch (
      random.weighted({
        finish: 30,
        wake: 8,
        send: 6,
        host: 6,
        commit: 5,
        release: 3,
        reap: 1,
        pin: 1,
        client: clients * 10,
        disturb: chaos ? 4 : 0,
      })
    ) {
      case 'finish': {
        const worker = random.maybePick([...given.keys()]);
        return worker === undefined ? undefined : finish(worker, 4);
      }
      case 'wake': {
        const vat = random.maybePick([...workers.values()]);
        // One that has not started has no timers.
        if (!vat?.tables.objects.has('o+0')) return;
        vat.wake();
        if (random.chance(0.8))
          step({ type: 'want-turn', vatId: vat.vatId, incarnation: vat.incarnation });
        return;
      }
      case 'send':
        return sessionSend();
      case 'host':
        return hostCalls.length > 0 ? answerHost() : undefined;
      case 'commit':
        return commit();
      case 'release': {
        const kref = random.maybePick([...handed]);
        if (kref === undefined) return;
        step({ type: 'release', session: 'a1', kref, times: 1 + random.below(2) });
        if (!machine.rows.holds.has(`a1.${kref}`)) handed.delete(kref);
        return;
      }
      case 'reap':
        return step(random.chance(0.5) ? { type: 'reap', requestId: request() } : { type: 'idle' });
      case 'pin': {
        const vatId = someVat();
        if (vatId !== undefined)
          step({ type: 'pin-root', requestId: request(), vatId, pin: random.chance(0.5) });
        return;
      }
      case 'client':
        return links.live(chaos);
      case 'disturb':
        return disturb();
    }
  };

  /** Until nobody has anything to do. */
  const settle = (): void => {
    for (let turns = 0; ; turns += 1) {
      insist(turns < 20_000, 'it does not come to rest');
      if (outputs.length + machine.untold() > 0) commit();
      if (given.size > 0) {
        for (const worker of [...given.keys()]) if (given.has(worker)) finish(worker, 0);
      } else if (hostCalls.length > 0) answerHost();
      else if (hostPromises.size > 0) resolveHost();
      else if (ticks) {
        ticks = false;
        step({ type: 'tick' });
      } else if (outputs.length === 0) return;
    }
  };

  const insist = (condition: unknown, what: string): void => {
    if (!condition) throw new Error(what);
  };

  const rowKeys = (): string[] => changes.keys('').filter((key) => !/^[ni]\./.test(key));

  const launch = (): void => {
    take(machine.start());
    const register = (name: string): void => {
      step({
        type: 'register-service',
        requestId: request(),
        name,
        vref: `o+${nextHostObject}`,
        systemOnly: false,
      });
      nextHostObject += 1;
    };
    register('clock');
    const config: ClusterConfig = { bootstrap: 'n1', vats: {}, services: ['clock'] };
    for (let number = 1; number <= vats; number += 1)
      config.vats[`n${number}`] = {
        bundleSpec: 'data:',
        creationOptions: { durable: chaos && random.chance(0.7) },
      };
    const names = Object.keys(config.vats);
    step({
      type: 'launch',
      requestId: request(),
      session: 'a1',
      config,
      bundles: Object.fromEntries(names.map((name) => [name, 'hash'])),
      contents: { hash: 'code' },
      bootstrap: false,
    });
    settle();
    step({ type: 'release', session: 'a1', kref: machine.rows.vats.getRequired('v1').root });
    settle();
  };

  const clockOf = (): KRef => machine.rows.services.getRequired('clock').kref;

  const run = (count: number): void => {
    launch();
    const atStart = rowKeys();
    // Everybody is told of everybody, and of the clock.
    for (const vatId of machine.rows.vats.ids()) {
      const krefs = machine.rows.vats.ids().map((id) => machine.rows.vats.getRequired(id).root);
      const id = ledger.nextId();
      const requestId = request();
      step({
        type: 'send',
        requestId,
        session: 'a1',
        target: machine.rows.vats.getRequired(vatId).root,
        methargs: { body: `#["m",[${id}]]`, slots: [...krefs, clockOf()] },
      });
    }
    for (let at = 0; at < count; at += 1) live();
    windDown();
    expectEmpty(atStart);
  };

  /** Clients settle what they decide and let go of all that they hold; then there is nothing of theirs left. */
  const restClients = (): void => {
    for (let turns = 0; ; turns += 1) {
      insist(turns < 20_000, 'clients do not come to rest');
      settle();
      if (!links.rest()) break;
    }
    const left = liars === 0 ? links.leftovers() : [];
    insist(left.length === 0, `clients let go of all, and the kernel has ${left.join(' ')}`);
    links.endAll();
  };

  const windDown = (): void => {
    restClients();
    settle();
    // From now on all are to stay awake until they have let go of everything.
    policy.vatsLiveMax = 100;
    const used = machine.rows.vats.ids().map((id) => machine.rows.vats.getRequired(id).bundleHash);
    for (const hash of machine.rows.bundles.ids())
      insist(used.includes(hash), `bundle ${hash} is of no vat`);
    for (const kref of machine.rows.objects.ids()) {
      const { owner, reach } = machine.rows.objects.getRequired(kref);
      insist(owner !== null || reach > 0, `nobody was told that ${kref} is gone for good`);
    }
    for (const vatId of machine.rows.vats.ids()) {
      const isLate = Number(vatId.slice(1)) > vats;
      if (isLate || isLiar(vatId)) step({ type: 'terminate-vat', requestId: request(), vatId });
    }
    for (const vatId of machine.rows.vats.ids()) {
      if (machine.rows.vats.getRequired(vatId).condition === 'broken') {
        step({ type: 'restart-vat', requestId: request(), vatId });
      } else step({ type: 'start-vat', requestId: request(), vatId });
    }
    settle();
    for (const kref of handed)
      step({ type: 'release', session: 'a1', kref, times: Number.MAX_SAFE_INTEGER });
    handed.clear();
    for (const vat of workers.values()) {
      vat.quiet();
      step({ type: 'want-turn', vatId: vat.vatId, incarnation: vat.incarnation });
    }
    settle();
    // What it was told meanwhile it lets go of now.
    step({ type: 'reap', requestId: request() });
    settle();
    for (const kref of handed)
      step({ type: 'release', session: 'a1', kref, times: Number.MAX_SAFE_INTEGER });
    handed.clear();
    for (let rounds = 0; rounds < 3; rounds += 1) {
      step({ type: 'reap', requestId: request() });
      settle();
    }
    check();
  };

  const expectEmpty = (atStart: readonly string[]): void => {
    const { rows } = machine;
    insist(waitingRequests.size === 0, `requests ${[...waitingRequests].join(' ')} are unanswered`);
    for (const vat of workers.values()) {
      const awaited = vat.awaited();
      insist(awaited.length === 0, `${vat.vatId} waits for ${awaited.join(' ')}`);
    }
    if (!chaos && liars === 0) expectAllDelivered();
    for (const kref of rows.pins.ids()) {
      for (let pins = rows.pins.getRequired(kref); pins > 0; pins -= 1) {
        const vatId = rows.objects.getRequired(kref).owner as VatId;
        step({ type: 'pin-root', requestId: request(), vatId, pin: false });
      }
    }
    const gone = (key: string): boolean => {
      const [kind, id] = key.split('.') as [string, string];
      // Bundles; and shapes, which a vat's next incarnation tells anew.
      if (kind === 'b' || kind === 'y') return true;
      if (kind === 's') return rows.vats.ids().length === 0;
      if (kind === 'v' || kind === 'c') return id.startsWith('v') && !rows.vats.has(id);
      return (
        kind === 'o' &&
        id !== CAVEAT_MAKER &&
        !rows.vats.ids().some((vatId) => rows.vats.getRequired(vatId).root === id) &&
        !rows.services.ids().some((name) => rows.services.getRequired(name).kref === id)
      );
    };
    const expected = new Set(atStart.filter((key) => !gone(key)));
    const found = rowKeys().filter((key) => !/^[by]\./.test(key));
    const surplus = found.filter((key) => !expected.has(key));
    const missing = [...expected].filter((key) => !found.includes(key));
    insist(
      surplus.length === 0,
      `rows are left: ${surplus.map((key) => `${key} ${JSON.stringify(changes.get(key))}`).join('\n')}`,
    );
    insist(missing.length === 0, `rows are missing: ${missing.join(' ')}`);
    for (const id of rows.subclusters.ids()) {
      step({ type: 'terminate-subcluster', requestId: request(), subclusterId: id });
    }
    settle();
    insist(machine.readsUnderWay() === 0, `${machine.readsUnderWay()} reads are left at the end`);
    const left = rowKeys().filter((key) => !/^(?:o\.ko[0-4]|c\.h1\..*|e\..*)$/.test(key));
    insist(left.length === 0, `rows are left at the end: ${left.join(' ')}`);
  };

  /** Nobody died: every message to an object arrived. */
  const expectAllDelivered = (): void => {
    for (const [id, { target, from }] of ledger.messages) {
      if (target === undefined || /\/p\+|^k:/.test(target)) continue;
      insist(
        ledger.delivered.has(id),
        `message ${id} from ${from} to ${target} was never delivered`,
      );
    }
  };

  return { run, rows: () => machine.rows };
}

export type World = ReturnType<typeof makeWorld>;

/** What a liar says may be endless. */
function show(event: KernelEvent): string {
  try {
    return JSON.stringify(event);
  } catch {
    return 'that has no text';
  }
}
