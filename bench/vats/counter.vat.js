import { makeDefaultExo } from '@vatkit/sdk/vat';

export function buildRootObject(_vatPowers, _parameters, baggage) {
  if (!baggage.has('count')) baggage.init('count', 0);
  return makeDefaultExo('counter', {
    answer() {
      return 42;
    },
    echo(value) {
      return value;
    },
    increment() {
      const count = baggage.get('count') + 1;
      baggage.set('count', count);
      return count;
    },
  });
}
