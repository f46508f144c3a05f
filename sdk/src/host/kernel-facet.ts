/**
 * The kernel as a vat may hold it: the service `kernelFacet`, for system subclusters only.
 *
 * A vat may launch, upgrade and terminate from inside its own methods and its bootstrap: nothing here waits for the
 * vat that called. Krefs are text here as they are for the host; `getPresence` turns one into the object itself.
 */
import type { Kernel } from './kernel.js';

export function makeKernelFacet(kernel: Kernel): object {
  return {
    ping: () => 'pong',
    getPresence: (kref: string, iface?: string) => kernel.getPresence(kref, iface),
    getStatus: () => kernel.getStatus(),
    getSubcluster: (id: string) => kernel.getSubcluster(id),
    getSubclusters: () => kernel.getSubclusters(),
    getSystemSubclusterRoot: (name: string) => kernel.getSystemSubclusterRoot(name),
    launchSubcluster: (config: Parameters<Kernel['launchSubcluster']>[0]) =>
      kernel.launchSubcluster(config),
    reloadSubcluster: (id: string) => kernel.reloadSubcluster(id),
    terminateSubcluster: (id: string) => kernel.terminateSubcluster(id),
    queueMessage: (target: string, method: string, args: unknown[]) =>
      kernel.queueMessage(target, method, args),
    pingVat: (vatId: string) => kernel.pingVat(vatId),
    restartVat: (vatId: string) => kernel.restartVat(vatId),
    upgradeVat: (vatId: string, change: Parameters<Kernel['upgradeVat']>[1]) =>
      kernel.upgradeVat(vatId, change),
    terminateVat: (vatId: string) => kernel.terminateVat(vatId),
    revoke: (kref: string) => kernel.revoke(kref),
    isRevoked: (kref: string) => kernel.isRevoked(kref),
    issueOcapURL: (kref: string, options?: Parameters<Kernel['issueOcapURL']>[1]) =>
      kernel.issueOcapURL(kref, options),
    issueNamed: (name: string, kref: string) => kernel.issueNamed(name, kref),
    redeemOcapURL: (url: string) => kernel.redeemOcapURL(url),
    revokeOcapURL: (url: string) => kernel.revokeOcapURL(url),
    caveat: (kref: string, limits?: Parameters<Kernel['caveat']>[1]) => kernel.caveat(kref, limits),
    release: (kref: string) => kernel.release(kref),
    registerKernelServiceObject: (
      name: string,
      object: object,
      options?: Parameters<Kernel['registerKernelServiceObject']>[2],
    ) => kernel.registerKernelServiceObject(name, object, options),
    reset: () => kernel.reset(),
  };
}
