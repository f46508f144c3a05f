/**
 * Makes the methods of exos say where a result or a thrown value cannot pass, and return async generators as exos.
 *
 * A guard would say that something in it has no pass style, not which part of it. So what a method without a
 * guard of its own returns or throws is looked at before the guard sees it.
 */
import { isPassable, isPrimitive } from '@endo/pass-style';
import { getInterfaceGuardPayload, getMethodGuardPayload, isRawGuard } from '@endo/patterns';
import type { InterfaceGuard, MethodGuard } from '@endo/patterns';
import { hardenNow } from './harden-now.js';
import { methodLabel } from './invoke.js';
import { passIterator } from './iterables.js';
import { findUnpassable } from './unpassable.js';

type Method = (...args: never[]) => unknown;
type Methods = Record<PropertyKey, Method>;

function refusalOf(value: unknown, label: string): TypeError | undefined {
  try {
    if (isPassable(hardenNow(value))) return undefined;
  } catch {
    // A proxy that does not let itself be hardened.
  }
  const { path, what } = findUnpassable(value);
  return TypeError(`${label}${path}: cannot pass ${what}`);
}

function withPlace(method: Method, name: string | symbol): Method {
  const label = methodLabel(name);
  const { [name]: placed } = {
    [name](this: unknown, ...args: never[]): unknown {
      let result: unknown;
      try {
        result = Reflect.apply(method, this, args);
      } catch (thrown) {
        if (thrown instanceof Error) throw thrown;
        throw refusalOf(thrown, `what was thrown by ${label}`) ?? thrown;
      }
      if (isPrimitive(result)) return result;
      result = passIterator(result);
      const refusal = refusalOf(result, `result of ${label}`);
      if (refusal !== undefined) throw refusal;
      return result;
    },
  } as Record<string | symbol, Method>;
  return Object.defineProperty(placed as Method, 'length', { value: method.length });
}

/** The method's own guard says what it thinks of the result; an async generator it is shown as an exo. */
function withIterators(method: Method, name: string | symbol): Method {
  const { [name]: passing } = {
    [name](this: unknown, ...args: never[]): unknown {
      return passIterator(Reflect.apply(method, this, args));
    },
  } as Record<string | symbol, Method>;
  return Object.defineProperty(passing as Method, 'length', { value: method.length });
}

/** Does the guard let pass what has no pass style? */
function isRaw(name: string | symbol, guard: InterfaceGuard): boolean {
  const { methodGuards, symbolMethodGuards, defaultGuards } = getInterfaceGuardPayload(
    guard,
  ) as unknown as {
    methodGuards: Record<PropertyKey, MethodGuard>;
    symbolMethodGuards?: { payload: readonly [key: symbol, guard: MethodGuard][] };
    defaultGuards?: string;
  };
  const own =
    typeof name === 'symbol'
      ? symbolMethodGuards?.payload.find(([key]) => key === name)?.[1]
      : Object.hasOwn(methodGuards, name) && methodGuards[name];
  if (!own) return defaultGuards === 'raw';
  return isRawGuard((getMethodGuardPayload(own) as { returnGuard: unknown }).returnGuard);
}

/** Does the guard say of the method more than that what passes may pass? */
function isGuarded(name: string | symbol, guard: InterfaceGuard): boolean {
  const { methodGuards, symbolMethodGuards, defaultGuards } = getInterfaceGuardPayload(guard) as {
    methodGuards: object;
    symbolMethodGuards?: unknown;
    defaultGuards?: string;
  };
  const isNamed =
    typeof name === 'symbol' ? symbolMethodGuards !== undefined : Object.hasOwn(methodGuards, name);
  return isNamed || defaultGuards !== 'passable';
}

function wrapMethod(
  method: Method,
  name: string | symbol,
  guard: InterfaceGuard | undefined,
): Method {
  if (typeof method !== 'function') return method;
  if (guard === undefined || !isGuarded(name, guard)) return withPlace(method, name);
  return isRaw(name, guard) ? method : withIterators(method, name);
}

/** The same methods for an exo; those of a class prototype are left as they are. */
export function withPlaces<Own extends object>(methods: Own, guard: unknown): Own {
  const prototype: unknown = Object.getPrototypeOf(methods);
  if (prototype !== Object.prototype && prototype !== null) return methods;
  const placed: Methods = {};
  for (const name of Reflect.ownKeys(methods)) {
    const method = (methods as Methods)[name] as Method;
    const own = guard as InterfaceGuard | undefined;
    // By definition, not assignment: a method may be called __proto__.
    Object.defineProperty(placed, name, {
      value: wrapMethod(method, name, own),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return placed as Own;
}
