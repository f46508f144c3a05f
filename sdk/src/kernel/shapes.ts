/**
 * Shapes: the names of objects' methods, as the vats that own the objects tell them with their cranks.
 *
 * The root and each durable kind have one of their own, told anew at each start. Objects on a vat's heap have the
 * number of one, which the vat gives; many share it.
 */
import {
  HOST_REALM,
  ROOT_VREF,
  isDurableVRef,
  type KRef,
  type VatId,
  type VRef,
} from '../protocol/refs.js';
import type { ObjectShape } from '../protocol/vat-wire.js';
import type { CLists } from './clists.js';
import type { KernelRows, ShapeRow } from './rows.js';

/** Shapes of one vat. Objects beyond have methods that nobody is told. */
export const shapesMax = 1_000;

export function makeShapes(rows: KernelRows, clists: CLists) {
  /** `o+d2/7:1` is of the kind and facet `o+d2:1`. */
  const keyOf = (vref: VRef): string | undefined =>
    vref === ROOT_VREF ? vref : isDurableVRef(vref) ? vref.replace(/\/\d+/, '') : undefined;

  const forget = (vatId: VatId): void => {
    for (const id of rows.shapes.ids(`${vatId}.`)) rows.shapes.delete(id);
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

    /** What is known of an object. */
    of(kref: KRef): ShapeRow | undefined {
      const object = rows.objects.get(kref);
      if (!object?.owner || object.owner === HOST_REALM) return undefined;
      const vref = clists.entry(object.owner, kref)?.vref;
      const key = (vref && keyOf(vref)) ?? object.shape;
      return key === undefined ? undefined : rows.shapes.get(`${object.owner}.${key}`);
    },
  };
}

export type Shapes = ReturnType<typeof makeShapes>;
