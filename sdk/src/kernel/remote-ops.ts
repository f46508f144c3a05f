/** What a remote peer does to its conversation: each frame whole, or not at all. */
import type { CapData } from '../protocol/capdata.js';
import { kser, kslot } from '../protocol/kernel-values.js';
import type { PeerOp } from '../protocol/peer-wire.js';
import {
  isExportVRef,
  isPromiseKRef,
  isPromiseVRef,
  type EndpointId,
  type KRef,
  type VRef,
} from '../protocol/refs.js';
import type { BackPressure } from './back-pressure.js';
import { IllegalSyscall, type CLists } from './clists.js';
import { rejection, type Messages, type Settlement } from './messages.js';
import { markOf, type ReadMarks } from './read-marks.js';
import type { OcapUrls } from './ocap-urls.js';
import { makeOwnNames } from './own-names.js';
import type { RemoteFrames, RemotePolicy } from './remote-frames.js';
import type { KernelRows, Message } from './rows.js';
import type { Shapes } from './shapes.js';
import type { Traces } from './traces.js';

export type RemoteOpsPowers = {
  rows: KernelRows;
  clists: CLists;
  messages: Messages;
  marks: ReadMarks;
  backPressure: BackPressure;
  traces: Traces;
  shapes: Shapes;
  urls: OcapUrls;
  frames: RemoteFrames;
  policy: RemotePolicy;
};

const takesNothing = rejection(
  'QUEUE_FULL',
  'too much waits for the peer that asks; ask again when it has taken some of it',
);
const holdsTooMuch = rejection(
  'QUEUE_FULL',
  'the peer that asks has been given too many references; ask again when it has let go of some',
);

