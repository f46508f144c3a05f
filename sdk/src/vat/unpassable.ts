/**
 * Says where in a value the part is that cannot be passed, and what it is.
 *
 * The value is the vat's own and may be hostile: proxies that throw, accessors, cycles, depth without end.
 */
import { isPassable, passStyleOf } from '@endo/pass-style';
import { describe, isPlainObject, keyText, shorten } from '../protocol/describe.js';

export type Unpassable = {
  /** From the value to the part: `[2].tags`. Empty for the value itself. */
  path: string;
  /** `a Map` */
  what: string;
  part: unknown;
};

const maxDepth = 64;

/** Finds the first part of `value` that a predicate refuses, outermost last. */
export function findUnpassable(
  value: unknown,
  accepts: (part: unknown) => boolean = isPassable,
): Unpassable {
  let part = value;
  let path = '';
  const seen = new Set<unknown>();
  try {
    while (seen.size < maxDepth && !seen.has(part)) {
      seen.add(part);
      const child = childrenOf(part).find(([, inner]) => !accepts(inner));
      if (child === undefined) break;
      path += child[0];
      part = child[1];
      if (seen.has(part)) return { path, what: 'a cycle', part };
    }
    return {
      path: shorten(path, 200),
      what: seen.size < maxDepth ? nameKind(part) : 'data nested too deep',
      part,
    };
  } catch {
    return { path, what: 'a value that cannot be examined', part: undefined };
  }
}

/** The parts that pass-by-copy data consists of, each with its step of the path. */
function childrenOf(value: unknown): [step: string, part: unknown][] {
  if (typeof value !== 'object' || value === null) return [];
  const descriptors = Object.entries(Object.getOwnPropertyDescriptors(value));
  const data = descriptors.filter(
    ([, descriptor]) => 'value' in descriptor && descriptor.enumerable,
  );
  if (Array.isArray(value)) {
    return data.map(([index, { value: part }]) => [`[${index}]`, part]);
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  const isTagged = prototype !== null && prototype !== Object.prototype && 'payload' in value;
  if (prototype !== Object.prototype && !isTagged) return [];
  return data.map(([key, { value: part }]) => [keyText(key), part]);
}

function nameKind(value: unknown): string {
  switch (typeof value) {
    case 'function':
      return 'a function; make it a method of an exo, or Far';
    case 'symbol':
      return `the symbol ${String(value)}, which is neither registered nor well known`;
    case 'string':
      return 'a string with a lone surrogate';
    case 'object':
      break;
    default:
      return `a ${typeof value}`;
  }
  if (value === null) return 'null';
  if (value instanceof Promise) return 'a promise with properties of its own, or of a subclass';
  const then = Object.getOwnPropertyDescriptor(value, 'then');
  if (then !== undefined && typeof then.value === 'function')
    return 'a thenable that is no promise';
  const odd = Array.isArray(value) || isPlainObject(value) ? nameOddKey(value) : undefined;
  if (odd !== undefined) return odd;
  const kind = describe(value);
  return kind === 'a record' || kind === 'an array' || value instanceof Error
    ? reasonOf(value, kind)
    : shorten(kind);
}

function nameOddKey(value: object): string | undefined {
  for (const key of Reflect.ownKeys(value)) {
    if (typeof key === 'symbol') return `a record with the symbol key ${String(key)}`;
    const descriptor = Object.getOwnPropertyDescriptor(value, key);
    if (descriptor !== undefined && !('value' in descriptor))
      return `a record with the accessor ${JSON.stringify(key)}`;
  }
  return undefined;
}

function reasonOf(value: unknown, kind: string): string {
  try {
    passStyleOf(value);
    return kind;
  } catch (error) {
    return `${kind}: ${shorten(String((error as { message?: unknown }).message), 300)}`;
  }
}
