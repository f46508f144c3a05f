/** Kernels that share objects, over a network in memory. */
import { createKernel } from '@vatkit/sdk';
import { kslot, kunser, type KRef } from '@vatkit/sdk/kernel';
import { describe, expect, test, vi } from 'vitest';
import { makeMemoryNetwork } from '../src/comms/memory-transport.js';
import {
  call,
  expectSound,
  patience,
  rejectionOf,
  rowsOf as rowsIn,
  stopKernel,
} from './harness.js';
import { passMinutes, redeem, start, type Started } from './memory-kernels.js';

describe('two kernels', () => {
  test('call one another, and errors, objects and promises cross', async () => {
    const network = makeMemoryNetwork();
    const [alice, bob] = [await start(network), await start(network)];
    expect((await alice.kernel.getStatus()).remoteComms).toMatchObject({
      isInitialized: true,
      state: 'connected',
      listenAddresses: [`/memory/${alice.peerId}`],
    });
    const remote = await redeem(bob, alice);
    expect(await call(alice.kernel, remote, 'greet', 'Alice')).toBe('Hello, Alice!');
    expect((await rejectionOf(call(alice.kernel, remote, 'fail'))).message).toBe('it failed');
    expect(await call(alice.kernel, remote, 'callBack', kslot(alice.root))).toBe('Hello, you!');
    const value = { big: 5n, list: [1, 'two', undefined], nan: NaN, bytes: new Uint8Array([1]) };
    expect(await call(alice.kernel, remote, 'echo', value)).toStrictEqual(value);
    // What comes home is what it was.
    expect(await call(alice.kernel, remote, 'echo', kslot(alice.root))).toStrictEqual(
      kslot(alice.root),
    );
    expect(alice.kernel.getPeerStatus(bob.peerId)).toStrictEqual({
      peerId: bob.peerId,
      state: 'connected',
      attempts: 0,
    });
    expectSound(alice.kernel);
    expectSound(bob.kernel);
  });

  test('pass a chain of five calls in one round trip', async () => {
    const network = makeMemoryNetwork({ delayMs: 100 });
    const [alice, bob] = [await start(network), await start(network)];
    await call(alice.kernel, alice.root, 'connect', await bob.kernel.issueOcapURL(bob.root));
    const before = performance.now();
    expect(await call(alice.kernel, alice.root, 'chain')).toBe(1);
    // One round trip is 200 ms; five would be 1,000.
    expect(performance.now() - before).toBeLessThan(600);
  });

  test('have 1,000 calls at once answered, each with its own', async () => {
    const network = makeMemoryNetwork();
    const [alice, bob] = [await start(network), await start(network)];
    await call(alice.kernel, alice.root, 'connect', await bob.kernel.issueOcapURL(bob.root));
    expect(await call(alice.kernel, alice.root, 'many', 1_000)).toBe(1_000);
  });

  test('carry a message that is larger than a frame of the link, and refuse one beyond the limit', async () => {
    const network = makeMemoryNetwork();
    const [alice, bob] = [
      await start(network, { maxMessageSizeBytes: 10_000_000 }),
      await start(network),
    ];
    const remote = await redeem(bob, alice);
    const text = 'ä"'.repeat(200_000);
    expect(await call(alice.kernel, remote, 'echo', text)).toBe(text);
    const tooLarge = await rejectionOf(call(alice.kernel, remote, 'echo', 'x'.repeat(4_000_000)));
    expect(tooLarge.message).toMatch(/Message size \d+ bytes exceeds limit of 10000000 bytes/);
    expect(await call(alice.kernel, remote, 'greet', 'you')).toBe('Hello, you!');
  });

  test('let go of what the other no longer has', async () => {
    const network = makeMemoryNetwork();
    const [alice, bob] = [await start(network), await start(network)];
    const remote = await redeem(bob, alice);
    const counters: { kref: KRef }[] = [];
    for (let count = 0; count < 20; count += 1)
      counters.push(kunser(await alice.kernel.queueMessage(remote, 'counter')) as { kref: KRef });
    const names = (): number =>
      bob.kernel.kernelDatabase.executeQuery(`SELECT key FROM kv WHERE key LIKE 'c.r%.ko%'`).length;
    expect(names()).toBe(21);
    for (const { kref } of counters) alice.kernel.release(kref);
    await vi.waitFor(() => expect(names()).toBe(1), patience);
    await vi.waitFor(async () => {
      await bob.kernel.reapVats();
      expect((await bob.kernel.inspectVat('v1')).exports).toBe(1);
    }, patience);
  });
});

