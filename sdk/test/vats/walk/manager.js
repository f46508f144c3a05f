/** A system vat that runs the kernel through the facet, from its bootstrap and its methods. */
import { E } from '@endo/eventual-send';
import { makeDefaultExo } from '@metamask/kernel-utils/exo';

export function buildRootObject(vatPowers, parameters, baggage) {
  const facet = () => baggage.get('facet');
  return makeDefaultExo('root', {
    async bootstrap(_vats, services) {
      baggage.init('facet', services.kernelFacet);
      baggage.init('services', Object.keys(services));
      const { subclusterId, rootKref } = await E(facet()).launchSubcluster(parameters.config);
      baggage.init('managed', { subclusterId, rootKref });
    },
    managed: () => baggage.get('managed'),
    facet: (method, ...args) => E(facet())[method](...args),
    async callThrough(kref, method, ...args) {
      const presence = await E(facet()).getPresence(kref, 'managed');
      return E(presence)[method](...args);
    },
    endSelf: (vatId) => E(facet()).terminateVat(vatId),
    restartSelf: (vatId) => E(facet()).restartVat(vatId),
  });
}
