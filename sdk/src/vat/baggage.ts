/** The map by which a vat finds its durable state again. */
import { makePassableKit } from '@endo/marshal';
import { passStyleOf } from '@endo/pass-style';
import type { VRef } from '../protocol/refs.js';
import type { DurableMarshal } from './durable-marshal.js';
import type { VatState } from './vat-state.js';

/**
 * A durable map from scalar keys to durable values: what a vat keeps over its restarts.
 *
 * Keys are strings, numbers, bigints, booleans, null, undefined, passable symbols, presences and durable exos.
 * Values are passable data, presences and durable exos; {@link Baggage.init} and {@link Baggage.set} throw a
 * TypeError that names the part which is not durable.
 */
export type Baggage = {
  has(key: unknown): boolean;
  /** @throws Error where the key is not there. */
  get<Value = unknown>(key: unknown): Value;
  /** @throws Error where the key is there already. */
  init(key: unknown, value: unknown): void;
  /** @throws Error where the key is not there. */
  set(key: unknown, value: unknown): void;
  /** @throws Error where the key is not there. */
  delete(key: unknown): void;
  /** In the order of the keys: those of one type follow each other in their own order. */
  keys(): readonly unknown[];
  values(): readonly unknown[];
  entries(): readonly (readonly [key: unknown, value: unknown])[];
  getSize(): number;
  clear(): void;
};

const prefix = 'b.';
/** Of a row's key: those whose key is a remotable. Its reference is the last of the value's. */
const remotableMark = 'r';

const quote = (key: unknown): string =>
  typeof key === 'string' ? JSON.stringify(key) : String(key);

export function makeBaggage(
  state: VatState,
  marshal: DurableMarshal,
  provide: (vref: VRef) => unknown,
): Baggage {
  const { encodePassable, decodePassable } = makePassableKit({
    encodeRemotable: (remotable) => {
      const vref = marshal.durableVRef(remotable);
      if (vref === undefined)
        throw TypeError('a key must be durable; make the object with prepareExo');
      return `${remotableMark}${vref}`;
    },
    decodeRemotable: (text: string) => provide(text.slice(remotableMark.length)) as never,
  });

  const rowOf = (key: unknown): string => {
    const style = scalarStyle(key);
    if (style === undefined) {
      throw TypeError(
        `A key of the baggage is a string, number, bigint, boolean, symbol or durable object`,
      );
    }
    return `${prefix}${encodePassable(key as Parameters<typeof encodePassable>[0])}`;
  };

  const read = (row: string): unknown => state.read(row, marshal.decode)?.value;

  const insistPresent = (key: unknown): string => {
    const row = rowOf(key);
    if (!state.has(row)) throw Error(`The baggage has no ${quote(key)}`);
    return row;
  };

  const write = (row: string, key: unknown, value: unknown): void => {
    const { body, slots } = marshal.encode(value, `Cannot keep ${quote(key)} in the baggage`);
    const mark = row.slice(prefix.length);
    const keySlots = mark.startsWith(remotableMark) ? [mark.slice(remotableMark.length)] : [];
    state.write(row, { body, slots: [...slots, ...keySlots] }, value);
  };

  const keyOf = (row: string): unknown => decodePassable(row.slice(prefix.length));

  return harden({
    has: (key) => state.has(rowOf(key)),
    get: <Value>(key: unknown) => read(insistPresent(key)) as Value,
    init(key, value) {
      const row = rowOf(key);
      if (state.has(row)) throw Error(`The baggage already has ${quote(key)}; use set`);
      write(row, key, value);
    },
    set: (key, value) => write(insistPresent(key), key, value),
    delete: (key) => {
      state.delete(insistPresent(key));
    },
    keys: () => harden(state.keys(prefix).map(keyOf)),
    values: () => harden(state.keys(prefix).map(read)),
    entries: () => harden(state.keys(prefix).map((row) => [keyOf(row), read(row)] as const)),
    getSize: () => state.size(prefix),
    clear() {
      for (const row of state.keys(prefix)) state.delete(row);
    },
  });
}

function scalarStyle(key: unknown): string | undefined {
  try {
    const style = passStyleOf(key);
    const isScalar = ![
      'copyArray',
      'copyRecord',
      'tagged',
      'error',
      'promise',
      'byteArray',
    ].includes(style);
    return isScalar ? style : undefined;
  } catch {
    return undefined;
  }
}
