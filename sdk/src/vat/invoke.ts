/** Calls a method that a message names, on an object of the vat's. */
import { getMethodNames } from '@endo/eventual-send/utils.js';

/**
 * What every object or function has by nature is no method of it: `constructor`, `__proto__`, `toString`, `call`.
 * A method of that name that the vat's author wrote is.
 */
const natural: ReadonlySet<unknown> = new Set([Object.prototype, Function.prototype, null]);

export function findMethod(
  target: object,
  method: string | symbol,
): ((...args: unknown[]) => unknown) | undefined {
  for (
    let holder: object | null = target;
    holder !== null;
    holder = Object.getPrototypeOf(holder) as object | null
  ) {
    if (natural.has(holder)) return undefined;
    const descriptor = Object.getOwnPropertyDescriptor(holder, method);
    if (descriptor === undefined) continue;
    return typeof descriptor.value === 'function' ? (descriptor.value as () => unknown) : undefined;
  }
  return undefined;
}

/** How errors and labels write a method's name: `"list"`, `Symbol(asyncIterator)`. */
export function methodLabel(method: unknown): string {
  if (typeof method === 'string') return JSON.stringify(method);
  if (typeof method === 'symbol') return String(method);
  return method === undefined ? 'the function' : `a ${typeof method}`;
}

const namesShown = 40;

function listMethods(target: object): string {
  const all = getMethodNames(target).map(methodLabel);
  // Without those that every exo has, and what has no name of letters last.
  const names = [
    ...all.filter((name) => name.startsWith('"') && !name.startsWith('"__')),
    ...all.filter((name) => !name.startsWith('"')),
  ];
  const more = names.length > namesShown ? ',…' : '';
  return `[${names.slice(0, namesShown).join(',')}${more}]`;
}

/** @param method - `undefined` calls the target itself, a Far function. Throws what the method throws. */
export function invoke(target: object, method: unknown, args: unknown): unknown {
  if (!Array.isArray(args)) throw TypeError('a message carries a method and an array of arguments');
  if (method === undefined) {
    if (typeof target !== 'function')
      throw TypeError(`target is no function, has methods ${listMethods(target)}`);
    return Reflect.apply(target, undefined, args);
  }
  if (typeof method !== 'string' && typeof method !== 'symbol') {
    throw TypeError(`a method is named by a string or a symbol, not by a ${typeof method}`);
  }
  const found = findMethod(target, method);
  if (found === undefined) {
    throw TypeError(`target has no method ${methodLabel(method)}, has ${listMethods(target)}`);
  }
  return Reflect.apply(found, target, args);
}
