/**
 * What client sessions are told: calls of what they exposed, settlements, and what has become of objects.
 *
 * It waits in a session's queue, as with vats, until the client has room; then it goes into the session's next frame. That
 * is made when the steps are about to be committed, for all that they had to tell, and is a row until the client
 * acknowledges it.
 */
import { insistInvariant } from '../errors.js';
import { errorCapData, type CapData } from '../protocol/capdata.js';
import {
  HOST_REALM,
  isExportVRef,
  isPromiseKRef,
  isRemoteEndpoint,
  isSessionEndpoint,
  isVatEndpoint,
  type EndpointId,
  type KRef,
  type VRef,
} from '../protocol/refs.js';
import type { CLists } from './clists.js';
import type { Deliveries } from './deliveries.js';
import type { KernelEffect } from './events.js';
import type { Messages } from './messages.js';
import type { Queues } from './queues.js';
import type { ReadMarks } from './read-marks.js';
import type { References } from './references.js';
import type { KernelRows, QueueItem, SettledPromiseRow } from './rows.js';
import { changeSession, countMentions, listOf, type FrameRow } from './session-rows.js';
import type { Shapes } from './shapes.js';
import { makeTallies } from './tallies.js';

/** Of one frame: it waits in memory as a whole, and its receiver does nothing else meanwhile. */
const frameOpsMax = 1_000;
const frameCharsMax = 1024 * 1024;
/** Of promises that are told together, because each names the others. */
const batchCharsMax = 16 * 1024 * 1024;

export type SessionFramesPowers = {
  rows: KernelRows;
  references: References;
  clists: CLists;
  queues: Queues;
  messages: Messages;
  deliveries: Pick<Deliveries, 'firstItem' | 'batch'>;
  marks: ReadMarks;
  shapes: Shapes;
  policy: SessionFramesPolicy;
  emit: (effect: KernelEffect) => void;
};

export type SessionFramesPolicy = {
  /** Frames that a session may leave unacknowledged, and UTF-16 code units of their bodies; what comes later waits in its queue. */
  sessionFramesMax: number;
  sessionFrameCharsMax: number;
};

type Pending = Omit<FrameRow, 'acked'> & { retire: KRef[] };

