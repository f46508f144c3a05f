/**
 * Remote peers: endpoints whose other side is another kernel, over links that break.
 *
 * A conversation with a peer is rows, and goes on over any number of links and restarts. Here it begins, is taken up
 * again, and ends; what waits for a peer that is away waits for a while only. What is said in it stands in
 * `remote-frames.ts` and `remote-ops.ts`, the protocol in `protocol/peer-wire.ts`.
 */
import { type PeerLife, type RemoteFrame, type RemoteRow } from './remote-rows.js';
import { NEVER_SENT } from '../errors.js';
import { isExportVRef, isPromiseKRef, type EndpointId, type KRef } from '../protocol/refs.js';
import type { Standing } from '../protocol/peer-wire.js';
import type { BackPressure } from './back-pressure.js';
import { IllegalSyscall, type CLists } from './clists.js';
import type { Deliveries } from './deliveries.js';
import type { ErrorData, KernelEffect, PeerEvent, RequestId } from './events.js';
import { rejection, type Messages, type Settlement } from './messages.js';
import type { OcapUrls } from './ocap-urls.js';
import type { Queues } from './queues.js';
import type { ReadMarks } from './read-marks.js';
import type { References } from './references.js';
import { makeRemoteFrames, type RemotePolicy } from './remote-frames.js';
import { makeRemoteOps } from './remote-ops.js';
import { krefOrder, type CListRow, type KernelRows } from './rows.js';
import type { Shapes } from './shapes.js';
import type { Traces } from './traces.js';
import type { Watches } from './watches.js';

export type RemotesPowers = {
  rows: KernelRows;
  references: References;
  clists: CLists;
  queues: Queues;
  messages: Messages;
  reads: ReadMarks;
  watches: Watches;
  backPressure: BackPressure;
  traces: Traces;
  deliveries: Pick<Deliveries, 'batch'>;
  shapes: Shapes;
  urls: OcapUrls;
  policy: RemotePolicy;
  now: () => number;
  emit: (effect: KernelEffect) => void;
  atomically: <T>(work: () => T) => T;
  answerWhenSettled: (requestId: RequestId, session: EndpointId, promise: KRef) => void;
};

/** What a host finds that greets a peer, or is greeted. */
export type Greeting = {
  remote: EndpointId;
  standing: Standing;
  /**
   * `attached`: both are in one conversation, and these frames go first. `again`: another one must begin; greet on a new link.
   * `stale`: the same, and the peer will do so.
   */
  verdict: 'attached' | 'again' | 'stale';
  frames: RemoteFrame[];
};

/** At this time, what was waiting when the mark was made is given up: queued before `tail`, decided with names before `promise`. */
type Mark = { until: number; tail: number; promise: number };

const peerRestarted = rejection(
  'PEER_RESTARTED',
  'the peer came back without knowing of this conversation: its store, or this one, was reset or replaced',
);
const lostSent = rejection(
  'CONNECTION_LOST',
  'the peer was away for too long after this was sent to it',
);
const lostUnsent = rejection(
  'CONNECTION_LOST',
  `${NEVER_SENT}the peer was away for too long, or cannot be reached`,
);
const restartedUnsent = rejection(
  'PEER_RESTARTED',
  `${NEVER_SENT}the peer does not know of this conversation any more`,
);
const violation = rejection(
  'PEER_RESTARTED',
  'the peer broke the protocol; its conversation ended',
);

