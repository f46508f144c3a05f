/** Makes objects, holds those of others strongly, weakly and durably, and lets go of them. */
import { E } from '@endo/eventual-send';
import { makeDefaultExo } from '@metamask/kernel-utils/exo';

export function buildRootObject(vatPowers, parameters, baggage) {
  const { name } = parameters;
  const exported = new Map();
  const imported = new Map();
  let weakMap = new WeakMap();
  let weakSet = new WeakSet();

  return makeDefaultExo('root', {
    bootstrap() {},
    noop: () => 'noop',
    create(id) {
      const object = makeDefaultExo(`object ${id}`, { id: () => id, owner: () => name });
      exported.set(id, object);
      return object;
    },
    exported: (id) => exported.get(id),
    letGoOfExport: (id) => exported.delete(id),
    recognizes: (object) => [...exported.values()].includes(object),

    store(id, object) {
      imported.set(id, object);
      return 'stored';
    },
    use: (id) => E(imported.get(id)).id(),
    useStored: (id) => (imported.has(id) ? E(imported.get(id)).id() : 'nothing stored'),
    makeWeak(id) {
      weakMap.set(imported.get(id), `known as ${id}`);
      weakSet.add(imported.get(id));
    },
    recall: (object) => [weakMap.get(object), weakSet.has(object)],
    forget: (id) => imported.delete(id),
    forgetWeak() {
      weakMap = new WeakMap();
      weakSet = new WeakSet();
    },
    keep: (key, object) =>
      baggage.has(key) ? baggage.set(key, object) : baggage.init(key, object),
    kept: (key) => baggage.get(key),
    useKept: (key) => E(baggage.get(key)).id(),
    unkeep: (key) => baggage.delete(key),
    pass: (id, target) => E(target).store(id, imported.get(id)),
  });
}
