/**
 * Arguments as text, for the keys of queries: equal text for equal arguments, and for no others.
 *
 *     canonicalText(['open', 5n, root])     '["open",5n,<"vatkit:…/…">]'
 *
 * It serves whatever a component may give, what cannot pass included: that is refused when it is called, with its place.
 * Its text is its kind, so that one which is made anew at each render is refused once, and not for ever.
 */
import { isRef } from '../client/ref.js';
import { provide } from './provide.js';

const { stringify } = JSON;

/** What passes by reference and has no name that lasts is known by itself. */
const numbers = new WeakMap<object, number>();
let lastNumber = 0;

/** Deeper values cannot pass either. */
const DEPTH_MAX = 500;

export const canonicalText = (value: unknown): string => textOf(value, []);

/** @param within - the objects that the value is in, of which one in itself has no end. */
function textOf(value: unknown, within: readonly object[]): string {
  // -0 becomes 0 on its way.
  if (typeof value === 'number') return String(value + 0);
  if (typeof value === 'bigint') return `${value}n`;
  // One that is not registered cannot pass, so that what is written here matters little.
  if (typeof value === 'symbol') return `@${stringify([Symbol.keyFor(value), String(value)])}`;
  const isObject = typeof value === 'object' || typeof value === 'function';
  return isObject && value ? textOfObject(value, within) : String(stringify(value));
}

function textOfObject(value: object, within: readonly object[]): string {
  if (isRef(value)) return `<${stringify(value)}>`;
  // Of any realm. Promises and what is exposed pass by reference.
  const kind = {}.toString.call(value);
  if (/Pro|Exp/.test(kind)) return `<${provide(numbers, value, () => (lastNumber += 1))}>`;
  if (/Uint8A/.test(kind)) return `b${(value as Uint8Array).join()}`;
  if (/Err|DOM/.test(kind))
    return `!${stringify([(value as Error).name, (value as Error).message])}`;
  if (within.includes(value) || within.length > DEPTH_MAX) return '<>';
  const inside = [...within, value];
  const textIn = (part: unknown): string => textOf(part, inside);
  if (Array.isArray(value)) return `[${Array.from(value, textIn).join()}]`;
  if (Object.getPrototypeOf(Object.getPrototypeOf(value) ?? Object.prototype)) return kind;
  const own: { [key: string]: PropertyDescriptor } = Object.getOwnPropertyDescriptors(value);
  const parts = Object.keys(own)
    .sort()
    // An accessor is not run.
    .map((key) => `${stringify(key)}:${own[key]?.get ? '<>' : textIn(own[key]?.value)}`);
  return `${kind}{${parts.join()}}`;
}