export function makeRemoteOps(powers: RemoteOpsPowers) {
  const { rows, clists, messages, marks, urls, frames, policy } = powers;
  const names = makeOwnNames(rows, clists, policy.peerRefsMax);
  /** Those that have been given too much, and not let go of enough since. */
  const full = new Set<EndpointId>();

  const isKnown = (remote: EndpointId, vref: VRef): boolean =>
    rows.clistByVRef.has(`${remote}.${vref}`);

  const fromPeer = (remote: EndpointId, vref: VRef): KRef => {
    if (isKnown(remote, vref)) return clists.toKernel(remote, vref);
    const late = rows.lateNames.get(`${remote}.${vref}`);
    if (late !== undefined) return late.kref;
    if (!isExportVRef(vref)) return clists.krefOf(remote, vref);
    names.insistRoom(remote);
    const kref = clists.toKernel(remote, vref);
    // A promise of a value is its to settle.
    if (isPromiseKRef(kref)) frames.nameTheirs(remote, kref);
    return kref;
  };

  const dataFromPeer = (remote: EndpointId, { body, slots }: CapData<VRef>): CapData<KRef> => {
    const krefs: KRef[] = [];
    for (const slot of slots) {
      const kref = fromPeer(remote, slot);
      if (isExportVRef(slot) && !isPromiseVRef(slot)) frames.count(remote, kref, 1);
      krefs.push(kref);
    }
    return { body, slots: krefs };
  };

  /** A new promise of the peer's that somebody here is to settle. */
  const newResult = (remote: EndpointId, vref: VRef): KRef => {
    const isNew =
      clists.isNewPromise(remote, vref) ||
      !(isKnown(remote, vref) || rows.lateNames.has(`${remote}.${vref}`));
    if (!isNew) {
      throw new IllegalSyscall(
        `${remote} names ${vref} as a result, which is no new promise of its own`,
      );
    }
    names.insistRoom(remote);
    const kref = clists.toKernelResult(remote, vref);
    messages.subscribe(remote, kref);
    return kref;
  };

  /** Why nothing is done for the peer now: it asks for more, and takes or gives back nothing of what it has. */
  const refusalOf = (remote: EndpointId): Settlement | undefined => {
    if (powers.backPressure.refuses(remote, remote)) return takesNothing;
    const { given } = clists.size(remote);
    const most = policy.peerGivenMax;
    if (given >= most) full.add(remote);
    else if (given <= most - most / 16) full.delete(remote);
    return full.has(remote) ? holdsTooMuch : undefined;
  };

  const call = (remote: EndpointId, op: PeerOp & { op: 'call' }): void => {
    const isOwn = isExportVRef(op.target);
    const isLate = rows.lateNames.has(`${remote}.${op.target}`);
    if (isOwn && !isLate && !(isPromiseVRef(op.target) && isKnown(remote, op.target))) {
      throw new IllegalSyscall(`${remote} sends a message to ${op.target}, which is its own`);
    }
    const target = fromPeer(remote, op.target);
    const methargs = dataFromPeer(remote, op.methargs);
    const result = op.result && newResult(remote, op.result);
    const mark = op.read && result && markOf(remote, result);
    if (result !== undefined && mark !== undefined) {
      marks.begin(mark);
      marks.stamp(result, mark);
    }
    const message: Message = { methargs, ...(result && { result }), ...(mark && { mark }) };
    powers.traces.sent(remote, target, message);
    const refusal = refusalOf(remote);
    if (refusal === undefined) messages.route(target, message, remote);
    else if (result !== undefined) messages.settle(result, refusal);
  };

  const settle = (remote: EndpointId, { resolutions }: PeerOp & { op: 'settle' }): void => {
    const values = resolutions.map(({ value }) => dataFromPeer(remote, value));
    const heard = new Set<KRef>();
    for (const [index, { promise, rejected, watch }] of resolutions.entries()) {
      const kref = rows.clistByVRef.get(`${remote}.${promise}`);
      if (kref === undefined) {
        names.insistWasNamed(remote, promise);
        continue;
      }
      if (!isPromiseKRef(kref) || !clists.entry(remote, kref)?.theirs || heard.has(kref)) {
        throw new IllegalSyscall(`${remote} settles ${promise}, which it does not decide`);
      }
      heard.add(kref);
      const row = rows.promises.getRequired(kref);
      if (watch !== undefined) marks.heard(remote, row, watch);
      // It may have been given up meanwhile, when the peer was away for too long.
      if (row.state === 'open' && row.decider === remote)
        messages.settle(kref, { rejected, value: values[index] as CapData<KRef> });
    }
    for (const kref of heard) clists.remove(remote, kref);
  };

  const drop = (remote: EndpointId, { refs }: PeerOp & { op: 'drop' }): void => {
    for (const [vref, dropped] of refs) {
      const mentions = names.insistGiven(remote, vref, dropped);
      const kref = clists.krefOf(remote, vref);
      frames.count(remote, kref, -dropped);
      if (dropped === mentions) clists.drop(remote, kref);
    }
  };

  const retire = (remote: EndpointId, { refs }: PeerOp & { op: 'retire' }): void => {
    for (const vref of refs) {
      const kref = rows.clistByVRef.get(`${remote}.${vref}`);
      if (kref === undefined) {
        names.insistWasNamed(remote, vref);
        continue;
      }
      // Of ours, that it was given again meanwhile; of its own, that it gave again: the name lives on.
      if (!clists.entry(remote, kref)?.reach) clists.remove(remote, kref);
    }
  };

  const describe = (
    remote: EndpointId,
    { refs, iface, methods }: PeerOp & { op: 'describe' },
  ): void => {
    const krefs = refs.map((vref) => {
      const kref = rows.clistByVRef.get(`${remote}.${vref}`);
      if (kref !== undefined && rows.objects.get(kref)?.owner === remote) return kref;
      throw new IllegalSyscall(`${remote} describes ${vref}, which is no object of its own`);
    });
    powers.shapes.describe(remote, krefs, { methods, ...(iface !== undefined && { iface }) });
  };

  const redeem = (remote: EndpointId, op: PeerOp & { op: 'redeem' }): void => {
    const result = newResult(remote, op.result);
    const found = urls.redeem(op.number);
    if ('failure' in found) return messages.settle(result, found.failure);
    const { iface = 'remote' } = powers.shapes.of(found.kref) ?? {};
    messages.settle(result, { rejected: false, value: kser(kslot(found.kref, iface)) });
  };

  return {
    /** @throws IllegalSyscall where the peer may not do that; then nothing of the frame may count. */
    apply(remote: EndpointId, op: PeerOp): void {
      switch (op.op) {
        case 'call':
          return call(remote, op);
        case 'settle':
          return settle(remote, op);
        case 'drop':
          return drop(remote, op);
        case 'retire':
          return retire(remote, op);
        case 'describe':
          return describe(remote, op);
        case 'redeem':
          return redeem(remote, op);
      }
    },
    forget: (remote: EndpointId): void => void full.delete(remote),
  };
}

export type RemoteOps = ReturnType<typeof makeRemoteOps>;
