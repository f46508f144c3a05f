/**
 * What remote peers are told: calls, settlements, and what nobody here reaches or knows any more. A frame is made when the steps
 * are about to be committed, for all that they had to tell. The conversation is written down in `protocol/peer-wire.ts`.
 */
import { insistInvariant } from '../errors.js';
import { errorCapData, type CapData } from '../protocol/capdata.js';
import { describeCharsMax, flip, UNWATCHED, type PeerOp } from '../protocol/peer-wire.js';
import {
  isExportVRef,
  isPromiseKRef,
  type EndpointId,
  type KRef,
  type VRef,
} from '../protocol/refs.js';
import type { CLists } from './clists.js';
import type { Deliveries } from './deliveries.js';
import { rejection, type Messages, type Settlement } from './messages.js';
import type { Queues } from './queues.js';
import type { ReadMarks } from './read-marks.js';
import type { References } from './references.js';
import type { RemoteFrame } from './remote-rows.js';
import type { KernelRows, Message, PeerQueueItem, QueueItem, SettledPromiseRow } from './rows.js';
import type { Shapes } from './shapes.js';
import { makeTallies } from './tallies.js';

export type RemotePolicy = {
  /** Frames that a peer may leave unacknowledged, and characters of their bodies; what comes later waits in its queue. */
  peerFramesMax: number;
  peerFrameCharsMax: number;
  /** Names of its own that one peer may have in its c-list. */
  peerRefsMax: number;
  /** Names of this kernel's that it may have. */
  peerGivenMax: number;
  /** Peers that the store remembers. */
  peersMax: number;
  /** Milliseconds that a call waits for a peer that is away, unless remote comms are started with another number. */
  peerTimeoutMs: number;
};

/** Of one frame: it waits in memory as a whole, and its receiver does nothing else meanwhile. */
const frameOpsMax = 1_000;
const frameCharsMax = 256 * 1024;
/** Of promises that are told together, because each names the others. */
const batchCharsMax = 16 * 1024 * 1024;

export type RemoteFramesPowers = {
  rows: KernelRows;
  references: References;
  clists: CLists;
  queues: Queues;
  messages: Messages;
  marks: ReadMarks;
  deliveries: Pick<Deliveries, 'batch'>;
  shapes: Shapes;
  policy: RemotePolicy;
  isAttached: (remote: EndpointId) => boolean;
  toPeer: (remote: EndpointId, frame: RemoteFrame) => void;
};

type Pending = {
  ops: PeerOp[];
  retire: VRef[];
  chars: number;
  /** Objects that these ops name for the first time. */
  fresh: KRef[];
};

