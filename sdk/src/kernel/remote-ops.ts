/** What a remote peer does to its conversation: each frame whole, or not at all. */
import type { CapData } from '../protocol/capdata.js';
import { kser, kslot } from '../protocol/kernel-values.js';
import type { PeerOp } from '../protocol/peer-wire.js';
import {
  isExportVRef,
  isPromiseKRef,
  isPromiseVRef,
  isVatEndpoint,
  type EndpointId,
  type KRef,
  type VRef,
} from '../protocol/refs.js';
import { IllegalSyscall, type CLists } from './clists.js';
import type { Messages } from './messages.js';
import { markOf, type ReadMarks } from './read-marks.js';
import type { OcapUrls } from './ocap-urls.js';
import type { RemoteFrames, RemotePolicy } from './remote-frames.js';
import type { KernelRows, Message } from './rows.js';
import type { Shapes } from './shapes.js';
import type { Traces } from './traces.js';

export type RemoteOpsPowers = {
  rows: KernelRows;
  clists: CLists;
  messages: Messages;
  marks: ReadMarks;
  traces: Traces;
  shapes: Shapes;
  urls: OcapUrls;
  frames: RemoteFrames;
  policy: RemotePolicy;
};

export function makeRemoteOps(powers: RemoteOpsPowers) {
  const { rows, clists, messages, marks, urls, frames, policy } = powers;
  /** By peer, the number of a new name at which its names are counted again. */
  const countAt = new Map<EndpointId, number>();

  const isKnown = (remote: EndpointId, vref: VRef): boolean =>
    rows.clistByVRef.has(`${remote}.${vref}`);

  const fromPeer = (remote: EndpointId, vref: VRef): KRef => {
    if (isKnown(remote, vref)) return clists.toKernel(remote, vref);
    const late = rows.lateNames.get(`${remote}.${vref}`);
    if (late !== undefined) return late.kref;
    if (!isExportVRef(vref)) return clists.krefOf(remote, vref);
    insistRoom(remote);
    const kref = clists.toKernel(remote, vref);
    // A promise of a value is its to settle.
    if (isPromiseKRef(kref)) frames.nameTheirs(remote, kref);
    return kref;
  };

  /** Names are counted now and then: in between they are no more than were made since. */
  const insistRoom = (remote: EndpointId): void => {
    const { exports = 1 } = rows.vrefNumbers.get(remote) ?? {};
    if (exports < (countAt.get(remote) ?? policy.peerRefsMax)) return;
    const own = rows.clistByVRef.ids(`${remote}.`).filter((id) => id.includes('+')).length;
    if (own >= policy.peerRefsMax) {
      throw new IllegalSyscall(
        `${remote} has ${own} names of its own, of at most ${policy.peerRefsMax}`,
      );
    }
    countAt.set(remote, exports + policy.peerRefsMax - own);
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
    if (isKnown(remote, vref) || rows.lateNames.has(`${remote}.${vref}`)) {
      throw new IllegalSyscall(
        `${remote} names ${vref} as a result, which is no new promise of its own`,
      );
    }
    insistRoom(remote);
    const kref = clists.toKernelResult(remote, vref);
    messages.subscribe(remote, kref);
    return kref;
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
    // A vat works its queue off: the host has waited with this frame. An open promise may wait for this very peer.
    const queue = messages.queueOf(target);
    powers.traces.sent(remote, target, message);
    messages.route(
      target,
      message,
      queue !== undefined && isVatEndpoint(queue) ? undefined : remote,
    );
  };

  const settle = (remote: EndpointId, { resolutions }: PeerOp & { op: 'settle' }): void => {
    const values = resolutions.map(({ value }) => dataFromPeer(remote, value));
    const heard = new Set<KRef>();
    for (const [index, { promise, rejected, watch }] of resolutions.entries()) {
      const kref = rows.clistByVRef.get(`${remote}.${promise}`);
      if (kref === undefined) {
        insistWasNamed(remote, promise);
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

  /** It was a name of the conversation once, or may have been. */
  const insistWasNamed = (remote: EndpointId, vref: VRef): void => {
    const { exports = 1, object = 1, promise = 1 } = rows.vrefNumbers.get(remote) ?? {};
    const next = isExportVRef(vref) ? exports : isPromiseVRef(vref) ? promise : object;
    if (Number(vref.slice(2)) < next) return;
    throw new IllegalSyscall(`${remote} names ${vref}, which was never one of its names`);
  };

  const drop = (remote: EndpointId, { refs }: PeerOp & { op: 'drop' }): void => {
    for (const [vref, given] of refs) {
      const kref = clists.krefOf(remote, vref);
      const { mentions = 0 } = clists.entry(remote, kref) ?? {};
      if (isExportVRef(vref) || isPromiseVRef(vref) || given > mentions) {
        throw new IllegalSyscall(
          `${remote} drops ${vref} ${given} times, which it was given ${mentions} times`,
        );
      }
      frames.count(remote, kref, -given);
      if (given === mentions) clists.drop(remote, kref);
    }
  };

  const retire = (remote: EndpointId, { refs }: PeerOp & { op: 'retire' }): void => {
    for (const vref of refs) {
      const kref = rows.clistByVRef.get(`${remote}.${vref}`);
      if (kref === undefined) {
        insistWasNamed(remote, vref);
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
    forget: (remote: EndpointId): void => void countAt.delete(remote),
  };
}

export type RemoteOps = ReturnType<typeof makeRemoteOps>;
