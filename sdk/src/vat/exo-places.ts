/**
 * Makes the methods of exos say where a result or a thrown value cannot pass.
 *
 * A guard would say that something in it has no pass style, not which part of it. So what a method without a
 * guard of its own returns or throws is looked at before the guard sees it.
 */
import { isPassable, isPrimitive } from '@endo/pass-style';
import { getInterfaceGuardPayload } from '@endo/patterns';
import type { InterfaceGuard } from '@endo/patterns';
import { methodLabel } from './invoke.js';
import { findUnpassable } from './unpassable.js';

type Method = (...args: never[]) => unknown;
type Methods = Record<PropertyKey, Method>;

/** A worker's, or where a test of a vat's module runs unlocked the one that Endo's modules have installed. */
const hardenNow = (value: unknown): unknown => {
  const shared = (Object as unknown as Record<symbol, unknown>)[Symbol.for('harden')] as
    typeof harden | undefined;
  return (shared ?? harden)(value);
};

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
      const refusal = refusalOf(result, `result of ${label}`);
      if (refusal !== undefined) throw refusal;
      return result;
    },
  } as Record<string | symbol, Method>;
  return Object.defineProperty(placed as Method, 'length', { value: method.length });
}

/** Has the method a guard of its own, or none at all? */
function isGuarded(name: string | symbol, guard: InterfaceGuard | undefined): boolean {
  if (guard === undefined) return false;
  const { methodGuards, symbolMethodGuards, defaultGuards } = getInterfaceGuardPayload(guard) as {
    methodGuards: object;
    symbolMethodGuards?: unknown;
    defaultGuards?: string;
  };
  const isNamed =
    typeof name === 'symbol' ? symbolMethodGuards !== undefined : Object.hasOwn(methodGuards, name);
  return isNamed || defaultGuards !== 'passable';
}

/** The same methods for an exo; those of a class prototype are left as they are. */
export function withPlaces<Own extends object>(methods: Own, guard: unknown): Own {
  const prototype: unknown = Object.getPrototypeOf(methods);
  if (prototype !== Object.prototype && prototype !== null) return methods;
  const placed: Methods = {};
  for (const name of Reflect.ownKeys(methods)) {
    const method = (methods as Methods)[name] as Method;
    const isBare =
      typeof method !== 'function' || isGuarded(name, guard as InterfaceGuard | undefined);
    // By definition, not assignment: a method may be called __proto__.
    Object.defineProperty(placed, name, {
      value: isBare ? method : withPlace(method, name),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return placed as Own;
}
