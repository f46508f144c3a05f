/**
 * Arguments as text, for the keys of queries: equal text for equal arguments, and for no others.
 *
 *     canonicalText(['open', 5n, root])     '["open",5n,<vatkit:…/…>]'
 *
 * It serves whatever a component may give, what cannot pass included: that is refused when it is called, with its place.
 */
import { isRef } from '../client/ref.js';
import { provide } from './provide.js';

const { stringify } = JSON;

/** What passes by reference and has no name that lasts, or does not pass at all, is known by itself. */
const numbers = new WeakMap<object, number>();
let lastNumber = 0;

/** Deeper values cannot pass either. */
const DEPTH_MAX = 500;

const identityOf = (value: object): string =>
  `<${provide(numbers, value, () => (lastNumber += 1))}>`;

export const canonicalText = (value: unknown): string => textOf(value, new Set());

function textOf(value: unknown, within: Set<object>): string {
  switch (typeof value) {
    case 'string':
      return stringify(value);
    case 'number':
      // -0 becomes 0 on its way.
      return String(value + 0);
    case 'bigint':
      return `${value}n`;
    case 'symbol':
      // One that is not registered cannot pass, so that what is written here matters little.
      return `@${stringify([Symbol.keyFor(value), String(value)])}`;
    case 'object':
    case 'function':
      return value === null ? 'null' : textOfObject(value, within);
    default:
      return String(value);
  }
}

function textOfObject(value: object, within: Set<object>): string {
  if (isRef(value)) return `<${stringify(value).slice(1, -1)}>`;
  if (value instanceof Uint8Array) return `b"${value.join()}"`;
  if (value instanceof Error) return `!${stringify([value.name, value.message])}`;
  if (within.has(value) || within.size > DEPTH_MAX) return identityOf(value);
  const textIn = (part: unknown): string => {
    within.add(value);
    const text = textOf(part, within);
    within.delete(value);
    return text;
  };
  if (Array.isArray(value)) return `[${Array.from(value, textIn).join()}]`;
  const prototype: unknown = Object.getPrototypeOf(value);
  const properties = Object.getOwnPropertyDescriptors(value);
  // An accessor is not run, and a symbol names nothing that passes.
  const isPlain =
    (prototype === Object.prototype || prototype === null) &&
    Reflect.ownKeys(properties).every(
      (key) => typeof key === 'string' && 'value' in (properties[key] as PropertyDescriptor),
    );
  if (!isPlain) return identityOf(value);
  const parts = Object.keys(properties)
    .sort()
    .map((key) => `${stringify(key)}:${textIn(properties[key]?.value)}`);
  return `{${parts.join()}}`;
}
