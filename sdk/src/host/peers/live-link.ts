/** One link to a peer, while it lives: what is said on it, in which pieces, and what of it is acknowledged. */
import { makeAssembler, toPieces } from '../../comms/pieces.js';
import type { Link } from '../../comms/transport.js';
import { limits } from '../../limits.js';
import type { PeerFrame, PeerMessage } from '../../protocol/peer-wire.js';
import type { EndpointId } from '../../protocol/refs.js';
import { messageOf } from '../bundles.js';
import type { PeerEffect } from '../event-loop.js';

export type LiveLink = {
  link: Link;
  number: number;
  phase: 'greeting' | 'open' | 'over';
  hasHeardHello: boolean;
  remote?: EndpointId;
  assembler: ReturnType<typeof makeAssembler>;
  outbox: Uint8Array[];
  isFull: boolean;
  /** What the kernel told the peer while its greeting was on the way to here. */
  held: (PeerEffect & { type: 'to-peer' })[];
  /** Frames that came and are not with the kernel yet. */
  inbox: { frame: PeerFrame; bytes: number }[];
  inboxBytes: number;
  isBlocked: boolean;
  received: number;
  acked: number;
  /** Of ours, the last frame that was said, and the last that was acknowledged. */
  said: number;
  heard: number;
  heardAt: number;
  ackTimer?: ReturnType<typeof setTimeout>;
  greetTimer?: ReturnType<typeof setTimeout>;
};

export const newLink = (link: Link, number: number): LiveLink => ({
  link,
  number,
  phase: 'greeting',
  hasHeardHello: false,
  assembler: makeAssembler(),
  outbox: [],
  isFull: false,
  held: [],
  inbox: [],
  inboxBytes: 0,
  isBlocked: false,
  received: 0,
  acked: 0,
  said: 0,
  heard: 0,
  heardAt: Date.now(),
});

/** Sends a message, in as many frames of the link as it needs. */
export const say = (live: LiveLink, message: PeerMessage): void => {
  if (live.phase === 'over') return;
  live.outbox.push(...toPieces(message, limits.linkFrameBytesMax));
  drain(live);
};

/** Sends of what waits as much as the link takes. */
export const drain = (live: LiveLink): void => {
  let sent = 0;
  while (!live.isFull && sent < live.outbox.length) {
    try {
      live.isFull = !live.link.send(live.outbox[sent] as Uint8Array);
    } catch (thrown) {
      live.link.close(messageOf(thrown));
      return;
    }
    sent += 1;
  }
  live.outbox.splice(0, sent);
};

export const sayFrame = (live: LiveLink, frame: Omit<PeerFrame, 'type'>): void => {
  live.said = Math.max(live.said, frame.seq);
  live.acked = Math.max(live.acked, frame.ack);
  say(live, { type: 'frame', ...frame });
};

/** Tells the peer what has come, if it has not been told. */
export const acknowledge = (live: LiveLink): void => {
  clearTimeout(live.ackTimer);
  delete live.ackTimer;
  if (live.phase !== 'open' || live.acked >= live.received) return;
  live.acked = live.received;
  say(live, { type: 'ack', ack: live.received });
};
