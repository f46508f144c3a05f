import { makeDefaultExo } from '@metamask/kernel-utils/exo';
import { E } from '@endo/eventual-send';
// In another vat that wants to use the service
// eslint-disable-next-line no-unused-vars -- the guide's code as it stands there
export function buildRootObject(vatPowers, parameters, _baggage) {
  return makeDefaultExo('root', {
    async useRemoteService(serviceProvider) {
      // Get a reference to the service
      const service = await E(serviceProvider).getService();
      // Call a method on the remote service
      const data = await E(service).getData();
      return data;
    },
  });
}
