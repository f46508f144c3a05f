import { makeDefaultExo } from '@vatkit/sdk/vat';

export function buildRootObject(_powers, _parameters, baggage) {
  if (!baggage.has('last')) baggage.init('last', 0);
  return makeDefaultExo('links', {
    /** Keeps an address; gives its name. */
    shorten(address) {
      if (!/^https?:\/\/\S+$/.test(address)) throw TypeError('send an address, as http://…');
      const last = baggage.get('last') + 1;
      const name = last.toString(36);
      baggage.set('last', last);
      baggage.init(`link ${name}`, { address, visits: 0 });
      return name;
    },
    /** The address of a name, if there is one; counts the visit. */
    visit(name) {
      if (!baggage.has(`link ${name}`)) return undefined;
      const { address, visits } = baggage.get(`link ${name}`);
      baggage.set(`link ${name}`, { address, visits: visits + 1 });
      return address;
    },
  });
}