describe('an outage', () => {
  test('is waited for, and nothing is lost or done twice', async () => {
    const network = makeMemoryNetwork();
    const [alice, bob] = [await start(network), await start(network)];
    const remote = await redeem(bob, alice);
    const counter = (kunser(await alice.kernel.queueMessage(remote, 'counter')) as { kref: KRef })
      .kref;
    const answers: Promise<unknown>[] = [];
    for (let count = 0; count < 60; count += 1) {
      answers.push(call(alice.kernel, counter, 'next'));
      if (count % 7 === 0) network.cut();
      if (count % 20 === 10) {
        network.setReachable(bob.peerId, false);
        setTimeout(() => network.setReachable(bob.peerId, true), 60);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(await Promise.all(answers)).toStrictEqual(Array.from({ length: 60 }, (_, at) => at + 1));
  });

  test('that lasts ends calls, says why, and is over by itself', async () => {
    const network = makeMemoryNetwork();
    const alice = await start(network, { peerTimeoutMs: 300 });
    const bob = await start(network);
    const remote = await redeem(bob, alice);
    const sent = call(alice.kernel, remote, 'wait');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await new Promise((resolve) => setTimeout(resolve, 50));
    network.setReachable(bob.peerId, false);
    const lost = await rejectionOf(sent);
    expect(lost).toMatchObject({ code: 'CONNECTION_LOST', indeterminate: true });
    const unsent = await rejectionOf(call(alice.kernel, remote, 'greet', 'you'));
    expect(unsent).toMatchObject({ code: 'CONNECTION_LOST', indeterminate: false });
    expect(alice.kernel.getPeerStatus(bob.peerId)).toMatchObject({
      state: expect.stringMatching(/^(?:waiting|connecting)$/) as string,
      reason: expect.stringContaining('cannot reach') as string,
    });
    network.setReachable(bob.peerId, true);
    expect(await call(alice.kernel, remote, 'greet', 'you')).toBe('Hello, you!');
  });

  test('of an hour, and a night asleep, need nobody, and leave nothing', async () => {
    const network = makeMemoryNetwork();
    const [alice, bob] = [await start(network), await start(network)];
    const stateOf = (): string => alice.kernel.getPeerStatus(bob.peerId).state;
    const remote = await redeem(bob, alice);
    expect(await call(alice.kernel, remote, 'greet', 'you')).toBe('Hello, you!');
    const rowsOf = ({ kernel }: Started): number => rowsIn(kernel).size;
    const settled = (): Promise<void> =>
      vi.waitFor(() => expect(before).toStrictEqual([rowsOf(alice), rowsOf(bob)]), patience);
    await new Promise((done) => setTimeout(done, 50));
    const before = [rowsOf(alice), rowsOf(bob)];

    const sent = rejectionOf(call(alice.kernel, remote, 'wait'));
    await vi.waitFor(() => expect(rowsOf(bob)).toBeGreaterThan(before[1] as number), patience);
    network.setReachable(bob.peerId, false);
    await vi.waitFor(() => expect(stateOf()).not.toBe('connected'), patience);
    const unsent = rejectionOf(call(alice.kernel, remote, 'greet', 'you'));
    passMinutes(2);
    expect(await sent).toMatchObject({ code: 'CONNECTION_LOST', indeterminate: true });
    expect(await unsent).toMatchObject({ code: 'CONNECTION_LOST', indeterminate: false });
    const rows: number[] = [];
    for (let minutes = 10; minutes <= 60; minutes += 10) {
      const lost = rejectionOf(call(alice.kernel, remote, 'greet', 'you'));
      passMinutes(10);
      expect(await lost).toMatchObject({ code: 'CONNECTION_LOST', indeterminate: false });
      rows.push(rowsOf(alice));
    }
    expect(new Set(rows).size).toBe(1);
    network.setReachable(bob.peerId, true);
    // Nobody sends anything, and nobody has to.
    await vi.waitFor(() => expect(stateOf()).toBe('connected'), patience);
    expect(await call(alice.kernel, remote, 'greet', 'you')).toBe('Hello, you!');

    // Both are asleep with the link between them, which does not outlive it. What was sent is answered, late.
    const opened = call(alice.kernel, remote, 'wait');
    passMinutes(8 * 60);
    network.cut();
    await call(alice.kernel, remote, 'open');
    expect(await opened).toBe('open');
    await settled();
    expectSound(alice.kernel);
    expectSound(bob.kernel);
  });

  test('of a kernel that restarts costs nothing that is durable', async () => {
    const network = makeMemoryNetwork();
    const [alice, bob] = [await start(network), await start(network)];
    await call(alice.kernel, alice.root, 'keepDurably', kslot(await redeem(bob, alice)));
    await stopKernel(bob.kernel);
    const asked = call(alice.kernel, alice.root, 'useDurable', 'greet', 'me');
    const again = await start(network, {}, bob.dbFilename);
    expect(again.peerId).toBe(bob.peerId);
    expect(await asked).toBe('Hello, me!');
    await stopKernel(alice.kernel);
    const back = await start(network, {}, alice.dbFilename);
    expect(await call(back.kernel, back.root, 'useDurable', 'greet', 'you')).toBe('Hello, you!');
  });

  test('of a store that was reset reaches every waiting promise', async () => {
    const network = makeMemoryNetwork();
    const [alice, bob] = [await start(network), await start(network)];
    const remote = await redeem(bob, alice);
    const waiting = call(alice.kernel, remote, 'wait');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await stopKernel(bob.kernel);
    const reset = await start(network, {}, bob.dbFilename, { resetStorage: true });
    expect(reset.peerId).toBe(bob.peerId);
    expect(await rejectionOf(waiting)).toMatchObject({ code: 'PEER_RESTARTED' });
    expect(await rejectionOf(call(alice.kernel, remote, 'greet', 'you'))).toMatchObject({
      code: 'OBJECT_DELETED',
    });
    expect(await call(alice.kernel, await redeem(reset, alice), 'greet', 'you')).toBe(
      'Hello, you!',
    );
  });
});

test('what a peer said is on the disk before a service is called for it', async () => {
  const network = makeMemoryNetwork();
  const done: string[] = [];
  const onCommit = (isSynced: boolean): void => void done.push(isSynced ? 'synced' : 'committed');
  const alice = await start(network);
  const bob = await start(network, {}, undefined, { onCommit });
  const service = bob.kernel.registerKernelServiceObject('teller', {
    tell: (what: string) => void done.push(what),
  });
  const url = await bob.kernel.issueOcapURL(service.kref);
  const remote = await alice.kernel.redeemOcapURL(url);
  for (const what of ['one', 'two']) {
    // What was to be synced for other reasons has been.
    await new Promise((later) => setTimeout(later, 100));
    done.length = 0;
    await call(alice.kernel, remote, 'tell', what);
    expect(done.slice(0, 2)).toStrictEqual(['synced', what]);
  }
});

describe('three kernels', () => {
  test('pass references on', async () => {
    const network = makeMemoryNetwork();
    const [alice, bob, carol] = [await start(network), await start(network), await start(network)];
    const [bobs, carols] = [await redeem(bob, alice), await redeem(carol, alice)];
    await call(alice.kernel, carols, 'keep', kslot(bobs));
    expect(await call(carol.kernel, carol.root, 'useKept', 'greet', 'Carol')).toBe('Hello, Carol!');
    // Through Alice: without her it is not reached, but by its own URL.
    await stopKernel(alice.kernel);
    const direct = await redeem(bob, carol);
    expect(await call(carol.kernel, direct, 'greet', 'Carol')).toBe('Hello, Carol!');
  });
});

describe('an object of another kernel', () => {
  test('is known by its methods, to who has it from there and to whom that passes it on', async () => {
    const network = makeMemoryNetwork();
    const [alice, bob, carol] = [await start(network), await start(network), await start(network)];
    const methodsAt = async ({ kernel }: Started, kref: KRef): Promise<readonly string[]> => {
      const { objects } = await kernel.getObjects();
      return objects.find((object) => object.kref === kref)?.methods ?? [];
    };
    const own = await methodsAt(alice, alice.root);
    expect(own).toContain('greet');
    const bobs = await redeem(alice, bob);
    expect(await methodsAt(bob, bobs)).toStrictEqual(own);
    const carols = await redeem(bob, carol);
    const passedOn = await call(bob.kernel, bob.root, 'echo', kslot(bobs));
    const [kref] = (await carol.kernel.queueMessage(carols, 'echo', [passedOn])).slots as [KRef];
    expect(await methodsAt(carol, kref)).toStrictEqual(own);

    const { port1, port2 } = new MessageChannel();
    bob.kernel.serveClient(port1);
    const client = createKernel({ worker: () => port2 });
    const root = await client.redeem<{ greet(name: string): string }>(
      undefined,
      await alice.kernel.issueOcapURL(alice.root),
    );
    expect(Object.keys(root)).toStrictEqual(own);
    expect(await root.greet('Bob')).toBe('Hello, Bob!');
    expect(await client.peer(alice.peerId).status()).toMatchObject({ state: 'connected' });
    await client.close();
    for (const { kernel } of [alice, bob, carol]) expectSound(kernel);
  });
});

describe('who may connect', () => {
  test('is said by lists, and strangers leave nothing', async () => {
    const network = makeMemoryNetwork();
    const bob = await start(network);
    const url = await bob.kernel.issueOcapURL(bob.root);
    const wrong = url.replace(/v1\.[\w-]{22}/, `v1.${'A'.repeat(22)}`);
    const alice = await start(network, { deniedPeers: [bob.peerId] });
    await expect(alice.kernel.redeemOcapURL(url)).rejects.toThrow('may not talk to peer');
    const carol = await start(network, { peerTimeoutMs: 300 });
    await expect(carol.kernel.redeemOcapURL(wrong)).rejects.toThrow('OBJECT_DELETED');
    await bob.kernel.initRemoteComms({ allowedPeers: [alice.peerId] });
    await expect(carol.kernel.redeemOcapURL(url)).rejects.toThrow('CONNECTION_LOST');
  });

  test('is one kernel for each identity: the newer one', async () => {
    const network = makeMemoryNetwork();
    const mnemonic = 'legal winner thank year wave sausage worth useful legal winner thank yellow';
    const carol = await start(network);
    const old = await start(network, {}, undefined, { mnemonic });
    await redeem(carol, old);
    await new Promise((resolve) => setTimeout(resolve, 20));
    // A copy of it starts: others hear of that one.
    const young = await start(network, {}, undefined, { mnemonic });
    expect(young.peerId).toBe(old.peerId);
    await redeem(carol, young);
    // The old one still believes that it is the only one.
    network.cut(carol.peerId);
    void old.kernel
      .redeemOcapURL(await carol.kernel.issueOcapURL(carol.root))
      .catch(() => undefined);
    await vi.waitFor(async () => {
      const { remoteComms } = await old.kernel.getStatus();
      expect(remoteComms.reason).toContain('IDENTITY_IN_USE');
    }, patience);
  });

  test('can be closed and reached again', async () => {
    const network = makeMemoryNetwork();
    const [alice, bob] = [await start(network), await start(network)];
    const remote = await redeem(bob, alice);
    await alice.kernel.closeConnection(bob.peerId);
    await bob.kernel.closeConnection(alice.peerId);
    await vi.waitFor(
      () => expect(alice.kernel.getPeerStatus(bob.peerId).reason).toContain('closeConnection'),
      patience,
    );
    expect(await call(alice.kernel, remote, 'greet', 'you')).toBe('Hello, you!');
    // The other one has what would make it dial again, and lets it rest all the same.
    await alice.kernel.closeConnection(bob.peerId);
    const [mine, theirs] = [
      alice.kernel.getPeerStatus(bob.peerId),
      () => bob.kernel.getPeerStatus(alice.peerId),
    ];
    expect(mine).toMatchObject({ state: 'closed', reason: 'closeConnection was called' });
    await vi.waitFor(
      () =>
        expect(theirs()).toMatchObject({
          state: 'closed',
          reason: 'the other kernel closed the connection',
        }),
      patience,
    );
    await new Promise((done) => setTimeout(done, 200));
    expect([alice.kernel.getPeerStatus(bob.peerId).state, theirs().state]).toEqual([
      'closed',
      'closed',
    ]);
    expect(await call(alice.kernel, remote, 'greet', 'you')).toBe('Hello, you!');
    expect(theirs().state).toBe('connected');
    await alice.kernel.reconnectPeer(bob.peerId, []);
    await alice.kernel.registerLocationHints(bob.peerId, ['/memory/x']);
    await expect(alice.kernel.reconnectPeer('nobody')).rejects.toThrow(TypeError);
    await expect(alice.kernel.initRemoteComms({ maxQueue: 0 })).rejects.toThrow(
      'maxQueue: must be a positive integer',
    );
    await expect(alice.kernel.initRemoteComms({ relay: [] } as never)).rejects.toThrow(
      'unknown key',
    );
  });
});
