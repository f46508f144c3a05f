/**
 * Values to smallcaps text and back: byte for byte what @endo/marshal 1.10 writes and reads with
 * `serializeBodyFormat: 'smallcaps', errorTagging: 'off'`, for realms that are not locked down. The kernel's
 * host uses it and the page; vats use marshal itself. What is meant to differ from marshal is listed and
 * tested in smallcaps.differential.test.ts.
 *
 * What can be passed, apart from references: undefined, null, booleans, numbers (-0 becomes 0), bigints,
 * strings (lone surrogates too), registered and well-known symbols, dense arrays, records, errors (their
 * name and message), bytes and tagged values. Bytes are our extension: a Uint8Array here, in vats a tagged
 * value `bytes` with base64.
 *
 * Decoded values are fresh, mutable and the caller's own, as JSON.parse's are; only tagged values are frozen.
 */
import { KernelError, parseKernelErrorText, withName } from '../errors.js';
import { limits } from '../limits.js';
import { fromBase64, toBase64 } from './base64.js';
import type { CapData } from './capdata.js';
import { describe, isPlainObject, shorten } from './describe.js';
import { makeTrail, type Label } from './trail.js';

/** What a value that passes by reference is on the wire. */
export type SlotRef<Slot extends string> = {
  slot: Slot;
  /** A promise (`&0`); otherwise an object (`$0`). */
  promise?: boolean;
  /** Of an object, as it stands on the wire: `Alleged: counter`. */
  iface?: string | undefined;
};

export type EncodeOptions<Slot extends string> = {
  /**
   * The reference that an object, function or promise stands for; `undefined` where it passes by copy or not at all.
   * `refuse` throws, with the value's place and why it cannot pass.
   */
  slotOf?: (value: object, refuse: (why: string) => never) => SlotRef<Slot> | undefined;
  /** What errors call the value. */
  label?: Label;
  /** What errors advise for functions and instances of classes: `wrap it with expose()`. */
  hint?: string;
  /** UTF-16 code units of the body. */
  bytesMax?: number;
};

/** How a body mentions a slot. */
export type Mention = { index: number; promise: boolean; iface: string | undefined };

export type DecodeOptions<Slot extends string> = {
  /** The value of a slot; asked at its first mention, which alone carries the interface's name. */
  fromSlot?: (slot: Slot, mention: Mention) => unknown;
  /** What errors call the value. */
  label?: Label;
  /** UTF-16 code units of the body. */
  bytesMax?: number;
};

/** A tagged value that is not bytes, as makeTagged makes it in a vat. It is kept, so that it can be sent on. */
export type Tagged = { readonly [Symbol.toStringTag]: string; readonly payload: unknown };

type Json = null | boolean | number | string | Json[] | JsonRecord;
type JsonRecord = { [key: string]: Json };

const PASS_STYLE = Symbol.for('passStyle');
const { ownKeys } = Reflect;
const { create, fromEntries, getOwnPropertyNames, hasOwn, keys } = Object;

/** `!` to `-` announce that a string is not meant literally; `!` itself, that the rest is. */
const startsSpecial = (text: string): boolean => {
  const code = text.charCodeAt(0);
  return code >= 33 && code <= 45;
};

const wellKnownSymbols = Symbol as unknown as Record<string, unknown>;

/** What to pass instead, by kind. */
const advice: Record<string, string> = {
  'a Map': 'an array or a record',
  'a Set': 'an array or a record',
  'a Date': 'its getTime()',
  'a RegExp': 'its source',
  'a Promise': 'what it gives',
  'an ArrayBuffer': 'a Uint8Array',
};

/**
 * @param value - what to encode; it is only read.
 * @returns the body and the slots that it numbers, each once, in the order of their first mention.
 * @throws TypeError that names the place of what cannot be passed, or of what makes the value too deep or too
 * long: `Cannot pass args[0].tags: a Map (pass an array or a record instead)`.
 */
