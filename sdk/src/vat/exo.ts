/**
 * Makers of exos for vat authors: those of @endo/exo with MetaMask's shorthands, and the durable ones.
 *
 * The durable makers ask the baggage itself, by a symbol, so that they work from a self-contained bundle, too,
 * whose copy of this module knows nothing of the worker's runtime.
 */
import {
  defineExoClass as defineClass,
  defineExoClassKit as defineClassKit,
  makeExo as makePlainExo,
} from '@endo/exo';
import { M } from '@endo/patterns';
import type { InterfaceGuard } from '@endo/patterns';
import type { Baggage } from './baggage.js';
import { withPlaces } from './exo-places.js';

/** @endo/exo's; errors name the part of a result that cannot pass. */
export const makeExo: typeof makePlainExo = (
  tag: string,
  guard: unknown,
  methods: object,
  ...options: unknown[]
) =>
  (makePlainExo as (...args: unknown[]) => never)(
    tag,
    guard,
    withPlaces(methods, guard),
    ...options,
  );

/** @endo/exo's; errors name the part of a result that cannot pass. */
export const defineExoClass: typeof defineClass = (
  tag: string,
  guard: unknown,
  init: unknown,
  methods: object,
  ...options: unknown[]
) =>
  (defineClass as (...args: unknown[]) => never)(
    tag,
    guard,
    init,
    withPlaces(methods, guard),
    ...options,
  );

/** @endo/exo's; errors name the part of a result that cannot pass. */
export const defineExoClassKit: typeof defineClassKit = (
  tag: string,
  guardKit: unknown,
  init: unknown,
  facets: Record<string, object>,
  ...options: unknown[]
) =>
  (defineClassKit as (...args: unknown[]) => never)(
    tag,
    guardKit,
    init,
    facetsWithPlaces(facets, guardKit),
    ...options,
  );

/** {@link withPlaces} for each facet of a kit. */
export const facetsWithPlaces = <Facets extends object>(
  facets: Facets,
  guardKit: unknown,
): Facets =>
  Object.fromEntries(
    Object.entries(facets).map(([name, methods]) => [
      name,
      withPlaces(methods as object, (guardKit as Record<string, unknown> | undefined)?.[name]),
    ]),
  ) as Facets;

/** What `this` is in a method of a durable class, and of a durable kit. */
export type ClassContext<State, Self> = { readonly state: State; readonly self: Self };
export type KitContext<State, Facets> = { readonly state: State; readonly facets: Facets };

/**
 * An interface guard that lets every method through whose arguments and result can pass.
 * @param name - as it stands in error messages: `counter`.
 */
export const makeDefaultInterface = (name: string): InterfaceGuard =>
  M.interface(name, {}, { defaultGuards: 'passable' });

/**
 * An object that other vats, peers and pages can call. It lives on the heap: it ends with the vat's incarnation.
 * @param name - in error messages and as the alleged name elsewhere: `counter`.
 * @param methods - called with `this.self`; declared in method syntax, not as arrow functions, if they need it.
 * @param interfaceGuard - what its methods take and return; by default anything that can pass.
 */
export const makeDefaultExo = <Own extends object>(
  name: string,
  methods: Own & ThisType<ClassContext<Record<string, never>, Own>>,
  interfaceGuard: InterfaceGuard = makeDefaultInterface(name),
): Own => makeExo(name, interfaceGuard, methods as never);

/** A method as a caller who cannot read its source learns it; JSON schemas inside. */
export type MethodSchema = {
  description: string;
  args: Record<string, unknown>;
  returns?: unknown;
};

/** The method by which a discoverable exo describes itself. */
export const GET_DESCRIPTION = '__getDescription__';

/**
 * An exo that describes its methods: `E(exo).__getDescription__()` gives `schema`.
 * @param schema - for each method what it does, takes and returns; see {@link S}.
 */
export const makeDiscoverableExo = <Own extends object>(
  name: string,
  methods: Own & ThisType<ClassContext<Record<string, never>, Own>>,
  schema: { [Name in keyof Own]?: MethodSchema },
  interfaceGuard: InterfaceGuard = makeDefaultInterface(name),
): Own & { [GET_DESCRIPTION](): typeof schema } => {
  if (Object.hasOwn(methods, GET_DESCRIPTION)) {
    throw Error(`The \`${GET_DESCRIPTION}\` method name is reserved for discoverable exos.`);
  }
  const described = { ...methods, [GET_DESCRIPTION]: () => schema };
  const exo: unknown = makeExo(name, interfaceGuard, described as never);
  return exo as Own & { [GET_DESCRIPTION](): typeof schema };
};

/** Where a baggage carries the makers of its vat's durable kinds. */
export const DURABLE_KINDS = Symbol.for('vatkit.durableKinds');

type Prepare = (definition: object) => (...args: never[]) => unknown;

/** The maker of the durable kinds of the vat that has this baggage. */
export function durableKindsOf(baggage: Baggage): Prepare {
  const prepare = (baggage as { [DURABLE_KINDS]?: Prepare } | undefined)?.[DURABLE_KINDS];
  if (prepare === undefined)
    throw TypeError('The first argument must be the baggage that buildRootObject was given');
  return prepare;
}

/**
 * A durable object of which there is one: it survives restarts and upgrades, and may be kept in the baggage.
 * To be prepared again in every start of the vat, before buildRootObject's promise settles.
 * @param name - names it in the vat's state, for good: `treasury`.
 */
export const prepareExo = <Own extends object>(
  baggage: Baggage,
  name: string,
  guard: InterfaceGuard | undefined,
  methods: Own & ThisType<ClassContext<Record<string, never>, Own>>,
): Own => durableKindsOf(baggage)({ name, guard, methods, singleton: true })() as Own;

/** What the makers of durable classes take besides. `finish` runs once for each new instance. */
export type PrepareOptions<Context> = { finish?: (context: Context) => void };

/**
 * A class of durable objects. Returns their maker; what it is called with goes to `init`.
 *
 *     const makeNote = prepareExoClass(baggage, 'Note', undefined, text => ({ text }), {
 *       read() { return this.state.text; },
 *       edit(text) { this.state.text = text; },
 *     });
 *
 * @param name - names the class in the vat's state, for good.
 * @param init - gives the state of a new instance: a record of durable values, whose keys never change.
 * @param methods - called with `this.state` and `this.self`. Each write to the state is kept.
 */
export const prepareExoClass = <State extends object, Args extends unknown[], Own extends object>(
  baggage: Baggage,
  name: string,
  guard: InterfaceGuard | undefined,
  init: (...args: Args) => State,
  methods: Own & ThisType<ClassContext<State, Own>>,
  options: PrepareOptions<ClassContext<State, Own>> = {},
): ((...args: Args) => Own) =>
  durableKindsOf(baggage)({ ...options, name, guard, init, methods }) as (...args: Args) => Own;

/**
 * A class of durable objects with several facets that share one state: `{ counter: {…}, admin: {…} }`.
 * The maker returns the record of the facets; their methods are called with `this.state` and `this.facets`.
 */
export const prepareExoClassKit = <
  State extends object,
  Args extends unknown[],
  Facets extends object,
>(
  baggage: Baggage,
  name: string,
  guardKit: Record<keyof Facets, InterfaceGuard> | undefined,
  init: (...args: Args) => State,
  facets: Facets & { [Name in keyof Facets]: ThisType<KitContext<State, Facets>> },
  options: PrepareOptions<KitContext<State, Facets>> = {},
): ((...args: Args) => Facets) =>
  durableKindsOf(baggage)({ ...options, name, guard: guardKit, init, facets }) as (
    ...args: Args
  ) => Facets;
