/**
 * Values to durable text and back: what passes, as long as it outlives the incarnation. Data, presences and
 * durable exos do; heap exos and promises do not.
 */
import { isPassable, passStyleOf } from '@endo/pass-style';
import type { CapData } from '../protocol/capdata.js';
import { isDurableVRef, isPromiseVRef, type VRef } from '../protocol/refs.js';
import type { DurableObjects, ObjectTable } from './object-table.js';
import { findUnpassable } from './unpassable.js';
import { makeVatCodec } from './vat-codec.js';
import { messageOf } from './vat-marshal.js';

export type DurableMarshal = ReturnType<typeof makeDurableMarshal>;

export function makeDurableMarshal(
  objects: ObjectTable,
  durables: DurableObjects,
  bytesMax: () => number,
) {
  /** An object's vref if it means the same in the next incarnation. */
  const durableVRef = (object: object): VRef | undefined => {
    const own = durables.vrefOf(object);
    if (own !== undefined) return own;
    const vref = objects.vrefOf(object);
    return vref?.startsWith('o-') && !objects.isEphemeral(object) ? vref : undefined;
  };

  /** Passable data whose references are all durable? */
  const isDurable = (value: unknown): boolean => {
    if (!isPassable(value)) return false;
    switch (passStyleOf(value)) {
      case 'promise':
        return false;
      case 'remotable':
        return durableVRef(value as object) !== undefined;
      case 'copyArray':
      case 'copyRecord':
        return Object.values(value as object).every(isDurable);
      case 'tagged':
        return isDurable((value as { payload: unknown }).payload);
      default:
        return true;
    }
  };

  const slotOf = (value: unknown): VRef => {
    const vref = durableVRef(value as object);
    if (vref === undefined) throw TypeError('not durable');
    return vref;
  };

  const valueOf = (vref: VRef, iface?: string): unknown => {
    const object = isPromiseVRef(vref)
      ? undefined
      : isDurableVRef(vref)
        ? durables.provide(vref)
        : objects.provide(vref, iface);
    if (object === undefined) throw Error(`[KERNEL:OBJECT_DELETED] ${vref} is no longer there`);
    return object;
  };

  const codec = makeVatCodec({ slotOf, valueOf });

  return harden({
    durableVRef,

    /**
     * @param label - what errors call the value: `Cannot keep "x" in baggage`
     * @throws TypeError that says which part of the value is not durable, RangeError where it is too large.
     */
    encode(value: unknown, label: string): CapData<VRef> {
      let data: CapData<VRef>;
      try {
        harden(value);
        passStyleOf(value);
        data = codec.toCapData(value);
      } catch {
        throw TypeError(`${label}: ${refusal(value, isDurable, objects.isEphemeral)}`);
      }
      if (data.body.length > bytesMax()) {
        throw RangeError(
          `${label}: ${data.body.length} code units of text; one value may have ${bytesMax()}`,
        );
      }
      return data;
    },

    decode: (data: CapData<VRef>): unknown => codec.fromCapData(data),
  });
}

function refusal(
  value: unknown,
  isDurable: (part: unknown) => boolean,
  isEphemeral: (object: object) => boolean,
): string {
  const { path, what, part } = findUnpassable(value, isDurable);
  const at = path === '' ? '' : `${path}: `;
  try {
    switch (passStyleOf(part)) {
      case 'promise':
        return `${at}a promise is not durable; keep what it settles to`;
      case 'remotable':
        if (isEphemeral(part as object))
          return `${at}an object that a client exposed is not durable; it ends with the client's session`;
        return `${at}an object of the heap is not durable; make it with prepareExo or prepareExoClass`;
      default:
        break;
    }
  } catch (error) {
    return `${at}cannot keep ${what} (${messageOf(error).slice(0, 200)})`;
  }
  return `${at}cannot keep ${what}`;
}
