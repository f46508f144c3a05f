/** The vats of the stories, as bundles: small enough to be read here. */
const bundle = (code: string): string =>
  JSON.stringify({
    moduleFormat: 'vatkit',
    abi: 1,
    code: `const __vatExports__ = (() => { const { E, makeDefaultExo, prepareExoClass } = $vatkit['@vatkit/sdk/vat']; ${code} })();`,
  });

const shop = bundle(`
  return { buildRootObject(_powers, { stock = 3 }, baggage) {
    if (!baggage.has('stock')) baggage.init('stock', stock);
    const makeOrder = prepareExoClass(baggage, 'Order', undefined, (item) => ({ item }), {
      item() { return this.state.item; },
    });
    let bank;
    return makeDefaultExo('Shop', {
      bootstrap(vats) { bank = vats.bank; },
      stock: () => baggage.get('stock'),
      async buy(item) {
        if (baggage.get('stock') === 0) throw Error('sold out');
        // Taken before it is paid: another buyer may come in between.
        baggage.set('stock', baggage.get('stock') - 1);
        const paid = await E(bank).charge(5n);
        return { order: makeOrder(item), paid };
      },
    });
  } };`);

const bank = bundle(`
  return { buildRootObject(_powers, _parameters, baggage) {
    if (!baggage.has('total')) baggage.init('total', 0n);
    const ledger = makeDefaultExo('Ledger', {
      note(amount) { baggage.set('total', baggage.get('total') + amount); return baggage.get('total'); },
    });
    return makeDefaultExo('Bank', {
      async charge(amount) { return E(ledger).note(amount); },
      total: () => baggage.get('total'),
    });
  } };`);

export const market = {
  name: 'market',
  config: {
    bootstrap: 'shop',
    vats: {
      shop: { bundleSpec: shop, parameters: { stock: 3 } },
      bank: { bundleSpec: bank },
    },
  },
};
