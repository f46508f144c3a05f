/**
 * Client sessions: endpoints whose other side is on a link that may break, with frames that are applied once.
 *
 * What a session is to be told waits in its queue, as with vats, until the client has room for it; then it goes into a
 * frame, which is a row until the client acknowledges it. The conversation is written down in
 * `protocol/session-wire.ts`.
 */
import { insistInvariant } from '../errors.js';
import { errorCapData, type CapData } from '../protocol/capdata.js';
import {
  HOST_REALM,
  isExportVRef,
  isPromiseKRef,
  isPromiseVRef,
  isSessionEndpoint,
  isVatEndpoint,
  type EndpointId,
  type KRef,
  type VRef,
} from '../protocol/refs.js';
import { ADMIN_VREF, type ClientOp } from '../protocol/session-wire.js';
import { IllegalSyscall, type CLists } from './clists.js';
import type { Deliveries } from './deliveries.js';
import type { ErrorData, KernelEffect, SessionEvent } from './events.js';
import { sessionClosed, type Messages } from './messages.js';
import type { Queues } from './queues.js';
import type { ReadMarks } from './read-marks.js';
import type { References } from './references.js';
import {
  krefOrder,
  type KernelRows,
  type Message,
  type QueueItem,
  type SettledPromiseRow,
} from './rows.js';
import { listOf, type FrameRow, type SessionRow } from './session-rows.js';
import type { Shapes } from './shapes.js';

export type SessionPolicy = {
  /** Frames that a session may leave unacknowledged; what comes later waits in its queue. */
  sessionFramesMax: number;
  /** Sessions, attached or not. */
  sessionsMax: number;
  /** Names in the c-list of one session. */
  sessionRefsMax: number;
};

/** Of one frame: it waits in memory as a whole, and its receiver does nothing else meanwhile. */
const frameOpsMax = 1_000;
const frameCharsMax = 1024 * 1024;
/** Of promises that are told together, because each names the others. */
const batchCharsMax = 16 * 1024 * 1024;

export type SessionPowers = {
  rows: KernelRows;
  references: References;
  clists: CLists;
  queues: Queues;
  messages: Messages;
  deliveries: Pick<Deliveries, 'firstItem' | 'batch'>;
  marks: ReadMarks;
  shapes: Shapes;
  policy: SessionPolicy;
  emit: (effect: KernelEffect) => void;
  atomically: <T>(work: () => T) => T;
  forgetQueue: (session: EndpointId) => void;
  /** Takes a call of the session's admin object, which is the host's. */
  callAdmin: (session: EndpointId, message: Message) => void;
};

type Pending = Omit<FrameRow, 'acked'> & { retire: KRef[]; chars: number };

