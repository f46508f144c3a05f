/**
 * What methods the vat's objects have, told to the kernel with the crank that exports them: a client cannot ask an
 * object before it uses it.
 */
import { getMethodNames } from '@endo/eventual-send/utils.js';
import type { VRef } from '../protocol/refs.js';
import type { ObjectShape } from '../protocol/vat-wire.js';

/** Names of one object's methods, and characters of one name, that are told; the kernel takes no more. */
const methodsMax = 2_000;
const nameCharsMax = 500;
/** Shapes that one incarnation tells; of objects beyond it tells nothing. */
const shapesMax = 1_000;

/** Not those that every exo has. */
const isTold = (name: PropertyKey): name is string =>
  typeof name === 'string' &&
  name !== 'constructor' &&
  !name.startsWith('__') &&
  name.length <= nameCharsMax;

const alleged = /^(?:Alleged|DebugName): /;

export function makeObjectShapes() {
  /** By interface and names of methods. */
  const numbers = new Map<string, number>();
  /** Objects of one class share a prototype, which has all of their methods. */
  const byPrototype = new WeakMap<object, NonNullable<ObjectShape['shape']>>();
  let untold: ObjectShape[] = [];

  const shapeOf = (object: object): NonNullable<ObjectShape['shape']> => {
    const prototype = Object.getPrototypeOf(object) as object | null;
    const isOfClass = prototype !== null && Reflect.ownKeys(object).length === 0;
    const known = isOfClass ? byPrototype.get(prototype) : undefined;
    if (known !== undefined) return known;
    const methods = getMethodNames(object).filter(isTold).slice(0, methodsMax).sort();
    const tag = (object as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
    const iface = typeof tag === 'string' ? tag.replace(alleged, '').slice(0, nameCharsMax) : '';
    const shape = { methods, ...(iface !== '' && { iface }) };
    if (isOfClass) byPrototype.set(prototype, shape);
    return shape;
  };

  /** @param subject - `o+5`; `o+d2:1` for all objects of a durable kind, of a facet of one. */
  const tell = (subject: VRef, object: object): void => {
    // A function that is called by itself has no methods.
    if (typeof object === 'function') return;
    const shape = shapeOf(object);
    const key = JSON.stringify([shape.iface, shape.methods]);
    const known = numbers.get(key);
    if (known !== undefined) {
      const last = untold.find(({ number }) => number === known);
      if (last === undefined) untold.push({ number: known, of: [subject] });
      else last.of.push(subject);
    } else if (numbers.size < shapesMax) {
      numbers.set(key, numbers.size);
      untold.push({ number: numbers.size - 1, shape, of: [subject] });
    }
  };

  return {
    tell,
    /** What is to be told with the crank that ends. */
    take(): ObjectShape[] {
      const shapes = untold;
      untold = [];
      return shapes;
    },
  };
}

export type ObjectShapes = ReturnType<typeof makeObjectShapes>;
