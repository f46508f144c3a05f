import { isAbsolute, relative } from 'node:path';

/** One thing that keeps a vat from being bundled, and where it stands. */
export type Problem = {
  /** Absolute path of the source file. */
  file?: string;
  /** From 1. */
  line?: number;
  /** From 1. */
  column?: number;
  /** What was found, and what to do about it. */
  message: string;
  /** `no-root`: the file is a module like any other, without `buildRootObject`. */
  kind?: 'no-root';
};

/** A vat's source cannot be bundled. It holds every problem that was found, not only the first. */
export class BundleError extends Error {
  override readonly name = 'BundleError';
  /** The vat's entry file, as an absolute path. */
  readonly entry: string;
  readonly problems: readonly Problem[];

  constructor(entry: string, problems: readonly Problem[], options: { cause?: unknown } = {}) {
    const lines = problems.map((problem) => `\n  ${formatProblem(problem)}`);
    super(`Cannot bundle ${displayPath(entry)}:${lines.join('')}`, options);
    this.entry = entry;
    this.problems = problems;
  }
}

/** `vats/alice.ts:3:17: 'left-pad' is not installed ...` */
export function formatProblem({ file, line, column, message }: Problem): string {
  if (file === undefined) return message;
  const place = [displayPath(file), line, column].filter((part) => part !== undefined);
  return `${place.join(':')}: ${message}`;
}

/** Relative to the current folder for what is inside of it, else absolute. */
export function displayPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === '' || short.startsWith('..') || isAbsolute(short) ? path : short;
}

/** The line and column, both from 1, of an offset in a text. */
export function placeOf(text: string, offset: number): { line: number; column: number } {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) {
    line += 1;
  }
  return { line, column: offset - lineStart + 1 };
}
