/**
 * What a session has still to tell the host: in frames, numbered without a gap, kept until they are acknowledged. It
 * knows nothing of channels: `deliver` is called with what is to be sent now.
 */
import type { ClientOp, FrameMessage } from '../protocol/session-wire.js';

export type ClientFrame = FrameMessage<ClientOp>;
export type Window = { frames: number; chars: number };

/** Ops of one frame: so many share its cost, and it stays far below what the host takes. */
const OPS_MAX = 1_000;

type Sent = { seq: number; ops: ClientOp[]; chars: number };

/** Of bodies, as the window counts them. */
const charsOf = (op: ClientOp): number => {
  if (op.op === 'call') return op.methargs.body.length;
  if (op.op === 'drop') return 0;
  return op.resolutions.reduce((sum, { value }) => sum + value.body.length, 0);
};
/** Parts of a frame, of which the host takes a bounded number. */
const itemsOf = (op: ClientOp): number => {
  if (op.op === 'call') return 1 + op.methargs.slots.length;
  if (op.op === 'drop') return 1 + 2 * op.refs.length;
  return op.resolutions.reduce((sum, { value }) => sum + 1 + value.slots.length, 1);
};

const ITEMS_MAX = 10_000;

/** @param onAcked - an op that the host has for good. */
export function makeOutbox(onAcked: (op: ClientOp) => void) {
  let waiting: ClientOp[] = [];
  let waitingChars = 0;
  const sent: Sent[] = [];
  let sentChars = 0;
  let lastSeq = 0;

  const cutFrame = (charsMax: number): Sent => {
    let [count, chars, items] = [0, 0, 0];
    for (const op of waiting) {
      const [more, parts] = [charsOf(op), itemsOf(op)];
      // One op goes by itself, however large: nothing else would ever take it away.
      if (count > 0 && (count === OPS_MAX || chars + more > charsMax || items + parts > ITEMS_MAX))
        break;
      count += 1;
      chars += more;
      items += parts;
    }
    const ops = waiting.splice(0, count);
    waitingChars -= chars;
    return { seq: (lastSeq += 1), ops, chars };
  };

  return {
    push(op: ClientOp): void {
      waiting.push(op);
      waitingChars += charsOf(op);
    },

    /** Characters of bodies that the host has not acknowledged. */
    chars: (): number => waitingChars + sentChars,
    isEmpty: (): boolean => waiting.length + sent.length === 0,

    /** Sends what fits into the window. */
    flush(window: Window, deliver: (frame: { seq: number; ops: ClientOp[] }) => void): void {
      while (waiting.length > 0 && sent.length < window.frames) {
        const room = window.chars - sentChars;
        if (sent.length > 0 && room < charsOf(waiting[0] as ClientOp)) return;
        const frame = cutFrame(room);
        sent.push(frame);
        sentChars += frame.chars;
        deliver(frame);
      }
    },

    /** @returns false where the host has not been sent so many. */
    acked(seq: number): boolean {
      if (seq > lastSeq) return false;
      while (sent[0] !== undefined && sent[0].seq <= seq) {
        const { ops, chars } = sent.shift() as Sent;
        sentChars -= chars;
        ops.forEach(onAcked);
      }
      return true;
    },

    /** After a resumption: what the host has not got. */
    resend(deliver: (frame: { seq: number; ops: ClientOp[] }) => void): void {
      sent.forEach(deliver);
    },

    clear(): void {
      waiting = [];
      waitingChars = 0;
      sent.length = 0;
      sentChars = 0;
    },
  };
}
