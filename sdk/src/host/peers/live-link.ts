/** One link to a peer, while it lives: what is said on it, in which pieces, and what of it is acknowledged. */
import { makeAssembler, toPieces } from '../../comms/pieces.js';
import type { Link } from '../../comms/transport.js';
import { limits } from '../../limits.js';
import type { PeerChanged, PeerFrame, PeerMessage } from '../../protocol/peer-wire.js';
import type { EndpointId } from '../../protocol/refs.js';
import { messageOf } from '../bundles.js';
import type { PeerEffect } from '../event-loop.js';
import { unref } from './unref.js';

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
  /** Watches that are over and of which the peer has not been told; and when it may be told again. */
  changed: Set<number>;
  changedTimer?: ReturnType<typeof setTimeout>;
  /** Frames, and news of watches among them, that came and are not with the kernel yet. */
  inbox: { frame: PeerFrame | PeerChanged; bytes: number }[];
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
  changed: new Set(),
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

/**
 * Tells the peer which watches are over: at once, and then so often only, and not ahead of what the link has yet to take. However
 * much changes here meanwhile, a watch is told once.
 */
export const sayChanged = (live: LiveLink, watches: readonly number[] = []): void => {
  for (const watch of watches) live.changed.add(watch);
  if (live.phase !== 'open' || live.changed.size === 0 || live.changedTimer !== undefined) return;
  if (live.outbox.length === 0) {
    say(live, { type: 'changed', watches: [...live.changed] });
    live.changed.clear();
  }
  live.changedTimer = setTimeout(() => {
    delete live.changedTimer;
    sayChanged(live);
  }, limits.peerChangedMs);
  unref(live.changedTimer);
};
