/**
 * The vat's own key space of the store, held in memory, and the references that it holds.
 *
 *     b.KEY        an entry of the baggage; KEY is the passable key in @endo/marshal's ordered text: `b.scount`
 *     k.NAME       a durable kind, as JSON: its number, its facets, the next instance's number
 *     i.K/I        the state of instance I of kind K
 *     x.VREF       an export of a durable object that the kernel reaches (`#r`) or only recognizes (`#s`)
 *
 * A value is its references, separated by commas, then `#` and its smallcaps text: `o-5,o+d1/7#["$0","$1"]`.
 * Neither `#` nor `,` stands in a reference. A key's own reference is one of the value's.
 */
import { insistInvariant } from '../errors.js';
import type { CapData } from '../protocol/capdata.js';
import type { VRef } from '../protocol/refs.js';
import type { StateWrite } from '../protocol/vat-wire.js';

type Row = { text: string; slots: readonly VRef[]; decoded?: { value: unknown } };

export type VatStatePowers = {
  /** A row changed: between cranks the kernel must be asked for a turn. */
  onWrite(): void;
  /** The last row that held this reference no longer does. A facet stands for its object. */
  onRelease(vref: VRef): void;
};

export type VatState = ReturnType<typeof makeVatState>;

/** `o+d1/7` of the facet `o+d1/7:0`: the facets of an object live and die together. */
export const holderOf = (vref: VRef): VRef => {
  const colon = vref.indexOf(':');
  return colon < 0 ? vref : vref.slice(0, colon);
};

export function makeVatState({ onWrite, onRelease }: VatStatePowers) {
  /** By the letter that a key begins with. */
  const spaces = new Map<string, Map<string, Row>>();
  const held = new Map<VRef, number>();
  const dirty = new Set<string>();

  const spaceOf = (key: string): Map<string, Row> => {
    const letter = key.slice(0, 1);
    let space = spaces.get(letter);
    if (space === undefined) {
      space = new Map();
      spaces.set(letter, space);
    }
    return space;
  };

  const rowOf = (key: string): Row | undefined => spaceOf(key).get(key);

  const parse = (text: string): Row => {
    const hash = text.indexOf('#');
    insistInvariant(hash >= 0, 'a state value has a # before its body');
    return { text, slots: hash === 0 ? [] : text.slice(0, hash).split(',') };
  };

  const hold = (slots: readonly VRef[]): void => {
    for (const slot of slots) {
      const vref = holderOf(slot);
      held.set(vref, (held.get(vref) ?? 0) + 1);
    }
  };

  const release = (slots: readonly VRef[]): void => {
    for (const slot of slots) {
      const vref = holderOf(slot);
      const count = (held.get(vref) ?? 0) - 1;
      insistInvariant(count >= 0, `${vref} is released as often as it is held`);
      if (count > 0) {
        held.set(vref, count);
      } else {
        held.delete(vref);
        onRelease(vref);
      }
    }
  };

  const touch = (key: string): void => {
    dirty.add(key);
    onWrite();
  };

  return harden({
    load(state: readonly (readonly [key: string, value: string])[]): void {
      for (const [key, text] of state) {
        const row = parse(text);
        spaceOf(key).set(key, row);
        hold(row.slots);
      }
    },

    has: (key: string): boolean => spaceOf(key).has(key),

    /** The text of a row without references: `#r`. */
    text: (key: string): string | undefined => rowOf(key)?.text,

    /** The value of a row, decoded once. `undefined` where there is none. */
    read<Value>(key: string, decode: (data: CapData<VRef>) => Value): { value: Value } | undefined {
      const row = rowOf(key);
      if (row === undefined) return undefined;
      if (row.decoded === undefined) {
        const body = row.text.slice(row.text.indexOf('#'));
        row.decoded = { value: decode({ body, slots: [...row.slots] }) };
      }
      return row.decoded as { value: Value };
    },

    /** @param value - what `data` decodes to; kept, so that it is read without decoding. */
    write(key: string, { body, slots }: CapData<VRef>, value: unknown): void {
      // The store would refuse the key, and the kernel end the vat for it.
      if (/\p{Cs}/u.test(key))
        throw TypeError(`Cannot keep ${JSON.stringify(key)}: it has a lone surrogate`);
      const before = rowOf(key);
      spaceOf(key).set(key, { text: slots.join(',') + body, slots, decoded: { value } });
      hold(slots);
      if (before !== undefined) release(before.slots);
      touch(key);
    },

    delete(key: string): boolean {
      const before = rowOf(key);
      if (before === undefined) return false;
      spaceOf(key).delete(key);
      release(before.slots);
      touch(key);
      return true;
    },

    /** Keys that begin with the letter and dot `prefix`, in order. */
    keys: (prefix: string): string[] => [...spaceOf(prefix).keys()].sort(),

    size: (prefix: string): number => spaceOf(prefix).size,

    holds: (vref: VRef): boolean => held.has(vref),

    /** For tests and diagnosis. */
    sizes: () => ({
      rows: [...spaces.values()].reduce((sum, space) => sum + space.size, 0),
      holds: held.size,
    }),

    /** All references that the rows hold. */
    held: (): VRef[] => [...held.keys()],

    /** What changed since the last call, each key once. */
    takeWrites(): StateWrite[] {
      const writes = [...dirty].map((key): StateWrite => {
        const row = rowOf(key);
        if (row === undefined) return { key, value: null };
        return row.slots.length === 0
          ? { key, value: row.text }
          : { key, value: row.text, slots: [...row.slots] };
      });
      dirty.clear();
      return writes;
    },

    /** References that the rows changed since the last {@link takeWrites} hold. */
    dirtySlots: (): VRef[] => [...dirty].flatMap((key) => rowOf(key)?.slots ?? []),
  });
}
