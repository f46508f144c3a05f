/** Log records on their way from vats and the kernel to whoever asked for them. */
import type { LogLevel } from '../protocol/vat-wire.js';

/** Where log records go: any object with these methods, `console` for one. */
export type Logger = {
  [level in LogLevel]: (...args: unknown[]) => void;
} & {
  /** A logger that is told the tags of what it logs: `['v1', 'console']`. Without it, tags stand in the text. */
  subLogger?: (options: { tags: string[] }) => Logger;
};

/** What a kernel uses that was given no logger: warnings and errors on the console, nothing else. */
const silent = () => {};
export const quietLogger: Logger = {
  debug: silent,
  info: silent,
  log: silent,
  warn: (...args) => console.warn(...args),
  error: (...args) => console.error(...args),
};

/** Different tags that loggers are remembered for; the rest are made anew each time. */
const rememberedMax = 1_000;

export function makeLog(logger: Logger) {
  const loggers = new Map<string, Logger>();

  const tagged = (tags: string[]): Logger => {
    if (logger.subLogger === undefined) return logger;
    const key = tags.join('\n');
    let found = loggers.get(key);
    if (found === undefined) {
      found = logger.subLogger({ tags });
      if (loggers.size < rememberedMax) loggers.set(key, found);
    }
    return found;
  };

  return (level: LogLevel, tags: string[], args: unknown[]): void => {
    try {
      const target = tagged(tags);
      if (target === logger) target[level](`[${tags.join(' ')}]`, ...args);
      else target[level](...args);
    } catch {
      // A logger that throws must not stop the kernel, and there is nobody left to tell.
    }
  };
}

export type Log = ReturnType<typeof makeLog>;
