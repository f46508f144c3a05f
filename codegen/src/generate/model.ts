/**
 * What the reader found in a vat's source, as plain JSON: all that the writer knows. It is written beside the vat, too, as
 * `todo.vat.gen.json`, for those who make something else of it: documentation, clients in other languages.
 *
 * Types are the vat's, as its author wrote them. What becomes of them on the page (a bigint stays one, an exo becomes
 * a ref, bytes a Uint8Array) is the writer's affair.
 */

/** Rises when a program that reads models would have to be changed. */
export const MODEL_VERSION = 1;

export type VatModel = {
  version: typeof MODEL_VERSION;
  /** `todo`: of `todo.vat.ts`. */
  name: string;
  /** The file's name, `todo.vat.ts`. */
  source: string;
  /** The interface of what `buildRootObject` returns: `TodoRoot`. */
  root: string;
  /** What `buildRootObject` takes as its second argument; null where nothing is said of it. */
  parameters: Type | null;
  /** What the root's `bootstrap(vats, services)` takes; null where it has none. */
  bootstrap: { vats: Type | null; services: Type | null } | null;
  /** The root's first, then those that it leads to, in the order in which they are met. */
  interfaces: Interface[];
  /** Data types that have a name in the source. */
  types: NamedType[];
};

export type Interface = {
  name: string;
  doc?: string;
  /** Whether its objects outlive an incarnation; null where the source does not show how they are made. */
  durable: boolean | null;
  methods: Method[];
  place?: Place;
};

export type MethodKind = 'query' | 'live' | 'mutation';

export type Method = {
  name: string;
  kind: MethodKind;
  doc?: string;
  /** More than one where it is overloaded. */
  signatures: Signature[];
  place?: Place;
};

export type Signature = {
  typeParameters: TypeParameter[];
  parameters: Parameter[];
  /** Of a promise what it is fulfilled with: every answer arrives as one. */
  result: Type;
};

export type TypeParameter = { name: string; constraint: Type | null };

export type Parameter = { name: string; type: Type; optional: boolean; rest: boolean };

/** Where a name stands in the source, for editors. The file relative to the vat's; line and column from 0. */
export type Place = { source: string; line: number; column: number };

export type NamedType = { name: string; doc?: string; type: Type; place?: Place };

export type Property = {
  name: string;
  type: Type;
  optional: boolean;
  readonly: boolean;
  doc?: string;
};

export type TupleItem = { type: Type; optional: boolean; rest: boolean; label?: string };

export type PrimitiveName =
  | 'string'
  | 'number'
  | 'bigint'
  | 'boolean'
  | 'symbol'
  | 'undefined'
  | 'null'
  | 'void'
  | 'never'
  | 'unknown';

export type Type =
  | { kind: 'primitive'; name: PrimitiveName }
  | { kind: 'literal'; value: string | number | boolean }
  /** Its digits. */
  | { kind: 'bigint-literal'; value: string }
  /** A template literal type as it is written: `` `id-${string}` ``. */
  | { kind: 'template'; text: string }
  | { kind: 'array'; item: Type; readonly: boolean }
  | { kind: 'tuple'; items: TupleItem[]; readonly: boolean }
  | { kind: 'record'; properties: Property[]; index: Type | null }
  | { kind: 'union'; types: Type[] }
  | { kind: 'intersection'; types: Type[] }
  | { kind: 'promise'; type: Type }
  | { kind: 'bytes' }
  | { kind: 'error' }
  /** A reference of which nothing more is said. */
  | { kind: 'remotable' }
  | { kind: 'iterator'; item: Type }
  | { kind: 'subscriber'; value: Type }
  | { kind: 'publisher'; value: Type }
  /** A function of another endpoint, which is called by reference. */
  | { kind: 'function'; signature: Signature }
  /** One of the model's `interfaces`. */
  | { kind: 'interface'; name: string }
  /** One of the model's `types`. */
  | { kind: 'named'; name: string }
  /** A type parameter of the method. */
  | { kind: 'parameter'; name: string };

export const primitive = (name: PrimitiveName): Type => ({ kind: 'primitive', name });
export const unknownType = primitive('unknown');

/** The types that a type is directly made of. */
export function partsOf(type: Type): Type[] {
  switch (type.kind) {
    case 'array':
    case 'iterator':
      return [type.item];
    case 'tuple':
      return type.items.map(({ type: part }) => part);
    case 'record':
      return [...type.properties.map((property) => property.type), ...optional(type.index)];
    case 'union':
    case 'intersection':
      return type.types;
    case 'promise':
      return [type.type];
    case 'subscriber':
    case 'publisher':
      return [type.value];
    case 'function':
      return typesOf(type.signature);
    default:
      return [];
  }
}

const optional = <Item>(item: Item | null): Item[] => (item === null ? [] : [item]);

/** All types that a signature names. */
export const typesOf = ({ typeParameters, parameters, result }: Signature): Type[] => [
  ...typeParameters.flatMap(({ constraint }) => optional(constraint)),
  ...parameters.map(({ type }) => type),
  result,
];

/** A type and all that it is made of, without what stands behind a name. */
export const deepParts = (type: Type): Type[] => [type, ...partsOf(type).flatMap(deepParts)];
