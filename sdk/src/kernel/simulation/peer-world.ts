/**
 * Several kernels with links that break, driven at random. Each has a host realm with objects that call one another, over any
 * number of kernels, restarts and cuts. No message may arrive twice or be overtaken, and in the end, when all has been
 * answered and let go, both sides of every conversation must agree and have nothing left.
 */
import type { CapData } from '../../protocol/capdata.js';
import type { PeerChanged, Standing } from '../../protocol/peer-wire.js';
import {
  isKRef,
  isPromiseKRef,
  type EndpointId,
  type KRef,
  type VRef,
} from '../../protocol/refs.js';
import { makeChangeSet } from '../../store/change-set.js';
import { makeMemoryStore } from '../../store/memory-store.js';
import { isOutput, type KernelEffect, type KernelEvent, type Outcome } from '../events.js';
import { findBrokenInvariants } from '../invariants.js';
import { makeKernelMachine } from '../kernel.js';
import type { RemoteFrame } from '../remote-rows.js';
import type { Greeting } from '../remotes.js';
import { makeRandom, type Random } from './random.js';
import { makeReader } from './reader.js';

export type PeerWorldOptions = {
  seed: number;
  kernels: number;
  /** Links break, and kernels die and come back. */
  chaos?: boolean;
  /** Kernels come back with what they had some time ago. */
  restores?: boolean;
  /** Each has a vat that counts and a client that reads, in place of what calls at random; in the end all clients are up to date. */
  reads?: boolean;
  trace?: (line: string) => void;
};

type Said =
  | { type: 'hello'; epoch: number; standing: Standing; lineage: string }
  | ({ type: 'frame' } & RemoteFrame)
  | { type: 'ack'; ack: number }
  | PeerChanged;

/** One end of a link. Both ends together are cut; each hears of it when it likes. */
type End = {
  owner: Node;
  peer: Node;
  isDialler: boolean;
  number: number;
  phase: 'greeting' | 'open' | 'over';
  remote?: EndpointId;
  /** What has been sent to this end and has not arrived. */
  inbox: Said[];
  other?: End;
  isCut: boolean;
};

type Node = ReturnType<typeof makeNode>;

/** What really was said: by message, who said it to what, and how often it arrived. */
type Ledger = {
  lastId: number;
  sent: Map<number, { key: string; number: number; isPromise: boolean }>;
  counts: Map<string, number>;
  arrived: Map<number, string>;
  newest: Map<string, number>;
  /** A kernel has come back with an older store: what it does again it does twice. */
  isLost: boolean;
};

const insist = (condition: unknown, what: string): void => {
  if (!condition) throw new Error(what);
};

