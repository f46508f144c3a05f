/**
 * Checks of plain data from outside, as configurations are: every problem is found and told with its path,
 * and what passes is a fresh copy, so that nobody can change it once it was checked.
 */
import { KernelError } from '../errors.js';
import { limits } from '../limits.js';
import { describe, isPlainObject, keyText, shorten } from './describe.js';
import { known, quote } from './suggest.js';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonRecord = { [key: string]: Json };

/** `vats.bob.globals[0]` and what is wrong there. */
export type Problem = { path: string; message: string };
type Report = (path: string, message: string) => undefined;

/** Copies `value`, or reports why it does not fit; `undefined` where there is nothing to copy. */
export type Shape<T> = (value: unknown, path: string, report: Report) => T | undefined;

/** The methods of MetaMask's superstruct that its users call, and `check`. */
export type Struct<T> = {
  /** A checked copy. @throws KernelError BAD_CONFIG that tells every problem; `data.problems` has them as {@link Problem}s. */
  check(value: unknown): T;
  /** The same as {@link Struct.check}. */
  create(value: unknown): T;
  is(value: unknown): value is T;
  assert(value: unknown): asserts value is T;
  validate(value: unknown): [error: KernelError, result: undefined] | [error: undefined, result: T];
};

const PROBLEMS_MAX = 20;

/** @param what - begins the error: `invalid cluster config`. */
export function makeStruct<T>(what: string, shape: Shape<T>): Struct<T> {
  const validate = (value: unknown): [KernelError, undefined] | [undefined, T] => {
    const problems: Problem[] = [];
    const result = shape(value, '', (path, message) => {
      const place = shorten(path.replace(/^\./, ''), 120);
      if (problems.length < PROBLEMS_MAX) problems.push({ path: place, message });
      return undefined;
    }) as T;
    if (problems.length === 0) return [undefined, result];
    const lines = problems.map(({ path, message }) => (path ? `${path}: ${message}` : message));
    const text = lines.length === 1 ? ` ${lines[0]}` : lines.map((line) => `\n  ${line}`).join('');
    return [new KernelError('BAD_CONFIG', `${what}:${text}`, { data: { problems } }), undefined];
  };
  const check = (value: unknown): T => {
    const [error, result] = validate(value);
    if (error !== undefined) throw error;
    return result;
  };
  return {
    check,
    create: check,
    is: (value): value is T => validate(value)[0] === undefined,
    assert: (value) => void check(value),
    validate,
  };
}

const found = (value: unknown): string => (value === undefined ? 'nothing' : describe(value));

/** @param what - `a file's path`. */
export const text =
  (what = 'a string', charsMax: number = limits.configTextCharsMax): Shape<string> =>
  (value, path, report) => {
    if (typeof value !== 'string') return report(path, `needs ${what}; found ${found(value)}`);
    if (value === '') return report(path, `needs ${what}; found an empty string`);
    if (value.length <= charsMax) return value;
    return report(path, `is longer than ${charsMax} characters`);
  };

export const boolean: Shape<boolean> = (value, path, report) =>
  typeof value === 'boolean' ? value : report(path, `needs true or false; found ${found(value)}`);

/** One of a few names. */
export const oneOf =
  <const Name extends string>(names: readonly Name[]): Shape<Name> =>
  (value, path, report) => {
    const name = names.find((candidate) => candidate === value);
    if (name !== undefined) return name;
    const it = typeof value === 'string' ? quote(value) : found(value);
    return report(path, `${it} is not one of ${known(names, value)}`);
  };

export const listOf =
  <T>(shape: Shape<T>): Shape<T[]> =>
  (value, path, report) => {
    if (!Array.isArray(value)) return report(path, `needs an array; found ${found(value)}`);
    if (value.length > limits.configEntriesMax)
      return report(path, `has over ${limits.configEntriesMax} entries`);
    return Array.from(value, (item, index) => shape(item, `${path}[${index}]`, report) as T);
  };

