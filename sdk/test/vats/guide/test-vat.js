/** The vat that the guide's test calls and does not show. */
import { makeDefaultExo } from '@metamask/kernel-utils/exo';

export function buildRootObject(vatPowers, parameters) {
  return makeDefaultExo('root', {
    testMethod(arg) {
      vatPowers.stdout(`testMethod was given ${arg}`);
      return { arg, testMode: parameters.testMode };
    },
  });
}
