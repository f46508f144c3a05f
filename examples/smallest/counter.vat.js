import { makeDefaultExo } from '@vatkit/sdk/vat';

export function buildRootObject(_powers, _parameters, baggage) {
  if (!baggage.has('count')) baggage.init('count', 0);
  return makeDefaultExo('counter', {
    /** @query */
    count: () => baggage.get('count'),
    increment() {
      baggage.set('count', baggage.get('count') + 1);
      return baggage.get('count');
    },
  });
}
