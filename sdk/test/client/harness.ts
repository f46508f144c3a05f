/** Kernels in workers of their own, and clients of them, all gone after each test. */
import {
  createKernel,
  type KernelClient,
  type KernelClientOptions,
  type WorkerLike,
} from '@vatkit/sdk';
import { KernelWorker, startKernelWorker } from '@vatkit/sdk/node';
import { afterEach, expect } from 'vitest';
import { insistToClient } from '../../src/protocol/session-wire-check.js';
import { bundleOf, clusterOf } from '../harness.js';

const open: KernelClient[] = [];
/** What kernels said that their protocol does not know. */
const malformed: unknown[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.close()));
  expect(malformed.splice(0)).toStrictEqual([]);
});

/** The same worker, with an ear of ours at it. What is no kernel may say what it likes. */
function overheard(worker: WorkerLike): WorkerLike {
  if (worker instanceof KernelWorker)
    worker.on('message', (message: unknown) => {
      try {
        insistToClient(message);
      } catch (thrown) {
        malformed.push(thrown);
      }
    });
  return worker;
}

export function makeClient({
  worker = () => startKernelWorker(),
  ...options
}: Partial<KernelClientOptions> = {}): KernelClient {
  const client = createKernel({ worker: async () => overheard(await worker()), ...options });
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
