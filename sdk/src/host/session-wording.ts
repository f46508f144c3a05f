/** Frames of the kernel as its clients read them: names of the wire for krefs, stacks mapped, vats under opaque names. */
import type { SessionFrame, SessionOp } from '../kernel/session-rows.js';
import type { EndpointId, VatId } from '../protocol/refs.js';
import type { HostFrameMessage, HostOp, VatVersions } from '../protocol/session-wire.js';
import { methodNames, type HostObjects } from './host-realm.js';
import type { Link } from './session-link.js';
import type { StoreNames } from './store-names.js';

export type SessionWordingPowers = {
  objects: HostObjects;
  names: StoreNames;
  /** A vat's stack with the lines of its source. */
  mapStack: (vatId: VatId, text: string) => string;
  /** The frames of a session up to this one are of an earlier run of the kernel, whose versions mean nothing. */
  lastOldFrame: (session: EndpointId) => number;
};

export function makeSessionWording({
  objects,
  names,
  mapStack,
  lastOldFrame,
}: SessionWordingPowers) {
  const wordFrame = (link: Link, frame: SessionFrame): HostFrameMessage => {
    const isOld = frame.seq <= lastOldFrame(link.session as EndpointId);
    link.acked = link.received;
    return {
      type: 'frame',
      seq: frame.seq,
      ack: link.received,
      acked: frame.acked,
      ops: frame.ops.map((op) => wordOp(link, op, isOld)),
      names: frame.names.map(({ kref, host, ...name }) => {
        const object = host === undefined ? undefined : objects.at(host);
        return {
          ...name,
          id: names.stableId(kref),
          ...(object !== undefined && { methods: methodNames(object) }),
        };
      }),
    };
  };

  const wordOp = (link: Link, op: SessionOp, isOld: boolean): HostOp => {
    if (op.op !== 'settle') return op;
    const resolutions = op.resolutions.map(({ stack, touched, ...resolution }) => ({
      ...resolution,
      ...(stack && link.privileged && { stack: mapStack(stack.vatId, stack.text) }),
      ...(touched && !isOld && { touched: wordVersions(link, touched) }),
    }));
    return { op: 'settle', resolutions };
  };

  const wordVersions = (link: Link, versions: { [vatId: VatId]: number }): VatVersions => {
    const worded: VatVersions = {};
    for (const [vatId, version] of Object.entries(versions)) {
      link.interest.add(vatId);
      worded[names.opaqueVatId(vatId)] = version;
    }
    return worded;
  };

  return { frame: wordFrame, versions: wordVersions };
}
