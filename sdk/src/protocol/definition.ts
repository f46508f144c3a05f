/**
 * What generated code says of vats: interfaces, and subclusters that can be launched by name. Types, and one key: the
 * values are plain data that `@vatkit/sdk/codegen` makes and the client reads.
 */
import type { ClusterConfig } from './config.js';

/** Reads are cached, topics followed, everything else is a mutation: `@query` and `@live` in a method's JSDoc. */
export type MethodKind = 'query' | 'live' | 'mutation';

/** An interface as it is at run time. */
export type InterfaceInfo = {
  /** `TodoRoot` */
  readonly name: string;
  /** Of the interface's text, that of what it leads to included: two builds that agree on it agree on all of it. */
  readonly hash: string;
  /** `{ list: 'query', add: 'mutation' }` */
  readonly methods: { readonly [method: string]: MethodKind };
  /** What each method takes and gives, in the vat's terms: `{ list: '() => string[]' }`. */
  readonly signatures: { readonly [method: string]: string };
};

declare const described: unique symbol;

declare const describedOn: unique symbol;

/** One method of an interface, as hooks take it: `TodoRoot.list`. */
export type MethodDescriptor<
  Method = unknown,
  Interface = unknown,
  Kind extends MethodKind = MethodKind,
> = {
  readonly interface: InterfaceInfo;
  readonly method: string;
  readonly kind: Kind;
  /** Never there: they carry the types of the method and of what has it. */
  readonly [described]?: Method;
  readonly [describedOn]?: Interface;
};

/** Where an interface keeps its {@link InterfaceInfo}: a string key could be the name of a method. */
export type InterfaceInfoKey = typeof interfaceInfoKey;
export const interfaceInfoKey: unique symbol = Symbol.for('vatkit.interface') as never;

/** An interface as generated code exports it: one descriptor for each method. */
export type InterfaceDefinition<Interface = unknown> = {
  readonly [Method in keyof Interface & string]: MethodDescriptor<Interface[Method], Interface>;
} & {
  readonly [interfaceInfoKey]: InterfaceInfo;
  /** Never there: it carries the type. */
  readonly [described]?: Interface;
};

/** A subcluster as `launch` takes it, with the type of its root. */
export type SubclusterDefinition<Root = unknown> = {
  /** The name by which it is launched once and found again. */
  readonly name: string;
  readonly config: ClusterConfig;
  /** The interface of the bootstrap vat's root. */
  readonly root: InterfaceInfo;
  /** That interface, and those that it leads to. */
  readonly interfaces: readonly InterfaceInfo[];
  /** Never there: it carries the type. */
  readonly [described]?: Root;
};
