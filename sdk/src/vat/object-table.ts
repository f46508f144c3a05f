/**
 * Objects and their vrefs: those that this vat exported, and presences of those that it was given.
 *
 * An export is held for as long as the kernel reaches it, then weakly, so that it can come back under its name
 * while the vat itself still has it. A presence is held weakly. Both directions end in the lists of
 * {@link ObjectTable.takeGarbage}, which is read at a crank's end and never between cranks: only there does the
 * kernel stand still, so that a drop cannot cross a delivery that uses the same name again.
 *
 * An import that the vat's weak collections still recognize is dropped only; it is retired when they forget it.
 */
import { Remotable } from '@endo/pass-style';
import { insistInvariant } from '../errors.js';
import { isDurableVRef, ROOT_VREF, type VRef } from '../protocol/refs.js';

export type Garbage = { dropImports: VRef[]; retireImports: VRef[]; retireExports: VRef[] };

/** The other objects of the vat that have vrefs: those whose state outlives the incarnation. */
export type DurableObjects = {
  /** The object's vref, if it is durable. */
  vrefOf(object: object): VRef | undefined;
  has(vref: VRef): boolean;
  /** The object, made anew where none is alive; `undefined` when it was deleted or never was. */
  provide(vref: VRef): object | undefined;
  /** The kernel reaches it, no longer reaches it, no longer recognizes it. */
  exported(vref: VRef): void;
  dropped(vref: VRef): void;
  forgotten(vref: VRef): void;
};

export type ObjectTablePowers = {
  /** Sends what is called on the presence of `vref`. */
  presenceHandler(vref: VRef): object;
  durables: DurableObjects;
  /** Does the vat's durable state hold this import? */
  isHeldByState(vref: VRef): boolean;
  /** The entries of the vat's weak collections. */
  weakKeys: { recognizes(vref: VRef): boolean; retire(vref: VRef): void };
  /** An export leaves that the kernel did not reach; the root, when it is there. */
  onReached(vref: VRef, object: object): void;
  /** Something was collected; the number that waits for a crank's end. */
  onGarbage(count: number): void;
};

type Export = { weak: WeakRef<object>; strong: object | undefined };

const interfaceForm = /^(?:Remotable$|Alleged: |DebugName: )/;

export type ObjectTable = ReturnType<typeof makeObjectTable>;

