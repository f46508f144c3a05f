/** What generated code is made of at run time: plain frozen data, nothing that does anything. */
import type { AllowedGlobalName, ClusterConfig, VatConfig } from '../protocol/config.js';
import {
  interfaceInfoKey,
  type InterfaceDefinition,
  type InterfaceInfo,
  type InterfaceInfoKey,
  type MethodDescriptor,
  type MethodKind,
  type SubclusterDefinition,
} from '../protocol/definition.js';

/**
 * {@link InterfaceDefinition} without its descriptors: generated code writes them out, one by one, so that editors
 * find them and a compiler need not make them.
 */
export type InterfaceTag<Interface> = {
  readonly [Key in InterfaceInfoKey]: InterfaceInfo;
} & { readonly [Key in Exclude<keyof InterfaceDefinition<object>, InterfaceInfoKey>]?: Interface };

/** Of each method its kind and what it takes and gives, as text: `['query', '(string) => bigint']`. */
export type MethodTable = { readonly [method: string]: readonly [MethodKind, string] };

/**
 * One interface: a descriptor for each method.
 *
 * @param name - `TodoRoot`
 * @param hash - of all that its callers rely on: equal where two builds agree.
 */
export function defineInterface<Interface = unknown>(
  name: string,
  hash: string,
  methods: MethodTable,
): InterfaceDefinition<Interface> {
  const table = Object.entries(methods);
  const info: InterfaceInfo = Object.freeze({
    name,
    hash,
    methods: Object.freeze(Object.fromEntries(table.map(([method, [kind]]) => [method, kind]))),
    signatures: Object.freeze(
      Object.fromEntries(table.map(([method, [, text]]) => [method, text])),
    ),
  });
  const descriptors = table.map(([method, [kind]]): [string, MethodDescriptor] => [
    method,
    Object.freeze({ interface: info, method, kind }),
  ]);
  return Object.freeze({
    ...Object.fromEntries(descriptors),
    [interfaceInfoKey]: info,
  }) as unknown as InterfaceDefinition<Interface>;
}

/** What a vat's source says of how it is to be launched. Types only. */
export type VatNeeds = { parameters?: unknown; vats?: unknown; services?: unknown };

declare const needs: unique symbol;
declare const rootType: unique symbol;

/** A vat as generated code exports it. One that needs nothing is a {@link SubclusterDefinition} as well. */
export type VatDefinition<Root = unknown, Needs extends VatNeeds = object> = {
  /** Never there: they carry types. */
  readonly [rootType]?: Root;
  readonly [needs]?: Needs;
};

/** The definition of a subcluster that is this vat alone, without parameters. */
export function defineVat(options: {
  name: string;
  root: InterfaceDefinition;
  /** Those that the root leads to. */
  leadsTo?: readonly InterfaceDefinition[];
  bundleSpec: string;
}): SubclusterDefinition & VatDefinition {
  const { name, root, leadsTo = [], bundleSpec } = options;
  return freezeDefinition({
    name,
    config: { bootstrap: name, vats: { [name]: { bundleSpec } } },
    root: root[interfaceInfoKey],
    interfaces: [root, ...leadsTo].map((each) => each[interfaceInfoKey]),
  });
}

/** What the configuration grants a vat besides its parameters. */
export type VatGrants = Pick<VatConfig, 'network' | 'platformConfig' | 'creationOptions'> & {
  globals?: readonly AllowedGlobalName[];
};

/** A vat of a subcluster, as {@link vat} makes it. */
export type VatEntry<Root = unknown, Needs extends VatNeeds = object> = VatDefinition<
  Root,
  Needs
> & {
  readonly config: VatConfig;
  readonly root: InterfaceInfo;
  readonly interfaces: readonly InterfaceInfo[];
};

type RequiredKeys<T> = { [Key in keyof T]-?: object extends Pick<T, Key> ? never : Key }[keyof T];

type ParametersOf<Needs> = Needs extends { parameters: infer Parameters } ? Parameters : unknown;

type VatArguments<Parameters> = unknown extends Parameters
  ? [options?: VatGrants & { parameters?: VatConfig['parameters'] }]
  : [RequiredKeys<Parameters>] extends [never]
    ? [options?: VatGrants & { parameters?: Parameters }]
    : [options: VatGrants & { parameters: Parameters }];

