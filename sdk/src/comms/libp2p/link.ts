/** A link that both ends have agreed on: frames of the session, and the question whether the other side is still there. */
import { limits } from '../../limits.js';
import type { Link, LinkEvents, PeerId } from '../transport.js';
import type { FrameStream } from './frame-stream.js';
import { decodeText, encodeText } from './frames.js';

export type LinkOptions = {
  framesPerSecond: number;
  frameBytesMax: number;
  silenceMs: number;
};

/** What the transport may do with a link beside what everybody may. */
export type OwnLink = Link & {
  /** Closes the link if nothing comes of it soon. */
  probe: () => void;
};

/** A silent link is asked twice. */
const ticksMax = 3;

export function makeLink(
  peerId: PeerId,
  stream: FrameStream,
  { framesPerSecond, frameBytesMax, silenceMs }: LinkOptions,
  events: LinkEvents,
): OwnLink {
  let closed = false;
  /** Frames that came before anybody could know of the link. */
  let early: Uint8Array[] | undefined = [];
  let probing: ReturnType<typeof setTimeout> | undefined;

  const finish = (why: string): void => {
    if (closed) return;
    closed = true;
    clearInterval(watch);
    clearTimeout(beginning);
    clearTimeout(probing);
    clearTimeout(pause);
    early = undefined;
    events.onClosed(why);
  };

  const close = (why: string): void => {
    stream.end('close', encodeText(why), why);
    finish(why);
  };

  let heardBefore = stream.heard();
  let silentTicks = 0;
  // Counted by ticks and not by the clock, since a computer that sleeps makes no ticks.
  const watch = setInterval(() => {
    if (stream.heard() !== heardBefore) {
      heardBefore = stream.heard();
      silentTicks = 0;
      return;
    }
    silentTicks += 1;
    if (silentTicks < ticksMax) stream.send('ping');
    else close(`nothing came of it in ${silenceMs} ms`);
  }, silenceMs / ticksMax);

  const probe = (): void => {
    const heard = stream.heard();
    stream.send('ping');
    clearTimeout(probing);
    probing = setTimeout(() => {
      if (stream.heard() === heard) close(`nothing came of it in ${limits.linkProbeMs} ms`);
    }, limits.linkProbeMs);
  };

  const allow = makeAllowance(framesPerSecond);
  let pause: ReturnType<typeof setTimeout> | undefined;
  /** What was in hand when the stream was told to stand still. */
  const waiting: Uint8Array[] = [];
  const slowDown = (): void => {
    const waitMs = allow();
    if (waitMs === 0 || pause !== undefined) return;
    stream.pause();
    pause = setTimeout(() => {
      pause = undefined;
      takeWaiting();
      if (pause === undefined) stream.resume();
    }, waitMs);
  };
  const take = (body: Uint8Array): void => {
    if (early === undefined) events.onFrame(body);
    else early.push(body);
  };
  const takeWaiting = (): void => {
    while (pause === undefined && waiting.length > 0 && !closed) {
      slowDown();
      take(waiting.shift() as Uint8Array);
    }
  };

  stream.listen({
    onFrame: ({ kind, body }) => {
      if (closed) return;
      if (kind === 'data') {
        waiting.push(body);
        takeWaiting();
        return;
      }
      slowDown();
      if (kind === 'ping') stream.send('pong');
      else if (kind === 'close') close(`the other side has closed it: ${decodeText(body)}`);
      else if (kind !== 'pong') close(`a ${kind} frame on a link that is up`);
    },
    onDrain: () => {
      if (!closed) events.onDrain();
    },
    onClosed: finish,
  });

  // After the reactions of the promise by which the link became known.
  const beginning = setTimeout(() => {
    const frames = early ?? [];
    early = undefined;
    for (const frame of frames) {
      if (!closed) events.onFrame(frame);
    }
  }, 0);

  return {
    peerId,
    send: (frame) => {
      if (frame.length > frameBytesMax) {
        throw new RangeError(
          `Cannot send a frame of ${frame.length} bytes: the limit is ${frameBytesMax} bytes`,
        );
      }
      return stream.send('data', frame);
    },
    close,
    probe,
  };
}

/** Counts by seconds. What it gives is 0, or the milliseconds until the next second begins when this one is used up. */
function makeAllowance(perSecond: number): () => number {
  let second = 0;
  let used = 0;
  return () => {
    const now = Date.now();
    if (Math.floor(now / 1_000) !== second) {
      second = Math.floor(now / 1_000);
      used = 0;
    }
    used += 1;
    return used < perSecond ? 0 : 1_000 - (now % 1_000);
  };
}
