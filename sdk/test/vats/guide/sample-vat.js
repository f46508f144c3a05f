import { makeDefaultExo } from '@metamask/kernel-utils/exo';
/**
 * Build function for a vat.
 *
 * @param {object} vatPowers - Special powers granted to this vat.
 * @param {object} parameters - Initialization parameters from the vat's config.
 * @param {object} _baggage - Root of vat's persistent state.
 * @returns {object} The root object for the new vat.
 */
export function buildRootObject(vatPowers, parameters, _baggage) {
  const { name } = parameters;
  return makeDefaultExo('root', {
    greet() {
      return `Greeting from ${name}`;
    },
    async processMessage(message) {
      return `${name} processed: ${message}`;
    },
  });
}