/**
 * A generated vat with its parameters and grants, for {@link defineSubcluster}.
 *
 *     vat(greeter, { parameters: { name: 'Alice' }, globals: ['Date'] })
 *
 * @throws TypeError where `definition` is no generated vat.
 */
export function vat<Root, Needs extends VatNeeds>(
  definition: VatDefinition<Root, Needs>,
  ...[options]: VatArguments<ParametersOf<Needs>>
): VatEntry<Root, Needs> {
  const { config, root, interfaces } = definition as Partial<SubclusterDefinition>;
  const source = config?.vats[config.bootstrap];
  if (source === undefined || root === undefined || interfaces === undefined) {
    throw new TypeError('vat() takes a vat that vatkit generated, such as todo of todo.vat.gen.js');
  }
  const { globals, ...others } = options ?? {};
  return Object.freeze({
    config: { ...source, ...others, ...(globals && { globals: [...globals] }) } as VatConfig,
    root,
    interfaces,
  });
}

type NeedsOf<Entry> = Entry extends VatDefinition<unknown, infer Needs> ? Needs : never;
type RootOf<Entry> = Entry extends VatDefinition<infer Root> ? Root : never;

/** The vats that the bootstrap vat asks for, by name and with the roots that it expects. */
type NeededVats<Entry> =
  NeedsOf<Entry> extends { vats: infer Vats }
    ? { readonly [Name in keyof Vats]: VatEntry<Vats[Name], VatNeeds> }
    : unknown;

type NeededServices<Entry> =
  NeedsOf<Entry> extends { services: infer Services } ? keyof Services & string : never;

export type SubclusterOptions<
  Vats extends { readonly [name: string]: VatEntry<unknown, VatNeeds> },
  Bootstrap extends keyof Vats & string,
> = {
  /** The name by which it is launched once and found again. */
  name: string;
  /** The vat whose root the launch gives, and whose `bootstrap` is called with the others. */
  bootstrap: Bootstrap;
  vats: Vats & NeededVats<Vats[Bootstrap]>;
  io?: ClusterConfig['io'];
} & ([NeededServices<Vats[Bootstrap]>] extends [never]
  ? { services?: readonly string[] }
  : { services: readonly (NeededServices<Vats[Bootstrap]> | (string & {}))[] });

/**
 * Several vats that are launched together.
 *
 *     export const shop = defineSubcluster({
 *       name: 'shop',
 *       bootstrap: 'counter',
 *       vats: { counter: vat(counter), till: vat(till, { parameters: { currency: 'EUR' } }) },
 *     });
 *
 * @throws TypeError where `bootstrap` is none of the vats, or one of them is not made with {@link vat}.
 */
export function defineSubcluster<
  const Vats extends { readonly [name: string]: VatEntry<unknown, VatNeeds> },
  const Bootstrap extends keyof Vats & string,
>(options: SubclusterOptions<Vats, Bootstrap>): SubclusterDefinition<RootOf<Vats[Bootstrap]>> {
  const { name, bootstrap, services, io } = options;
  const vats: { readonly [name: string]: VatEntry } = options.vats;
  const names = Object.keys(vats);
  if (!Object.hasOwn(vats, bootstrap)) {
    throw new TypeError(
      `Cannot define ${name}: its bootstrap is '${bootstrap}', and its vats are ${names.join(', ')}`,
    );
  }
  const configs = names.map((vatName): [string, VatConfig] => {
    const { config, root } = vats[vatName] as Partial<VatEntry>;
    const isEntry = config !== undefined && root !== undefined && !('bootstrap' in config);
    if (isEntry) return [vatName, config];
    throw new TypeError(
      `Cannot define ${name}: '${vatName}' is not made with vat(); write ${vatName}: vat(${vatName})`,
    );
  });
  const bootstrapVat = vats[bootstrap] as VatEntry;
  return freezeDefinition({
    name,
    config: {
      bootstrap,
      vats: Object.fromEntries(configs),
      ...(services && { services: [...services] }),
      ...(io && { io }),
    },
    root: bootstrapVat.root,
    interfaces: bootstrapVat.interfaces,
  }) as SubclusterDefinition<RootOf<Vats[Bootstrap]>>;
}

/** Deeply: hot reload and two tabs share it. */
function freezeDefinition(definition: SubclusterDefinition): SubclusterDefinition & VatDefinition {
  freezeData(definition.config);
  Object.freeze(definition.interfaces);
  return Object.freeze(definition);
}

function freezeData(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  Object.values(value).forEach(freezeData);
}
