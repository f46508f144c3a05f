/** The form of what comes from outside as a structured clone: how a check finds it wrong, and says where. */

/** A record whose fields nobody has looked at. */
export type Fields = { readonly [name: string]: unknown };
/** ` is null, not an array`, after the path to it. `undefined` where nothing is wrong. */
export type Problem = string | undefined;

export const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const at = (path: string, problem: Problem): Problem =>
  problem === undefined ? undefined : path + problem;

/** Shows no more than a value's kind where it is no short text: the whole may be endless. */
export const isNot = (wanted: string, found: unknown): string => {
  if (typeof found === 'string') return ` is "${found.slice(0, 20)}", not ${wanted}`;
  if (found === undefined) return ` is missing: ${wanted}`;
  const kind =
    found === null ? 'null' : Array.isArray(found) ? 'an array' : `of type ${typeof found}`;
  return ` is ${kind}, not ${wanted}`;
};
