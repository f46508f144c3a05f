/** Frames of clients on their way into the kernel: of many links in turn, and none into a queue that is full. */
import type { EndpointId } from '../protocol/refs.js';
import type { ClientOp, FrameMessage } from '../protocol/session-wire.js';
import { messageOf } from './bundles.js';
import type { EventLoop } from './event-loop.js';
import { makeFairQueue } from './fair-queue.js';
import type { Log } from './logger.js';
import type { Link } from './session-link.js';

export function makeSessionIntake(loop: EventLoop, log: Log) {
  /** Hands one frame of a link to the kernel. Returns whether there is another. */
  const work = (link: Link): boolean => {
    const frame = link.inbox[0];
    if (frame === undefined || link.isBlocked || link.phase !== 'open') return false;
    const session = link.session as EndpointId;
    const full = fullQueue(session, frame.ops);
    if (full !== undefined) {
      link.isBlocked = true;
      loop.whenDrained(full, () => {
        link.isBlocked = false;
        fair.add(link);
      });
      return false;
    }
    link.inbox.shift();
    loop.feed({ type: 'session-frame', session, seq: frame.seq, ack: frame.ack, ops: frame.ops });
    return link.inbox.length > 0;
  };

  /** The queue of a vat that this frame would overfill. */
  const fullQueue = (session: EndpointId, ops: readonly ClientOp[]): string | undefined => {
    const { clistByVRef } = loop.rows();
    const seen = new Set<string>();
    for (const op of ops) {
      if (op.op !== 'call' || seen.has(op.target)) continue;
      seen.add(op.target);
      const kref = clistByVRef.get(`${session}.${op.target}`);
      const queue = kref === undefined ? undefined : loop.fullQueueOf(kref);
      if (queue?.startsWith('v')) return queue;
    }
    return undefined;
  };
  const fair = makeFairQueue(work, (thrown) => {
    log('error', ['kernel', 'session'], [`a session's frame: ${messageOf(thrown)}`]);
  });

  return (link: Link, frame: FrameMessage<ClientOp>): void => {
    link.inbox.push(frame);
    fair.add(link);
  };
}
