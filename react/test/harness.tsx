/** A real kernel in this process, and React around a client of it. After each test all of it is gone. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { ReactNode } from 'react';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, configure, render, waitFor, type RenderResult } from '@testing-library/react';
import { createKernel, type KernelClient } from '@vatkit/sdk';
import { Kernel } from '@vatkit/sdk/kernel';
import {
  makeKernel,
  makeSQLKernelDatabase,
  NodejsPlatformServices,
  type MakeKernelOptions,
} from '@vatkit/sdk/node';
import { afterEach } from 'vitest';
import type { MemoryNetwork } from '../../sdk/src/comms/memory-transport.js';
import { KernelProvider } from '../src/index.js';
import { board as generated, type BoardRoot } from './vats/board.vat.gen.js';

/** As generated, but Vite takes this for a page and would give the bundle a URL of its own. */
export const board: typeof generated = {
  ...generated,
  config: {
    bootstrap: 'board',
    vats: {
      board: {
        bundleSpec: pathToFileURL(join(import.meta.dirname, 'vats/board.vat.bundle')).href,
      },
    },
  },
};

export const isStrict = Boolean(process.env.VATKIT_STRICT_MODE);
configure({ reactStrictMode: isStrict, asyncUtilTimeout: 10_000 });

const closing: (() => unknown)[] = [];
afterEach(async () => {
  cleanup();
  for (const close of closing.splice(0).reverse()) await close();
});
export const atEnd = (close: () => unknown): void => void closing.push(close);

const nothing = (): undefined => undefined;
const quiet = { debug: nothing, info: nothing, log: nothing, warn: nothing, error: nothing };

let lastKernel = 0;

export type TestKernel = {
  client: KernelClient;
  /** The kernels that served it, one after the other. */
  kernels: Kernel[];
  /** Another client of the newest kernel. */
  another: () => KernelClient;
  /** Ends the kernel at once; the client may start another. */
  die: () => Promise<void>;
  /** From now on none starts. */
  refuse: () => void;
};

export type TestKernelOptions = MakeKernelOptions & { network?: MemoryNetwork };

/** On a network in memory, where there is one. */
async function openKernel({ network, ...options }: TestKernelOptions): Promise<Kernel> {
  const given = { logger: quiet, ...options };
  if (network === undefined) return makeKernel(given);
  const platform = new NodejsPlatformServices();
  Object.defineProperty(platform, 'startTransport', { value: network.startTransport });
  return Kernel.make(platform, await makeSQLKernelDatabase(given), given);
}

export function makeTestKernel(options: TestKernelOptions = {}): TestKernel {
  const name = `test-${(lastKernel += 1)}`;
  const kernels: Kernel[] = [];
  const ports: MessagePort[] = [];
  let ending: Promise<void> | undefined;
  let isRefused = false;
  const open = async (): Promise<MessagePort> => {
    // The next kernel on a store waits for the one before.
    await ending;
    if (isRefused) throw new Error('there is no kernel any more');
    const { port1, port2 } = new MessageChannel();
    ports.push(port2);
    const kernel = await openKernel(options);
    kernel.serveClient(port1);
    kernels.push(kernel);
    return port2;
  };
  const client = createKernel({ worker: open, name });
  atEnd(async () => {
    await client.close();
    for (const kernel of kernels) await kernel.stop();
    for (const port of ports) port.close();
  });
  return {
    client,
    kernels,
    another() {
      const { port1, port2 } = new MessageChannel();
      const other = createKernel({
        worker: () => {
          kernels.at(-1)?.serveClient(port1);
          return port2;
        },
        name: `${name}-another`,
      });
      atEnd(() => other.close());
      return other;
    },
    async die() {
      ending = kernels.at(-1)?.stop();
      await ending;
      ports.at(-1)?.close();
    },
    refuse() {
      isRefused = true;
    },
  };
}

export function makeQueryClient(): QueryClient {
  const queryClient = new QueryClient();
  atEnd(() => queryClient.clear());
  return queryClient;
}

export function renderIn(
  ui: ReactNode,
  { client, queryClient }: { client: KernelClient; queryClient?: QueryClient },
): RenderResult & { show: (next: ReactNode) => void } {
  const wrap = (content: ReactNode): ReactNode => {
    const inner = <KernelProvider kernel={client}>{content}</KernelProvider>;
    return queryClient === undefined ? (
      inner
    ) : (
      <QueryClientProvider client={queryClient}>{inner}</QueryClientProvider>
    );
  };
  const result = render(wrap(ui));
  return { ...result, show: (next) => result.rerender(wrap(next)) };
}

export const launchBoard = async (client: KernelClient, as = 'board'): Promise<BoardRoot> =>
  (await client.launch(board, { as })).root;

export const eventually = (check: () => void | Promise<void>): Promise<void> =>
  waitFor(check, { timeout: 10_000, interval: 5 });

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
