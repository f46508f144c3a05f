/** What a vat says: its logger, its console, and `stdout`, all as messages to the host. */
import type { FromVat, LogLevel } from '../protocol/vat-wire.js';
import { cloneLogArguments } from './log-text.js';

type Write = (...args: unknown[]) => void;

/**
 * A vat's logger. Its methods are detachable: `const { warn } = vatPowers.logger`.
 * The host receives the vat's id, the tags and the arguments.
 */
export type Logger = Readonly<Record<LogLevel, Write>> & {
  /** A logger whose messages carry further tags: `logger.subLogger({ tags: ['db'] })`. */
  readonly subLogger: (options?: { tags?: string[] } | string) => Logger;
};

type Post = (message: FromVat) => void;

export function makeLogger(post: Post, tags: readonly string[] = []): Logger {
  const write =
    (level: LogLevel): Write =>
    (...args) =>
      post({ type: 'log', level, tags: [...tags], args: cloneLogArguments(args) });
  return harden({
    debug: write('debug'),
    info: write('info'),
    log: write('log'),
    warn: write('warn'),
    error: write('error'),
    subLogger: (options = {}) => {
      const added = typeof options === 'string' ? [options] : (options.tags ?? []);
      // Not by a method of the vat's: what it gave back might be no text.
      return makeLogger(post, [...tags, ...Array.from(added, String)]);
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
