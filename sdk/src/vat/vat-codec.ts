/**
 * @endo/marshal's smallcaps, quickly: the same texts, the same values, the same refusals.
 *
 * Marshal hardens about a dozen closures for each value that it reads or writes, which is most of what a crank costs.
 * This reads and writes what nearly all messages consist of; where anything else turns up (an error, a key or a
 * reference of an unusual form, text that is wrong) it lets marshal do the whole, so that there is one place that
 * knows what is refused, and how.
 */
import { makeMarshal } from '@endo/marshal';
import {
  getInterfaceOf,
  isErrorLike,
  makeTagged,
  nameForPassableSymbol,
  passableSymbolForName,
  passStyleOf,
} from '@endo/pass-style';
import type { CapData } from '../protocol/capdata.js';
import { isPromiseVRef, type VRef } from '../protocol/refs.js';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type VatCodecPowers = {
  /** The name of a remotable or a promise. Asked once for each in a value. */
  slotOf(value: unknown): VRef;
  /** The object or promise of a name. */
  valueOf(vref: VRef, iface?: string): unknown;
};

const marshalOptions = {
  serializeBodyFormat: 'smallcaps',
  errorTagging: 'off',
  marshalSaveError: () => undefined,
} as const;

/** Thrown to have marshal do the whole. One for all: a new one each time would cost a stack. */
const unusual = harden(Error('left to marshal'));

/** `!` to `-` announce that a string is not meant literally. */
const startsSpecial = (text: string): boolean => {
  const code = text.charCodeAt(0);
  return code >= 33 && code <= 45;
};

const referenceForm = /^.(0|[1-9]\d*)(?:\.([^]*))?$/;

export function makeVatCodec({ slotOf, valueOf }: VatCodecPowers) {
  const marshal = makeMarshal<VRef>(slotOf, valueOf, marshalOptions);

  const readText = (text: string, slots: readonly VRef[]): unknown => {
    switch (text.charAt(0)) {
      case '!':
        return text.slice(1);
      case '+':
      case '-':
        return BigInt(text);
      case '%':
        return passableSymbolForName(text.slice(1));
      case '$':
      case '&': {
        const [, index, iface] = referenceForm.exec(text) ?? [];
        const slot = slots[Number(index)];
        if (slot === undefined || isPromiseVRef(slot) !== text.startsWith('&')) throw unusual;
        return valueOf(slot, iface);
      }
      default:
        if (text === '#undefined') return undefined;
        throw unusual;
    }
  };

  /** In place: what JSON.parse made is nobody else's. */
  const read = (node: Json, slots: readonly VRef[]): unknown => {
    if (typeof node === 'string') return startsSpecial(node) ? readText(node, slots) : node;
    if (typeof node !== 'object' || node === null) return node;
    if (Array.isArray(node)) {
      const array: unknown[] = node;
      for (let index = 0; index < node.length; index += 1)
        array[index] = read(node[index] as Json, slots);
      return array;
    }
    const record: Record<string, unknown> = node;
    const keys = Object.keys(node);
    if (keys.length === 2 && keys[0] === '#tag' && keys[1] === 'payload') {
      const tag = read(node['#tag'] as Json, slots);
      if (typeof tag !== 'string' || typeof node['#tag'] !== 'string') throw unusual;
      return makeTagged(tag, harden(read(node['payload'] as Json, slots)) as never);
    }
    for (const key of keys) {
      if (startsSpecial(key) || key === '__proto__') throw unusual;
      record[key] = read(node[key] as Json, slots);
    }
    return record;
  };

  type Writing = { slots: VRef[]; indexes: Map<unknown, number> };

  const writeReference = (value: unknown, prefix: string, writing: Writing): string => {
    const known = writing.indexes.get(value);
    if (known !== undefined) return `${prefix}${known}`;
    const index = writing.slots.push(slotOf(value)) - 1;
    writing.indexes.set(value, index);
    const iface = prefix === '$' ? getInterfaceOf(value as object) : undefined;
    return iface === undefined ? `${prefix}${index}` : `${prefix}${index}.${iface}`;
  };

  const writeText = (text: string): string => (startsSpecial(text) ? `!${text}` : text);

  /** Of what passStyleOf has been through: hardened, without accessors and cycles. */
  const write = (value: unknown, writing: Writing): Json => {
    const style = passStyleOf(value);
    switch (style) {
      case 'null':
      case 'boolean':
        return value as Json;
      case 'string':
        return writeText(value as string);
      case 'undefined':
        return '#undefined';
      case 'number':
        // Adding 0 makes 0 of -0.
        return Number.isFinite(value) ? (value as number) + 0 : `#${value as number}`;
      case 'bigint':
        return (value as bigint) < 0n ? `${value as bigint}` : `+${value as bigint}`;
      case 'symbol':
        return `%${nameForPassableSymbol(value as symbol)}`;
      case 'remotable':
        return writeReference(value, '$', writing);
      case 'promise':
        return writeReference(value, '&', writing);
      case 'copyArray': {
        const array = value as unknown[];
        const made: Json[] = [];
        for (let index = 0; index < array.length; index += 1)
          made.push(write(array[index], writing));
        return made;
      }
      case 'copyRecord': {
        const record = value as Record<string, unknown>;
        const made: Record<string, Json> = {};
        for (const key of Object.keys(record).sort()) {
          if (startsSpecial(key) || key === '__proto__') throw unusual;
          made[key] = write(record[key], writing);
        }
        return made;
      }
      case 'tagged': {
        const { [Symbol.toStringTag]: tag, payload } = value as Record<PropertyKey, unknown>;
        return { '#tag': writeText(tag as string), payload: write(payload, writing) };
      }
      default:
        throw unusual;
    }
  };

  return harden({
    /** @param value - hardened, and looked at by passStyleOf, or an error. */
    toCapData(value: unknown): CapData<VRef> {
      if (!isErrorLike(value)) {
        try {
          const slots: VRef[] = [];
          const tree = write(value, { slots, indexes: new Map() });
          return { body: `#${JSON.stringify(tree)}`, slots };
        } catch (reason) {
          // What was named on the way keeps its name: marshal asks for it again.
          if (reason !== unusual) throw reason;
        }
      }
      return marshal.toCapData(value as Parameters<typeof marshal.toCapData>[0]);
    },

    /** @throws Error where the text cannot be read. */
    fromCapData(data: CapData<VRef>): unknown {
      if (data.body.startsWith('#')) {
        try {
          const value = harden(read(JSON.parse(data.body.slice(1)) as Json, data.slots));
          // A record of references can still be none that passes: one with a function named `then`.
          passStyleOf(value);
          return value;
        } catch (reason) {
          if (reason !== unusual) throw reason;
        }
      }
      return marshal.fromCapData(data);
    },
  });
}
