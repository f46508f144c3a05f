import { makeDefaultExo } from '@vatkit/sdk/vat';

/**
 * A vat that remembers. What it keeps in its baggage is written to the store with each message that it
 * answers; its variables are gone when the kernel stops, and this function runs again at the next start.
 *
 * @param {object} _vatPowers - What every vat may do.
 * @param {{ greeting: string }} parameters - From the vat's configuration.
 * @param {object} baggage - The vat's memory.
 * @returns {object} The root object, which others may call.
 */
export function buildRootObject(_vatPowers, parameters, baggage) {
  const recall = (key) => (baggage.has(key) ? baggage.get(key) : 0);
  const countUp = (key) => {
    const count = recall(key) + 1;
    if (baggage.has(key)) baggage.set(key, count);
    else baggage.init(key, count);
    return count;
  };

  countUp('starts');

  return makeDefaultExo('greeter', {
    // Called once in the subcluster's life.
    bootstrap() {
      countUp('bootstraps');
    },
    greet(name) {
      return `${parameters.greeting}, ${name}! You are guest number ${countUp('greetings')}.`;
    },
    memory() {
      return {
        starts: recall('starts'),
        bootstraps: recall('bootstraps'),
        greetings: recall('greetings'),
      };
    },
  });
}
