/** JavaScript, as vats for MetaMask's kernel are written: types come from JSDoc and guards. */
import { makeDefaultExo, makeDiscoverableExo, makeExo, M } from '@vatkit/sdk/vat';

const ItemShape = M.splitRecord({ text: M.string() }, { due: M.or(M.nat(), 'never') });

const LedgerI = M.interface('Ledger', {
  put: M.call(M.string(), M.nat()).optional(ItemShape).returns(M.nat()),
  names: M.call().rest(M.arrayOf(M.string())).returns(M.arrayOf(M.string())),
  find: M.callWhen(M.await(M.string())).returns(M.or(ItemShape, M.undefined())),
});

/** A ledger. */
export function buildRootObject(vatPowers, parameters, baggage) {
  const entries = new Map();
  const ledger = makeExo('Ledger', LedgerI, {
    put(name, amount, item) {
      entries.set(name, item);
      return amount + BigInt(entries.size);
    },
    names: (...prefixes) =>
      [...entries.keys()].filter((name) => prefixes.some((p) => name.startsWith(p))),
    async find(name) {
      return entries.get(name);
    },
  });
  return makeDefaultExo('guarded', {
    bootstrap: (vats) => Object.keys(vats),
    ledger: () => ledger,
    /**
     * Greets.
     * @query
     * @param {string} name
     * @param {{ loud?: boolean }} [options]
     * @returns {Promise<string>}
     */
    async greet(name, options) {
      return options?.loud ? `HELLO ${name}` : `hello ${name}`;
    },
    anything: (value) => value,
    described: () =>
      makeDiscoverableExo(
        'adder',
        { add: (a, b) => a + b },
        { add: { description: 'Adds', args: {} } },
      ),
  });
}
