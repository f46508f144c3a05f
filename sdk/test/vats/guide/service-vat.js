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
  // Helper function for logging
  function log(message) {
    console.log(`${name}: ${message}`);
  }
  // Creating a capability-based service object
  const service = makeDefaultExo('service', {
    getData() {
      log('getData called');
      return { value: 'some data' };
    },
  });
  // The root object must be created with makeDefaultExo
  return makeDefaultExo('root', {
    getService() {
      return service;
    },
    bootstrap() {
      log('bootstrap called');
      return 'bootstrap complete';
    },
  });
}
