/** How error messages name a place in a value and what was found there. */

/** Long enough to be recognized, short enough for a line of a log. */
export const shorten = (text: string, charsMax = 60): string =>
  text.length <= charsMax ? text : `${text.slice(0, charsMax - 15)}…${text.slice(-14)}`;

/** One step of a path: `.tags`, `["odd key"]`, `[0]`. */
export const keyText = (key: string | number): string =>
  typeof key === 'string' && /^[A-Za-z_$][\w$]*$/.test(key)
    ? `.${key}`
    : `[${shorten(JSON.stringify(key))}]`;

/** What a value is, never what it contains: `a string`, `an array`, `a Map`, `a Counter instance`. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  if (Array.isArray(value)) return 'an array';
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (tag !== 'Object') return `a${/^[AEIO]/.test(tag) ? 'n' : ''} ${tag}`;
  return isPlainObject(value) ? 'a record' : `a ${value.constructor?.name || 'class'} instance`;
}

/** A record by its prototype: none, or any realm's Object.prototype. */
export function isPlainObject(value: object): boolean {
  const proto = Object.getPrototypeOf(value) as object | null;
  return (
    proto === null ||
    (Object.getPrototypeOf(proto) === null && Object.hasOwn(proto, 'isPrototypeOf'))
  );
}

/** As {@link describe}, but what is short text stands there as it is. */
export const describeOrQuote = (value: unknown): string =>
  typeof value === 'string' && value.length < 20 ? JSON.stringify(value) : describe(value);
