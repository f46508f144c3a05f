/**
 * Values to messages and back, in the vat's own vrefs.
 *
 * Encoding names objects and promises for the first time. It is all or nothing: where it fails, those names are
 * taken back, so that the kernel never hears of an export that left with no message.
 */
import { isErrorLike, passStyleOf } from '@endo/pass-style';
import { KernelPanic, insistInvariant } from '../errors.js';
import type { CapData } from '../protocol/capdata.js';
import { isPromiseVRef, isVRef, type VRef } from '../protocol/refs.js';
import type { Resolution } from '../protocol/vat-wire.js';
import { passIterator } from './iterables.js';
import type { ObjectTable } from './object-table.js';
import type { Outcome, PromiseTable } from './promise-table.js';
import { stackText } from './stacks.js';
import { findUnpassable } from './unpassable.js';
import { makeVatCodec } from './vat-codec.js';

/** Characters of an error's own text where the error itself was too long to pass. */
const shortErrorChars = 1_000;

export type VatMarshal = ReturnType<typeof makeVatMarshal>;

export function makeVatMarshal(
  objects: ObjectTable,
  promises: PromiseTable,
  messageBytesMax: () => number,
) {
  let named: { value: object; vref: VRef; table: ObjectTable | PromiseTable }[] = [];

  const slotOf = (value: unknown): VRef => {
    const isPromise = passStyleOf(value) === 'promise';
    const table = isPromise ? promises : objects;
    const known = table.vrefOf(value as object);
    if (known !== undefined) return known;
    const vref = isPromise
      ? promises.name(value as Promise<unknown>)
      : objects.name(value as object);
    named.push({ value: value as object, vref, table });
    return vref;
  };

  const valueOf = (vref: VRef, iface?: string): unknown => {
    const value = isPromiseVRef(vref) ? promises.provide(vref) : objects.provide(vref, iface);
    insistInvariant(value, `${vref} is known to the vat`);
    return value;
  };

  const codec = makeVatCodec({ slotOf, valueOf });

  /**
   * @param label - what errors call `shown`, the part of the value that the vat's author knows of.
   * @throws TypeError that says where the value cannot pass, RangeError where it is too large.
   */
  const encode = (value: unknown, label: string, shown = value): CapData<VRef> => {
    try {
      harden(value);
      // Before any name is given: the codec would find out halfway.
      if (!isErrorLike(value)) passStyleOf(value);
    } catch {
      const { path, what } = findUnpassable(shown);
      throw TypeError(`${label}${path}: cannot pass ${what}`);
    }
    insistInvariant(named.length === 0, 'one value is encoded at a time');
    let data: CapData<VRef>;
    try {
      data = codec.toCapData(value);
      if (data.body.length > messageBytesMax()) {
        throw RangeError(
          `${label}: ${data.body.length} code units of text; at most ${messageBytesMax()} can pass`,
        );
      }
    } catch (error) {
      for (const { value: object, vref, table } of named) table.unname(object, vref);
      named = [];
      if (error instanceof KernelPanic || error instanceof RangeError) throw error;
      throw TypeError(`${label}: cannot pass: ${messageOf(error)}`, { cause: error });
    }
    named = [];
    for (const vref of data.slots) (isPromiseVRef(vref) ? promises : objects).reached(vref);
    return data;
  };

  const encodeOutcome = (vref: VRef, { rejected, value }: Outcome, label: string): Resolution => {
    if (!rejected) {
      try {
        return { vpid: vref, rejected, value: encode(passIterator(value), label) };
      } catch (error) {
        if (error instanceof KernelPanic) throw error;
        return encodeOutcome(vref, { rejected: true, value: error }, label);
      }
    }
    const stack = stackText(value);
    const rejection = { vpid: vref, rejected, ...(stack !== undefined && { stack }) };
    try {
      return {
        ...rejection,
        value: encode(value, label.replace(/^result of/, 'what was thrown by')),
      };
    } catch (error) {
      if (error instanceof KernelPanic) throw error;
      // Each character may take six: \u0000.
      const chars = Math.min(shortErrorChars, Math.floor(messageBytesMax() / 8));
      const short = Error(messageOf(error instanceof RangeError ? value : error).slice(0, chars));
      return { ...rejection, value: encode(short, label) };
    }
  };

  /**
   * Reads what another endpoint wrote. Its body is untrusted; its slots are the kernel's own and are all imported,
   * mentioned by the body or not, so that what the kernel counts as held here is in the table.
   * @throws TypeError where the body cannot be read.
   */
  const decode = (data: CapData<VRef>): unknown => {
    for (const slot of data.slots) {
      insistInvariant(isVRef(slot), `${String(slot)} is a vref`);
      insistInvariant(
        (isPromiseVRef(slot) ? promises : objects).knows(slot),
        `${slot} is known to the vat`,
      );
    }
    try {
      if (!data.body.startsWith('#'))
        throw TypeError('its text is not smallcaps, which begins with #');
      return codec.fromCapData(data);
    } finally {
      for (const slot of data.slots) {
        if (isPromiseVRef(slot)) void promises.provide(slot);
        else objects.provide(slot);
      }
    }
  };

  return harden({ encode, encodeOutcome, decode });
}

/** An error's message, whatever its accessors do. */
export function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.message}` : String(error);
  } catch {
    return 'an error that cannot be examined';
  }
}
