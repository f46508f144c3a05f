/**
 * Frames on a stream of `/vatkit/1`: one byte that says what it is, three that give the length of the body, the body.
 *
 *     hello   dialer's first frame; 8 random bytes that name this dial
 *     accept  listener's answer: the link is up; the 8 bytes of its own dial that it gives up for it, or zeros
 *     refuse  or: it is not; `-` or `=` (dials cross: mine will do), and for people why
 *     data    a frame of the peer session
 *     ping    answered by pong at once
 *     close   why, for people; the last one
 */
export const frameKinds = { data: 0, hello: 1, accept: 2, refuse: 3, ping: 4, pong: 5, close: 6 };

export type FrameKind = keyof typeof frameKinds;

const kindsByNumber = Object.keys(frameKinds) as FrameKind[];

export const headerBytes = 4;
/** Bytes of the body of a frame that is not `data`. */
export const controlBytesMax = 1_024;

export type Frame = { kind: FrameKind; body: Uint8Array };

/** What the other side sent is no frame: the link is not to be used any more. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/** One text for the wire: at most `controlBytesMax` bytes of UTF-8, cut where it is longer. */
export function encodeText(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  return bytes.length <= controlBytesMax ? bytes : bytes.slice(0, controlBytesMax);
}

/** Printable, since a stranger wrote it and it goes to logs. */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
}

/** Writes header and body into `target` and returns the offset behind them. */
export function writeFrame(target: Uint8Array, offset: number, { kind, body }: Frame): number {
  target[offset] = frameKinds[kind];
  target[offset + 1] = body.length >>> 16;
  target[offset + 2] = (body.length >>> 8) & 0xff;
  target[offset + 3] = body.length & 0xff;
  target.set(body, offset + headerBytes);
  return offset + headerBytes + body.length;
}

export function encodeFrame(kind: FrameKind, body: Uint8Array = new Uint8Array()): Uint8Array {
  const bytes = new Uint8Array(headerBytes + body.length);
  writeFrame(bytes, 0, { kind, body });
  return bytes;
}

export type FrameReader = {
  /**
   * Takes bytes as they arrive and gives the frames that they complete.
   *
   * @throws FrameError at the first header that is not allowed, before any of its body is kept.
   */
  read: (bytes: Uint8Array) => Iterable<Frame>;
};

/** Holds at most one frame that is not complete, in one buffer of its size. */
export function makeFrameReader(frameBytesMax: number): FrameReader {
  let kind: FrameKind | undefined;
  let wanted = headerBytes;
  let held: Uint8Array | undefined;
  let filled = 0;

  const begin = ([number = 0, high = 0, middle = 0, low = 0]: Uint8Array): void => {
    const found = kindsByNumber[number];
    if (found === undefined) throw new FrameError(`no frame has the kind ${number}`);
    const length = (high << 16) | (middle << 8) | low;
    const max = found === 'data' ? frameBytesMax : controlBytesMax;
    if (length > max) {
      throw new FrameError(`a ${found} frame of ${length} bytes exceeds the limit of ${max} bytes`);
    }
    kind = found;
    wanted = length;
  };

  /** The next `wanted` bytes in one piece, if they are there. */
  const take = (bytes: Uint8Array): Uint8Array | undefined => {
    if (held === undefined) {
      if (bytes.length >= wanted) return bytes.subarray(0, wanted);
      held = new Uint8Array(wanted);
    }
    held.set(bytes.subarray(0, wanted - filled), filled);
    filled += bytes.length;
    return filled < wanted ? undefined : held;
  };

  function* read(bytes: Uint8Array): Generator<Frame> {
    let rest = bytes;
    while (rest.length > 0 || wanted === 0) {
      const before = filled;
      const piece = take(rest);
      if (piece === undefined) return;
      rest = rest.subarray(wanted - before);
      held = undefined;
      filled = 0;
      if (kind === undefined) {
        begin(piece);
      } else {
        const frame = { kind, body: piece };
        kind = undefined;
        wanted = headerBytes;
        yield frame;
      }
    }
  }
  return { read };
}
