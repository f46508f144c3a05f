/**
 * Says where in a value the part is that cannot be passed, and what it is.
 *
 * The value is the vat's own and may be hostile: proxies that throw, accessors, cycles, depth without end.
 */
import { isPassable, passStyleOf } from '@endo/pass-style';

export type Unpassable = {
  /** From the value to the part: `[2].tags`. Empty for the value itself. */
  path: string;
  /** `a Map` */
  what: string;
  part: unknown;
};

const maxDepth = 64;
const identifierForm = /^[A-Za-z_$][\w$]*$/;

/** Finds the first part of `value` that a predicate refuses, outermost last. */
export function findUnpassable(value: unknown, accepts: (part: unknown) => boolean = isPassable): Unpassable {
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
    return { path, what: nameKind(part), part };
  } catch {
    return { path, what: 'a value that cannot be examined', part: undefined };
  }
}

/** The parts that pass-by-copy data consists of, each with its step of the path. */
function childrenOf(value: unknown): [step: string, part: unknown][] {
  if (typeof value !== 'object' || value === null) return [];
  const descriptors = Object.entries(Object.getOwnPropertyDescriptors(value));
  const data = descriptors.filter(([, descriptor]) => 'value' in descriptor && descriptor.enumerable);
  if (Array.isArray(value)) {
    return data.map(([index, { value: part }]) => [`[${index}]`, part]);
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  const isTagged = prototype !== null && prototype !== Object.prototype && 'payload' in value;
  if (prototype !== Object.prototype && !isTagged) return [];
  return data.map(([key, { value: part }]) => [
    identifierForm.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`,
    part,
  ]);
}

const article = (noun: string): string => (/^[aeiou]/i.test(noun) ? `an ${noun}` : `a ${noun}`);

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
  if (then !== undefined && typeof then.value === 'function') return 'a thenable that is no promise';
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null || Array.isArray(value)) {
    return namePlain(value) ?? reasonOf(value);
  }
  const constructor = Object.getOwnPropertyDescriptor(prototype as object, 'constructor')?.value as unknown;
  const name = typeof constructor === 'function' ? constructor.name : '';
  if (typeof name !== 'string' || name === '' || value instanceof Error) return reasonOf(value);
  return name.length > 60 ? 'an instance of a class' : article(name);
}

function namePlain(value: object): string | undefined {
  for (const key of Reflect.ownKeys(value)) {
    if (typeof key === 'symbol') return `a record with the symbol key ${String(key)}`;
    const descriptor = Object.getOwnPropertyDescriptor(value, key);
    if (descriptor !== undefined && !('value' in descriptor)) return `a record with the accessor ${JSON.stringify(key)}`;
  }
  return undefined;
}

function reasonOf(value: unknown): string {
  try {
    passStyleOf(value);
    return 'this value';
  } catch (error) {
    return `an object: ${String((error as { message?: unknown }).message).slice(0, 300)}`;
  }
}