export function makeSessionFrames(powers: SessionFramesPowers) {
  const { rows, references, clists, queues, messages, marks, policy, emit } = powers;
  const awake = new Set<EndpointId>();
  /** What is told with the next frames; nothing of it stands in the store. */
  const pending = new Map<EndpointId, Pending>();
  /** Objects that lost their owner in this step, and whose they were. */
  const orphans = new Map<KRef, EndpointId>();
  /** Vats that were upgraded in this step: what was on their heap is gone for that reason. */
  const upgraded = new Set<EndpointId>();

  /** Characters in frames that are not acknowledged. */
  const unacked = makeTallies<number>((session) => {
    let chars = 0;
    for (const id of rows.frames.ids(`${session}.`)) chars += rows.frames.getRequired(id).chars;
    return chars;
  });

  const pendingOf = (session: EndpointId): Pending => {
    let frame = pending.get(session);
    if (frame === undefined) {
      frame = { ops: [], names: [], retire: [], chars: 0 };
      pending.set(session, frame);
    }
    return frame;
  };

  /** The session's name for a kref that it is about to be told. */
  const tell = (session: EndpointId, kref: KRef): VRef => {
    const isNew = clists.entry(session, kref) === undefined;
    const vref = clists.toEndpoint(session, kref);
    if (isPromiseKRef(kref)) {
      if (isNew) messages.subscribe(session, kref);
    } else if (!isExportVRef(vref)) {
      countMentions(rows, session, kref, 1);
      if (isNew) pendingOf(session).names.push(nameOf(vref, kref));
    }
    return vref;
  };

  const nameOf = (ref: VRef, kref: KRef): FrameRow['names'][number] => {
    const { owner } = rows.objects.getRequired(kref);
    const host = owner === HOST_REALM ? clists.entry(HOST_REALM, kref)?.vref : undefined;
    const { iface, methods } = powers.shapes.of(kref) ?? {};
    return {
      ref,
      kref,
      ...(iface !== undefined && { iface }),
      ...(methods !== undefined && { methods: [...methods] }),
      ...(host !== undefined && { host }),
    };
  };

  const tellData = (session: EndpointId, { body, slots }: CapData<KRef>): CapData<VRef> => {
    pendingOf(session).chars += body.length;
    return { body, slots: slots.map((kref) => tell(session, kref)) };
  };

  const tellCall = (session: EndpointId, item: QueueItem & { type: 'message' }): void => {
    const target = clists.toEndpoint(session, item.target);
    const methargs = tellData(session, item.methargs);
    const result = item.result && tellResult(session, item.result);
    pendingOf(session).ops.push({ op: 'call', target, methargs, ...(result && { result }) });
  };

  /** A name for the promise that the client now decides. */
  const tellResult = (session: EndpointId, result: KRef): VRef | undefined => {
    const promise = rows.promises.getRequired(result);
    if (promise.state !== 'open') return undefined;
    if (clists.entry(session, result) === undefined) {
      rows.promises.set(result, { ...promise, decider: session });
      return clists.toEndpoint(session, result);
    }
    // The client awaits this very promise: it gets another one to decide, and what it awaits follows that.
    const own = references.makePromise(session);
    const vref = clists.toEndpoint(session, own);
    messages.settle(result, { rejected: false, value: { body: '#"&0"', slots: [own] } });
    return vref;
  };

  const tellSettled = (session: EndpointId, first: KRef): void => {
    const frame = pendingOf(session);
    const batch = [...settledTogether(first)].filter(
      ([kref]) => !clists.entry(session, kref)?.told,
    );
    for (const [kref] of batch) clists.toEndpoint(session, kref);
    const resolutions = [];
    for (const [kref, { state, value, stack }] of batch) {
      const touched = marks.answered(kref);
      resolutions.push({
        promise: clists.entry(session, kref)?.vref as VRef,
        rejected: state === 'rejected',
        value: tellData(session, value),
        ...(stack && { stack }),
        ...(touched && { touched }),
      });
      frame.retire.push(kref);
      const row = rows.clistByKRef.getRequired(`${session}.${kref}`);
      rows.clistByKRef.set(`${session}.${kref}`, { ...row, told: true });
    }
    frame.ops.push({ op: 'settle', resolutions });
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

  const hasRoom = (session: EndpointId): boolean => {
    const { attached, sent, acked } = rows.sessions.getRequired(session);
    return (
      attached &&
      sent - acked < policy.sessionFramesMax &&
      unacked.of(session) < policy.sessionFrameCharsMax
    );
  };

  const dispatch = (session: EndpointId): void => {
    if (!rows.sessions.has(session) || !hasRoom(session)) return;
    const frame = pendingOf(session);
    while (frame.ops.length < frameOpsMax && frame.chars < frameCharsMax) {
      const item = powers.deliveries.firstItem(session);
      if (item === undefined) return;
      // Taken out first: what is told below may settle promises, whose notifications come behind.
      const { release } = queues.shift(session);
      if (item.type === 'message') tellCall(session, item);
      // One that another's settlement led to was told with that.
      else if (!clists.entry(session, item.promise)?.told) tellSettled(session, item.promise);
      release();
    }
    later.add(session);
  };
  /** Their frames are full: the rest has its turn when those are on their way. */
  const later = new Set<EndpointId>();

  /** Of all sessions: objects go by the thousand, and none of them is worth a scan. */
  let sessionIds: readonly EndpointId[] | undefined;
  const allSessions = (): readonly EndpointId[] => (sessionIds ??= rows.sessions.ids());

  const flushOrphans = (): void => {
    // Most went with their last holder.
    for (const kref of orphans.keys()) if (!rows.objects.has(kref)) orphans.delete(kref);
    if (orphans.size === 0) {
      upgraded.clear();
      return;
    }
    for (const session of allSessions()) {
      const refs = [];
      for (const [kref, owner] of orphans) {
        const row = clists.entry(session, kref);
        if (row === undefined || isExportVRef(row.vref)) continue;
        const reason = whyGone(kref, owner);
        if (reason !== undefined) refs.push({ ref: row.vref, ...reason });
      }
      if (refs.length > 0) pendingOf(session).ops.push({ op: 'broken', refs });
    }
    orphans.clear();
    upgraded.clear();
  };

  const whyGone = (kref: KRef, owner: EndpointId) => {
    const object = rows.objects.get(kref);
    if (object === undefined) return undefined;
    if (object.revoked)
      return { code: 'OBJECT_REVOKED', message: 'the object was revoked' } as const;
    // What took it away was undone.
    if (object.owner !== null) return undefined;
    if (isSessionEndpoint(owner)) {
      return {
        code: 'SESSION_CLOSED',
        message: 'the session that had the object has ended',
      } as const;
    }
    if (isRemoteEndpoint(owner)) {
      return {
        code: 'PEER_RESTARTED',
        message: 'the peer that had the object came back without it',
      } as const;
    }
    if (isVatEndpoint(owner) && !rows.vats.has(owner)) {
      return { code: 'VAT_TERMINATED', message: 'the vat of the object was terminated' } as const;
    }
    return upgraded.has(owner)
      ? ({
          code: 'VAT_UPGRADED',
          message: 'the object was on the heap of its vat’s former code',
        } as const)
      : ({
          code: 'OBJECT_DELETED',
          message: 'the object was on the heap of an earlier incarnation of its vat',
        } as const);
  };

  return {
    wake: (session: EndpointId): void => void awake.add(session),
    isAwake: (): boolean => awake.size > 0,

    /** The first thing that the session is told: the references that it was made with. */
    give(session: EndpointId, krefs: readonly KRef[]): void {
      pendingOf(session).ops.push({ op: 'give', value: tellData(session, listOf(krefs)) });
    },

    /** Moves what waits for sessions into their frames of this step, as far as there is room. */
    dispatchAll(): void {
      for (const session of awake) {
        awake.delete(session);
        dispatch(session);
      }
    },

    /** Ends a step: who has objects that are gone will be told so. */
    endStep: flushOrphans,

    /** Things that sessions have yet to be told, counted. */
    untold(): number {
      let count = 0;
      for (const { ops } of pending.values()) count += ops.length;
      return count;
    },

    /** What the steps since the last time had to tell becomes frames: rows and effects. */
    tell(): void {
      for (const [session, { ops, names, retire, chars }] of pending) {
        if (ops.length === 0) {
          insistInvariant(names.length === 0, 'a name is told in an op');
          continue;
        }
        const { sent, acked } = rows.sessions.getRequired(session);
        const seq = sent + 1;
        const frame = { ops, names, acked };
        changeSession(rows, session, { sent: seq });
        rows.frames.set(`${session}.${seq}`, {
          ...frame,
          chars,
          ...(retire.length > 0 && { retire }),
        });
        unacked.change(session, (sum) => sum + chars);
        emit({ type: 'to-session', session, frame: { seq, ...frame } });
      }
      pending.clear();
      if (later.size > 0) emit({ type: 'tick-wanted' });
      for (const session of later) awake.add(session);
      later.clear();
    },

    /** The client has the frame: names that only it could still use are dead. */
    acknowledged(session: EndpointId, seq: number): void {
      const { retire = [], chars } = rows.frames.getRequired(`${session}.${seq}`);
      for (const kref of retire)
        if (clists.entry(session, kref) !== undefined) clists.remove(session, kref);
      rows.frames.delete(`${session}.${seq}`);
      unacked.change(session, (sum) => sum - chars);
    },
    begin: unacked.begin,
    undo: unacked.undo,

    /** Nobody reaches an object that the client exposed. */
    letGo(session: EndpointId, kref: KRef): void {
      const row = clists.entry(session, kref);
      insistInvariant(row !== undefined, `${kref} is not in its owner's c-list`);
      if (row.reach) {
        const { mentions = 0 } = row;
        if (mentions > 0) {
          const { ops } = pendingOf(session);
          const last = ops.at(-1);
          if (last?.op === 'drop') last.refs.push([row.vref, mentions]);
          else ops.push({ op: 'drop', refs: [[row.vref, mentions]] });
          countMentions(rows, session, kref, -mentions);
        }
        clists.drop(session, kref);
      } else if (rows.objects.getRequired(kref).recog === 0) clists.remove(session, kref);
    },

    /** The owner gave an object up, or it was revoked. */
    noteOrphan: (kref: KRef, owner: EndpointId): void => void orphans.set(kref, owner),
    noteUpgrade: (vatId: EndpointId): void => void upgraded.add(vatId),

    opened: (): void => void (sessionIds = undefined),
    ended(session: EndpointId): void {
      sessionIds = undefined;
      pending.delete(session);
      unacked.forget(session);
    },
  };
}

const charsOf = (batch: ReadonlyMap<KRef, SettledPromiseRow>): number => {
  let chars = 0;
  for (const { value } of batch.values()) chars += value.body.length;
  return chars;
};

export type SessionFrames = ReturnType<typeof makeSessionFrames>;