function makeNode(name: string, random: Random, ledger: Ledger, trace?: (line: string) => void) {
  const store = makeMemoryStore();
  let changes = makeChangeSet(store);
  const policy = {
    deliveryAttemptsMax: 2,
    failuresMax: 3,
    notifyBatchMax: 1 + random.below(6),
    deliveriesPerReap: 100,
    queueMax: 10_000,
    collectBatch: 4,
    deliveriesAheadMax: 1,
    reapIdleMs: 1_000,
    vatsLiveMax: 10,
    promiseBlock: 1 + random.below(3),
    sessionFramesMax: 10,
    sessionFrameCharsMax: 1_000_000,
    sessionsMax: 10,
    sessionRefsMax: 1_000,
    ocapUrlsMax: 100,
    peerFramesMax: 1 + random.below(4),
    peerFrameCharsMax: 10_000,
    peerRefsMax: 10_000,
    peerGivenMax: 10_000,
    peerQueueCharsMax: 1_000_000,
    queueCharsMax: 1_000_000,
    chargedMessagesMax: 100_000,
    peersMax: 10,
    peerTimeoutMs: 1e12,
  };
  const make = () => makeKernelMachine(changes, policy);
  let machine = make();
  let life = 0;
  let time = 1;
  let outputs: KernelEffect[] = [];
  let lastRequest = 0;
  const requests = new Map<number, (outcome: Outcome) => void>();
  const objects = new Set<VRef>();
  const promises = new Set<VRef>();
  let calls: (KernelEffect & { type: 'host-call' })[] = [];
  /** What sessions were handed: how often. */
  const held = new Map<string, number>();
  let nextExport = 1;
  let unanswered = 0;
  let ticks = false;
  let disk = store.snapshot();
  let owesSync = false;
  const ends = new Set<End>();
  /** Of other kernels, the roots that were redeemed for the client. */
  const roots = new Map<string, KRef>();
  let dial: (peer: string) => void = () => {};

  const hold = (session: string, krefs: readonly string[]): void => {
    for (const kref of krefs)
      if (isKRef(kref)) held.set(`${session}.${kref}`, (held.get(`${session}.${kref}`) ?? 0) + 1);
  };

  const perform = (effect: KernelEffect): void => {
    trace?.(`${name} ! ${JSON.stringify(effect)}`);
    switch (effect.type) {
      case 'answer': {
        const then = requests.get(effect.requestId);
        requests.delete(effect.requestId);
        return then?.(effect.outcome);
      }
      case 'host-call': {
        calls.push(effect);
        hold('h1', effect.methargs.slots);
        return;
      }
      case 'host-retire':
        for (const vref of effect.vrefs) objects.delete(vref);
        return;
      case 'to-peer': {
        const end = endOf(effect.remote);
        if (end !== undefined) say(end, { type: 'frame', ...effect.frame });
        return;
      }
      case 'peer-received': {
        const end = endOf(effect.remote);
        if (end === undefined || !random.chance(0.6)) return;
        sync();
        say(end, { type: 'ack', ack: effect.received });
        return;
      }
      case 'peer-over':
        throw new Error(`${name} refuses ${effect.peerId}: ${effect.error.message}`);
      case 'peer-watches': {
        const end = endOf(effect.remote);
        if (end !== undefined) say(end, { type: 'changed', watches: effect.watches });
        return;
      }
      case 'peer-wanted':
        return dial(effect.peerId);
      case 'tick-wanted':
        ticks = true;
        return;
      default:
        return reader.perform(effect);
    }
  };

  const endOf = (remote: EndpointId): End | undefined =>
    [...ends].find((end) => end.phase === 'open' && end.remote === remote);

  const say = (end: End, said: Said): void => {
    if (!end.isCut) end.other?.inbox.push(said);
    // The same twice, as a link should not say it and a restarted one might.
    if (!end.isCut && said.type === 'frame' && random.chance(0.05)) end.other?.inbox.push(said);
  };

  const take = (effects: readonly KernelEffect[]): void => {
    for (const effect of effects) {
      if (isOutput(effect)) outputs.push(effect);
      else perform(effect);
    }
  };

  const step = (event: KernelEvent): void => {
    time += 1;
    trace?.(`${name} > ${JSON.stringify(event)}`);
    take(machine.step(event, time));
  };

  const ask = (event: object, then: (outcome: Outcome) => void): void => {
    lastRequest += 1;
    requests.set(lastRequest, then);
    step({ ...event, requestId: lastRequest } as KernelEvent);
  };

  const reader = makeReader({ name, random, step, ask });

  /** What a power failure leaves. */
  const sync = (): void => {
    disk = store.snapshot();
    owesSync = false;
  };

  const commit = (): void => {
    take(machine.tell());
    changes.commit();
    // As the host's loop does it.
    owesSync ||= outputs.some(({ type }) => type === 'peer-received');
    if (outputs.some(({ type }) => type === 'to-peer' || (owesSync && type === 'host-call')))
      sync();
    const released = outputs;
    outputs = [];
    released.forEach(perform);
  };

  const body = (slots: readonly string[]): CapData => {
    ledger.lastId += 1;
    return { body: `#["m",[${ledger.lastId}]]`, slots: [...slots] };
  };

  const root = (): KRef => machine.rows.services.getRequired('root').kref;

  const start = (): void => {
    take(machine.start());
    nextExport = machine.nextHostExport();
    const vref = `o+${nextExport}`;
    nextExport += 1;
    ask({ type: 'register-service', name: 'root', vref, systemOnly: false }, (outcome) => {
      objects.add((outcome as { result: { vref: VRef } }).result.vref);
    });
    ask(
      {
        type: 'comms-start',
        now: time,
        peerTimeoutMs: policy.peerTimeoutMs,
        queueMax: 10_000,
        messageBytesMax: 1e9,
      },
      () => {},
    );
    commit();
  };

  /** Some that a session was handed; every object at most once. */
  const someHeld = (count: number): KRef[] => [
    ...new Set(
      random
        .some([...held.keys()], count)
        .map((key) => key.split('.')[1] as KRef)
        .filter((kref) => machine.isNameable(kref)),
    ),
  ];

  const node = {
    name,
    store,
    rows: () => machine.rows,
    isWanted: (peer: string): boolean => machine.isPeerWanted(peer),
    ends,
    held,
    time: () => time,
    step,
    ask,
    commit,
    start,
    onDial: (to: (peer: string) => void): void => void (dial = to),
    say,
    unanswered: () => unanswered,
    readsUnderWay: () => machine.readsUnderWay(),
    lineage: (): string => `${name}/${machine.rows.store.get('store')?.id ?? '0'}`,

    reader,

    launch(): void {
      reader.launch();
      while (reader.work());
      commit();
    },

    /** Redeems what the client is to read, and gives it to the client. */
    openReader(others: readonly string[], numbers: ReadonlyMap<string, string>): void {
      if (reader.isOpen()) return;
      for (const other of others) {
        const own = life;
        const number = numbers.get(other);
        ask({ type: 'peer-redeem', session: 'a1', peerId: other, hints: [], number }, (outcome) => {
          if (own !== life || !('value' in outcome)) return;
          roots.set(other, outcome.value.slots[0] as KRef);
          if (roots.size === others.length)
            reader.open(machine.rows.vats.getRequired('v1').root, [...roots]);
        });
      }
    },

    issue(number: string, isOfVat: boolean): void {
      const kref = isOfVat ? machine.rows.vats.getRequired('v1').root : root();
      ask({ type: 'issue-url', number, kref, limits: {} }, () => {});
      commit();
    },

    redeem(peerId: string, number: string): void {
      const own = life;
      unanswered += 1;
      ask({ type: 'peer-redeem', session: 'a1', peerId, hints: [], number }, (outcome) => {
        if (own === life) unanswered -= 1;
        if ('value' in outcome) hold('a1', outcome.value.slots);
      });
    },

    send(): void {
      const [target] = someHeld(1);
      if (target === undefined) return;
      const slots = someHeld(random.below(3));
      const methargs = body(slots);
      const key = `${name}.${life} to ${target}`;
      const number = (ledger.counts.get(key) ?? 0) + 1;
      ledger.counts.set(key, number);
      ledger.sent.set(ledger.lastId, { key, number, isPromise: isPromiseKRef(target) });
      const own = life;
      unanswered += 1;
      ask({ type: 'send', session: 'a1', target, methargs }, (outcome) => {
        if (own === life) unanswered -= 1;
        if ('value' in outcome) hold('a1', outcome.value.slots);
      });
    },

    /** A call of an object here: it arrives, and is answered at some time. */
    answer(isQuiet = false): boolean {
      const call = calls.shift();
      if (call === undefined) return false;
      const id = Number(/\d+/.exec(call.methargs.body)?.[0]);
      insist(
        ledger.isLost || !ledger.arrived.has(id),
        `message ${id} arrived at ${ledger.arrived.get(id)} and at ${name}`,
      );
      ledger.arrived.set(id, name);
      const sent = ledger.sent.get(id);
      if (sent !== undefined && !sent.isPromise && !ledger.isLost) {
        insist((ledger.newest.get(sent.key) ?? 0) < sent.number, `message ${id} was overtaken`);
        ledger.newest.set(sent.key, sent.number);
      }
      const slots: string[] = isQuiet ? [] : someHeld(random.below(3));
      if (!isQuiet && random.chance(0.4)) slots.push(fresh('o', objects));
      if (!isQuiet && random.chance(0.3)) slots.push(fresh('p', promises));
      if (!isQuiet && objects.size > 0) slots.push(...random.some([...objects], random.below(2)));
      step({
        type: 'host-answer',
        callId: call.callId,
        rejected: random.chance(0.2),
        value: single(slots) ?? body([...new Set(slots)]),
      });
      return true;
    },

    resolve(isQuiet = false): boolean {
      const vpid = random.maybePick([...promises]);
      if (vpid === undefined) return false;
      promises.delete(vpid);
      const slots = isQuiet ? [] : someHeld(random.below(3));
      const value = single(slots) ?? body(slots);
      step({ type: 'host-resolve', vpid, rejected: random.chance(0.2), value });
      return true;
    },

    release(): boolean {
      const key = random.maybePick([...held.keys()]);
      if (key === undefined) return false;
      const [session, kref] = key.split('.') as [string, KRef];
      step({ type: 'release', session, kref, times: held.get(key) ?? 1 });
      held.delete(key);
      return true;
    },

    tick(): boolean {
      if (!ticks) return false;
      ticks = false;
      step({ type: 'tick' });
      return true;
    },
    pending: (): boolean => outputs.length + machine.untold() > 0,

    /** What it has now is on its disk. */
    sync,

    /** The whole computer dies: what was not written to the disk never was. */
    fail: (): void => node.die(disk),

    /** The process dies: what was not committed never was. `from`: and the store is an older one. */
    die(from?: Map<string, string>): void {
      trace?.(`${name} dies${from ? ', and comes back as it was' : ''}`);
      if (from === undefined) changes.reset();
      else {
        changes = makeChangeSet(store);
        store.commit([...store.keys('').map((key): [string, null] => [key, null]), ...from]);
      }
      life += 1;
      unanswered = 0;
      outputs = [];
      requests.clear();
      objects.clear();
      promises.clear();
      calls = [];
      held.clear();
      ticks = false;
      roots.clear();
      reader.die();
      for (const end of ends) cut(end);
      ends.clear();
      machine = make();
      start();
    },

    check(): void {
      // What is yet to be told stands in no row.
      if (machine.untold() > 0) return;
      const problems = findBrokenInvariants(machine.rows);
      insist(problems.length === 0, `${name}: ${problems.join('; ')}`);
    },
  };
  return node;

  function fresh(kind: 'o' | 'p', all: Set<VRef>): VRef {
    const vref = `${kind}+${nextExport}`;
    nextExport += 1;
    all.add(vref);
    return vref;
  }

  /** Sometimes a value is one reference and nothing else. */
  function single(slots: readonly string[]): CapData | undefined {
    const [slot] = slots;
    if (slot === undefined || random.chance(0.5)) return undefined;
    const isPromise = slot.startsWith('p') || slot.startsWith('kp');
    return { body: isPromise ? '#"&0"' : '#"$0.Alleged: it"', slots: [slot] };
  }
}