export function makeRemotes(powers: RemotesPowers) {
  const { rows, references, clists, queues, messages, policy, now, emit } = powers;
  /** Peers with a link, and which. */
  const attached = new Map<EndpointId, number>();
  /** Of peers without one: when what waits for them is given up, soonest first. */
  const marks = new Map<EndpointId, Mark[]>();
  let timeoutMs = policy.peerTimeoutMs;
  let isResumed = false;
  let byPeer: Map<string, EndpointId> | undefined;

  const frames = makeRemoteFrames({
    ...powers,
    marks: powers.reads,
    isAttached: (remote) => attached.has(remote),
    toPeer: (remote, frame) => {
      const { peerId } = rows.remotes.getRequired(remote);
      if (attached.has(remote)) emit({ type: 'to-peer', remote, peerId, frame });
      else want(remote);
    },
  });
  const ops = makeRemoteOps({ ...powers, marks: powers.reads, frames });

  const change = (remote: EndpointId, changed: Partial<RemoteRow>): void =>
    rows.remotes.set(remote, { ...rows.remotes.getRequired(remote), ...changed });

  /** By peer id, those first that were heard of least lately. */
  const peers = (): Map<string, EndpointId> => {
    if (byPeer !== undefined) return byPeer;
    const all = rows.remotes.ids().map((id) => ({ id, row: rows.remotes.getRequired(id) }));
    all.sort((a, b) => a.row.seenMinute - b.row.seenMinute);
    return (byPeer = new Map(all.map(({ id, row }) => [row.peerId, id])));
  };

  const minute = (): number => Math.floor(now() / 60_000);

  /** The peer was heard of: when, which comes into its row. */
  const seenNow = (remote: EndpointId): { seenMinute: number } => {
    const { peerId, seenMinute } = rows.remotes.getRequired(remote);
    const seen = minute();
    if (seen !== seenMinute) {
      peers().delete(peerId);
      peers().set(peerId, remote);
    }
    return { seenMinute: seen };
  };

  const numberOf = (remote: EndpointId): number => Number(remote.slice(1));

  /** @param known - a number that this side has had: a store that came back from a copy would count up to it again. */
  const make = (peerId: string, hints: readonly string[], known = 0): EndpointId => {
    const next = rows.nextId('remote');
    const remote = `r${next === known ? rows.nextId('remote') : next}`;
    const counts = { received: 0, sent: 0, acked: 0 };
    rows.remotes.set(remote, { peerId, hints, theirs: 0, ...counts, seenMinute: minute() });
    peers().set(peerId, remote);
    return remote;
  };

  const provide = (peerId: string, hints: readonly string[] = []): EndpointId => {
    const known = peers().get(peerId);
    if (known === undefined) return make(peerId, hints);
    const row = rows.remotes.getRequired(known);
    const all = [...new Set([...hints, ...row.hints])].slice(0, hintsMax);
    if (all.join() !== row.hints.join()) change(known, { hints: all });
    return known;
  };

  /** Nothing would be lost if the conversation began anew. */
  const holdsNothing = (remote: EndpointId): boolean => {
    const { sent, acked } = rows.remotes.getRequired(remote);
    return sent === acked && !frames.isUntold(remote) && hasNoNames(remote);
  };

  const hasNoNames = (remote: EndpointId): boolean =>
    rows.clistByKRef.ids(`${remote}.`, 1).length === 0;

  /** The peer should be reached: something waits for it, or it may come to owe something. */
  const isWanted = (remote: EndpointId): boolean =>
    queues.length(remote) > 0 || !holdsNothing(remote);

  /** It is away, nothing is to be sent to it, and it has no names: its end costs nobody anything but answers that it did not take. */
  const isNobody = (remote: EndpointId): boolean =>
    !attached.has(remote) &&
    queues.length(remote) === 0 &&
    !frames.isUntold(remote) &&
    hasNoNames(remote);

  const want = (remote: EndpointId): void => {
    const { peerId } = rows.remotes.getRequired(remote);
    emit({ type: 'peer-wanted', peerId });
  };

  // What waits for a peer that is away

  const mark = (remote: EndpointId): void => {
    if (attached.has(remote)) return;
    const list = marks.get(remote) ?? [];
    marks.set(remote, list);
    const tail = queues.tail(remote);
    const promise = rows.vrefNumbers.get(remote)?.promise ?? 1;
    // It has run empty, and begins anew.
    for (const each of list) if (each.tail > tail) each.tail = 0;
    const last = list.at(-1);
    // Marks are made a little late and shared meanwhile: a flood of messages must not be a flood of marks.
    if (last !== undefined && last.until >= now() + timeoutMs) {
      last.tail = tail;
      last.promise = promise;
    } else list.push({ until: latest(), tail, promise });
  };

  const latest = (): number => now() + timeoutMs * (17 / 16);

  /** What waits already waits no longer than what comes from now on. */
  const wait = (ms: number): void => {
    timeoutMs = ms;
    for (const list of marks.values())
      for (const each of list) each.until = Math.min(each.until, latest());
  };

  const soonest = (): number => {
    let until = Infinity;
    for (const [first] of marks.values())
      if (first !== undefined) until = Math.min(until, first.until);
    return until;
  };

  /** Rejects what was queued before `tail`; what the peer is to be told stays. */
  const rejectQueue = (remote: EndpointId, tail: number, reason: Settlement): void => {
    for (let left = queues.before(remote, tail); left > 0; left -= 1) {
      const { item, release } = queues.shiftForPeer(remote);
      if (item.type === 'notify') queues.push(remote, item);
      else reject(item.result, reason);
      release();
    }
  };

  const reject = (result: KRef | undefined, reason: Settlement): void => {
    if (result !== undefined && rows.promises.getRequired(result).state === 'open')
      messages.settle(result, reason);
  };

  const rejectDecided = (remote: EndpointId, before: number, reason: Settlement): void => {
    for (const kref of clists.krefs(remote)) {
      if (!isPromiseKRef(kref)) continue;
      const promise = rows.promises.getRequired(kref);
      if (promise.state !== 'open' || promise.decider !== remote) continue;
      const { vref } = clists.entry(remote, kref) as CListRow;
      if (isExportVRef(vref)) {
        messages.settle(kref, reason);
        // Whoever settles it late is not heard, and who never does leaves nothing.
        clists.remove(remote, kref);
      } else if (Number(vref.slice(2)) < before) messages.settle(kref, reason);
    }
  };

  const giveUp = (remote: EndpointId, { tail, promise }: Mark): void => {
    rejectDecided(remote, promise, lostSent);
    rejectQueue(remote, tail, lostUnsent);
  };

  // Beginnings and ends

  /** Ends the conversation on this side. What the peer was to decide rejects, what it had is nobody's. */
  const end = (remote: EndpointId, reason: Settlement): void => {
    const { peerId, sent, acked } = rows.remotes.getRequired(remote);
    rejectDecided(remote, Infinity, reason);
    while (queues.length(remote) > 0) {
      const { item, release } = queues.shiftForPeer(remote);
      if (item.type !== 'notify') reject(item.result, restartedUnsent);
      release();
    }
    for (const kref of clists.krefs(remote)) {
      if (isPromiseKRef(kref)) messages.unsubscribe(remote, kref);
      clists.remove(remote, kref);
    }
    for (let seq = acked + 1; seq <= sent; seq += 1) rows.remoteFrames.delete(`${remote}.${seq}`);
    for (const id of rows.lateNames.ids(`${remote}.`)) {
      references.release(rows.lateNames.getRequired(id).kref);
      rows.lateNames.delete(id);
    }
    rows.remotes.delete(remote);
    peers().delete(peerId);
    rows.forgetNumbers(remote);
    clists.forget(remote);
    powers.shapes.forget(remote);
    frames.forget(remote);
    ops.forget(remote);
    powers.backPressure.forget(remote);
    attached.delete(remote);
    marks.delete(remote);
    powers.reads.ended(remote);
  };

  /** The conversation ends and another one may begin; questions about ocap URLs, which no conversation matters to, go on. */
  const begin = (remote: EndpointId, reason: Settlement, known?: number): EndpointId => {
    const { peerId, hints } = rows.remotes.getRequired(remote);
    const questions = queues
      .items(remote)
      .flatMap((item) => (item.type === 'redeem' ? [item] : []));
    const kept = questions.map(({ number, result }) => {
      const asked = references.makePromise(null);
      return { number, result, asked };
    });
    // They follow another promise now, which the new conversation is to settle.
    for (const { result, asked } of kept)
      messages.settle(result, { rejected: false, value: { body: '#"&0"', slots: [asked] } });
    end(remote, reason);
    const next = make(peerId, hints, known);
    for (const { number, asked } of kept)
      queues.push(next, { type: 'redeem', number, result: asked });
    return next;
  };

  const standingOf = (remote: EndpointId): Standing => {
    // What both sides compare are frames.
    frames.tellPeer(remote);
    const { theirs, sent, acked, received } = rows.remotes.getRequired(remote);
    return { me: numberOf(remote), you: theirs, sent, acked, received };
  };

  const done = (requestId: RequestId, result: unknown): void =>
    emit({ type: 'answer', requestId, outcome: { type: 'done', result } });
  const failed = (requestId: RequestId, error: ErrorData): void =>
    emit({ type: 'answer', requestId, outcome: { type: 'failed', error } });

  const greet = (event: PeerEvent & { type: 'peer-hello' }): void => {
    const { requestId, peerId, life, standing: theirs, hints, isDialler } = event;
    const known = peers().get(peerId);
    if (known === undefined && !makeRoom()) {
      failed(requestId, {
        code: 'QUEUE_FULL',
        message: `${policy.peersMax} peers are known already`,
      });
      return;
    }
    let remote = provide(peerId, hints);
    frames.tellPeer(remote);
    const { life: before } = rows.remotes.getRequired(remote);
    if (before !== undefined && life.epoch < before.epoch) {
      const message = 'another kernel with this key has started since';
      failed(requestId, { code: 'IDENTITY_IN_USE', message, data: before });
      return;
    }
    const isFresh = theirs.sent === 0 && theirs.received === 0;
    let verdict: Greeting['verdict'] = 'attached';
    if (!isSame(rows.remotes.getRequired(remote), numberOf(remote), life, theirs)) {
      const isEmpty = holdsNothing(remote);
      if (!isEmpty) {
        emit({
          type: 'log',
          level: 'warn',
          message: `the conversation with peer ${peerId} ended: the two sides remember it differently`,
        });
      }
      // Of one that the peer goes on with it must not know the number: it would take the next one for that.
      if (isEmpty && (isFresh || numberOf(remote) !== theirs.you))
        change(remote, { sent: 0, acked: 0, received: 0 });
      else remote = begin(remote, peerRestarted, theirs.you);
      // Who still counts from before has to begin anew, too.
      if (!isFresh) verdict = isDialler ? 'again' : 'stale';
      // What this side said in its hello is no longer so.
      else if (isDialler && (theirs.you !== numberOf(remote) || known !== remote))
        verdict = 'again';
    }
    change(remote, {
      life,
      theirs: isFresh || verdict === 'attached' ? theirs.me : 0,
      ...seenNow(remote),
    });
    if (verdict === 'attached') {
      attached.set(remote, event.link);
      marks.delete(remote);
      powers.watches.forget(remote);
      powers.reads.relinked(remote);
      frames.wake(remote);
    }
    const found: Greeting = {
      remote,
      standing: standingOf(remote),
      verdict,
      frames: verdict === 'attached' ? frames.since(remote, theirs.received) : [],
    };
    done(requestId, found);
  };

  /** Makes room for one peer more: of those that are nobody, that goes which was heard of least lately. */
  const makeRoom = (): boolean => {
    if (peers().size < policy.peersMax) return true;
    for (const remote of peers().values()) {
      if (!isNobody(remote)) continue;
      end(remote, peerRestarted);
      return true;
    }
    return false;
  };

  const acknowledge = (remote: EndpointId, ack: number): void => {
    const { sent, acked } = rows.remotes.getRequired(remote);
    if (ack <= acked) return;
    if (ack > sent) throw new IllegalSyscall(`${remote} acknowledges frame ${ack} of ${sent}`);
    for (let seq = acked + 1; seq <= ack; seq += 1) frames.acknowledged(remote, seq);
    change(remote, { acked: ack });
    frames.wake(remote);
  };

  const violated = (remote: EndpointId, message: string): void => {
    const { peerId } = rows.remotes.getRequired(remote);
    emit({ type: 'peer-over', peerId, error: { code: 'PROTOCOL_ERROR', message } });
    begin(remote, violation);
  };

  const frame = ({ remote, seq, ack, ops: list }: PeerEvent & { type: 'peer-frame' }): void => {
    const { received, peerId } = rows.remotes.getRequired(remote);
    try {
      powers.atomically(() => {
        if (seq <= received) {
          acknowledge(remote, ack);
          return;
        }
        if (seq !== received + 1) {
          throw new IllegalSyscall(`frame ${seq} of ${remote} follows frame ${received}`);
        }
        for (const op of list) ops.apply(remote, op);
        change(remote, { received: seq, ...seenNow(remote) });
        // After the ops: they may have been made before the peer heard what it acknowledges.
        acknowledge(remote, ack);
      });
    } catch (thrown) {
      if (!(thrown instanceof IllegalSyscall)) throw thrown;
      violated(remote, thrown.message);
      return;
    }
    emit({ type: 'peer-received', remote, peerId, received: Math.max(seq, received) });
  };

  const forget = (before: number): void => {
    for (const remote of [...peers().values()]) {
      const { seenMinute } = rows.remotes.getRequired(remote);
      if (seenMinute < before && isNobody(remote)) end(remote, peerRestarted);
    }
  };

  return {
    frames,

    /** The first step in a process: what waits for peers begins to wait now. */
    resume(): void {
      if (isResumed) return;
      isResumed = true;
      for (const remote of peers().values()) if (isWanted(remote)) mark(remote);
    },

    handle(event: PeerEvent): void {
      switch (event.type) {
        case 'comms-start': {
          wait(event.peerTimeoutMs);
          frames.limit(event.messageBytesMax);
          for (const remote of peers().values()) {
            if (!isWanted(remote)) continue;
            mark(remote);
            want(remote);
          }
          return done(event.requestId, rows.raiseEpoch(Math.max(event.now, event.atLeast ?? 0)));
        }
        case 'peer-begin': {
          if (!peers().has(event.peerId) && !makeRoom()) {
            const message = `${policy.peersMax} peers are known already`;
            return failed(event.requestId, { code: 'QUEUE_FULL', message });
          }
          const remote = provide(event.peerId, event.hints);
          const { hints } = rows.remotes.getRequired(remote);
          return done(event.requestId, { standing: standingOf(remote), hints });
        }
        case 'peer-hello':
          return greet(event);
        case 'peer-redeem': {
          const { requestId, session, peerId, hints, number } = event;
          const remote = provide(peerId, hints);
          const result = references.makePromise(null);
          powers.answerWhenSettled(requestId, session, result);
          queues.push(remote, { type: 'redeem', number, result });
          this.wake(remote);
          return;
        }
        case 'forget-peers':
          return forget(event.beforeMinute);
        case 'peer-frame':
          return rows.remotes.has(event.remote) ? frame(event) : undefined;
        case 'peer-ack':
          if (!rows.remotes.has(event.remote)) return;
          try {
            acknowledge(event.remote, event.ack);
          } catch (thrown) {
            if (!(thrown instanceof IllegalSyscall)) throw thrown;
            violated(event.remote, thrown.message);
          }
          return;
        case 'peer-changed':
          return powers.reads.changedAt(event.remote, event.watches);
        case 'peer-detach':
          // Another link may have taken its place.
          if (attached.get(event.remote) !== event.link) return;
          attached.delete(event.remote);
          powers.watches.forget(event.remote);
          if (isWanted(event.remote)) mark(event.remote);
      }
    },

    /** The queue of a peer has something new. */
    wake(remote: EndpointId): void {
      if (attached.has(remote)) frames.wake(remote);
      else {
        mark(remote);
        want(remote);
      }
    },

    /** When something that waits for a peer is given up. */
    soonest,
    isDue: (): boolean => now() >= soonest(),
    expire(): void {
      for (const [remote, list] of marks) {
        while (list[0] !== undefined && list[0].until <= now())
          giveUp(remote, list.shift() as Mark);
        if (list.length === 0) marks.delete(remote);
      }
    },

    /** Tells peers which of their watches are over; after the frames that told of them. */
    tellChanged(): void {
      for (const [remote, watches] of powers.watches.take()) {
        const { peerId } = rows.remotes.getRequired(remote);
        emit({ type: 'peer-watches', remote, peerId, watches });
      }
    },

    /** The object is gone: peers that could still tell it from others hear so. */
    tellRecognizers(kref: KRef): void {
      for (const remote of peers().values()) frames.retireAt(remote, kref);
    },

    isWanted: (peerId: string): boolean => {
      const remote = peers().get(peerId);
      return remote !== undefined && isWanted(remote);
    },
    /** Around the frame of a peer, or a crank: peers come and go in steps of their own. */
    begin: frames.begin,
    undo: frames.undo,
    /** All peers that the store knows, in the order in which they were met. */
    all: (): EndpointId[] => [...peers().values()].sort(krefOrder),
  };
}

/** Addresses of one peer that are remembered. */
const hintsMax = 16;

/** Are both sides in the same conversation, of which neither has forgotten a part? */
function isSame(row: RemoteRow, mine: number, life: PeerLife, theirs: Standing): boolean {
  const isBegun =
    (row.theirs === theirs.me || row.theirs === 0) && (theirs.you === mine || theirs.you === 0);
  return (
    isBegun &&
    (row.life === undefined || row.life.lineage === life.lineage) &&
    theirs.received >= row.acked &&
    theirs.received <= row.sent &&
    row.received >= theirs.acked &&
    row.received <= theirs.sent
  );
}

export type Remotes = ReturnType<typeof makeRemotes>;
