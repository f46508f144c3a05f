/**
 * Bytes as vats pass them: a tagged value `bytes` with base64, which pages and services see as a Uint8Array.
 *
 * @endo/marshal has no text for byte arrays yet. Base64 is done here by hand, because a vat has `atob` only by grant.
 */
import { makeTagged } from '@endo/pass-style';

export type Bytes = { readonly [Symbol.toStringTag]: 'bytes'; readonly payload: string };

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const values = new Map([...alphabet].map((letter, value) => [letter, value]));
const form = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A value that can be passed, or kept in the baggage, with the bytes of `array`. */
export function makeBytes(array: Uint8Array): Bytes {
  const letters: string[] = [];
  for (let at = 0; at < array.length; at += 3) {
    const [first = 0, second, third] = array.subarray(at, at + 3);
    const bits = (first << 16) | ((second ?? 0) << 8) | (third ?? 0);
    letters.push(
      alphabet.charAt(bits >> 18),
      alphabet.charAt((bits >> 12) & 63),
      second === undefined ? '=' : alphabet.charAt((bits >> 6) & 63),
      third === undefined ? '=' : alphabet.charAt(bits & 63),
    );
  }
  return makeTagged('bytes', letters.join(''));
}

/**
 * The bytes of what {@link makeBytes} made, or of a Uint8Array that a page passed.
 * @throws TypeError where `value` is something else.
 */
export function readBytes(value: unknown): Uint8Array {
  const { [Symbol.toStringTag]: tag, payload } = (value ?? {}) as Partial<Bytes>;
  if (tag !== 'bytes' || typeof payload !== 'string' || !form.test(payload)) {
    throw TypeError(
      'Not bytes: a tagged value made with makeBytes, or a Uint8Array passed by a page',
    );
  }
  const padding = payload.endsWith('==') ? 2 : payload.endsWith('=') ? 1 : 0;
  const array = new Uint8Array((payload.length / 4) * 3 - padding);
  for (let at = 0, to = 0; at < payload.length; at += 4, to += 3) {
    const [a, b, c, d] = [0, 1, 2, 3].map(
      (offset) => values.get(payload.charAt(at + offset)) ?? 0,
    ) as [number, number, number, number];
    const bits = (a << 18) | (b << 12) | (c << 6) | d;
    array.set([(bits >> 16) & 255, (bits >> 8) & 255, bits & 255].slice(0, array.length - to), to);
  }
  return array;
}
