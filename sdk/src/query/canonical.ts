/**
 * Arguments as text, for the keys of queries: equal text for equal arguments, and for no others.
 *
 *     canonicalText(['open', 5n, root])     '["open",5n,<vatkit:…/…>]'
 *
 * It serves whatever a component may give, what cannot pass included: that is refused when it is called, with its place.
 */
import { isRef } from '../client/ref.js';
import { toBase64 } from '../protocol/base64.js';

/** What passes by reference and has no name that lasts, or does not pass at all, is known by itself. */
const numbers = new WeakMap<object, number>();
let lastNumber = 0;

/** Deeper values cannot pass either. */
const DEPTH_MAX = 500;

function identityOf(value: object): string {
  let number = numbers.get(value);
  if (number === undefined) numbers.set(value, (number = lastNumber += 1));
  return `<${number}>`;
}

export function canonicalText(value: unknown): string {
  return textOf(value, new Set());
}

function textOf(value: unknown, within: Set<object>): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      // -0 becomes 0 on its way.
      return String(value === 0 ? 0 : value);
    case 'bigint':
      return `${value}n`;
    case 'symbol':
      return textOfSymbol(value);
    case 'object':
      return value === null ? 'null' : textOfObject(value, within);
    case 'function':
      return identityOf(value);
    default:
      return String(value);
  }
}

/** One that is neither registered nor well-known cannot pass, so that what is written here matters little. */
const textOfSymbol = (symbol: symbol): string =>
  `@${JSON.stringify(Symbol.keyFor(symbol) ?? String(symbol))}${Symbol.keyFor(symbol) === undefined ? '?' : ''}`;

function textOfObject(value: object, within: Set<object>): string {
  if (isRef(value)) return `<${JSON.stringify(value).slice(1, -1)}>`;
  if (value instanceof Uint8Array) return `b"${toBase64(value)}"`;
  if (value instanceof Error) return `!${JSON.stringify([value.name, value.message])}`;
  if (within.has(value) || within.size > DEPTH_MAX) return identityOf(value);
  within.add(value);
  const text = Array.isArray(value)
    ? `[${Array.from(value, (item) => textOf(item, within)).join()}]`
    : textOfRecord(value, within);
  within.delete(value);
  return text;
}

function textOfRecord(value: object, within: Set<object>): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return identityOf(value);
  const properties = Object.getOwnPropertyDescriptors(value);
  // An accessor is not run, and a symbol names nothing that passes.
  const isPlain = Reflect.ownKeys(properties).every(
    (key) => typeof key === 'string' && 'value' in (properties[key] as PropertyDescriptor),
  );
  if (!isPlain) return identityOf(value);
  const parts = Object.keys(properties)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${textOf(properties[key]?.value, within)}`);
  return `{${parts.join()}}`;
}