export function encode<Slot extends string>(
  value: unknown,
  options: EncodeOptions<Slot> = {},
): CapData<Slot> {
  const { slotOf, label = 'value', hint, bytesMax = limits.messageBytesMax } = options;
  const { refuse, step, attempt } = makeTrail('pass', label);
  const slots: Slot[] = [];
  let room = bytesMax;

  // A value without cycles can still be endless as text, when it holds the same parts in many places.
  const take = (chars: number): void => {
    room -= chars;
    if (room < 0) refuse(`too long, the whole is over ${bytesMax} characters of text`);
  };

  const spend = (text: string): string => {
    take(text.length + 2);
    return text;
  };

  const encodeText = (text: string): string => spend(startsSpecial(text) ? `!${text}` : text);

  const encodeSymbol = (symbol: symbol): string => {
    const key = Symbol.keyFor(symbol);
    const name = key ?? getOwnPropertyNames(Symbol).find((own) => wellKnownSymbols[own] === symbol);
    if (name === undefined) return refuse('a symbol that Symbol.for() did not make');
    return spend(key === undefined || key.startsWith('@@') ? `%@@${name}` : `%${name}`);
  };

  const encodeBigint = (item: bigint): string => {
    const digits = String(item);
    if (digits.length > limits.bigintDigitsMax) refuse('a bigint of too many digits');
    return spend(item < 0n ? digits : `+${digits}`);
  };

  const indexes = new Map<Slot, number>();
  const encodeRef = ({ slot, promise, iface }: SlotRef<Slot>): string => {
    const known = indexes.get(slot);
    const index = known ?? slots.push(slot) - 1;
    indexes.set(slot, index);
    const mention = (promise ? '&' : '$') + index;
    return spend(
      known === undefined && !promise && iface !== undefined ? `${mention}.${iface}` : mention,
    );
  };

  const encodeOwn = (holder: object, key: string | number): Json => {
    const property = Object.getOwnPropertyDescriptor(holder, key);
    if (!property) return refuse('a hole in an array');
    if (!('value' in property)) return refuse('an accessor');
    if (!property.enumerable) return refuse('a property that is not enumerable');
    return encodeValue(property.value);
  };
  const encodeProperty = (holder: object, key: string | number): Json =>
    step(holder, key, encodeOwn);

  const encodeArray = (array: unknown[]): Json => {
    // By name, so that another realm's arrays pass, too.
    if (array.constructor?.name !== 'Array') refuse('an array of a class of its own');
    const encoded = [];
    for (let index = 0; index < array.length; index += 1)
      encoded.push(encodeProperty(array, index));
    if (ownKeys(array).length !== array.length + 1) refuse('an array with properties of its own');
    return encoded;
  };

  // Sorted, so that equal records give equal text; slots are numbered in this order, too.
  const encodeRecord = (record: object): Json => {
    const names = ownKeys(record);
    for (const key of names)
      if (typeof key !== 'string') refuse(`a record with the key ${String(key)}`);
    // Without a prototype: `__proto__` is a name like any other.
    const encoded = create(null) as JsonRecord;
    for (const key of names.sort() as string[])
      encoded[encodeText(key)] = encodeProperty(record, key);
    return encoded;
  };

  const encodeTagged = (tagged: Tagged): Json => {
    const tag: unknown = tagged[Symbol.toStringTag];
    if (typeof tag !== 'string' || ownKeys(tagged).length !== 3)
      return refuse('a tagged value that makeTagged did not make');
    return { '#tag': encodeText(tag), payload: encodeProperty(tagged, 'payload') };
  };

  const encodeObject = (object: object): Json => {
    const ref = slotOf?.(object, refuse);
    if (ref) return encodeRef(ref);
    if (Array.isArray(object)) return encodeArray(object);
    if (isPlainObject(object))
      return (object as Record<symbol, unknown>)[PASS_STYLE] === 'tagged'
        ? encodeTagged(object as Tagged)
        : encodeRecord(object);
    const what = describe(object);
    if (object instanceof Error || what === 'an Error') {
      const { message, name } = object as Error;
      return { '#error': encodeText(`${message}`), name: encodeText(`${name}`) };
    }
    if (ArrayBuffer.isView(object) && what === 'a Uint8Array')
      return { '#tag': 'bytes', payload: encodeText(toBase64(object as Uint8Array)) };
    const instead = advice[what] ? `pass ${advice[what]} instead` : hint;
    return refuse(instead ? `${what} (${instead})` : what);
  };

  const encodeValue = (item: unknown): Json => {
    take(1);
    switch (typeof item) {
      case 'boolean':
        return item;
      case 'string':
        return encodeText(item);
      case 'undefined':
        return '#undefined';
      case 'number':
        return Number.isFinite(item) ? item + 0 : `#${item}`;
      case 'bigint':
        return encodeBigint(item);
      case 'symbol':
        return encodeSymbol(item);
    }
    return item === null ? null : encodeObject(item as object);
  };

  const body = `#${JSON.stringify(attempt(() => encodeValue(value)))}`;
  // Escapes make text longer than its count above.
  take(body.length - bytesMax + room);
  return { body, slots };
}