export function makeObjectTable({
  presenceHandler,
  durables,
  isHeldByState,
  weakKeys,
  onReached,
  onGarbage,
}: ObjectTablePowers) {
  const exports = new Map<VRef, Export>();
  /** Those that the kernel has in its c-list for this vat. Durable state may hold one without a presence. */
  const imports = new Map<VRef, WeakRef<object> | undefined>();
  /** Imports that are no longer reachable from here and still recognized. */
  const droppedImports = new Set<VRef>();
  /** Imports that end with the session of a client, by their presences. */
  const ephemeral = new WeakSet<object>();
  const vrefs = new WeakMap<object, VRef>();
  /** Imports that may be unused, and exports that the kernel dropped and the vat may have: looked at in takeGarbage. */
  const suspects = new Set<VRef>();
  let root: object | undefined;
  let nextExport = 1;

  const collected = new FinalizationRegistry<VRef>((vref) => suspect(vref));

  function suspect(vref: VRef): void {
    suspects.add(vref);
    onGarbage(suspects.size);
  }

  function makePresence(vref: VRef, iface: string): object {
    let presence: object | undefined;
    void new HandledPromise((_resolve, _reject, resolveWithPresence) => {
      presence = Remotable(
        interfaceForm.test(iface) ? iface : 'Remotable',
        undefined,
        resolveWithPresence(presenceHandler(vref) as Parameters<typeof resolveWithPresence>[0]),
      );
    });
    insistInvariant(presence, 'a presence is made synchronously');
    return presence;
  }

  return harden({
    /** Numbers of this incarnation's exports begin here. */
    startAt(number: number): void {
      nextExport = number;
    },

    setRoot(object: object): void {
      root = object;
      exports.set(ROOT_VREF, { weak: new WeakRef(object), strong: object });
      if (durables.vrefOf(object) === undefined) vrefs.set(object, ROOT_VREF);
      onReached(ROOT_VREF, object);
    },

    /** The state of an earlier incarnation holds an import. */
    importHeld(vref: VRef): void {
      if (!imports.has(vref)) imports.set(vref, undefined);
    },

    /** A fresh number, for a vref of any kind. */
    nextNumber(): number {
      return nextExport++;
    },

    /** The object's vref on the wire, if it has one. */
    vrefOf(object: object): VRef | undefined {
      if (object === root) return ROOT_VREF;
      return vrefs.get(object) ?? durables.vrefOf(object);
    },

    /** Does the name stand for an object of this vat's that is there, or for one of another endpoint? */
    knows: (vref: VRef): boolean =>
      vref.startsWith('o-') ||
      (isDurableVRef(vref) ? durables.has(vref) : exports.get(vref)?.weak.deref() !== undefined),

    /** Names an object for the first time. Until {@link reached} nobody but this table knows of it. */
    name(object: object): VRef {
      const vref = `o+${nextExport++}`;
      vrefs.set(object, vref);
      exports.set(vref, { weak: new WeakRef(object), strong: undefined });
      return vref;
    },

    /** Takes back {@link name}. */
    unname(object: object, vref: VRef): void {
      vrefs.delete(object);
      exports.delete(vref);
    },

    /** A message that names the object leaves. */
    reached(vref: VRef): void {
      if (isDurableVRef(vref)) durables.exported(vref);
      const entry = exports.get(vref);
      if (entry === undefined) return;
      const wasReached = entry.strong !== undefined;
      entry.strong = entry.weak.deref();
      if (!wasReached && entry.strong !== undefined) onReached(vref, entry.strong);
      suspects.delete(vref);
    },

    /** The object that the kernel means; `undefined` where it is gone. */
    provide(vref: VRef, iface = 'Remotable'): object | undefined {
      if (isDurableVRef(vref)) return durables.provide(vref);
      if (vref.startsWith('o+')) return exports.get(vref)?.weak.deref();
      const known = imports.get(vref)?.deref();
      if (known !== undefined) return known;
      const presence = makePresence(vref, iface);
      vrefs.set(presence, vref);
      imports.set(vref, new WeakRef(presence));
      suspects.delete(vref);
      droppedImports.delete(vref);
      collected.register(presence, vref);
      return presence;
    },

    /** A client exposed this import, which the vat has: it is not durable. */
    noteEphemeral(vref: VRef): void {
      const presence = imports.get(vref)?.deref();
      if (presence !== undefined) ephemeral.add(presence);
    },

    isEphemeral: (object: object): boolean => ephemeral.has(object),

    /** The kernel no longer reaches an export. */
    dropped(vref: VRef): void {
      if (isDurableVRef(vref)) durables.dropped(vref);
      const entry = exports.get(vref);
      if (entry === undefined || vref === ROOT_VREF) return;
      entry.strong = undefined;
      const object = entry.weak.deref();
      if (object === undefined) suspect(vref);
      else collected.register(object, vref);
    },

    /** The kernel no longer knows an export. */
    exportRetired(vref: VRef): void {
      if (isDurableVRef(vref)) durables.forgotten(vref);
      const object = exports.get(vref)?.weak.deref();
      if (object !== undefined) vrefs.delete(object);
      exports.delete(vref);
      suspects.delete(vref);
    },

    /** The kernel no longer knows an import. False where the vat still uses it and so keeps it. */
    importRetired(vref: VRef): boolean {
      if (isHeldByState(vref) || imports.get(vref)?.deref() !== undefined) return false;
      weakKeys.retire(vref);
      imports.delete(vref);
      droppedImports.delete(vref);
      suspects.delete(vref);
      return true;
    },

    /** Durable state or the last weak collection let go of an import. */
    released(vref: VRef): void {
      if (imports.get(vref)?.deref() === undefined) suspect(vref);
    },

    /** How many names {@link takeGarbage} will look at. */
    suspected: (): number => suspects.size,

    /** Only in the last, synchronous part of a crank: what the vat has let go of. */
    takeGarbage(): Garbage {
      const garbage: Garbage = { dropImports: [], retireImports: [], retireExports: [] };
      for (const vref of [...suspects].sort()) {
        if (vref.startsWith('o-')) {
          // A finalizer of an earlier presence may come when the name is long gone.
          if (!imports.has(vref) || isHeldByState(vref)) continue;
          if (imports.get(vref)?.deref() !== undefined) continue;
          if (!droppedImports.has(vref)) garbage.dropImports.push(vref);
          if (weakKeys.recognizes(vref)) {
            imports.set(vref, undefined);
            droppedImports.add(vref);
          } else {
            imports.delete(vref);
            droppedImports.delete(vref);
            garbage.retireImports.push(vref);
          }
        } else {
          const entry = exports.get(vref);
          if (entry === undefined || entry.strong !== undefined || entry.weak.deref() !== undefined)
            continue;
          exports.delete(vref);
          garbage.retireExports.push(vref);
        }
      }
      suspects.clear();
      return garbage;
    },

    /** For tests and diagnosis: how much is in the table. */
    sizes: () => ({
      exports: exports.size,
      imports: imports.size,
      droppedImports: droppedImports.size,
      suspects: suspects.size,
    }),
  });
}
