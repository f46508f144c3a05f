/** Remembers, durably: every id that it was ever given and how often, and what it was told to keep. */
import { E, makeDefaultExo, prepareExoClass } from '@vatkit/sdk/vat';

export function buildRootObject(vatPowers, parameters, baggage) {
  const { name = 'nobody' } = parameters;
  const makeNote = prepareExoClass(baggage, 'Note', undefined, (text) => ({ text }), {
    read() {
      return this.state.text;
    },
    edit(text) {
      this.state.text = text;
    },
  });
  const put = (key, value) =>
    baggage.has(key) ? baggage.set(key, value) : baggage.init(key, value);
  const get = (key) => (baggage.has(key) ? baggage.get(key) : undefined);

  /** The call's id is new, or it has come twice: both are remembered. */
  const count = (id) => {
    const times = (get(`id.${id}`) ?? 0n) + 1n;
    put(`id.${id}`, times);
    put('total', (get('total') ?? 0n) + 1n);
    return times;
  };

  return makeDefaultExo('root', {
    bootstrap(vats) {
      put('launches', (get('launches') ?? 0n) + 1n);
      for (const [other, root] of Object.entries(vats)) {
        if (root !== this.self) put(`vat.${other}`, root);
      }
      return `${name} is up`;
    },
    greet: (who = 'world') => `${name} greets ${who}`,
    echo: (...values) => values,
    count,
    total: () => get('total') ?? 0n,
    times: (id) => get(`id.${id}`) ?? 0n,
    duplicates: () =>
      [...baggage.entries()].filter(([key, value]) => key.startsWith('id.') && value !== 1n),
    ids: () =>
      [...baggage.keys()].filter((key) => key.startsWith('id.')).map((key) => key.slice(3)),
    keep: (key, value) => put(`kept.${key}`, value),
    kept: (key) => get(`kept.${key}`),
    forget: (key) => baggage.delete(`kept.${key}`),
    launches: () => get('launches') ?? 0n,
    vat: (other) => get(`vat.${other}`),
    /** Counts here, then in the other vat, which counts back here under another id. */
    async relay(id, other) {
      count(`${id}.out`);
      const there = await E(get(`vat.${other}`)).countFor(id);
      count(`${id}.back`);
      return there;
    },
    countFor: (id) => count(`${id}.there`),
    note: (text) => makeNote(text),
    heapObject: () => makeDefaultExo('heap', { hello: () => 'from the heap' }),
    ask: (target, method, ...args) => E(target)[method](...args),
    never: () => new Promise(() => {}),
    fail(message) {
      throw Error(message);
    },
  });
}
