/** What a list takes, from whomever it comes. */
export const bounds = {
  textMax: 280,
  nameMax: 60,
  itemsMax: 500,
  sharesMax: 100,
  listsMax: 200,
};

/** A text without blanks around it. @throws TypeError, RangeError that a person can read. */
export function insistText(what: string, text: unknown, max: number): string {
  if (typeof text !== 'string') throw TypeError(`${what} must be text`);
  const trimmed = text.trim();
  if (trimmed === '') throw RangeError(`${what} is empty`);
  if (trimmed.length > max)
    throw RangeError(`${what} has ${trimmed.length} characters; ${max} fit`);
  return trimmed;
}

export function insistRoom(what: string, count: number, max: number): void {
  if (count >= max)
    throw RangeError(`There are ${max} ${what} already, which is the most that fit`);
}
