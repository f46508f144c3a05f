/** Kernels in workers of their own, and clients of them, all gone after each test. */
import { createKernel, type KernelClient, type KernelClientOptions } from '@vatkit/sdk';
import { startKernelWorker } from '@vatkit/sdk/node';
import { afterEach } from 'vitest';
import { bundleOf, clusterOf } from '../harness.js';

const open: KernelClient[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.close()));
});

export function makeClient(options: Partial<KernelClientOptions> = {}): KernelClient {
  const client = createKernel({ worker: () => startKernelWorker(), ...options });
  open.push(client);
  return client;
}

// Every method gives a promise that may be awaited, or called on.
export type Loose = {
  readonly [method: string]: (...args: unknown[]) => LoosePromise;
} & Disposable;
export type LoosePromise = Loose & Promise<never>;

/** The definition of `page-guest.vat.js`. */
export async function guestDefinition(name = 'guest', parameters = {}) {
  return { name, config: clusterOf(await bundleOf('page-guest.vat.js'), ['main'], { parameters }) };
}

export async function launchGuest(client: KernelClient, name?: string): Promise<Loose> {
  const { root } = await client.launch(await guestDefinition(name));
  return root as unknown as Loose;
}
