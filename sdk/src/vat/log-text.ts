/**
 * Turns what a vat logs into data that can be cloned to the host, within bounds. Accessors are not read; what cannot
 * be cloned becomes text: `[Alleged: counter]`, `[Map]`.
 */
import { describe, shorten } from '../protocol/describe.js';
import { stackText } from './stacks.js';
import { vatBounds } from './vat-bounds.js';

type Budget = { chars: number; values: number };

export function cloneLogArguments(args: readonly unknown[]): unknown[] {
  const budget: Budget = { chars: vatBounds.logCharsMax, values: vatBounds.logValuesMax };
  const clones: unknown[] = [];
  for (const arg of args) {
    if (budget.values <= 0 || budget.chars <= 0) {
      clones.push('…');
      break;
    }
    clones.push(clone(arg, budget, 0, []));
  }
  return clones;
}

function clone(value: unknown, budget: Budget, depth: number, above: readonly unknown[]): unknown {
  budget.values -= 1;
  switch (typeof value) {
    case 'string':
      return text(value, budget);
    case 'symbol':
      return text(String(value), budget);
    case 'bigint':
      return BigInt.asIntN(4_096, value) === value ? value : '[bigint of many digits]';
    case 'function':
      return text(`[function ${value.name}]`, budget);
    case 'object':
      break;
    default:
      return value;
  }
  if (value === null) return null;
  try {
    return cloneObject(value, budget, depth, above);
  } catch {
    return '[object that cannot be examined]';
  }
}

function cloneObject(
  value: object,
  budget: Budget,
  depth: number,
  above: readonly unknown[],
): unknown {
  if (value instanceof Error) return text(stackText(value) ?? '[Error]', budget);
  const isArray = Array.isArray(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!isArray && prototype !== Object.prototype && prototype !== null)
    return text(`[${nameOf(value)}]`, budget);
  if (above.includes(value)) return '[cycle]';
  if (depth >= vatBounds.logDepthMax) return isArray ? '[array]' : '[object]';
  const inside = [...above, value];
  const target: Record<string, unknown> | unknown[] = isArray ? [] : {};
  for (const key of Object.keys(value)) {
    if (budget.values <= 0 || budget.chars <= 0) {
      define(target, isArray ? String((target as unknown[]).length) : '…', '…');
      break;
    }
    const descriptor = Object.getOwnPropertyDescriptor(value, key);
    const part: unknown =
      descriptor === undefined || !('value' in descriptor)
        ? '[accessor]'
        : clone(descriptor.value, budget, depth + 1, inside);
    define(target, isArray ? key : text(key, budget), part);
  }
  return target;
}

/** Not by assignment: the key may be `__proto__`. */
function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

/** `Map`, `Alleged: counter`, `Counter instance`. */
const nameOf = (value: object): string => shorten(describe(value).replace(/^an? /, ''), 120);

function text(value: string, budget: Budget): string {
  const room = Math.max(budget.chars, 0);
  budget.chars -= value.length;
  return value.length <= room ? value : `${value.slice(0, room)}…`;
}
