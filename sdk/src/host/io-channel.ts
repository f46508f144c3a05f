/**
 * Channels to the outside: what one is, the service through which a vat uses it, and how bytes become the units
 * that a read gives. The kinds of channels are the platform's; Node's are in `node/io-channels.ts`.
 */
import { KernelError } from '../errors.js';
import { limits } from '../limits.js';
import type { IOConfig, IOOptions } from '../protocol/config.js';
import { describe } from '../protocol/describe.js';

/** What one read gives and one write takes: text, or bytes where the channel's unit is `bytes`. */
export type IOUnit = string | Uint8Array;

/** One channel. A factory of your own may give any object with these methods. */
export type IOChannel = {
  /**
   * The next unit, in the order of the calls; null where the input has ended, and always after `close`. The input of
   * a channel whose other side may come again ends once for each of its connections.
   */
  read(): Promise<IOUnit | null>;
  /** Resolves when the unit is on its way, so that who waits for it never outruns the other side. */
  write(data: IOUnit): Promise<void>;
  /** Ends everything: no listening, no connection, no file stays open. Reads that wait get null, writes reject. */
  close(): Promise<void>;
  /** Where a `listen` channel really listens: `127.0.0.1:41234` for the configured `127.0.0.1:0`. */
  readonly hostport?: string;
};

/** What opens channels for a kernel: the option `ioChannelFactory`. */
export type IOChannelFactory = (name: string, config: IOConfig) => Promise<IOChannel>;

/** A channel as a vat holds it. */
export type IOService = Pick<IOChannel, 'read' | 'write'>;

/**
 * The object that a vat gets as a service for a channel: `read` and `write`, in the configured direction, and no
 * more of them at a time than `ioCallsMax` and `ioWritesCharsMax` say.
 *
 * Its methods reject with an Error `IO channel "n" is write-only` or `is read-only`, a TypeError where data are not
 * of the channel's unit, a KernelError QUEUE_FULL at a limit, and with whatever the channel itself rejects with.
 */
export function makeIOService(name: string, config: IOConfig, channel: IOChannel): IOService {
  const { direction = 'inout', unit = 'line' }: IOOptions = config;
  let reads = 0;
  let writes = 0;
  let writing = 0;

  const insistUnit = (data: unknown, verb: string): IOUnit => {
    if (unit === 'bytes' ? data instanceof Uint8Array : typeof data === 'string') {
      return data as IOUnit;
    }
    const wanted = unit === 'bytes' ? 'bytes (a Uint8Array)' : 'a string';
    throw new TypeError(`IO channel "${name}" ${verb} ${wanted}; found ${describe(data)}`);
  };

  const insistRoom = (room: boolean, what: string): void => {
    if (!room) throw new KernelError('QUEUE_FULL', `IO channel "${name}" has too ${what} waiting`);
  };

  return Object.freeze({
    async read() {
      if (direction === 'out') throw new Error(`IO channel "${name}" is write-only`);
      insistRoom(reads < limits.ioCallsMax, 'many reads');
      reads += 1;
      try {
        const data: unknown = await channel.read();
        return data === null ? null : insistUnit(data, 'gives');
      } finally {
        reads -= 1;
      }
    },

    async write(data: IOUnit) {
      if (direction === 'in') throw new Error(`IO channel "${name}" is read-only`);
      const { length } = insistUnit(data, 'takes');
      insistRoom(writes < limits.ioCallsMax, 'many writes');
      insistRoom(writing + length <= limits.ioWritesCharsMax, 'much to be written');
      writes += 1;
      writing += length;
      try {
        await channel.write(data);
      } finally {
        writes -= 1;
        writing -= length;
      }
    },
  });
}

export const closedError = (name: string): Error => new Error(`IO channel "${name}" is closed`);

/** The bytes of one write: a line gets its newline. */
export function unitBytes(unit: IOOptions['unit'], data: IOUnit): Uint8Array {
  if (typeof data !== 'string') return data;
  return new TextEncoder().encode(unit === undefined || unit === 'line' ? `${data}\n` : data);
}

export type InboxOptions = {
  name: string;
  unit?: IOOptions['unit'];
  /** Code units or bytes that are taken in before a read asks for them; 0: none. */
  aheadMax: number;
  /** There is room, or somebody waits: let more come. Told more often than it becomes true. */
  onWant: () => void;
};

/** What a unit in memory costs beyond its text: short lines must not hold more memory than long ones. */
const unitCost = 32;

type Waiter = { resolve: (unit: IOUnit | null) => void; reject: (reason: Error) => void };

/**
 * The input of one channel: bytes in, units out.
 *
 * - `line`: up to a newline, which is dropped (a carriage return before it is not), or up to the end. Of one that is
 *   longer than `ioLineCharsMax` a read tells with a RangeError, and the next goes on after it.
 * - `string`: all that has come, decoded. `chars`: one code point. `bytes`: what came in one piece.
 *
 * Text is UTF-8, in pieces cut anywhere; what is none becomes U+FFFD, a byte order mark stays.
 */
