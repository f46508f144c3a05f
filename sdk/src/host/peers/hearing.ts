/** What peers say on their links: pieces become messages, and frames go to the kernel in order, of many peers in turn, as fast as vats take them. */
import { limits } from '../../limits.js';
import type { PeerFrame, PeerMessage } from '../../protocol/peer-wire.js';
import { insistPeerMessage } from '../../protocol/peer-wire-check.js';
import { isVatEndpoint, type EndpointId, type KRef, type VRef } from '../../protocol/refs.js';
import { messageOf } from '../bundles.js';
import type { EventLoop } from '../event-loop.js';
import { makeFairQueue } from '../fair-queue.js';
import type { Log } from '../logger.js';
import type { Greetings } from './greetings.js';
import type { Links } from './links.js';
import { acknowledge, say, sayChanged, type LiveLink } from './live-link.js';
import type { CommsRun, Peer } from './peer-book.js';

export type HearingPowers = {
  loop: EventLoop;
  log: Log;
  run: CommsRun;
  links: Links;
  greetings: Greetings;
};

/** A peer that has so many frames to be acknowledged hears of it at once. */
const ackFramesMax = 64;
const ackDelayMs = 25;
/** Frames that a peer may send ahead of what is committed, and their bytes, beside the window: it may count differently. */
const inboxMax = 4 * limits.peerFramesMax;
const inboxBytesMax = 4 * limits.peerFrameCharsMax;
/** Nobody has greeted yet who would say more. */
const helloBytesMax = 65_536;

export function makeHearing({ loop, log, run, links, greetings }: HearingPowers) {
  const bytesMaxOf = ({ hasHeardHello }: LiveLink): number =>
    hasHeardHello
      ? (run.settings?.maxMessageSizeBytes ?? limits.peerMessageBytesMax)
      : helloBytesMax;

  const hear = (peer: Peer, live: LiveLink, message: PeerMessage, bytes: number): void => {
    switch (message.type) {
      case 'hello':
        if (live.hasHeardHello) {
          const error = { code: 'PROTOCOL_ERROR', message: 'it greeted twice' };
          greetings.refuse(peer, live, error);
          return;
        }
        live.hasHeardHello = true;
        void greetings.heard(peer, live, message);
        return;
      case 'frame':
      case 'changed':
        // Nothing is kept for who may never greet.
        if (!live.hasHeardHello) {
          const error = { code: 'PROTOCOL_ERROR', message: 'it has not greeted' };
          greetings.refuse(peer, live, error);
          return;
        }
        // The last one may be as large as a message may be.
        if (live.inbox.length >= inboxMax || live.inboxBytes > inboxBytesMax) {
          const error = { code: 'PROTOCOL_ERROR', message: 'it sent more than it may' };
          greetings.refuse(peer, live, error);
          return;
        }
        live.inbox.push({ frame: message, bytes });
        live.inboxBytes += bytes;
        fair.add(live);
        return;
      case 'ack':
        live.heard = Math.max(live.heard, message.ack);
        // In its turn among the frames.
        if (live.inbox.length > 0) queueAck(live, message.ack);
        else if (live.remote !== undefined)
          loop.feed({ type: 'peer-ack', remote: live.remote, ack: message.ack });
        return;
      case 'ping':
        return say(live, { type: 'pong' });
      case 'pong':
        return;
      case 'refused':
        return greetings.refused(peer, live, message);
      case 'bye':
        peer.isClosed ||= message.rests === true;
        return links.over(peer, live, message.why.slice(0, 200));
    }
  };

  const queueAck = (live: LiveLink, ack: number): void => {
    const last = live.inbox.at(-1)?.frame;
    if (last?.type === 'frame' && last.seq === 0) last.ack = Math.max(last.ack, ack);
    else live.inbox.push({ frame: { type: 'frame', seq: 0, ack, ops: [] }, bytes: 0 });
  };

  /** Gives the kernel one frame that came, unless a vat's queue is full: then the peer has to wait. Is there another? */
  const takeFrame = (live: LiveLink): boolean => {
    const [first] = live.inbox;
    if (live.phase !== 'open' || live.isBlocked || first === undefined) return false;
    const { frame, bytes } = first;
    const remote = live.remote as EndpointId;
    const full = frame.type === 'changed' ? undefined : fullQueueOf(remote, frame);
    if (full !== undefined) {
      live.isBlocked = true;
      loop.whenDrained(full, () => {
        live.isBlocked = false;
        fair.add(live);
      });
      return false;
    }
    live.inbox.shift();
    live.inboxBytes -= bytes;
    if (frame.type === 'changed')
      loop.feed({ type: 'peer-changed', remote, watches: frame.watches });
    else {
      const { seq, ack, ops } = frame;
      live.heard = Math.max(live.heard, ack);
      if (seq === 0) loop.feed({ type: 'peer-ack', remote, ack });
      else loop.feed({ type: 'peer-frame', remote, seq, ack, ops });
    }
    return live.inbox.length > 0;
  };
  const fair = makeFairQueue(takeFrame, (thrown) => {
    log('error', ['kernel', 'peer'], [`a peer's frame: ${messageOf(thrown)}`]);
  });

  /** The full queue of a vat that a call of the frame would go to, whatever name of its target the peer uses. */
  const fullQueueOf = (remote: EndpointId, { ops }: PeerFrame): string | undefined => {
    const redeemed = new Map<VRef, string>();
    for (const op of ops) {
      if (op.op === 'redeem') redeemed.set(op.result, op.number);
      if (op.op !== 'call') continue;
      const target = targetOf(`${remote}.${op.target}`, redeemed.get(op.target));
      const full = target && loop.fullQueueOf(target);
      if (full !== undefined && isVatEndpoint(full)) return full;
    }
    return undefined;
  };

  /** @param number - of the URL that the same frame redeems for this name, if so. */
  const targetOf = (name: string, number: string | undefined): KRef | undefined => {
    const { clistByVRef, lateNames, urls } = loop.rows();
    if (number !== undefined) return urls.get(number)?.kref;
    return clistByVRef.get(name) ?? lateNames.get(name)?.kref;
  };

  /** Tells the peer what has come, which must be on the disk first: it says nothing twice that was acknowledged. */
  const confirm = (live: LiveLink): void => {
    if (live.acked >= live.received) return acknowledge(live);
    loop.sync();
    acknowledge(live);
  };

  return {
    /** Another piece of a message has come. */
    receive(peer: Peer, live: LiveLink, piece: Uint8Array): void {
      live.heardAt = Date.now();
      let message: unknown;
      let bytes: number;
      try {
        const whole = live.assembler.push(piece, bytesMaxOf(live));
        if (whole === undefined) return;
        ({ message, bytes } = whole);
        insistPeerMessage(message);
      } catch (thrown) {
        const error = { code: 'PROTOCOL_ERROR', message: messageOf(thrown).slice(0, 500) };
        greetings.refuse(peer, live, error);
        return;
      }
      hear(peer, live, message, bytes);
    },

    /** The two kernels have greeted. */
    open(live: LiveLink): void {
      sayChanged(live);
      confirm(live);
      fair.add(live);
    },

    /** The kernel has taken the peer's frames up to `received`. */
    taken(live: LiveLink, received: number): void {
      live.received = Math.max(live.received, received);
      // With the next frame, if there soon is one: that is written to the disk anyway. And not within a commit.
      if (live.received - live.acked >= ackFramesMax) queueMicrotask(() => confirm(live));
      else live.ackTimer ??= setTimeout(() => confirm(live), ackDelayMs);
    },
  };
}

export type Hearing = ReturnType<typeof makeHearing>;
