/** The daemon's log: one JSON record a line, bounded, for its owner alone. */
import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import { inspect } from 'node:util';
import type { Logger } from '@vatkit/sdk/kernel';
import { bounds } from './bounds.js';

export const LOG_LEVELS = ['debug', 'info', 'log', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** One line of `daemon.log`. */
export type LogRecord = {
  /** `2026-01-31T12:00:00.000Z` */
  time: string;
  level: LogLevel;
  /** Who speaks: `['daemon']`, `['kernel', 'v1']`, `['v1', 'console']`. */
  tags: string[];
  message: string;
};

export type LogFileOptions = {
  file: string;
  /** Where a log that is full goes, in place of what is there. */
  older: string;
  /** Records below it are not written. Default `info`. */
  level?: LogLevel;
  bytesMax?: number;
  /** Gets each line, too. */
  echo?: (line: string) => void;
};

export type LogFile = Logger & { close(): void };

export function openLogFile(options: LogFileOptions): LogFile {
  const { file, older, level = 'info', bytesMax = bounds.logBytesMax, echo } = options;
  let fd: number | undefined = openSync(file, 'a', 0o600);
  let bytes = fstatSync(fd).size;

  const turnOver = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
    renameSync(file, older);
    fd = openSync(file, 'a', 0o600);
    bytes = 0;
  };

  const write = (record: LogRecord): void => {
    const line = JSON.stringify(record);
    echo?.(line);
    const text = Buffer.from(`${line}\n`);
    try {
      if (bytes > 0 && bytes + text.length > bytesMax) turnOver();
      if (fd !== undefined) bytes += writeSync(fd, text);
    } catch {
      // A full disk must not stop the kernel, and there is nowhere else to tell.
    }
  };

  const threshold = LOG_LEVELS.indexOf(level);
  const tagged = (tags: string[]): Logger => {
    const at =
      (level: LogLevel) =>
      (...args: unknown[]): void => {
        if (LOG_LEVELS.indexOf(level) < threshold) return;
        write({ time: new Date().toISOString(), level, tags, message: messageOf(args) });
      };
    return {
      debug: at('debug'),
      info: at('info'),
      log: at('log'),
      warn: at('warn'),
      error: at('error'),
      subLogger: (more) => tagged([...tags, ...more.tags]),
    };
  };

  return {
    ...tagged([]),
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}

function messageOf(args: readonly unknown[]): string {
  const charsMax = bounds.logMessageCharsMax;
  const text = args
    .map((arg) => (typeof arg === 'string' ? arg : inspect(arg, inspection)))
    .join(' ');
  const bounded = text.length <= charsMax ? text : `${text.slice(0, charsMax)}… (cut off)`;
  return withoutSecrets(bounded);
}

const inspection = {
  breakLength: Infinity,
  depth: 4,
  maxArrayLength: 100,
  maxStringLength: bounds.logMessageCharsMax,
};

/** Who has an ocap URL has the object, so none stands in a log: not even one that a vat prints. */
const withoutSecrets = (text: string): string =>
  text.replace(/\bocap:[^\s"'`<>\\]+/gi, 'ocap:[redacted]');
