/**
 * What a session has still to tell the host: in frames, numbered without a gap, kept until they are acknowledged. It
 * knows nothing of channels: `deliver` is given what is to be sent now.
 */
import type { ClientOp, WelcomeMessage } from '../protocol/session-wire.js';

/** Ops of one frame, and what it weighs: so much shares its cost, and the host would take several times that. */
const OPS_MAX = 1_000;
const WEIGHT_MAX = 2 ** 20;
/** A slot weighs so many characters. */
const SLOT_WEIGHT = 64;

/** `ack` is what it acknowledged when it was sent first: its ops may name what later frames of the host settled. */
type Frame = { seq: number; ack: number; ops: ClientOp[]; weight: number };

const valuesOf = (op: ClientOp) =>
  op.op === 'call'
    ? [op.methargs]
    : op.op === 'settle'
      ? op.resolutions.map(({ value }) => value)
      : [];
const weightOf = (op: ClientOp): number =>
  valuesOf(op).reduce(
    (sum, { body, slots }) => sum + body.length + slots.length * SLOT_WEIGHT,
    SLOT_WEIGHT,
  );

/** @param onAcked - an op that the host has for good. */
export function makeOutbox(onAcked: (op: ClientOp) => void) {
  let waiting: ClientOp[] = [];
  let sent: Frame[] = [];
  let lastSeq = 0;
  /** Of all that is not acknowledged, and of what of it was sent. */
  let weight = 0;
  let sentWeight = 0;

  /** One op goes by itself, however large: nothing else would ever take it away. */
  const cutFrame = (room: number, ack: number): Frame => {
    let count = 0;
    let load = 0;
    while (count < OPS_MAX && count < waiting.length) {
      const more = load + weightOf(waiting[count] as ClientOp);
      if (count > 0 && more > room) break;
      load = more;
      count += 1;
    }
    return { seq: (lastSeq += 1), ack, ops: waiting.splice(0, count), weight: load };
  };

  return {
    push(op: ClientOp): void {
      waiting.push(op);
      weight += weightOf(op);
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
        if (sent.length > 0 && room < weightOf(waiting[0] as ClientOp)) return;
        const frame = cutFrame(Math.min(room, WEIGHT_MAX), ack);
        sent.push(frame);
        sentWeight += frame.weight;
        deliver(frame);
      }
    },

    acked(seq: number): void {
      const done = sent.filter((frame) => frame.seq <= seq);
      sent = sent.slice(done.length);
      for (const frame of done) {
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
