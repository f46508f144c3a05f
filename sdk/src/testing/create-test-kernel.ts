/** A whole kernel in the test's own realm, behind the same client as the real one. */
import { createKernel, type AdminOf, type KernelClient } from '../client/kernel.js';
import type { MemoryNetwork } from '../comms/memory-transport.js';
import type { KernelOptions } from '../host/kernel-types.js';
import { Kernel } from '../host/kernel.js';
import type { ManualClock } from './clock.js';
import { makeTestDatabase, makeTestPlatform } from './platform.js';
import type { BuildRootObject } from './vats.js';

export type TestKernelOptions = Pick<KernelOptions, 'logger' | 'limits'> & {
  name?: string;
  /** Functions in place of the bundles of these names: `{ todo: buildRootObject }` for `todo.vat.bundle`. */
  vats?: { readonly [name: string]: BuildRootObject };
  /** The time of vats that were granted `setTimeout`. Default: the realm's. */
  clock?: ManualClock;
  /** Over which it reaches the other test kernels of this realm, once its `admin.initRemoteComms()` was called. Default: none. */
  network?: MemoryNetwork;
  /** Kernel services by name. */
  services?: { readonly [name: string]: object };
};

/**
 * A kernel for tests, with the client of `createKernel`. Calls pass the same boundaries as in a real one, marshalled and
 * cloned; state lives in memory; it starts in milliseconds.
 *
 *     const kernel = createTestKernel();
 *     const { root } = await kernel.launch(testVat('counter', buildRootObject));
 *     expect(await root.increment(1)).toBe(1);
 *
 * **Unconfined**: vats run in this realm, without a lockdown, and can reach all of it. It installs `harden` and
 * `HandledPromise`, and changes nothing else. Never give it code that you would not import.
 */
export function createTestKernel({
  name = 'test',
  vats,
  clock,
  network,
  services = {},
  ...options
}: TestKernelOptions = {}): KernelClient<AdminOf<Kernel>> {
  return createKernel<AdminOf<Kernel>>({
    name,
    async worker() {
      const platform = makeTestPlatform({ vats, clock, network });
      const kernel = await Kernel.make(platform, makeTestDatabase(), options);
      for (const [service, object] of Object.entries(services)) {
        kernel.registerKernelServiceObject(service, object);
      }
      const { port1, port2 } = new MessageChannel();
      kernel.serveClient(port2, { onEnd: () => void kernel.stop() });
      return port1;
    },
  });
}
