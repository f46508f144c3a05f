/** Kernels that share objects over real sockets: directly, and over a relay that goes and comes back. */
import { randomBytes } from 'node:crypto';
import type { Kernel, KRef, RemoteCommsOptions } from '@vatkit/sdk/kernel';
import { makeKernel, startRelay } from '@vatkit/sdk/node';
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
  }`);
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
    await first.stop();
    const answer = call(bob.kernel, kref, 'greet', 'again');
    const port = /tcp\/(\d+)/.exec(relays[0] as string)?.[1];
    const second = await startRelay({ keySeed, listen: [`/ip4/127.0.0.1/tcp/${port}/ws`] });
    onStopAll(second.stop);
    expect(await answer).toBe('Hello, again');
  });
});
