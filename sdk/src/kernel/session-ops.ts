/** What client sessions do: the ops of their frames, each checked against the session's c-list. */
import type { CapData } from '../protocol/capdata.js';
import {
  isExportVRef,
  isPromiseVRef,
  type EndpointId,
  type KRef,
  type VRef,
} from '../protocol/refs.js';
import { ADMIN_VREF, type ClientOp } from '../protocol/session-wire.js';
import { IllegalSyscall, type CLists } from './clists.js';
import { sessionClosed, type Messages } from './messages.js';
import { makeOwnNames } from './own-names.js';
import type { ReadMarks } from './read-marks.js';
import type { References } from './references.js';
import type { KernelRows, Message, ReadMark } from './rows.js';
import { countMentions } from './session-rows.js';
import type { Traces } from './traces.js';

export type SessionOpsPolicy = {
  /** Names in the c-list of one session. */
  sessionRefsMax: number;
};

export type SessionOpsPowers = {
  rows: KernelRows;
  references: References;
  clists: CLists;
  messages: Messages;
  marks: ReadMarks;
  traces: Traces;
  policy: SessionOpsPolicy;
  /** Takes a call of the session's admin object, which is the host's. */
  callAdmin: (session: EndpointId, message: Message) => void;
};

export function makeSessionOps(powers: SessionOpsPowers) {
  const { rows, references, clists, messages, marks, traces, policy } = powers;
  const names = makeOwnNames(rows, clists, policy.sessionRefsMax);

  const fromClient = (session: EndpointId, vref: VRef): KRef => {
    if (!rows.clistByVRef.has(`${session}.${vref}`)) {
      if (isClosed(session, vref)) return closedFor(vref);
      if (isExportVRef(vref)) names.insistRoom(session);
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

  const dataFromClient = (session: EndpointId, { body, slots }: CapData<VRef>): CapData<KRef> => {
    const krefs: KRef[] = [];
    for (const slot of slots) {
      const kref = fromClient(session, slot);
      // Not of one that is closed, which is no name of the session's any more.
      const isExport = isExportVRef(slot) && !isPromiseVRef(slot);
      if (isExport && clists.entry(session, kref) !== undefined)
        countMentions(rows, session, kref, 1);
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
    let mark: ReadMark | undefined;
    if (op.result !== undefined) {
      if (!isExportVRef(op.result) || rows.clistByVRef.has(`${session}.${op.result}`)) {
        throw new IllegalSyscall(
          `${session} names ${op.result} as a result, which is no new promise of its own`,
        );
      }
      names.insistRoom(session);
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
    const message = { methargs, ...(result && { result }), ...(mark && { mark }) };
    traces.sent(session, target, message);
    messages.route(target, message, session);
  };

  const settle = (session: EndpointId, op: ClientOp & { op: 'settle' }): void => {
    const values: CapData<KRef>[] = [];
    for (const { value } of op.resolutions) values.push(dataFromClient(session, value));
    const decided = new Set<KRef>();
    for (const [index, { promise, rejected }] of [...op.resolutions].entries()) {
      const kref = rows.clistByVRef.get(`${session}.${promise}`);
      if (kref === undefined) {
        names.insistWasNamed(session, promise);
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

  const drop = (session: EndpointId, op: ClientOp & { op: 'drop' }): void => {
    for (const [vref, given] of op.refs) {
      const mentions = names.insistGiven(session, vref, given);
      const kref = clists.krefOf(session, vref);
      if (given < mentions) countMentions(rows, session, kref, -given);
      else clists.remove(session, kref);
    }
  };

  return {
    /** @throws IllegalSyscall where the op names what is not the session's to name. */
    apply(session: EndpointId, op: ClientOp): void {
      switch (op.op) {
        case 'call':
          return call(session, op);
        case 'settle':
          return settle(session, op);
        case 'drop':
          return drop(session, op);
      }
    },
  };
}

export type SessionOps = ReturnType<typeof makeSessionOps>;