/**
 * @param capdata - any text and slots: it is checked in full.
 * @returns fresh and mutable data, with errors of the builtin type that they name ({@link KernelError} where
 * the message is in its text form), Uint8Arrays, and what `fromSlot` gives for the slots.
 * @throws TypeError that names the place of what cannot be read: `Cannot read value[1]: unknown constant "#foo"`.
 */
export function decode<Slot extends string>(
  { body, slots }: CapData<Slot>,
  options: DecodeOptions<Slot> = {},
): unknown {
  const { fromSlot, label = 'value', bytesMax = limits.messageBytesMax } = options;
  const { refuse, step } = makeTrail('read', label);
  if (typeof body !== 'string' || !Array.isArray(slots)) refuse('not CapData: { body, slots }');
  if (!body.startsWith('#')) refuse('its body does not begin with #');
  if (body.length > bytesMax) refuse(`too long, over ${bytesMax} characters of text`);

  const refuseText = (what: string, text: string): never =>
    refuse(`${what} ${shorten(JSON.stringify(text))}`);

  /** `#undefined`, and the numbers that JSON has not: `#NaN`, `#Infinity`, `#-Infinity`. */
  const decodeConstant = (text: string): number | undefined => {
    if (text === '#undefined') return undefined;
    const number = Number(text.slice(1));
    if (Number.isFinite(number) || text !== `#${number}`) refuseText('unknown constant', text);
    return number;
  };

  const decodeSymbol = (text: string): symbol => {
    const name = text.slice(1);
    if (!name.startsWith('@@')) return Symbol.for(name);
    const rest = name.slice(2);
    if (rest.startsWith('@@')) return Symbol.for(rest);
    const symbol = wellKnownSymbols[rest];
    return typeof symbol === 'symbol' ? symbol : refuseText('unknown symbol', text);
  };

  const decodeBigint = (text: string): bigint => {
    if (text.length > limits.bigintDigitsMax + 1) refuse('a bigint of too many digits');
    try {
      return BigInt(text);
    } catch {
      return refuseText('malformed bigint', text);
    }
  };

  const revived: { value: unknown; promise: boolean }[] = [];
  const decodeRef = (text: string): unknown => {
    const [, digits, iface] = /^.(0|[1-9]\d*)(?:\.([^]*))?$/.exec(text) ?? [];
    const index = Number(digits);
    const slot = slots[index];
    if (!slot || !fromSlot) return refuseText('unknown reference', text);
    const promise = text.startsWith('&');
    revived[index] ??= { value: fromSlot(slot, { index, promise, iface }), promise };
    if (revived[index].promise !== promise) refuseText('both an object and a promise', text);
    return revived[index].value;
  };

  const decodeText = (text: string): unknown => {
    if (!startsSpecial(text)) return text;
    switch (text[0]) {
      case '!':
        return text.slice(1);
      case '%':
        return decodeSymbol(text);
      case '#':
        return decodeConstant(text);
      case '+':
      case '-':
        return decodeBigint(text);
      case '$':
      case '&':
        return decodeRef(text);
    }
    return refuseText('text of a reserved form', text);
  };

  const textOf = (node: JsonRecord, key: string): string => {
    const text: unknown = node[key];
    return typeof text === 'string' ? text : refuse(`its ${key} is not a string`);
  };

  const taggedOf = (node: JsonRecord): unknown => {
    const tag = textOf(node, '#tag');
    if (!hasOwn(node, 'payload') || keys(node).length !== 2)
      refuse('a tagged value without a payload, or with more');
    const { payload } = node;
    const bytes = tag === 'bytes' && typeof payload === 'string' ? fromBase64(payload) : undefined;
    return bytes ?? makeTagged(tag, payload);
  };

  const errorOf = (node: JsonRecord): Error => {
    if (hasOwn(node, 'message')) refuse('an error with two messages');
    return makeError(textOf(node, 'name'), textOf(node, '#error'), node['cause'], node['errors']);
  };

  /** What stands for itself: most of what there is. */
  const isLiteral = (node: Json): boolean =>
    typeof node === 'string' ? !startsSpecial(node) : typeof node !== 'object' || node === null;

  type Parts = { [key: string | number]: unknown };
  const decodePart = (parts: Parts, key: string | number): unknown =>
    decodeValue(parts[key] as Json);

  /** In place. A `__proto__` is set as an own property, because JSON.parse has made it one. */
  const decodeParts = (node: Json[] | JsonRecord): void => {
    const parts = node as Parts;
    for (const key of Array.isArray(node) ? node.keys() : keys(node)) {
      if (!isLiteral(parts[key] as Json)) parts[key] = step(parts, key, decodePart);
    }
  };

  const recordOf = (node: JsonRecord): unknown => {
    const names = keys(node);
    const special = names.filter(startsSpecial);
    if (!special.length) return node;
    if (hasOwn(node, '#tag')) return taggedOf(node);
    if (hasOwn(node, '#error')) return errorOf(node);
    for (const key of special)
      if (!key.startsWith('!')) refuseText('a record of an unknown form', key);
    return fromEntries(names.map((key) => [key.replace(/^!/, ''), node[key]]));
  };

  const decodeValue = (node: Json): unknown => {
    if (typeof node === 'string') return decodeText(node);
    if (typeof node !== 'object' || node === null) return node;
    decodeParts(node);
    return Array.isArray(node) ? node : recordOf(node);
  };

  let tree: Json = null;
  try {
    tree = JSON.parse(body.slice(1)) as Json;
  } catch (error) {
    refuse(`its body is not JSON: ${shorten(`${(error as Error).message}`, 120)}`);
  }
  return decodeValue(tree);
}

/** As @endo/pass-style's makeTagged, by whose symbols marshal knows it. */
const makeTagged = (tag: string, payload: unknown): Tagged =>
  Object.freeze(
    Object.defineProperties(
      { payload },
      { [PASS_STYLE]: { value: 'tagged' }, [Symbol.toStringTag]: { value: tag } },
    ),
  ) as Tagged;

const errorTypes = [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];

function makeError(name: string, message: string, cause: unknown, errors: unknown): Error {
  const options = cause instanceof Error ? { cause } : undefined;
  const kernelError = parseKernelErrorText(message);
  if (kernelError) return new KernelError(kernelError.code, message, options);
  if (name === 'AggregateError')
    return new AggregateError(Array.isArray(errors) ? errors : [], message, options);
  const ErrorType = errorTypes.find((type) => type.name === name) ?? Error;
  const error = new ErrorType(message, options);
  return error.name === name ? error : withName(error, name);
}