export function makeSessions(powers: SessionPowers) {
  const { rows, references, clists, queues, messages, marks, policy, emit } = powers;
  const awake = new Set<EndpointId>();
  /** What this step has to tell. */
  const pending = new Map<EndpointId, Pending>();
  /** Objects that lost their owner in this step, and whose they were. */
  const orphans = new Map<KRef, EndpointId>();
  /** Vats that were upgraded in this step: what was on their heap is gone for that reason. */
  const upgraded = new Set<EndpointId>();

  const pendingOf = (session: EndpointId): Pending => {
    let frame = pending.get(session);
    if (frame === undefined) {
      frame = { ops: [], names: [], retire: [], chars: 0 };
      pending.set(session, frame);
    }
    return frame;
  };

  const change = (session: EndpointId, changed: Partial<SessionRow>): void =>
    rows.sessions.set(session, { ...rows.sessions.getRequired(session), ...changed });

  const count = (session: EndpointId, kref: KRef, mentions: number): void => {
    const key = `${session}.${kref}`;
    const row = rows.clistByKRef.getRequired(key);
    rows.clistByKRef.set(key, { ...row, mentions: (row.mentions ?? 0) + mentions });
  };

  // To the client

  /** The session's name for a kref that it is about to be told. */
  const tell = (session: EndpointId, kref: KRef): VRef => {
    const isNew = clists.entry(session, kref) === undefined;
    const vref = clists.toEndpoint(session, kref);
    if (isPromiseKRef(kref)) {
      if (isNew) messages.subscribe(session, kref);
    } else if (!isExportVRef(vref)) {
      count(session, kref, 1);
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
    return attached && sent - acked < policy.sessionFramesMax;
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
    // The rest has its turn when this frame is on its way.
    later.add(session);
  };
  /** To be woken in a step of their own. */
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

  // From the client

  const fromClient = (session: EndpointId, vref: VRef): KRef => {
    if (!rows.clistByVRef.has(`${session}.${vref}`)) {
      if (isClosed(session, vref)) return closedFor(vref);
      if (isExportVRef(vref)) insistRoom(session);
    }
    return clists.toKernel(session, vref);
  };

  /** Was it closed with the client's last link? A frame that is sent again may still name it. */
  const isClosed = (session: EndpointId, vref: VRef): boolean => {
    const { closedBelow } = rows.sessions.getRequired(session);
    const number = Number(vref.slice(2));
    if (isExportVRef(vref)) return number < closedBelow;
    // The result of a call to the client, which the client decided.
    const given = rows.vrefNumbers.get(session)?.promise ?? 1;
    return closedBelow > 0 && isPromiseVRef(vref) && number < given;
  };

  /** What the client exposed before its objects were closed, and names again. */
  const closedFor = (vref: VRef): KRef => {
    if (isPromiseVRef(vref)) {
      const kref = references.makePromise(null);
      messages.settle(kref, sessionClosed);
      return kref;
    }
    const kref = references.makeObject(null);
    rows.objects.set(kref, { ...rows.objects.getRequired(kref), closed: true });
    return kref;
  };

  /** Names are counted now and then: in between they are no more than were made since. */
  const insistRoom = (session: EndpointId): void => {
    const { exports = 1 } = rows.vrefNumbers.get(session) ?? {};
    if (exports < (countAt.get(session) ?? policy.sessionRefsMax)) return;
    const own = rows.clistByVRef.ids(`${session}.`).filter((id) => id.includes('+')).length;
    if (own >= policy.sessionRefsMax) {
      throw new IllegalSyscall(
        `${session} has ${own} names of its own, of at most ${policy.sessionRefsMax}`,
      );
    }
    countAt.set(session, exports + policy.sessionRefsMax - own);
  };
  const countAt = new Map<EndpointId, number>();

  const dataFromClient = (session: EndpointId, { body, slots }: CapData<VRef>): CapData<KRef> => {
    const krefs: KRef[] = [];
    for (const slot of slots) {
      const kref = fromClient(session, slot);
      // Not of one that is closed, which is no name of the session's any more.
      const isExport = isExportVRef(slot) && !isPromiseVRef(slot);
      if (isExport && clists.entry(session, kref) !== undefined) count(session, kref, 1);
      krefs.push(kref);
    }
    return { body, slots: krefs };
  };

  const call = (session: EndpointId, op: ClientOp & { op: 'call' }): void => {
    const isAdmin = op.target === ADMIN_VREF;
    if (isAdmin && !rows.sessions.getRequired(session).privileged) {
      throw new IllegalSyscall(`${session} calls an admin object, which it does not have`);
    }
    const target = isAdmin ? undefined : fromClient(session, op.target);
    const methargs = dataFromClient(session, op.methargs);
    let result: KRef | undefined;
    let mark: KRef | undefined;
    if (op.result !== undefined) {
      if (!isExportVRef(op.result) || rows.clistByVRef.has(`${session}.${op.result}`)) {
        throw new IllegalSyscall(
          `${session} names ${op.result} as a result, which is no new promise of its own`,
        );
      }
      insistRoom(session);
      result = clists.toKernelResult(session, op.result);
      if (op.read && !isAdmin && rows.sessions.getRequired(session).privileged) {
        mark = result;
        marks.begin(mark);
        marks.stamp(result, mark);
      }
      messages.subscribe(session, result);
    }
    if (target === undefined) {
      powers.callAdmin(session, { methargs, ...(result && { result }) });
      return;
    }
    // A vat works its queue off: the host has waited with this frame. An open promise may wait for this very client.
    const queue = messages.queueOf(target);
    const sender = queue !== undefined && isVatEndpoint(queue) ? undefined : session;
    messages.route(target, { methargs, ...(result && { result }), ...(mark && { mark }) }, sender);
  };

  const settle = (session: EndpointId, op: ClientOp & { op: 'settle' }): void => {
    const values: CapData<KRef>[] = [];
    for (const { value } of op.resolutions) values.push(dataFromClient(session, value));
    const decided = new Set<KRef>();
    for (const [index, { promise, rejected }] of [...op.resolutions].entries()) {
      const kref = rows.clistByVRef.get(`${session}.${promise}`);
      if (kref === undefined) {
        insistWasNamed(session, promise);
        continue;
      }
      const row = rows.promises.getRequired(kref);
      if (row.state !== 'open' || row.decider !== session || decided.has(kref)) continue;
      decided.add(kref);
      messages.settle(kref, { rejected, value: values[index] as CapData<KRef> });
    }
    for (const kref of decided) {
      messages.unsubscribe(session, kref);
      clists.remove(session, kref);
    }
  };

  /** It was a name of the session's once, or may have been. */
  const insistWasNamed = (session: EndpointId, vref: VRef): void => {
    const { exports = 1, object = 1, promise = 1 } = rows.vrefNumbers.get(session) ?? {};
    const next = isExportVRef(vref) ? exports : isPromiseVRef(vref) ? promise : object;
    if (Number(vref.slice(2)) < next) return;
    throw new IllegalSyscall(`${session} names ${vref}, which was never one of its names`);
  };

  const drop = (session: EndpointId, op: ClientOp & { op: 'drop' }): void => {
    for (const [vref, given] of op.refs) {
      const kref = clists.krefOf(session, vref);
      const { mentions = 0 } = clists.entry(session, kref) ?? {};
      if (isExportVRef(vref) || isPromiseVRef(vref) || given > mentions) {
        throw new IllegalSyscall(
          `${session} drops ${vref} ${given} times, which it was given ${mentions} times`,
        );
      }
      if (given < mentions) count(session, kref, -given);
      else clists.remove(session, kref);
    }
  };

  const apply = (session: EndpointId, op: ClientOp): void => {
    switch (op.op) {
      case 'call':
        return call(session, op);
      case 'settle':
        return settle(session, op);
      case 'drop':
        return drop(session, op);
    }
  };

  /** The client has all frames up to this one. */
  const acknowledge = (session: EndpointId, ack: number): void => {
    const { sent, acked } = rows.sessions.getRequired(session);
    if (ack <= acked) return;
    if (ack > sent) throw new IllegalSyscall(`${session} acknowledges frame ${ack} of ${sent}`);
    for (let seq = acked + 1; seq <= ack; seq += 1) {
      for (const kref of rows.frames.getRequired(`${session}.${seq}`).retire ?? []) {
        if (clists.entry(session, kref) !== undefined) clists.remove(session, kref);
      }
      rows.frames.delete(`${session}.${seq}`);
    }
    change(session, { acked: ack });
    awake.add(session);
  };

  // Beginnings and ends

  /** What the client exposed and decided, and what waited for that. */
  const close = (session: EndpointId): void => {
    for (const kref of clists.krefs(session)) {
      const row = clists.entry(session, kref);
      if (row === undefined) continue;
      if (!isPromiseKRef(kref)) {
        if (!isExportVRef(row.vref)) continue;
        rows.objects.set(kref, { ...rows.objects.getRequired(kref), closed: true });
        clists.remove(session, kref);
        continue;
      }
      const promise = rows.promises.getRequired(kref);
      if (promise.state !== 'open' || promise.decider !== session) continue;
      messages.unsubscribe(session, kref);
      messages.settle(kref, sessionClosed);
      clists.remove(session, kref);
    }
    change(session, { closedBelow: clists.nextExport(session) });
    for (let left = queues.length(session); left > 0; left -= 1) {
      const { item, release } = queues.shift(session);
      if (item.type === 'notify') queues.push(session, item);
      else if (item.result !== undefined) messages.settle(item.result, sessionClosed);
      release();
    }
  };

  const end = (session: EndpointId, error?: ErrorData): void => {
    for (const id of rows.sessions.ids().sort(krefOrder)) {
      if (rows.sessions.get(id)?.parent === session) end(id);
    }
    close(session);
    while (queues.length(session) > 0) queues.shift(session).release();
    for (const kref of clists.krefs(session)) {
      if (isPromiseKRef(kref)) messages.unsubscribe(session, kref);
      clists.remove(session, kref);
    }
    const { sent, acked } = rows.sessions.getRequired(session);
    for (let seq = acked + 1; seq <= sent; seq += 1) rows.frames.delete(`${session}.${seq}`);
    rows.sessions.delete(session);
    sessionIds = undefined;
    rows.forgetNumbers(session);
    pending.delete(session);
    countAt.delete(session);
    powers.forgetQueue(session);
    emit({ type: 'session-over', session, ...(error && { error }) });
  };

  const refuse = (session: EndpointId, message: string): void =>
    end(session, { code: 'PROTOCOL_ERROR', message });

  const frame = ({ session, seq, ack, ops }: SessionEvent & { type: 'session-frame' }): void => {
    const { received } = rows.sessions.getRequired(session);
    try {
      powers.atomically(() => {
        // It came before, and was sent again because the client had not heard so.
        if (seq <= received) {
          acknowledge(session, ack);
          return;
        }
        if (seq !== received + 1) {
          throw new IllegalSyscall(`frame ${seq} of ${session} follows frame ${received}`);
        }
        for (const op of ops) apply(session, op);
        change(session, { received: seq });
        // After the ops: they may have been made before the client heard what it acknowledges.
        acknowledge(session, ack);
      });
    } catch (thrown) {
      if (!(thrown instanceof IllegalSyscall)) throw thrown;
      marks.prune();
      refuse(session, thrown.message);
      return;
    }
    emit({ type: 'session-received', session, received: Math.max(seq, received) });
  };

  const open = (event: SessionEvent & { type: 'session-open' }): void => {
    const { requestId, secretHash, privileged, parent, give } = event;
    const failed = (error: ErrorData): void =>
      emit({ type: 'answer', requestId, outcome: { type: 'failed', error } });
    if (rows.sessions.ids('', policy.sessionsMax).length >= policy.sessionsMax) {
      failed({ code: 'QUEUE_FULL', message: `there are ${policy.sessionsMax} sessions already` });
      return;
    }
    if (parent !== undefined && !rows.sessions.has(parent)) {
      failed({ code: 'SESSION_CLOSED', message: `the session ${parent} has ended` });
      return;
    }
    const session = `c${rows.nextId('session')}`;
    rows.sessions.set(session, {
      secretHash,
      privileged,
      attached: false,
      received: 0,
      sent: 0,
      acked: 0,
      closedBelow: 0,
      ...(parent !== undefined && { parent }),
    });
    sessionIds = undefined;
    if (give !== undefined) {
      pendingOf(session).ops.push({ op: 'give', value: tellData(session, listOf(give)) });
    }
    emit({ type: 'answer', requestId, outcome: { type: 'done', result: session } });
  };

  const attach = (event: SessionEvent & { type: 'session-attach' }): void => {
    const { requestId, session, secretHash, received } = event;
    const row = rows.sessions.get(session);
    const isFit = row?.secretHash === secretHash && received >= row.acked && received <= row.sent;
    if (!isFit) {
      const message =
        'there is no such session to take up again: it has ended, or another store is in use';
      emit({
        type: 'answer',
        requestId,
        outcome: { type: 'failed', error: { code: 'SESSION_EXPIRED', message } },
      });
      return;
    }
    // Not acknowledged by that: frames that the client sends again may name what these have settled.
    change(session, { attached: true });
    const frames = [];
    for (let seq = received + 1; seq <= row.sent; seq += 1) {
      const { retire: _, ...frame } = rows.frames.getRequired(`${session}.${seq}`);
      frames.push({ seq, ...frame });
    }
    awake.add(session);
    const result = {
      received: row.received,
      closedBelow: row.closedBelow,
      frames,
      ...(row.privileged && { admin: ADMIN_VREF }),
    };
    emit({ type: 'answer', requestId, outcome: { type: 'done', result } });
  };

  return {
    wake: (session: EndpointId): void => void awake.add(session),
    isAwake: (): boolean => awake.size > 0,

    handle(event: SessionEvent): void {
      if (event.type === 'session-open') return open(event);
      if (event.type === 'session-attach') return attach(event);
      if (!rows.sessions.has(event.session)) return;
      switch (event.type) {
        case 'session-frame':
          return frame(event);
        case 'session-ack':
          try {
            acknowledge(event.session, event.ack);
          } catch (thrown) {
            if (!(thrown instanceof IllegalSyscall)) throw thrown;
            refuse(event.session, thrown.message);
          }
          return;
        case 'session-detach':
          close(event.session);
          change(event.session, { attached: false });
          return;
        case 'session-end':
          return end(event.session, event.error);
      }
    },

    /** Moves what waits for sessions into their frames of this step, as far as there is room. */
    dispatchAll(): void {
      for (const session of awake) {
        awake.delete(session);
        dispatch(session);
      }
    },

    /** Ends the step: its frames become rows and effects. */
    flush(): void {
      flushOrphans();
      for (const [session, { ops, names, retire }] of pending) {
        if (ops.length === 0) {
          insistInvariant(names.length === 0, 'a name is told in an op');
          continue;
        }
        const { sent, acked } = rows.sessions.getRequired(session);
        const seq = sent + 1;
        const frame = { ops, names, acked };
        change(session, { sent: seq });
        rows.frames.set(`${session}.${seq}`, { ...frame, ...(retire.length > 0 && { retire }) });
        emit({ type: 'to-session', session, frame: { seq, ...frame } });
      }
      pending.clear();
      if (later.size > 0) emit({ type: 'tick-wanted' });
      for (const session of later) awake.add(session);
      later.clear();
    },

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
          count(session, kref, -mentions);
        }
        clists.drop(session, kref);
      } else if (rows.objects.getRequired(kref).recog === 0) clists.remove(session, kref);
    },

    /** The owner gave an object up, or it was revoked. */
    noteOrphan: (kref: KRef, owner: EndpointId): void => void orphans.set(kref, owner),
    noteUpgrade: (vatId: EndpointId): void => void upgraded.add(vatId),

    /** The process that the clients spoke to is gone. They may come back to this one. */
    detachAll(): void {
      for (const session of allSessions()) change(session, { attached: false });
    },
  };
}

const charsOf = (batch: ReadonlyMap<KRef, SettledPromiseRow>): number => {
  let chars = 0;
  for (const { value } of batch.values()) chars += value.body.length;
  return chars;
};

export type Sessions = ReturnType<typeof makeSessions>;
