/**
 * Client sessions: endpoints whose other side is on a link that may break, with frames that are applied once.
 *
 * Here are their beginnings and ends, and the numbers of their frames; `session-ops.ts` applies what a client sends,
 * `session-frames.ts` makes what it is told. The conversation is written down in `protocol/session-wire.ts`.
 */
import { isExportVRef, isPromiseKRef, type EndpointId } from '../protocol/refs.js';
import { ADMIN_VREF } from '../protocol/session-wire.js';
import { IllegalSyscall } from './clists.js';
import type { ErrorData, SessionEvent } from './events.js';
import { sessionClosed } from './messages.js';
import { krefOrder } from './rows.js';
import {
  makeSessionFrames,
  type SessionFramesPolicy,
  type SessionFramesPowers,
} from './session-frames.js';
import { makeSessionOps, type SessionOpsPolicy, type SessionOpsPowers } from './session-ops.js';
import { changeSession } from './session-rows.js';

export type SessionPolicy = SessionFramesPolicy &
  SessionOpsPolicy & {
    /** Sessions, attached or not. */
    sessionsMax: number;
  };

export type SessionPowers = SessionFramesPowers &
  SessionOpsPowers & {
    policy: SessionPolicy;
    atomically: <T>(work: () => T) => T;
    forgetQueue: (session: EndpointId) => void;
  };

export function makeSessions(powers: SessionPowers) {
  const { rows, clists, queues, messages, marks, policy, emit } = powers;
  const frames = makeSessionFrames(powers);
  const sessionOps = makeSessionOps(powers);

  /** The client has all frames up to this one. */
  const acknowledge = (session: EndpointId, ack: number): void => {
    const { sent, acked } = rows.sessions.getRequired(session);
    if (ack <= acked) return;
    if (ack > sent) throw new IllegalSyscall(`${session} acknowledges frame ${ack} of ${sent}`);
    for (let seq = acked + 1; seq <= ack; seq += 1) frames.acknowledged(session, seq);
    changeSession(rows, session, { acked: ack });
    frames.wake(session);
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
    changeSession(rows, session, { closedBelow: clists.nextExport(session) });
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
    rows.forgetNumbers(session);
    clists.forget(session);
    frames.ended(session);
    powers.forgetQueue(session);
    emit({ type: 'session-over', session, ...(error && { error }) });
  };

  const refuse = (session: EndpointId, message: string): void =>
    end(session, { code: 'PROTOCOL_ERROR', message });

  const takeFrame = ({
    session,
    seq,
    ack,
    ops,
  }: SessionEvent & { type: 'session-frame' }): void => {
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
        for (const op of ops) sessionOps.apply(session, op);
        changeSession(rows, session, { received: seq });
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
    frames.opened();
    if (give !== undefined) frames.give(session, give);
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
    changeSession(rows, session, { attached: true });
    const unacknowledged = [];
    for (let seq = received + 1; seq <= row.sent; seq += 1) {
      const { retire: _, chars: _chars, ...frame } = rows.frames.getRequired(`${session}.${seq}`);
      unacknowledged.push({ seq, ...frame });
    }
    frames.wake(session);
    const result = {
      received: row.received,
      closedBelow: row.closedBelow,
      frames: unacknowledged,
      ...(row.privileged && { admin: ADMIN_VREF }),
    };
    emit({ type: 'answer', requestId, outcome: { type: 'done', result } });
  };

  return {
    wake: frames.wake,
    isAwake: frames.isAwake,
    dispatchAll: frames.dispatchAll,
    endStep: frames.endStep,
    tell: frames.tell,
    untold: frames.untold,
    letGo: frames.letGo,
    noteOrphan: frames.noteOrphan,
    noteUpgrade: frames.noteUpgrade,
    begin: frames.begin,
    undo: frames.undo,

    handle(event: SessionEvent): void {
      if (event.type === 'session-open') return open(event);
      if (event.type === 'session-attach') return attach(event);
      if (!rows.sessions.has(event.session)) return;
      switch (event.type) {
        case 'session-frame':
          return takeFrame(event);
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
          changeSession(rows, event.session, { attached: false });
          return;
        case 'session-end':
          return end(event.session, event.error);
      }
    },

    /** The process that the clients spoke to is gone. They may come back to this one. */
    detachAll(): void {
      for (const session of rows.sessions.ids()) changeSession(rows, session, { attached: false });
    },
  };
}

export type Sessions = ReturnType<typeof makeSessions>;