export function makeInbox({ name, unit = 'line', aheadMax, onWant }: InboxOptions) {
  const waiting: Waiter[] = [];
  /** From `first` on. Text in `chars` is used from `offset` on. */
  let units: (IOUnit | RangeError)[] = [];
  let first = 0;
  let offset = 0;
  let size = 0;
  let decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let line = '';
  /** The rest of this line is dropped. */
  let isSkipping = false;
  /** The input ended before the units, or after them, and no read has been told yet. */
  let endedBefore = false;
  let ended = false;
  let closed = false;

  const forget = (): void => {
    units = [];
    first = offset = size = 0;
    line = '';
    isSkipping = false;
    decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  };

  const add = (received: IOUnit | RangeError): void => {
    units.push(received);
    size += unitCost + (received instanceof Error ? 0 : received.length);
  };

  const addToLine = (part: string): void => {
    if (isSkipping) return;
    if (line.length + part.length <= limits.ioLineCharsMax) {
      line += part;
      return;
    }
    add(
      new RangeError(
        `IO channel "${name}" received a line of more than ${limits.ioLineCharsMax} characters`,
      ),
    );
    line = '';
    isSkipping = true;
  };

  const endLine = (): void => {
    if (!isSkipping) add(line);
    line = '';
    isSkipping = false;
  };

  const addText = (text: string): void => {
    if (unit !== 'line') {
      if (text !== '') add(text);
      return;
    }
    let from = 0;
    for (let to; (to = text.indexOf('\n', from)) !== -1; from = to + 1) {
      addToLine(text.slice(from, to));
      endLine();
    }
    addToLine(text.slice(from));
  };

  const dropFirst = (): void => {
    first += 1;
    offset = 0;
    size -= unitCost;
    // Not at every one: it would move the others each time.
    if (first * 2 >= units.length) {
      units = units.slice(first);
      first = 0;
    }
  };

  const take = (): IOUnit | RangeError | undefined => {
    const received = units[first];
    if (received === undefined || received instanceof Error) {
      if (received) dropFirst();
      return received;
    }
    if (unit === 'string') {
      const all = units.slice(first).join('');
      units = [];
      first = size = 0;
      return all;
    }
    if (unit === 'chars') {
      const char = String.fromCodePoint((received as string).codePointAt(offset) as number);
      offset += char.length;
      size -= char.length;
      if (offset === received.length) dropFirst();
      return char;
    }
    size -= received.length;
    dropFirst();
    return received;
  };

  const settle = ({ resolve, reject }: Waiter, received: IOUnit | RangeError): void => {
    if (received instanceof Error) reject(received);
    else resolve(received);
  };

  const serve = (): void => {
    while (waiting.length > 0) {
      const received = take();
      if (received === undefined) return;
      settle(waiting.shift() as Waiter, received);
    }
  };

  const wants = (): boolean => !closed && (waiting.length > 0 || size + line.length < aheadMax);

  return {
    /** May more come? Where not, `onWant` is told when it may. */
    wants,
    push(chunk: Uint8Array): void {
      if (closed) return;
      // A copy: a few bytes would keep the whole buffer that they came in.
      if (unit === 'bytes') add(new Uint8Array(chunk));
      else addText(decoder.decode(chunk, { stream: true }));
      serve();
    },
    /** The other side is another one: what was not read of the former's is dropped, its end is not. */
    begin(): void {
      forget();
      endedBefore ||= ended;
      ended = false;
    },
    /** No more comes for now. Told to all who wait, or else to the next read. */
    end(): void {
      if (closed) return;
      if (unit !== 'bytes') addText(decoder.decode());
      if (line !== '' || isSkipping) endLine();
      serve();
      ended = waiting.length === 0;
      for (const { resolve } of waiting.splice(0)) resolve(null);
    },
    fail(reason: Error): void {
      for (const { reject } of waiting.splice(0)) reject(reason);
    },
    close(): void {
      closed = true;
      forget();
      for (const { resolve } of waiting.splice(0)) resolve(null);
    },
    /** Does a read need nothing more to come? */
    isReady: (): boolean => closed || endedBefore || ended || first < units.length,
    read(): Promise<IOUnit | null> {
      if (closed) return Promise.resolve(null);
      if (endedBefore) {
        endedBefore = false;
        return Promise.resolve(null);
      }
      return new Promise((resolve, reject) => {
        const received = take();
        if (received !== undefined) {
          settle({ resolve, reject }, received);
        } else if (ended) {
          ended = false;
          resolve(null);
        } else {
          waiting.push({ resolve, reject });
        }
        if (wants()) onWant();
      });
    },
  };
}

export type Inbox = ReturnType<typeof makeInbox>;
