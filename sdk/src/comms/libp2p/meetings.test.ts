import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { limits } from '../../limits.js';
import type { Link, LinkEvents, PeerId } from '../transport.js';
import type { FrameStream, FrameStreamEvents } from './frame-stream.js';
import type { Frame } from './frames.js';
import { makeMeetings, type Meetings } from './meetings.js';

/** The same numbers for the same seed (mulberry32). */
function makeRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Two ends of a stream on which each frame takes its time, in order. */
function makeStreams(delay: () => number, wire = { isCut: false }): [FrameStream, FrameStream] {
  const ends: { events?: FrameStreamEvents; held: Frame[]; heard: number; closed: boolean }[] = [
    { held: [], heard: 0, closed: false },
    { held: [], heard: 0, closed: false },
  ];
  const clocks = [0, 0];
  const at = (to: number, act: () => void): void => {
    if (wire.isCut) return;
    const when = Math.max(clocks[to] as number, Date.now() + delay());
    clocks[to] = when + 0.001;
    setTimeout(act, when - Date.now());
  };
  const makeEnd = (index: 0 | 1): FrameStream => {
    const own = ends[index] as (typeof ends)[0];
    const other = ends[1 - index] as (typeof ends)[0];
    const close = (end: typeof own, why: string): void => {
      if (end.closed) return;
      end.closed = true;
      end.events?.onClosed(why);
    };
    const post = (frame: Frame): void =>
      at(1 - index, () => {
        if (other.closed) return;
        other.heard += 1;
        if (other.events === undefined) other.held.push(frame);
        else other.events.onFrame(frame);
      });
    return {
      send: (kind, body = new Uint8Array()) => {
        if (!own.closed) post({ kind, body });
        return true;
      },
      heard: () => own.heard,
      pause: () => {},
      resume: () => {},
      listen: (events) => {
        own.events = events;
        for (const frame of own.held.splice(0)) own.events.onFrame(frame);
      },
      end: (kind, body, why) => {
        if (own.closed) return;
        post({ kind, body });
        at(1 - index, () => close(other, 'ended'));
        close(own, why);
      },
    };
  };
  return [makeEnd(0), makeEnd(1)];
}

type Side = {
  id: PeerId;
  meetings: Meetings;
  /** The link that it believes in. */
  link: Link | undefined;
  got: string[];
  lost: string[];
};

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function makeSide(
  id: PeerId,
  options: { linksMax?: number; attemptsPerMinute?: number } = {},
): Side {
  const eventsFor = (link: () => Link | undefined): LinkEvents => ({
    onFrame: (frame) => side.got.push(text(frame)),
    onDrain: () => {},
    onClosed: (why) => {
      side.lost.push(why);
      if (side.link === link()) side.link = undefined;
    },
  });
  const side: Side = {
    id,
    link: undefined,
    got: [],
    lost: [],
    meetings: makeMeetings({
      ownId: id,
      isAllowed: (peerId) => peerId !== 'stranger',
      linksMax: options.linksMax ?? 10,
      attemptsPerMinute: options.attemptsPerMinute ?? 1_000,
      handshakeMs: limits.linkHandshakeMs,
      frameBytesMax: limits.linkFrameBytesMax,
      framesPerSecond: 1_000,
      silenceMs: limits.linkSilenceMs,
      onLink: (link) => {
        side.link = link;
        return eventsFor(() => link);
      },
    }),
  };
  return Object.assign(side, { eventsFor });
}