const entriesOf = (
  value: unknown,
  path: string,
  report: Report,
  max: number = limits.configEntriesMax,
) => {
  if (typeof value !== 'object' || value === null || !isPlainObject(value))
    return report(path, `needs a record; found ${found(value)}`);
  const entries: [string, unknown][] = Object.entries(value);
  return entries.length <= max ? entries : report(path, `has over ${max} entries`);
};

/** @param objection - why a key cannot be one. */
export const recordOf =
  <T>(shape: Shape<T>, objection: (key: string) => string | undefined): Shape<Record<string, T>> =>
  (value, path, report) => {
    const copy = entriesOf(value, path, report)?.map(([key, item]): [string, T] => {
      const place = path + keyText(key);
      const why = objection(key);
      if (why !== undefined) report(place, why);
      return [key, shape(item, place, report) as T];
    });
    return copy && Object.fromEntries(copy);
  };

/** A record with these keys and no others; those not in `required` may be left out, or undefined. */
export const object =
  <T extends object>(
    shapes: { [Key in keyof T]-?: Shape<T[Key]> },
    required: readonly (keyof T & string)[] = [],
  ): Shape<T> =>
  (value, path, report) => {
    const entries = entriesOf(value, path, report);
    if (entries === undefined) return undefined;
    const given = new Map(entries.filter(([, item]) => item !== undefined));
    for (const key of required) if (!given.has(key)) given.set(key, undefined);
    const names = Object.keys(shapes);
    const copy: Partial<T> = {};
    for (const [key, item] of given) {
      const place = path + keyText(key);
      if (!Object.hasOwn(shapes, key)) {
        report(place, `unknown key (known: ${known(names, key)})`);
      } else {
        copy[key as keyof T] = shapes[key as keyof T](item, place, report);
      }
    }
    return copy as T;
  };

/** A record of what JSON can say, and nothing that it would lose. */
export const jsonRecord =
  (charsMax: number): Shape<JsonRecord> =>
  (value, path, report) => {
    if (entriesOf(value, path, report, charsMax) === undefined) return undefined;
    // Counted on the way: what holds one part in many places, or itself, would not come to an end.
    let room = charsMax;
    const take = (chars: number, at: string): boolean => {
      if (room < 0) return false;
      room -= chars;
      if (room < 0) report(at, `too long: ${path.slice(1)} is over ${charsMax} characters as JSON`);
      return room >= 0;
    };
    const copyOf = (item: unknown, at: string, depth: number): Json | undefined => {
      if (!take(typeof item === 'string' ? item.length + 3 : 2, at)) return undefined;
      if (item === null || typeof item === 'boolean' || typeof item === 'string') return item;
      if (typeof item === 'number' && Number.isFinite(item)) return item + 0;
      const down = (part: unknown, key: string | number) =>
        copyOf(part, at + keyText(key), depth + 1) as Json;
      const isArray = Array.isArray(item);
      if (isArray || (typeof item === 'object' && isPlainObject(item))) {
        if (depth > limits.valueDepthMax) {
          // One such place is enough to tell, and a cycle has endlessly many.
          room = -1;
          return report(at, `too deep, over ${limits.valueDepthMax} levels`);
        }
        if (isArray) return Array.from(item, down);
        const entries = Object.entries(item).filter(([key]) => take(key.length + 3, at));
        return Object.fromEntries(entries.map(([key, part]) => [key, down(part, key)]));
      }
      return report(at, `${typeof item === 'number' ? item : describe(item)} is not JSON`);
    };
    return copyOf(value, path, 0) as JsonRecord | undefined;
  };

/** `shape`, and a rule that looks at more than one place. Parts that did not fit are undefined in `value`. */
export const where =
  <T>(shape: Shape<T>, rule: (value: T, path: string, report: Report) => void): Shape<T> =>
  (value, path, report) => {
    const copy = shape(value, path, report);
    if (copy !== undefined) rule(copy, path, report);
    return copy;
  };
