/**
 * What a session has still to tell the host: in frames, numbered without a gap, kept until they are acknowledged. It
 * knows nothing of channels: `deliver` is given what is to be sent now.
 */
import type { CapData } from '../protocol/capdata.js';
import type { ClientOp, WelcomeMessage } from '../protocol/session-wire.js';

/** Ops of one frame, and what it weighs: so much shares its cost, and the host would take several times that. */
const OPS_MAX = 1_000;
const WEIGHT_MAX = 2 ** 20;
/** An op weighs so many characters, and so does a slot. */
const ITEM_WEIGHT = 64;

/** `ack` is what it acknowledged when it was sent first: its ops may name what later frames of the host settled. */
type Frame = { seq: number; ack: number; ops: ClientOp[]; weight: number };

/** @param onAcked - an op that the host has for good. */
export function makeOutbox(onAcked: (op: ClientOp) => void) {
  let waiting: { op: ClientOp; weight: number }[] = [];
  let sent: Frame[] = [];
  let lastSeq = 0;
  /** Of all that is not acknowledged, and of what of it was sent. */
  let weight = 0;
  let sentWeight = 0;

  return {
    /** @param value - what the op carries. */
    push(op: ClientOp, value?: CapData): void {
      const own = ITEM_WEIGHT + (value ? value.body.length + value.slots.length * ITEM_WEIGHT : 0);
      waiting.push({ op, weight: own });
      weight += own;
    },
    weight: (): number => weight,
    /** Is there something that was not sent yet? */
    isWaiting: (): boolean => waiting.length > 0,

    /** Sends what fits into the host's window. */
    flush(
      { frames, chars }: WelcomeMessage['window'],
      ack: number,
      deliver: (frame: Frame) => void,
    ): void {
      while (waiting.length > 0 && sent.length < frames) {
        const room = chars - sentWeight;
        const ops: ClientOp[] = [];
        let load = 0;
        for (const next of waiting) {
          // One op goes by itself, however large: nothing else would ever take it away.
          const max =
            ops.length > 0 ? Math.min(room, WEIGHT_MAX) : sent.length > 0 ? room : Infinity;
          if (load + next.weight > max || ops.length === OPS_MAX) break;
          load += next.weight;
          ops.push(next.op);
        }
        if (ops.length === 0) return;
        waiting.splice(0, ops.length);
        sentWeight += load;
        const frame = { seq: (lastSeq += 1), ack, ops, weight: load };
        sent.push(frame);
        deliver(frame);
      }
    },

    acked(seq: number): void {
      for (let frame; (frame = sent[0]) && frame.seq <= seq;) {
        sent.shift();
        weight -= frame.weight;
        sentWeight -= frame.weight;
        frame.ops.forEach(onAcked);
      }
    },

    /** After a resumption: what the host has not got. */
    resend: (deliver: (frame: Frame) => void): void => sent.forEach(deliver),

    clear(): void {
      waiting = [];
      sent = [];
      weight = sentWeight = 0;
    },
  };
}
