/**
 * What tests that were written for Node import there, for the same tests in a page: `@vatkit/sdk/node` and the harness.
 * See vitest.config.ts.
 */
import { commands } from 'vitest/browser';
import type { ClusterConfig, VatConfig } from '@vatkit/sdk/kernel';

declare module 'vitest/browser' {
  // An interface, since it is merged with vitest's own.
  // eslint-disable-next-line @typescript-eslint/consistent-type-definitions
  interface BrowserCommands {
    bundleOf: (name: string) => Promise<string>;
  }
}

export const patience = { timeout: 10_000, interval: 10 };

export const bundleOf = (name: string): Promise<string> => commands.bundleOf(name);

export function clusterOf(
  bundleSpec: string,
  names: readonly string[] = ['main'],
  options: Partial<VatConfig> = {},
): ClusterConfig {
  const vats = names.map((name) => [name, { bundleSpec, ...options }]);
  return { bootstrap: names[0] as string, vats: Object.fromEntries(vats) as ClusterConfig['vats'] };
}

/** Node's, of which a page has none: what a page's kernel says goes over a channel that is not overheard. */
export const KernelWorker: new () => Worker = class {} as never;

/** Clients of one name share its kernel: what Node's worker gives by `connect` the second client has by itself. */
export const startKernelWorker = (): Worker & { connect: () => never } =>
  Object.assign(
    new Worker(new URL('./memory-kernel.worker.ts', import.meta.url), { type: 'module' }),
    {
      connect(): never {
        throw new Error('a second client of the same name needs no port');
      },
    },
  );