export function makeRemoteFrames(powers: RemoteFramesPowers) {
  const { rows, references, clists, queues, messages, marks, policy } = powers;
  const awake = new Set<EndpointId>();
  /** Their frames are full: the rest has its turn when those are on their way. */
  const later = new Set<EndpointId>();
  /** What is told with the next frames; nothing of it stands in the store. */
  const pending = new Map<EndpointId, Pending>();
  /** Characters in frames that are not acknowledged. */
  const unacked = makeTallies<number>((remote) => {
    let chars = 0;
    for (const id of rows.remoteFrames.ids(`${remote}.`))
      chars += rows.remoteFrames.getRequired(id).chars;
    return chars;
  });

  let messageBytesMax = Infinity;

  /** At most so many bytes, as JSON in UTF-8; looked at closely only where it matters. */
  const sizeOf = ({ body }: CapData): number =>
    body.length * 6 > messageBytesMax ? JSON.stringify(body).length * 3 : body.length;

  const tooLarge = (bytes: number): Settlement =>
    rejection(
      'DELIVERY_FAILED',
      `Message size ${bytes} bytes exceeds limit of ${messageBytesMax} bytes`,
    );

  const pendingOf = (remote: EndpointId): Pending => {
    let frame = pending.get(remote);
    if (frame === undefined) {
      frame = { ops: [], retire: [], chars: 0, fresh: [] };
      pending.set(remote, frame);
    }
    return frame;
  };

  const count = (remote: EndpointId, kref: KRef, mentions: number): void => {
    const key = `${remote}.${kref}`;
    const row = rows.clistByKRef.getRequired(key);
    rows.clistByKRef.set(key, { ...row, mentions: (row.mentions ?? 0) + mentions });
  };

  /** The name, on the wire, for a kref that the peer is about to be told. */
  const tell = (remote: EndpointId, kref: KRef): VRef => {
    const isNew = clists.entry(remote, kref) === undefined;
    const vref = clists.toEndpoint(remote, kref);
    if (isPromiseKRef(kref)) {
      if (isNew) messages.subscribe(remote, kref);
    } else if (!isExportVRef(vref)) {
      count(remote, kref, 1);
      if (isNew) pendingOf(remote).fresh.push(kref);
    }
    return flip(vref);
  };

  const tellData = (remote: EndpointId, { body, slots }: CapData<KRef>): CapData<VRef> => {
    pendingOf(remote).chars += body.length;
    return { body, slots: slots.map((kref) => tell(remote, kref)) };
  };

  const tellCall = (
    remote: EndpointId,
    target: KRef,
    { methargs, result, mark }: QueueItem & { type: 'message' },
  ): void => {
    const data = tellData(remote, methargs);
    const name = result && tellResult(remote, result);
    const to = flip(clists.toEndpoint(remote, target));
    pendingOf(remote).ops.push({
      op: 'call',
      target: to,
      methargs: data,
      ...(name && { result: name }),
      ...(name && mark && { read: true }),
    });
  };

  /** A name for the promise that the peer now decides. What waited for it goes there, too. */
  const tellResult = (remote: EndpointId, result: KRef): VRef | undefined => {
    const promise = rows.promises.getRequired(result);
    if (promise.state !== 'open') return undefined;
    if (clists.entry(remote, result) !== undefined) {
      // The peer awaits this very promise: it gets another one to decide, and what it awaits follows that.
      const own = references.makePromise(remote);
      const vref = nameTheirs(remote, own);
      messages.settle(result, { rejected: false, value: { body: '#"&0"', slots: [own] } });
      return vref;
    }
    rows.promises.set(result, { ...promise, decider: remote });
    const vref = nameTheirs(remote, result);
    for (let left = queues.length(result); left > 0; left -= 1) {
      const { item, release } = queues.shift(result);
      insistInvariant(item.type === 'message', `${result} has a notification in its queue`);
      messages.route(result, messageIn(item));
      release();
    }
    return vref;
  };

  const nameTheirs = (remote: EndpointId, kref: KRef): VRef => {
    const vref = clists.toEndpoint(remote, kref);
    const key = `${remote}.${kref}`;
    rows.clistByKRef.set(key, { ...rows.clistByKRef.getRequired(key), theirs: true });
    return flip(vref);
  };

  const tellSettled = (remote: EndpointId, first: KRef): void => {
    const frame = pendingOf(remote);
    const batch = [...settledTogether(first)].filter(
      // That one the peer is to settle itself, though it was settled without it meanwhile.
      ([kref]) => !clists.entry(remote, kref)?.theirs,
    );
    if (batch.length === 0) return;
    const names = batch.map(([kref]) => clists.toEndpoint(remote, kref));
    const resolutions = batch.map(([kref, { state, value }], index) => {
      const watch = marks.answeredAt(remote, kref);
      return {
        promise: flip(names[index] as VRef),
        ...(sizeOf(value) > messageBytesMax
          ? { rejected: true, value: tooLarge(sizeOf(value)).value }
          : { rejected: state === 'rejected', value: tellData(remote, value) }),
        ...(watch !== undefined && { watch }),
      };
    });
    frame.ops.push({ op: 'settle', resolutions });
    for (const [index, [kref]] of batch.entries()) {
      const vref = names[index] as VRef;
      rows.lateNames.set(`${remote}.${vref}`, { kref });
      references.hold(kref);
      frame.retire.push(vref);
      clists.remove(remote, kref);
    }
  };

  const settledTogether = (first: KRef): ReadonlyMap<KRef, SettledPromiseRow> => {
    const { all, ring } = powers.deliveries.batch(first);
    if (charsOf(all) <= batchCharsMax || all.size === 1) return all;
    if (charsOf(ring) <= batchCharsMax || ring.size === 1) return ring;
    const value = errorCapData(
      '[KERNEL:BAD_PROMISE_RESOLUTION] Promises that name each other are too large to pass',
    );
    return new Map([[first, { ...rows.promises.getRequired(first), state: 'rejected', value }]]);
  };

  const tellItem = (remote: EndpointId, item: PeerQueueItem): void => {
    switch (item.type) {
      case 'notify':
        // One that another's settlement led to was told with that.
        if (clists.entry(remote, item.promise) !== undefined) tellSettled(remote, item.promise);
        return;
      case 'redeem': {
        const result = tellResult(remote, item.result);
        if (result === undefined) return;
        pendingOf(remote).ops.push({ op: 'redeem', number: item.number, result });
        return;
      }
      case 'message': {
        const bytes = sizeOf(item.methargs);
        if (bytes > messageBytesMax) {
          if (item.result !== undefined) messages.settle(item.result, tooLarge(bytes));
          return;
        }
        const to = messages.landing(item.target);
        if (to?.queue === remote) tellCall(remote, to.target, item);
        // It was to a promise that has settled to something else.
        else messages.route(item.target, messageIn(item));
      }
    }
  };

  const hasRoom = (remote: EndpointId): boolean => {
    const { sent, acked } = rows.remotes.getRequired(remote);
    return (
      powers.isAttached(remote) &&
      sent - acked < policy.peerFramesMax &&
      unacked.of(remote) < policy.peerFrameCharsMax
    );
  };

  const dispatch = (remote: EndpointId): void => {
    if (!rows.remotes.has(remote) || !hasRoom(remote)) return;
    const frame = pendingOf(remote);
    const charsMax = Math.min(frameCharsMax, messageBytesMax / 12);
    while (frame.ops.length < frameOpsMax && frame.chars < charsMax) {
      if (queues.length(remote) === 0) return;
      // Taken out first: what is told below may settle promises, whose notifications come behind.
      const { item, release } = queues.shiftForPeer(remote);
      tellItem(remote, item);
      release();
    }
    later.add(remote);
  };

  const descriptions = (remote: EndpointId, krefs: readonly KRef[]): PeerOp[] => {
    const byShape = new Map<string, PeerOp & { op: 'describe' }>();
    // Of all in a frame, so that it is not much larger for it: what comes later goes undescribed.
    let room = Math.min(8 * describeCharsMax, messageBytesMax / 12);
    for (const kref of krefs) {
      const vref = clists.entry(remote, kref)?.vref;
      const shape = powers.shapes.of(kref);
      if (vref === undefined || shape === undefined) continue;
      const text = JSON.stringify(shape);
      const known = byShape.get(text);
      if (known !== undefined) known.refs.push(flip(vref));
      else if (text.length <= Math.min(room, describeCharsMax)) {
        room -= text.length;
        byShape.set(text, {
          op: 'describe',
          refs: [flip(vref)],
          methods: [...shape.methods],
          ...(shape.iface !== undefined && { iface: shape.iface }),
        });
      }
    }
    return [...byShape.values()];
  };

  /** What the peer is yet to be told becomes a frame: a row and an effect. */
  const tellPeer = (remote: EndpointId): void => {
    const row = rows.remotes.get(remote);
    const { ops, retire, chars, fresh } = pendingOf(remote);
    pending.delete(remote);
    if (ops.length === 0 || row === undefined) return;
    let size = chars;
    for (const described of descriptions(remote, fresh)) {
      size += JSON.stringify(described).length;
      ops.push(described);
    }
    const seq = row.sent + 1;
    const frame = { ack: row.received, ops };
    rows.remotes.set(remote, { ...row, sent: seq });
    rows.remoteFrames.set(`${remote}.${seq}`, {
      ...frame,
      chars: size,
      ...(retire.length > 0 && { retire }),
    });
    unacked.change(remote, (sum) => sum + size);
    powers.toPeer(remote, { seq, ...frame });
  };

  return {
    wake: (remote: EndpointId): void => void awake.add(remote),
    isAwake: (): boolean => awake.size > 0,
    /** Promises that the peer decides, named in a value of its. */
    nameTheirs,
    count,

    /** Bytes of one message that peers are told. */
    limit: (bytes: number): void => void (messageBytesMax = bytes),

    /** Moves what waits for peers into their next frames, as far as there is room. */
    dispatchAll(): void {
      for (const remote of awake) {
        awake.delete(remote);
        dispatch(remote);
      }
    },

    /** Things that peers have yet to be told, counted. */
    untold(): number {
      let count = 0;
      for (const { ops } of pending.values()) count += ops.length;
      return count;
    },
    isUntold: (remote: EndpointId): boolean => (pending.get(remote)?.ops.length ?? 0) > 0,

    /** What this one peer was to be told stands in its frames now: they are looked at next. */
    tellPeer,

    /** What the steps since the last time had to tell becomes frames. Is there more to tell in another step? */
    tell(): boolean {
      for (const remote of pending.keys()) tellPeer(remote);
      const isMore = later.size > 0;
      for (const remote of later) awake.add(remote);
      later.clear();
      return isMore;
    },

    /** The frames that the peer does not have, after one that it has: for a new link, without the watches of the last one. */
    since(remote: EndpointId, received: number): RemoteFrame[] {
      const frames: RemoteFrame[] = [];
      for (let seq = received + 1; seq <= rows.remotes.getRequired(remote).sent; seq += 1) {
        const { ack, ops } = rows.remoteFrames.getRequired(`${remote}.${seq}`);
        frames.push({ seq, ack, ops: ops.map(unwatched) });
      }
      return frames;
    },

    /** The peer has the frame: what only it could still name is dead. */
    acknowledged(remote: EndpointId, seq: number): void {
      const { retire = [], chars } = rows.remoteFrames.getRequired(`${remote}.${seq}`);
      for (const vref of retire) {
        const { kref } = rows.lateNames.getRequired(`${remote}.${vref}`);
        rows.lateNames.delete(`${remote}.${vref}`);
        references.release(kref);
      }
      rows.remoteFrames.delete(`${remote}.${seq}`);
      unacked.change(remote, (sum) => sum - chars);
    },

    /** Nobody reaches, or nobody even recognizes, an object of the peer's. */
    letGo(remote: EndpointId, kref: KRef): void {
      const row = clists.entry(remote, kref);
      insistInvariant(row !== undefined, `${kref} is not in its owner's c-list`);
      if (row.reach) {
        const { mentions = 0 } = row;
        if (mentions > 0) {
          give(remote, flip(row.vref), mentions);
          count(remote, kref, -mentions);
        }
        clists.drop(remote, kref);
      } else if (rows.objects.getRequired(kref).recog === 0) {
        retire(remote, flip(row.vref));
        clists.remove(remote, kref);
      }
    },

    /** The object is gone, and the peer could still tell it from others. */
    retireAt(remote: EndpointId, kref: KRef): void {
      const row = clists.entry(remote, kref);
      if (row === undefined || row.reach) return;
      retire(remote, flip(row.vref));
      clists.remove(remote, kref);
    },

    begin: unacked.begin,
    /** Rows of this step are undone, before any of it was to be told. */
    undo: unacked.undo,

    forget(remote: EndpointId): void {
      pending.delete(remote);
      unacked.forget(remote);
      awake.delete(remote);
      later.delete(remote);
    },
  };

  function give(remote: EndpointId, vref: VRef, mentions: number): void {
    const { ops } = pendingOf(remote);
    const last = ops.at(-1);
    if (last?.op === 'drop') last.refs.push([vref, mentions]);
    else ops.push({ op: 'drop', refs: [[vref, mentions]] });
  }

  function retire(remote: EndpointId, vref: VRef): void {
    const { ops } = pendingOf(remote);
    const last = ops.at(-1);
    if (last?.op === 'retire') last.refs.push(vref);
    else ops.push({ op: 'retire', refs: [vref] });
  }
}

const unwatched = (op: PeerOp): PeerOp =>
  op.op === 'settle'
    ? {
        ...op,
        resolutions: op.resolutions.map((resolution) =>
          resolution.watch === undefined ? resolution : { ...resolution, watch: UNWATCHED },
        ),
      }
    : op;

const messageIn = ({ methargs, result, mark, payer }: Message): Message => ({
  methargs,
  ...(result && { result }),
  ...(mark && { mark }),
  ...(payer && { payer }),
});

const charsOf = (batch: ReadonlyMap<KRef, SettledPromiseRow>): number => {
  let chars = 0;
  for (const { value } of batch.values()) chars += value.body.length;
  return chars;
};

export type RemoteFrames = ReturnType<typeof makeRemoteFrames>;
