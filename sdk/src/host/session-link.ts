/**
 * One channel of a client session while it is open: what of each side's frames is not acknowledged yet, and how errors
 * are told. What the messages mean is the server's matter.
 */
import { KernelError } from '../errors.js';
import type { ErrorData } from '../kernel/events.js';
import type { SessionFrame } from '../kernel/session-rows.js';
import type { EndpointId, VatId } from '../protocol/refs.js';
import { limits } from '../limits.js';
import type { ClientOp, FrameMessage, ToClient, WireError } from '../protocol/session-wire.js';
import { messageOf } from './bundles.js';
import type { Log } from './logger.js';
import type { SessionChannel } from './session-channel.js';

export type ServeOptions = {
  /** Whose sessions have an admin object. */
  privileged: boolean;
  /** The session that the channel is for. */
  bound?: { session: EndpointId; secret: string };
  /** The link is over; `wasBye`: its client said so. */
  onEnd?: (wasBye: boolean) => void;
};

export type Link = ServeOptions & {
  channel: SessionChannel;
  /** To a client that cannot be told, nothing is. */
  post: (message: ToClient) => void;
  phase: 'new' | 'attaching' | 'open' | 'over';
  session?: EndpointId;
  /** Frames that came and are not with the kernel yet. */
  inbox: FrameMessage<ClientOp>[];
  isBlocked: boolean;
  /** Of the client's frames that are not committed: how many, and the length of each's bodies. */
  open: Map<number, number>;
  openChars: number;
  /** Told to the client: its last frame that is committed. */
  received: number;
  acked: number;
  ackTimer?: ReturnType<typeof setTimeout>;
  /** Frames that the kernel made while the link was attaching. */
  held: SessionFrame[];
  /** Vats that answers on this link touched. */
  interest: Set<VatId>;
  status: string;
  wasBye: boolean;
  channels: Map<number, Inner>;
};

/** A channel within a channel, seen from the link that carries it. */
export type Inner = { receive: (message: unknown) => void; closed: () => void };

/** A client that has so many frames to be acknowledged hears of it at once. */
const ackFramesMax = 100;
const ackDelayMs = 10;
/** An honest client that counts characters by another rule than ours is not closed for it. */
const windowSlack = 2;

export function makeLink(channel: SessionChannel, options: ServeOptions, log: Log): Link {
  return {
    ...options,
    channel,
    post(message) {
      try {
        channel.post(message);
      } catch (thrown) {
        log('warn', ['kernel', 'session'], [`a client cannot be told: ${messageOf(thrown)}`]);
      }
    },
    phase: 'new',
    inbox: [],
    isBlocked: false,
    open: new Map(),
    openChars: 0,
    received: 0,
    acked: 0,
    held: [],
    interest: new Set(),
    status: '',
    wasBye: false,
    channels: new Map(),
  };
}

/** Counts a frame that came. @returns what is wrong, where the client sends more than it may. */
export function admit(link: Link, frame: FrameMessage<ClientOp>): string | undefined {
  const chars = charsOf(frame);
  link.open.set(frame.seq, chars);
  link.openChars += chars;
  return link.open.size > windowSlack * limits.sessionWindowFrames ||
    link.openChars > windowSlack * limits.sessionWindowChars
    ? `more than ${limits.sessionWindowFrames} frames, or ${limits.sessionWindowChars} characters, are not acknowledged`
    : undefined;
}

/** The client's frames up to `seq` are committed: it is told with the next frame, if there soon is one. */
export function noteCommitted(link: Link, seq: number): void {
  for (const [number, chars] of link.open) {
    if (number > seq) break;
    link.open.delete(number);
    link.openChars -= chars;
  }
  link.received = Math.max(link.received, seq);
  if (link.received - link.acked >= ackFramesMax) acknowledge(link);
  else link.ackTimer ??= setTimeout(() => acknowledge(link), ackDelayMs);
}

function acknowledge(link: Link): void {
  clearTimeout(link.ackTimer);
  delete link.ackTimer;
  if (link.phase !== 'open' || link.acked === link.received) return;
  link.acked = link.received;
  link.post({ type: 'ack', ack: link.received });
}

function charsOf({ ops }: FrameMessage<ClientOp>): number {
  let chars = 0;
  for (const op of ops) {
    if (op.op === 'call') chars += op.methargs.body.length;
    else if (op.op === 'settle') for (const { value } of op.resolutions) chars += value.body.length;
  }
  return chars;
}

export const wireErrorOf = ({ code, message, data, cause }: ErrorData): WireError => ({
  code,
  message: new KernelError(code, message).message,
  ...(data !== undefined && { data }),
  ...(cause !== undefined && { cause: { name: cause.name, message: cause.message } }),
});
