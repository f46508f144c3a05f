/**
 * Shapes: the names of objects' methods, as the vats that own the objects tell them with their cranks.
 *
 * The root and each durable kind have one of their own, told anew at each start. Objects on a vat's heap have the
 * number of one, which the vat gives; many share it. So have objects of peers, by what the peer said when it named them.
 */
import {
  HOST_REALM,
  ROOT_VREF,
  isDurableVRef,
  isVatEndpoint,
  type EndpointId,
  type KRef,
  type VatId,
  type VRef,
} from '../protocol/refs.js';
import type { ObjectShape } from '../protocol/vat-wire.js';
import type { CLists } from './clists.js';
import type { KernelRows, ShapeRow } from './rows.js';

/** Shapes of one vat or peer. Objects beyond have methods that nobody is told. */
export const shapesMax = 1_000;

export function makeShapes(rows: KernelRows, clists: CLists) {
  /** `o+d2/7:1` is of the kind and facet `o+d2:1`. */
  const keyOf = (vref: VRef): string | undefined =>
    vref === ROOT_VREF ? vref : isDurableVRef(vref) ? vref.replace(/\/\d+/, '') : undefined;

  /** Of the peer that described something last, by their texts: it is searched for each object that it names. */
  let book: { remote: EndpointId; numbers: Map<string, number> } | undefined;
  const numbersOf = (remote: EndpointId): Map<string, number> => {
    if (book?.remote !== remote) {
      book = { remote, numbers: new Map() };
      for (const id of rows.shapes.ids(`${remote}.`)) {
        const number = Number(id.slice(remote.length + 1));
        book.numbers.set(JSON.stringify(rows.shapes.get(id)), number);
      }
    }
    return book.numbers;
  };

  const forget = (owner: EndpointId): void => {
    if (book?.remote === owner) book = undefined;
    for (const id of rows.shapes.ids(`${owner}.`)) rows.shapes.delete(id);
  };

  const take = (vatId: VatId, { number, shape, of }: ObjectShape): void => {
    if (number >= shapesMax) return;
    const id = `${vatId}.${number}`;
    if (shape !== undefined) {
      const { iface, methods } = shape;
      rows.shapes.set(id, { methods, ...(iface !== undefined && { iface }) });
    }
    const known = rows.shapes.get(id);
    if (known === undefined) return;
    for (const vref of of) {
      const key = keyOf(vref);
      if (key !== undefined) {
        rows.shapes.set(`${vatId}.${key}`, known);
        continue;
      }
      const kref = rows.clistByVRef.get(`${vatId}.${vref}`);
      const object = kref === undefined ? undefined : rows.objects.get(kref);
      if (object?.owner === vatId) rows.objects.set(kref as KRef, { ...object, shape: number });
    }
  };

  return {
    forget,

    /** What a vat tells with a crank. A start tells everything anew. */
    tell(vatId: VatId, shapes: readonly ObjectShape[], isStart: boolean): void {
      if (isStart) forget(vatId);
      for (const shape of shapes) take(vatId, shape);
    },

    /** What a peer says of objects of its own. The shape stays as long as the conversation. */
    describe(remote: EndpointId, krefs: readonly KRef[], shape: ShapeRow): void {
      const text = JSON.stringify(shape);
      const numbers = numbersOf(remote);
      const number = numbers.get(text) ?? numbers.size;
      if (number >= shapesMax) return;
      if (!numbers.has(text)) {
        rows.shapes.set(`${remote}.${number}`, shape);
        numbers.set(text, number);
      }
      for (const kref of krefs)
        rows.objects.set(kref, { ...rows.objects.getRequired(kref), shape: number });
    },

    /** Rows are undone. */
    undo: (): void => void (book = undefined),

    /** What is known of an object. */
    of(kref: KRef): ShapeRow | undefined {
      const object = rows.objects.get(kref);
      if (!object?.owner || object.owner === HOST_REALM) return undefined;
      const vref = isVatEndpoint(object.owner) ? clists.entry(object.owner, kref)?.vref : undefined;
      const key = (vref && keyOf(vref)) ?? object.shape;
      return key === undefined ? undefined : rows.shapes.get(`${object.owner}.${key}`);
    },
  };
}

export type Shapes = ReturnType<typeof makeShapes>;