function cut(end: End): void {
  end.isCut = true;
  if (end.other !== undefined) end.other.isCut = true;
  end.inbox.length = 0;
  end.other?.inbox.splice(0);
}

export function makePeerWorld({
  seed,
  kernels,
  chaos = false,
  restores = false,
  reads = false,
  trace,
}: PeerWorldOptions) {
  const random = makeRandom(seed);
  const ledger: Ledger = {
    lastId: 0,
    sent: new Map(),
    counts: new Map(),
    arrived: new Map(),
    newest: new Map(),
    isLost: false,
  };
  const nodes = Array.from({ length: kernels }, (_, at) =>
    makeNode(`n${at + 1}`, random, ledger, trace),
  );
  const nodeOf = (name: string): Node => nodes.find((node) => node.name === name) as Node;
  const numbers = new Map(nodes.map(({ name }, at) => [name, String(at).padStart(32, '0')]));
  const snapshots = new Map<Node, Map<string, string>>();
  const wanted = new Set<string>();

  const closeAt = (end: End): void => {
    if (end.phase === 'over') return;
    const wasOpen = end.phase === 'open';
    end.phase = 'over';
    end.owner.ends.delete(end);
    cut(end);
    if (wasOpen && end.remote !== undefined)
      end.owner.step({ type: 'peer-detach', remote: end.remote, link: end.number });
    if (end.owner.isWanted(end.peer.name)) wanted.add(`${end.owner.name} ${end.peer.name}`);
  };

  let lastLink = 0;
  const makeEnd = (owner: Node, peer: Node, isDialler: boolean): End => ({
    number: (lastLink += 1),
    owner,
    peer,
    isDialler,
    phase: 'greeting',
    inbox: [],
    isCut: false,
  });

  const hello = (end: End, standing: Standing): Said => ({
    type: 'hello',
    epoch: end.owner.time(),
    lineage: end.owner.lineage(),
    standing,
  });

  const dial = (owner: Node, peer: Node): void => {
    const end = makeEnd(owner, peer, true);
    const other = makeEnd(peer, owner, false);
    end.other = other;
    other.other = end;
    owner.ends.add(end);
    peer.ends.add(other);
    owner.ask({ type: 'peer-begin', peerId: peer.name }, (outcome) => {
      if (end.phase === 'over' || outcome.type !== 'done') return closeAt(end);
      owner.say(end, hello(end, (outcome.result as { standing: Standing }).standing));
    });
  };

  const greeted = (end: End, { standing, lineage }: Said & { type: 'hello' }): void => {
    const { owner, peer, isDialler, number: link } = end;
    const life = { lineage, epoch: 1, proof: '' };
    owner.ask(
      { type: 'peer-hello', peerId: peer.name, link, isDialler, life, hints: [], standing },
      (outcome) => {
        if (end.phase === 'over') return;
        if (outcome.type !== 'done') return closeAt(end);
        const { remote, standing: own, verdict, frames } = outcome.result as Greeting;
        if (!isDialler) owner.say(end, hello(end, own));
        if (verdict === 'attached') {
          for (const old of [...owner.ends])
            if (old !== end && old.peer === peer && old.phase === 'open') {
              old.phase = 'over';
              owner.ends.delete(old);
              cut(old);
            }
          end.phase = 'open';
          end.remote = remote;
          for (const frame of frames) owner.say(end, { type: 'frame', ...frame });
        } else if (verdict === 'again') {
          closeAt(end);
          wanted.add(`${owner.name} ${peer.name}`);
        }
      },
    );
  };

  const arrive = (end: End): void => {
    const said = end.inbox.shift();
    if (said === undefined || end.phase === 'over') return;
    const { owner, remote } = end;
    if (said.type === 'hello') return greeted(end, said);
    if (end.phase !== 'open' || remote === undefined) {
      // It comes when the greeting is committed: until then it waits.
      end.inbox.unshift(said);
      return;
    }
    if (said.type === 'changed')
      owner.step({ type: 'peer-changed', remote, watches: said.watches });
    else if (said.type === 'ack') owner.step({ type: 'peer-ack', remote, ack: said.ack });
    else owner.step({ ...said, type: 'peer-frame', remote });
  };

  const allEnds = (): End[] => nodes.flatMap((node) => [...node.ends]);

  const live = (): void => {
    const node = random.pick(nodes);
    const end = random.maybePick(allEnds());
    switch (
      random.weighted({
        arrive: 12,
        commit: 8,
        send: reads ? 0 : 6,
        answer: reads ? 0 : 6,
        resolve: reads ? 0 : 2,
        release: reads ? 0 : 3,
        redeem: reads ? 0 : 1,
        add: reads ? 2 : 0,
        look: reads ? 4 : 0,
        work: reads ? 8 : 0,
        dial: 2,
        tick: 2,
        snapshot: restores ? 1 : 0,
        cut: chaos ? 1.5 : 0,
        notice: 2,
        die: chaos ? 0.4 : 0,
        fail: chaos ? 0.3 : 0,
        restore: restores ? 0.4 : 0,
      })
    ) {
      case 'arrive':
        return end === undefined ? undefined : arrive(end);
      case 'commit':
        return node.commit();
      case 'send':
        return node.send();
      case 'answer':
        return void node.answer();
      case 'resolve':
        return void node.resolve();
      case 'release':
        return void node.release();
      case 'redeem': {
        const peer = random.pick(nodes);
        if (peer !== node) node.redeem(peer.name, numbers.get(peer.name) as string);
        return;
      }
      case 'add':
        return node.reader.add();
      case 'look':
        return void node.reader.look();
      case 'work':
        return void node.reader.work();
      case 'dial':
        return dialWanted();
      case 'tick':
        return void node.tick();
      case 'snapshot':
        return void snapshots.set(node, node.store.snapshot());
      case 'cut':
        return end === undefined ? undefined : cut(end);
      case 'notice':
        return end?.isCut ? closeAt(end) : undefined;
      case 'die':
        node.die();
        return openReader(node);
      case 'fail':
        node.fail();
        return openReader(node);
      case 'restore': {
        const snapshot = snapshots.get(node);
        if (snapshot === undefined) return;
        ledger.isLost = true;
        return node.die(snapshot);
      }
    }
  };

  const dialWanted = (): void => {
    const pair = random.maybePick([...wanted]);
    if (pair === undefined) return;
    wanted.delete(pair);
    const [from, to] = pair.split(' ').map((name) => nodeOf(name)) as [Node, Node];
    if ([...from.ends].some((end) => end.peer === to && !end.isCut)) return;
    dial(from, to);
  };

  const openReader = (node: Node): void => {
    if (!reads) return;
    const others = nodes.filter((other) => other !== node).map((other) => other.name);
    node.openReader(others, numbers);
  };

  const check = (): void => nodes.forEach((node) => node.check());

  /** Until nobody has anything to do. */
  const settle = (isQuiet: boolean): void => {
    for (let turns = 0; ; turns += 1) {
      insist(turns < 20_000, 'it does not come to rest');
      for (const node of nodes) if (node.pending()) node.commit();
      const cuts = allEnds().filter((end) => end.isCut);
      const full = allEnds().filter((end) => end.inbox.length > 0);
      if (cuts.length > 0) cuts.forEach(closeAt);
      else if (full.length > 0) full.forEach(arrive);
      else if (wanted.size > 0) dialWanted();
      else if (nodes.some((node) => node.tick())) continue;
      else if (reads && nodes.some(({ reader }) => reader.work() || reader.look())) continue;
      else if (isQuiet && nodes.some((node) => node.answer(true) || node.resolve(true))) continue;
      else if (isQuiet && nodes.some((node) => node.release())) continue;
      else if (!nodes.some((node) => node.pending())) return;
    }
  };

  const acknowledgeAll = (): void => {
    for (const end of allEnds()) {
      const { owner, remote } = end;
      if (end.phase !== 'open' || remote === undefined) continue;
      const row = owner.rows().remotes.get(remote);
      if (row === undefined) continue;
      owner.sync();
      owner.say(end, { type: 'ack', ack: row.received });
    }
  };

  const windDown = (): void => {
    for (const node of nodes)
      for (const peer of nodes)
        if (peer !== node && [...node.rows().remotes.ids()].length > 0)
          wanted.add(`${node.name} ${peer.name}`);
    for (let rounds = 0; rounds < 12; rounds += 1) {
      settle(true);
      acknowledgeAll();
      settle(true);
    }
    check();
  };

  /** Nobody asks any more, and everybody knows how it stands. */
  const isUpToDate = (): void => {
    for (const node of nodes) {
      insist(node.reader.isOpen(), `${node.name} has nobody who reads`);
      for (const { of, answer } of node.reader.answers()) {
        const count = `#${nodeOf(of).rows().state.get('v1.count')?.value ?? 0}`;
        insist(
          answer === count,
          `the client of ${node.name} has ${answer}, and ${of} is at ${count}`,
        );
      }
    }
  };

  const restReading = (): void => {
    settle(false);
    // What is full goes on when it is acknowledged.
    for (let rounds = 0; nodes.some(({ reader }) => !reader.isAtRest()); rounds += 1) {
      insist(rounds < 50, 'who reads gets no answer');
      acknowledgeAll();
      settle(false);
    }
    check();
    isUpToDate();
  };

  const agree = (): void => {
    for (const node of nodes) {
      const rows = node.rows();
      insist(node.unanswered() === 0, `${node.unanswered()} calls of ${node.name} are unanswered`);
      for (const remote of rows.remotes.ids()) {
        const row = rows.remotes.getRequired(remote);
        const left = rows.clistByKRef.ids(`${remote}.`);
        insist(
          left.length === 0,
          `${node.name} has ${left.map((id) => `${id} ${JSON.stringify(rows.clistByKRef.get(id))}`).join(', ')}`,
        );
        insist(row.sent === row.acked, `${row.peerId} has not all frames of ${node.name}`);
        insist(rows.lateNames.ids(`${remote}.`).length === 0, `${node.name} has late names`);
        if (row.theirs === 0) continue;
        const back = nodeOf(row.peerId).rows().remotes.get(`r${row.theirs}`);
        insist(
          back?.received === row.sent,
          `${node.name} has sent ${row.sent}, ${row.peerId} has ${back?.received}`,
        );
      }
      insist(
        node.readsUnderWay() === 0,
        `${node.name} has ${node.readsUnderWay()} reads under way`,
      );
      const promises = rows.promises.ids();
      insist(promises.length === 0, `${node.name} has promises ${promises.join(' ')}`);
      const objects = rows.objects
        .ids()
        .filter((kref) => rows.objects.getRequired(kref).owner?.startsWith('r') ?? true);
      insist(objects.length === 0, `${node.name} has objects ${objects.join(' ')} of others`);
    }
    if (chaos || restores) return;
    for (const [id, { isPromise }] of ledger.sent)
      insist(isPromise || ledger.arrived.has(id), `message ${id} never arrived`);
  };

  return {
    run(count: number): void {
      for (const node of nodes) {
        node.onDial((peer) => wanted.add(`${node.name} ${peer}`));
        node.step({ type: 'identify-store', id: String(seed), secret: '' });
        node.start();
        if (reads) node.launch();
        node.issue(numbers.get(node.name) as string, reads);
        node.sync();
      }
      for (const node of nodes)
        for (const peer of nodes)
          if (!reads && peer !== node) node.redeem(peer.name, numbers.get(peer.name) as string);
      nodes.forEach(openReader);
      for (let at = 0; at < count; at += 1) {
        // Between rests: most of what goes wrong with reading does so after everybody knew how it stood.
        if (reads && at % 50 === 0) restReading();
        live();
        if (at % 10 === 0) check();
      }
      if (reads) return restReading();
      windDown();
      agree();
    },
  };
}
