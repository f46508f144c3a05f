/** What a vat says: its logger, its console, and `stdout`, all as messages to the host. */
import { shorten } from '../protocol/describe.js';
import type { FromVat, LogLevel } from '../protocol/vat-wire.js';
import { cloneLogArguments } from './log-text.js';
import { vatBounds } from './vat-bounds.js';

type Write = (...args: unknown[]) => void;

/**
 * A vat's logger. Its methods are detachable: `const { warn } = vatPowers.logger`.
 * The host receives the vat's id, the tags and the arguments.
 */
export type Logger = Readonly<Record<LogLevel, Write>> & {
  /** A logger whose messages carry further tags: `logger.subLogger({ tags: ['db'] })`. */
  readonly subLogger: (options?: { tags?: string[] } | string) => Logger;
};

/** Takes an entry to the host, or drops it. */
export type LogSink = (level: LogLevel, tags: readonly string[], args: readonly unknown[]) => void;

/**
 * So many entries go to the host in a second: a loop writes more than any host reads, and they would fill its memory. The
 * first that is dropped is announced.
 *
 * @param now - milliseconds of a clock that does not go back.
 */
export function makeLogSink(post: (message: FromVat) => void, now: () => number): LogSink {
  const most = vatBounds.logEntriesPerSecond;
  let secondBegan = -Infinity;
  let entries = 0;

  return (level, tags, args) => {
    const time = now();
    if (time - secondBegan >= 1_000) {
      secondBegan = time;
      entries = 0;
    }
    entries += 1;
    if (entries <= most)
      post({ type: 'log', level, tags: [...tags], args: cloneLogArguments(args) });
    else if (entries === most + 1) {
      const text = `more than ${most} log entries in a second: what follows in this one is dropped`;
      post({ type: 'log', level: 'warn', tags: [...tags], args: [text] });
    }
  };
}

export function makeLogger(sink: LogSink, tags: readonly string[] = []): Logger {
  const write =
    (level: LogLevel): Write =>
    (...args) =>
      sink(level, tags, args);
  return harden({
    debug: write('debug'),
    info: write('info'),
    log: write('log'),
    warn: write('warn'),
    error: write('error'),
    subLogger: (options = {}) => {
      const added = typeof options === 'string' ? [options] : (options.tags ?? []);
      // Not by a method of the vat's: what it gave back might be no text.
      const texts = Array.from(added, (tag) => shorten(String(tag), vatBounds.logTagCharsMax));
      return makeLogger(sink, [...tags, ...texts].slice(0, vatBounds.logTagsMax));
    },
  });
}

const ignore: Write = () => undefined;

/** The `console` of a vat's compartment: what reports goes to the logger, what times, counts or profiles does nothing. */
export function makeVatConsole(logger: Logger): Record<string, Write> {
  const console = {
    debug: logger.debug,
    info: logger.info,
    log: logger.log,
    warn: logger.warn,
    error: logger.error,
    trace: logger.debug,
    dir: (value: unknown) => logger.log(value),
    dirxml: logger.log,
    table: (value: unknown) => logger.log(value),
    group: logger.log,
    groupCollapsed: logger.log,
    assert: (condition: unknown, ...args: unknown[]) => {
      if (!condition) logger.error('Assertion failed', ...args);
    },
    groupEnd: ignore,
    time: ignore,
    timeLog: ignore,
    timeEnd: ignore,
    timeStamp: ignore,
    count: ignore,
    countReset: ignore,
    clear: ignore,
    profile: ignore,
    profileEnd: ignore,
  };
  return harden(console);
}
