/**
 * Durable exos: objects whose state lives in the vat's key space and whose methods each incarnation gives anew.
 *
 * What vat code holds is a representative. It is made on demand and is one and the same while it is alive.
 * An instance is deleted at a reap when nothing holds it: no row of the state, not the kernel, no representative.
 */
import { defendPrototype, defendPrototypeKit } from '@endo/exo/tools.js';
import { passStyleOf } from '@endo/pass-style';
import { insistInvariant } from '../errors.js';
import type { VRef } from '../protocol/refs.js';
import { withPlaces } from './exo-places.js';
import { facetsWithPlaces } from './exo.js';
import type { DurableMarshal } from './durable-marshal.js';
import type { DurableObjects } from './object-table.js';
import { holderOf, type VatState } from './vat-state.js';

export type Methods = Record<PropertyKey, (...args: never[]) => unknown>;
type Fields = Record<string, unknown>;
type Context = { state: Fields; self?: object; facets?: Record<string, object> };

/** What is stored of a kind, under its name. */
type KindRow = {
  id: number;
  nextInstance: number;
  /** Of a kit: a facet's place is its number, for good. */
  facets?: string[];
  /** Of prepareExo: its one instance is never deleted. */
  singleton?: true;
};

type Kind = KindRow & {
  name: string;
  prepared?: { makeRepresentative(instance: Instance): Context };
};

type Instance = {
  vref: VRef;
  kind: Kind;
  row: string;
  /** `this.state` holds its instance, so that whoever holds the state alone keeps the object, too. */
  context?: Context;
};

export type KindDefinition = {
  name: string;
  guard?: unknown;
  init?: (...args: never[]) => Fields;
  finish?: (context: Context) => void;
  singleton?: boolean;
} & ({ methods: Methods } | { facets: Record<string, Methods> });

export type DurableKindsPowers = {
  state: VatState;
  marshal(): DurableMarshal;
  /** Called with each kind (`o+d2`, of a kit's facet `o+d2:1`) that is prepared, and what has its methods. */
  onPrepared(subject: VRef, prototype: object): void;
  /** Called with each name of an object that is deleted. */
  onDeleted(vref: VRef): void;
};

export type DurableKinds = ReturnType<typeof makeDurableKinds>;

const vrefForm = /^o\+d(\d+)\/(\d+)(?::(\d+))?$/;

