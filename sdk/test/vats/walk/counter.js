/** A counter with durable and with passing state, as the kernel guide's vats keep them. */
import { E } from '@endo/eventual-send';
import { makePromiseKit } from '@endo/promise-kit';
import { makeDefaultExo } from '@metamask/kernel-utils/exo';

export function buildRootObject(vatPowers, parameters, baggage) {
  const { name } = parameters;
  if (!baggage.has('count')) baggage.init('count', 0);
  if (!baggage.has('starts')) baggage.init('starts', 1);
  else baggage.set('starts', baggage.get('starts') + 1);
  let heapCount = 0;
  const held = makePromiseKit();
  const { logger } = vatPowers;
  logger.subLogger({ tags: ['test'] }).log(`${name} starts`);

  return makeDefaultExo('root', {
    bootstrap(vats, services) {
      if (!baggage.has('boots')) baggage.init('boots', 0);
      baggage.set('boots', baggage.get('boots') + 1);
      for (const [key, root] of Object.entries(vats)) {
        if (root !== this.self) baggage.init(`vat.${key}`, root);
      }
      for (const [key, service] of Object.entries(services))
        baggage.init(`service.${key}`, service);
      return `${name} booted with ${Object.keys(services).sort()}`;
    },
    increment(by = 1) {
      baggage.set('count', baggage.get('count') + by);
      heapCount += by;
      return baggage.get('count');
    },
    counts: () => ({
      count: baggage.get('count'),
      heapCount,
      starts: baggage.get('starts'),
      boots: baggage.has('boots') ? baggage.get('boots') : 0,
    }),
    init: (key, value) => baggage.init(key, value),
    set: (key, value) => baggage.set(key, value),
    get: (key) => baggage.get(key),
    has: (key) => baggage.has(key),
    delete: (key) => baggage.delete(key),
    keys: () => [...baggage.keys()],
    values: () => [...baggage.values()],
    entries: () => [...baggage.entries()].map(([key, value]) => [key, value]),
    size: () => baggage.getSize(),
    initHeap: () => baggage.init('heap', makeDefaultExo('heap', {})),

    heap: () => makeDefaultExo('heap', { hello: () => 'from the heap' }),
    wait() {
      logger.subLogger({ tags: ['test'] }).log(`${name} is waited for`);
      return held.promise;
    },
    letGo: (value) => held.resolve(value),
    waitFor: async (other) => {
      try {
        return ['fulfilled', await E(baggage.get(`vat.${other}`)).wait()];
      } catch (error) {
        return ['rejected', error.message];
      }
    },
    ask: (other, method, ...args) => E(baggage.get(`vat.${other}`))[method](...args),
    use: (service, method, ...args) => E(baggage.get(`service.${service}`))[method](...args),
    useKept: (key, method, ...args) => E(baggage.get(key))[method](...args),
    useGiven: (target, method, ...args) => E(target)[method](...args),
    exit(completion) {
      vatPowers.exitVat(completion);
      return 'exiting';
    },
    exitWithFailure(reason) {
      baggage.set('count', -1);
      vatPowers.exitVatWithFailure(Error(reason));
      return 'failing';
    },
    throwAfterWrite() {
      baggage.set('count', 1000);
      throw Error('after the write');
    },
    spin() {
      for (;;);
    },
    storm() {
      const again = () => Promise.resolve().then(again);
      return again();
    },
    spinLater() {
      setTimeout(() => {
        for (;;);
      }, 20);
      return 'soon';
    },
    fill() {
      const all = [];
      for (;;) all.push(`${all.length}`.repeat(100).split(''));
    },
  });
}
