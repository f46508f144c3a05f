/**
 * Arguments as text, for the keys of queries: equal text for equal arguments, and for no others.
 *
 *     canonicalText(['open', 5n, root])     '["open",5n,<"vatkit:…/…">]'
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
  if (value instanceof Uint8Array) return `b"${value.join()}"`;
  if (value instanceof Error) return `!${stringify([value.name, value.message])}`;
  if (within.includes(value) || within.length > DEPTH_MAX) return identityOf(value);
  const inside = [...within, value];
  const textIn = (part: unknown): string => textOf(part, inside);
  if (Array.isArray(value)) return `[${Array.from(value, textIn).join()}]`;
  const keys = Reflect.ownKeys(value);
  // An accessor is not run, and a symbol names nothing that passes.
  const isPlain =
    [null, Object.prototype].includes(Object.getPrototypeOf(value) as object | null) &&
    keys.every(
      (key) =>
        typeof key === 'string' && 'value' in (Object.getOwnPropertyDescriptor(value, key) ?? {}),
    );
  if (!isPlain) return identityOf(value);
  const parts = (keys as (keyof typeof value)[])
    .sort()
    .map((key) => `${stringify(key)}:${textIn(value[key])}`);
  return `{${parts.join()}}`;
}
