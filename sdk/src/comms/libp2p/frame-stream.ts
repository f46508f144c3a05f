/** Frames over one libp2p stream: written many at once, read within bounds, with the stream's own back-pressure. */
import type { Stream } from '@libp2p/interface';
import { limits } from '../../limits.js';
import {
  encodeFrame,
  encodeText,
  headerBytes,
  makeFrameReader,
  writeFrame,
  type Frame,
  type FrameKind,
} from './frames.js';

export type FrameStreamEvents = {
  onFrame: (frame: Frame) => void;
  onDrain: () => void;
  /** Comes once, and nothing after it. */
  onClosed: (why: string) => void;
};

export type FrameStreamOptions = {
  frameBytesMax: number;
  writeTimeoutMs: number;
};

export type FrameStream = {
  /** @returns false when the buffer is full; the frame is taken all the same. */
  send: (kind: FrameKind, body?: Uint8Array) => boolean;
  /** How often something has come of the other side: for who asks whether it is alive. */
  heard: () => number;
  pause: () => void;
  resume: () => void;
  /** Who is told from now on: to be called in the turn in which the stream was opened, at the latest. */
  listen: (events: FrameStreamEvents) => void;
  /** Sends a last frame and ends. */
  end: (kind: 'refuse' | 'close', body: Uint8Array, why: string) => void;
};

/** Bytes that are gathered before they are sent in the midst of a turn: a few commits' worth, so that the other side begins early. */
const batchBytes = 4 * 1024;
/** Milliseconds that the last frame has to get away. */
const lingerMs = 1_000;

export function openFrameStream(
  stream: Stream,
  { frameBytesMax, writeTimeoutMs }: FrameStreamOptions,
): FrameStream {
  const reader = makeFrameReader(frameBytesMax);
  let events: FrameStreamEvents | undefined;
  let closed = false;
  let full = false;
  let chunksHeard = 0;
  let waiting: Frame[] = [];
  let waitingBytes = 0;
  let stuck: ReturnType<typeof setTimeout> | undefined;

  const closeWith = (why: string): void => {
    if (closed) return;
    closed = true;
    clearTimeout(stuck);
    waiting = [];
    events?.onClosed(why);
  };

  const fail = (why: string): void => {
    stream.abort(new Error(why));
    closeWith(why);
  };

  const setFull = (isFull: boolean): void => {
    full = isFull;
    clearTimeout(stuck);
    if (full) {
      const text = `it took nothing of what it was sent in ${writeTimeoutMs} ms`;
      stuck = setTimeout(() => fail(text), writeTimeoutMs);
    }
  };

  const flush = (): void => {
    if (closed || waiting.length === 0) return;
    const bytes = new Uint8Array(waitingBytes);
    let at = 0;
    for (const frame of waiting) at = writeFrame(bytes, at, frame);
    waiting = [];
    waitingBytes = 0;
    try {
      const hasRoom = stream.send(bytes);
      if (!hasRoom && !full) setFull(true);
    } catch (thrown) {
      fail((thrown as Error).message);
      return;
    }
    if (stream.writeBufferLength > limits.linkBufferBytesMax) {
      fail(`more than ${limits.linkBufferBytesMax} bytes wait for it`);
    }
  };

  const read = (bytes: Uint8Array): void => {
    chunksHeard += 1;
    try {
      for (const frame of reader.read(bytes)) {
        if (closed) return;
        events?.onFrame(frame);
      }
    } catch (thrown) {
      if ((thrown as Error).name !== 'FrameError') throw thrown;
      end('close', encodeText((thrown as Error).message), (thrown as Error).message);
    }
  };

  const end: FrameStream['end'] = (kind, body, why) => {
    if (closed) return;
    flush();
    closeWith(why);
    const abort = (): void => stream.abort(new Error(why));
    try {
      stream.send(encodeFrame(kind, body));
    } catch {
      abort();
      return;
    }
    const signal = AbortSignal.timeout(lingerMs);
    // The other side closes its half when it has read why; one that does not is cut off.
    setTimeout(abort, 2 * lingerMs);
    stream.close({ signal }).catch(abort);
  };

  stream.addEventListener('message', ({ data }) => {
    if (!closed) read(data.subarray());
  });
  stream.addEventListener('drain', () => {
    // The stream goes on with what it holds first, and may be full again by that.
    queueMicrotask(() => {
      if (closed || !full) return;
      setFull(stream.writableNeedsDrain);
      if (!full) events?.onDrain();
    });
  });
  stream.addEventListener('remoteCloseWrite', () => {
    closeWith('the other side has closed it');
    void stream
      .close({ signal: AbortSignal.timeout(lingerMs) })
      .catch(() => stream.abort(new Error('closed')));
  });
  stream.addEventListener('close', ({ error }) =>
    closeWith(error === undefined ? 'its connection was closed' : error.message),
  );

  return {
    send: (kind, body = new Uint8Array()) => {
      if (closed) return false;
      if (waiting.length === 0) queueMicrotask(flush);
      waiting.push({ kind, body });
      waitingBytes += headerBytes + body.length;
      if (waitingBytes >= batchBytes) flush();
      return !full;
    },
    heard: () => chunksHeard,
    pause: () => {
      if (!closed && stream.readStatus === 'readable') stream.pause();
    },
    resume: () => {
      if (!closed && stream.readStatus === 'paused') stream.resume();
    },
    listen: (next) => {
      events = next;
    },
    end,
  };
}
