/** Kernels that share objects over real sockets: directly, and over a relay that goes and comes back. */
import { randomBytes } from 'node:crypto';
import { MessageChannel } from 'node:worker_threads';
import { QueryClient, QueryObserver } from '@tanstack/query-core';
import { createKernel } from '@vatkit/sdk';
import { defineInterface } from '@vatkit/sdk/codegen';
import type { Kernel, KRef, RemoteCommsOptions } from '@vatkit/sdk/kernel';
import { makeKernel, startRelay } from '@vatkit/sdk/node';
import { vatQueryOptions } from '@vatkit/sdk/query';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { bundleOfRoot, call, clusterOf, track } from '../harness.js';
import { onStopAll, stopAll, tcpAddress, wsAddress } from './harness.js';

afterEach(stopAll);
vi.setConfig({ testTimeout: 60_000 });

type Started = { kernel: Kernel; root: KRef };

async function start(options: RemoteCommsOptions): Promise<Started> {
  const kernel = track(await makeKernel({ dbFilename: ':memory:' }));
  const spec = bundleOfRoot(`greet(name) { return 'Hello, ' + name; }, use(it, name) {
    return far.E(it).greet(name);
  }, put(value) { baggage.has('it') ? baggage.set('it', value) : baggage.init('it', value); },
  value() { return baggage.has('it') ? baggage.get('it') : null; },
  wait: () => new Promise((resolve) => { globalThis.open = resolve; }), open: () => globalThis.open('opened')`);
  const { rootKref } = await kernel.launchSubcluster(clusterOf(spec));
  await kernel.initRemoteComms(options);
  return { kernel, root: rootKref };
}

/** Alice's object answers Bob's vat, by an ocap URL alone. */
async function introduce(alice: Started, bob: Started): Promise<KRef> {
  const url = await alice.kernel.issueOcapURL(alice.root);
  const kref = await bob.kernel.redeemOcapURL(url);
  expect(await call(bob.kernel, kref, 'greet', 'Bob')).toBe('Hello, Bob');
  return kref;
}

type Holder = { value: () => Promise<unknown> };
const HolderRoot = defineInterface<Holder>('Holder', '1', { value: ['query', ''] });

/** A client of the kernel's looks at what an object of another one holds, which it asks again only when it is told to. */
async function follow({ kernel }: Started, url: string): Promise<() => unknown> {
  const { port1, port2 } = new MessageChannel();
  kernel.serveClient(port1);
  const client = createKernel({ worker: () => port2 });
  onStopAll(() => client.close());
  const on = await client.redeem(HolderRoot, url);
  const queries = new QueryClient();
  const observer = new QueryObserver<unknown>(
    queries,
    vatQueryOptions(HolderRoot.value as never, { on }) as never,
  );
  const stop = observer.subscribe(() => {});
  onStopAll(async () => {
    stop();
    queries.clear();
  });
  return () => observer.getCurrentResult().data;
}

describe('two kernels', () => {
  test.each([tcpAddress, wsAddress])('call each other directly at %s', async (address) => {
    const alice = await start({ directListenAddresses: [address] });
    await introduce(alice, await start({}));
  });

  test('call each other over a relay, which may go and come back', async () => {
    const keySeed = randomBytes(32);
    const first = await startRelay({ keySeed, listen: [wsAddress] });
    const relays = [...first.addresses];
    const quick = { reconnectionBaseDelayMs: 50, reconnectionMaxDelayMs: 500 };
    const alice = await start({ relays, ...quick });
    const bob = await start({ relays, ...quick });
    const kref = await vi.waitFor(() => introduce(alice, bob), 20_000);
    const shown = await follow(bob, await alice.kernel.issueOcapURL(alice.root));
    await vi.waitFor(() => expect(shown()).toBeNull(), 10_000);
    await call(alice.kernel, alice.root, 'put', 'changed');
    await vi.waitFor(() => expect(shown()).toBe('changed'), 10_000);
    const waiting = call(bob.kernel, kref, 'wait');
    await call(bob.kernel, kref, 'greet', 'behind it');
    await first.stop();
    await call(alice.kernel, alice.root, 'open');
    const answer = call(bob.kernel, kref, 'greet', 'again');
    const port = /tcp\/(\d+)/.exec(relays[0] as string)?.[1];
    const second = await startRelay({ keySeed, listen: [`/ip4/127.0.0.1/tcp/${port}/ws`] });
    onStopAll(second.stop);
    // That which it was in the midst of, and that which came later.
    expect(await waiting).toBe('opened');
    expect(await answer).toBe('Hello, again');
    await call(alice.kernel, alice.root, 'put', 'changed again');
    await vi.waitFor(() => expect(shown()).toBe('changed again'), 10_000);
  });
});