/** Dials as a session does: what it gets is its link, what fails it tells. */
async function dial(
  from: Side,
  to: Side,
  delay: () => number,
  wire?: { isCut: boolean },
): Promise<string | undefined> {
  const made: { link?: Link } = {};
  const open = async (): Promise<FrameStream> => {
    await new Promise((done) => setTimeout(done, delay()));
    const [here, there] = makeStreams(delay, wire);
    setTimeout(() => to.meetings.answer(from.id, there), delay());
    return here;
  };
  const events: LinkEvents = {
    onFrame: (frame) => from.got.push(text(frame)),
    onDrain: () => {},
    onClosed: (why) => {
      from.lost.push(why);
      if (from.link === made.link) from.link = undefined;
    },
  };
  try {
    made.link = await from.meetings.dial(to.id, open, events, new AbortController().signal);
    from.link = made.link;
    return undefined;
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

const bytes = (of: string): Uint8Array => new TextEncoder().encode(of);

describe('meetings', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('dials that cross end in one link at both ends, whatever is late', async () => {
    for (let seed = 1; seed <= 500; seed += 1) {
      const random = makeRandom(seed);
      const delay = (): number => Math.floor(random() * 40);
      const [a, b] = [makeSide('12D3A'), makeSide('12D3B')];
      const outcomes = Promise.all([
        dial(a, b, delay),
        new Promise((done) => setTimeout(done, delay())).then(() =>
          b.link === undefined ? dial(b, a, delay) : undefined,
        ),
      ]);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await outcomes, `seed ${seed}`).toStrictEqual([undefined, undefined]);
      expect([a.meetings.links().length, b.meetings.links().length]).toStrictEqual([1, 1]);
      // The one link: what one side sends on what it holds comes to the other.
      a.link?.send(bytes('from a'));
      b.link?.send(bytes('from b'));
      await vi.advanceTimersByTimeAsync(100);
      expect([a.got, b.got], `seed ${seed}`).toStrictEqual([['from b'], ['from a']]);
      a.meetings.stop('over');
      await vi.advanceTimersByTimeAsync(100);
      expect([a.meetings.links(), b.meetings.links()]).toStrictEqual([[], []]);
    }
  });

  test('a newer dial replaces a link that only the other side still believes in', async () => {
    const [a, b] = [makeSide('12D3A'), makeSide('12D3B')];
    const delay = (): number => 5;
    const first = { isCut: false };
    void dial(a, b, delay, first);
    await vi.advanceTimersByTimeAsync(100);
    let wire = first;
    for (const [from, to] of [
      [b, a],
      [a, b],
    ] as const) {
      const former = to.link;
      // Only the one who will dial has noticed.
      wire.isCut = true;
      from.link?.close('cut');
      wire = { isCut: false };
      void dial(from, to, delay, wire);
      await vi.advanceTimersByTimeAsync(100);
      expect([a.meetings.links().length, b.meetings.links().length]).toStrictEqual([1, 1]);
      expect(to.link).not.toBe(former);
    }
    a.link?.send(bytes('still'));
    await vi.advanceTimersByTimeAsync(100);
    expect(b.got).toStrictEqual(['still']);
  });

  test('a link of which nothing comes is closed, and one that answers is kept', async () => {
    const [a, b] = [makeSide('12D3A'), makeSide('12D3B')];
    let isDeaf = false;
    const [here, there] = makeStreams(() => 1);
    const muted: FrameStream = {
      ...there,
      send: (...args) => isDeaf || there.send(...args),
    };
    b.meetings.answer(a.id, muted);
    void a.meetings.dial(
      b.id,
      async () => here,
      { onFrame() {}, onDrain() {}, onClosed: (why) => a.lost.push(why) },
      new AbortController().signal,
    );
    await vi.advanceTimersByTimeAsync(10 * limits.linkSilenceMs);
    expect(a.lost).toStrictEqual([]);
    isDeaf = true;
    await vi.advanceTimersByTimeAsync(2 * limits.linkSilenceMs);
    expect(a.lost).toStrictEqual([`nothing came of it in ${limits.linkSilenceMs} ms`]);
  });

  test('who is not allowed, comes too often or finds no place is told so', async () => {
    const delay = (): number => 1;
    const host = makeSide('12D3H', { linksMax: 1, attemptsPerMinute: 2 });
    const results: (string | undefined)[] = [];
    for (const id of ['stranger', '12D3A', '12D3B']) {
      void dial(makeSide(id), host, delay).then((result) => results.push(result));
      await vi.advanceTimersByTimeAsync(100);
    }
    for (let count = 0; count < 2; count += 1) {
      void dial(makeSide('12D3A'), host, delay).then((result) => results.push(result));
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(results).toStrictEqual([
      'Cannot dial 12D3H: it refuses: this peer is not allowed',
      undefined,
      'Cannot dial 12D3H: it refuses: Connection limit reached: 1/1 concurrent connections',
      undefined,
      'Cannot dial 12D3H: it refuses: 2 connections were tried in this minute, which is the limit',
    ]);
  });

  test('a dial ends with its signal, or when nobody answers', async () => {
    const side = makeSide('12D3A');
    const events: LinkEvents = { onFrame() {}, onDrain() {}, onClosed() {} };
    const opened: AbortSignal[] = [];
    const never = (signal: AbortSignal): Promise<FrameStream> => {
      opened.push(signal);
      return new Promise(() => {});
    };
    const controller = new AbortController();
    const dialled = side.meetings.dial('12D3B', never, events, controller.signal);
    const outcome = expect(dialled).rejects.toThrow('enough');
    controller.abort(new Error('enough'));
    await outcome;
    expect(opened[0]?.aborted).toBe(true);
    const again = side.meetings.dial('12D3B', never, events, new AbortController().signal);
    const late = expect(again).rejects.toThrow('Cannot dial 12D3B: it did not answer in 10000 ms');
    await vi.advanceTimersByTimeAsync(limits.linkHandshakeMs);
    await late;
  });
});