export function makeDurableKinds(powers: DurableKindsPowers) {
  const { state, marshal, onPrepared, onDeleted } = powers;
  const kinds = new Map<string, Kind>();
  const kindsById = new Map<number, Kind>();
  const vrefs = new WeakMap<object, VRef>();
  const alive = new Map<VRef, WeakRef<Context>>();
  /** Instances that may be held by nobody; looked at in a reap. */
  const suspects = new Set<VRef>();
  const collected = new FinalizationRegistry<VRef>((vref) => {
    if (alive.get(vref)?.deref() === undefined) alive.delete(vref);
    suspects.add(vref);
  });

  const saveKind = ({ name, id, nextInstance, facets, singleton }: Kind): void => {
    const row: KindRow = {
      id,
      nextInstance,
      ...(facets && { facets }),
      ...(singleton && { singleton }),
    };
    state.write(`k.${name}`, { body: `#${JSON.stringify(row)}`, slots: [] }, undefined);
  };

  const parse = (vref: VRef): Instance & { facet: number | undefined } => {
    const [, kindId, instanceId, facet] = vrefForm.exec(vref) ?? [];
    const kind = kindsById.get(Number(kindId));
    insistInvariant(kind !== undefined, `${vref} is of a kind of this vat`);
    return {
      vref: holderOf(vref),
      kind,
      row: `i.${kindId}/${instanceId}`,
      facet: facet === undefined ? undefined : Number(facet),
    };
  };

  const readFields = ({ kind, row, vref }: Instance): Fields => {
    const read = state.read(row, marshal().decode);
    if (read === undefined) throw Error(`[KERNEL:OBJECT_DELETED] ${kind.name} ${vref} was deleted`);
    return read.value as Fields;
  };

  const writeFields = (instance: Instance, fields: Fields): void => {
    const data = marshal().encode(fields, `Cannot keep the state of "${instance.kind.name}"`);
    state.write(instance.row, data, fields);
  };

  /** `this.state`: the properties that init made, no more and no fewer, each written through. */
  const makeState = (instance: Instance): Fields => {
    const properties = fieldNames(state.text(instance.row) ?? '').map((field) => [
      field,
      {
        enumerable: true,
        get: () => readFields(instance)[field],
        set: (value: unknown) => writeFields(instance, { ...readFields(instance), [field]: value }),
      },
    ]);
    return harden(
      Object.defineProperties({}, Object.fromEntries(properties) as PropertyDescriptorMap),
    );
  };

  const provideContext = (instance: Instance): Context => {
    const known = alive.get(instance.vref)?.deref();
    if (known !== undefined) return known;
    const { kind, vref } = instance;
    if (kind.prepared === undefined) {
      throw Error(`The durable kind "${kind.name}" must be prepared before its objects are used`);
    }
    const context = kind.prepared.makeRepresentative(instance);
    if (context.self !== undefined) vrefs.set(context.self, vref);
    for (const [name, facet] of Object.entries(context.facets ?? {})) {
      vrefs.set(facet, `${vref}:${kind.facets?.indexOf(name)}`);
    }
    instance.context = context;
    alive.set(vref, new WeakRef(context));
    collected.register(context, vref);
    return context;
  };

  const provideKind = (name: string, facets: string[] | undefined, singleton: boolean): Kind => {
    const known = kinds.get(name);
    if (known !== undefined) {
      if (known.prepared !== undefined)
        throw Error(`The durable kind "${name}" is already prepared`);
      if (
        (known.facets === undefined) !== (facets === undefined) ||
        Boolean(known.singleton) !== singleton
      ) {
        throw Error(
          `The durable kind "${name}" was ${describeKind(known)} and cannot become ${describeKind({ facets, singleton })}`,
        );
      }
      const missing = facets?.filter((facet) => !known.facets?.includes(facet)) ?? [];
      if (missing.length > 0) {
        known.facets = [...(known.facets ?? []), ...missing];
        saveKind(known);
      }
      return known;
    }
    const kind: Kind = { name, id: kinds.size + 1, nextInstance: 1 };
    if (facets !== undefined) kind.facets = facets;
    if (singleton) kind.singleton = true;
    kinds.set(name, kind);
    kindsById.set(kind.id, kind);
    saveKind(kind);
    return kind;
  };

  const exportRow = (vref: VRef): string => `x.${vref}`;
  const setExport = (vref: VRef, body: string): void => {
    if (state.text(exportRow(vref)) !== body)
      state.write(exportRow(vref), { body, slots: [] }, undefined);
  };

  const isExported = (vref: VRef, kind: Kind): boolean =>
    facetVRefs(vref, kind).some((name) => state.text(exportRow(name)) === '#r');

  const facetVRefs = (vref: VRef, kind: Kind): VRef[] =>
    kind.facets === undefined ? [vref] : kind.facets.map((_, index) => `${vref}:${index}`);

  const objects: DurableObjects = {
    vrefOf: (object) => vrefs.get(object),
    has: (vref) => state.has(parse(vref).row),
    provide(vref) {
      const { facet, ...instance } = parse(vref);
      if (!state.has(instance.row)) return undefined;
      const context = provideContext(instance);
      if (facet === undefined) return context.self;
      return context.facets?.[instance.kind.facets?.[facet] ?? ''];
    },
    exported: (vref) => setExport(vref, '#r'),
    dropped(vref) {
      if (state.has(exportRow(vref))) setExport(vref, '#s');
      suspects.add(holderOf(vref));
    },
    forgotten(vref) {
      state.delete(exportRow(vref));
      suspects.add(holderOf(vref));
    },
  };

  return harden({
    objects,

    /** Finds the kinds and instances that the state holds. */
    load(): void {
      for (const key of state.keys('k.')) {
        const kind: Kind = {
          name: key.slice(2),
          ...(JSON.parse(state.text(key)?.slice(1) ?? '') as KindRow),
        };
        kinds.set(kind.name, kind);
        kindsById.set(kind.id, kind);
      }
      // What was let go of just before the last incarnation ended.
      for (const key of state.keys('i.')) suspects.add(`o+d${key.slice(2)}`);
    },

    /** Kinds that have instances and were not prepared in this incarnation. */
    unprepared(): string[] {
      const used = new Set(state.keys('i.').map((key) => Number(key.slice(2, key.indexOf('/')))));
      return [...kinds.values()]
        .filter(({ id, prepared }) => prepared === undefined && used.has(id))
        .map(({ name }) => name);
    },

    /** Defines a kind for this incarnation. Returns the maker of its instances. */
    prepare(definition: KindDefinition): (...args: never[]) => object {
      const { name, guard, init = () => ({}), finish, singleton = false } = definition;
      if (typeof name !== 'string' || name === '') throw TypeError('A durable kind needs a name');
      const contexts = new WeakMap<object, Context>();
      const contextOf = (facet: object) => contexts.get(facet);
      let facetNames: string[] | undefined;
      let prototypes: { [facet: string]: object };
      let makeRepresentative: (instance: Instance) => Context;
      if ('methods' in definition) {
        const prototype = defendPrototype(
          name,
          contextOf as never,
          harden(withPlaces(definition.methods, guard)) as never,
          true,
          guard as never,
        );
        prototypes = { self: prototype };
        makeRepresentative = (instance) => {
          const self: object = harden(Object.create(prototype) as object);
          const context = Object.freeze({ state: makeState(instance), self });
          contexts.set(self, context);
          return context;
        };
      } else {
        const { facets } = definition;
        facetNames = Object.keys(facets).sort();
        const providers = Object.fromEntries(facetNames.map((facet) => [facet, contextOf]));
        const made = defendPrototypeKit(
          name,
          providers as never,
          harden(facetsWithPlaces(facets, guard)) as never,
          true,
          guard as never,
        );
        prototypes = made;
        makeRepresentative = (instance) => {
          const facetsOfIt = Object.entries(prototypes).map(([facet, prototype]) => [
            facet,
            harden(Object.create(prototype) as object),
          ]);
          const kit = harden(Object.fromEntries(facetsOfIt) as Record<string, object>);
          const context = Object.freeze({ state: makeState(instance), facets: kit });
          for (const facet of Object.values(kit)) contexts.set(facet, context);
          return context;
        };
      }
      const kind = provideKind(name, facetNames, singleton);
      kind.prepared = harden({ makeRepresentative });
      for (const [facet, prototype] of Object.entries(prototypes)) {
        const place = facetNames === undefined ? '' : `:${kind.facets?.indexOf(facet)}`;
        onPrepared(`o+d${kind.id}${place}`, prototype);
      }

      const provideObject = (instance: Instance): object => {
        const context = provideContext(instance);
        const object = context.self ?? context.facets;
        insistInvariant(object, 'a representative has a self or facets');
        return object;
      };
      const instanceOf = (number: number): Instance => ({
        vref: `o+d${kind.id}/${number}`,
        kind,
        row: `i.${kind.id}/${number}`,
      });

      return harden((...args: never[]): object => {
        if (singleton && state.has(instanceOf(1).row)) return provideObject(instanceOf(1));
        const fields = harden(init(...args));
        if (passStyleOf(fields) !== 'copyRecord') {
          throw TypeError(`init of the durable kind "${name}" must return a record`);
        }
        const instance = instanceOf(kind.nextInstance);
        kind.nextInstance += 1;
        writeFields(instance, fields);
        saveKind(kind);
        const object = provideObject(instance);
        if (finish !== undefined) finish(provideContext(instance));
        return object;
      });
    },

    /** State or the kernel let go of an instance. */
    released(vref: VRef): void {
      suspects.add(vref);
    },

    /** Deletes what nobody holds. Returns how many that were, and the exports to retire. */
    reap(): { deleted: number; retired: VRef[] } {
      const retired: VRef[] = [];
      let deleted = 0;
      // A deleted instance lets go of others, which become suspects in turn.
      for (const vref of suspects) {
        suspects.delete(vref);
        const { kind, row } = parse(vref);
        const isHeld =
          kind.singleton ||
          state.holds(vref) ||
          alive.get(vref)?.deref() !== undefined ||
          isExported(vref, kind);
        if (isHeld || !state.has(row)) continue;
        alive.delete(vref);
        for (const name of facetVRefs(vref, kind)) {
          if (state.delete(exportRow(name))) retired.push(name);
          onDeleted(name);
        }
        state.delete(row);
        deleted += 1;
      }
      return { deleted, retired };
    },
  });
}

const describeKind = ({
  facets,
  singleton,
}: Pick<KindRow, 'facets'> & { singleton?: boolean }): string =>
  singleton
    ? facets === undefined
      ? 'a single exo'
      : 'a topic'
    : facets === undefined
      ? 'a class'
      : 'a class kit';

/** Of a record's smallcaps text. Without decoding it: the record may hold the very object that is being made. */
const fieldNames = (text: string): string[] =>
  Object.keys(JSON.parse(text.slice(text.indexOf('#') + 1)) as object).map((name) =>
    name.startsWith('!') ? name.slice(1) : name,
  );
