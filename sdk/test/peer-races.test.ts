/** What happens between kernels while something else is under way there. */
import { kslot, type KRef } from '@vatkit/sdk/kernel';
import { describe, expect, test, vi } from 'vitest';
import { makeMemoryNetwork } from '../src/comms/memory-transport.js';
import { call, expectSound, patience, rejectionOf, rowsOf, stopKernel } from './harness.js';
import { passMinutes, redeem, start, type Started } from './memory-kernels.js';

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const greet = ({ kernel }: Started, kref: KRef): Promise<unknown> =>
  call(kernel, kref, 'greet', 'you');

/** The message has come to the vat of that kernel, which keeps its promise. */
const waits = ({ kernel }: Started, rows: number): Promise<void> =>
  vi.waitFor(() => expect(rowsOf(kernel).size).toBeGreaterThan(rows), patience);

describe('an ocap URL', () => {
  test('for one use is redeemed once, whoever asks at the same time', async () => {
    const network = makeMemoryNetwork();
    const alice = await start(network);
    const others = [await start(network), await start(network), await start(network)];
    const url = await alice.kernel.issueOcapURL(alice.root, { uses: 1 });
    const asked = others.flatMap((other) =>
      [1, 2].map(async () => ({ other, kref: await other.kernel.redeemOcapURL(url) })),
    );
    const outcomes = await Promise.allSettled(asked);
    const given = outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' ? [outcome.value] : [],
    );
    expect(given).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected')
        expect(outcome.reason).toMatchObject({ code: 'OBJECT_DELETED' });
    const [{ other, kref }] = given as [(typeof given)[number]];
    expect(await greet(other, kref)).toBe('Hello, you!');
  });

  test('for one use is redeemed once by who asks over links that break, and is not lost', async () => {
    const network = makeMemoryNetwork();
    const [alice, bob] = [await start(network), await start(network)];
    const urls = await Promise.all(
      Array.from({ length: 40 }, () => alice.kernel.issueOcapURL(alice.root, { uses: 1 })),
    );
    const krefs: Promise<KRef>[] = [];
    for (const [at, url] of urls.entries()) {
      krefs.push(bob.kernel.redeemOcapURL(url));
      if (at % 3 === 0) network.cut();
      await pause(1);
    }
    expect(new Set(await Promise.all(krefs)).size).toBe(1);
    const again = await Promise.all(urls.map((url) => rejectionOf(bob.kernel.redeemOcapURL(url))));
    for (const error of again) expect(error).toMatchObject({ code: 'OBJECT_DELETED' });
  });

  test('that is revoked, or out of date, while somebody asks for it is not given', async () => {
    const network = makeMemoryNetwork();
    const options = { peerTimeoutMs: 10 * 60_000 };
    const [alice, bob] = [await start(network, options), await start(network, options)];
    const before = await redeem(alice, bob);
    const revoked = await alice.kernel.issueOcapURL(alice.root);
    const brief = await alice.kernel.issueOcapURL(alice.root, { expiresInMs: 60_000 });
    const kept = await alice.kernel.issueOcapURL(alice.root, { expiresInMs: 3_600_000 });
    network.setReachable(alice.peerId, false);
    const asked = [revoked, brief].map((url) => rejectionOf(bob.kernel.redeemOcapURL(url)));
    const given = bob.kernel.redeemOcapURL(kept);
    await alice.kernel.revokeOcapURL(revoked);
    passMinutes(2);
    network.setReachable(alice.peerId, true);
    const [wasRevoked, wasLate] = await Promise.all(asked);
    expect(wasRevoked).toMatchObject({ code: 'OBJECT_DELETED' });
    expect(wasLate).toMatchObject({
      code: expect.stringMatching(/^OBJECT_(?:EXPIRED|DELETED)$/) as string,
    });
    // What was redeemed before is the same object, and is not affected.
    expect(await given).toBe(before);
    expect(await greet(bob, before)).toBe('Hello, you!');
  });
});

describe('a call through a third kernel', () => {
  /** Carol asks Bob by a reference that she has from Alice. */
  async function ask(aliceIsAway: number) {
    const network = makeMemoryNetwork();
    const options = { peerTimeoutMs: aliceIsAway };
    const alice = await start(network);
    const [bob, carol] = [await start(network), await start(network, options)];
    const bobs = await redeem(bob, alice);
    await call(alice.kernel, alice.root, 'keepDurably', kslot(bobs));
    await call(alice.kernel, await redeem(carol, alice), 'keep', kslot(bobs));
    const rows = rowsOf(bob.kernel).size;
    const answer = call(carol.kernel, carol.root, 'useKept', 'wait');
    answer.catch(() => undefined);
    await waits(bob, rows);
    await stopKernel(alice.kernel);
    return { network, alice, bob, carol, answer };
  }

  test('is lost when that one stays away, and is said to have been on its way', async () => {
    const { bob, carol, answer } = await ask(300);
    expect(await rejectionOf(answer)).toMatchObject({
      message: expect.stringContaining('CONNECTION_LOST') as string,
    });
    await call(bob.kernel, bob.root, 'open');
    expect(await greet(carol, await redeem(bob, carol))).toBe('Hello, you!');
    expectSound(bob.kernel);
    expectSound(carol.kernel);
  });

  test('is answered when that one comes back, though it was answered meanwhile', async () => {
    const { network, alice, bob, carol, answer } = await ask(60_000);
    await call(bob.kernel, bob.root, 'open');
    await pause(50);
    await start(network, {}, alice.dbFilename);
    expect(await answer).toBe('open');
    expectSound(bob.kernel);
    expectSound(carol.kernel);
  });
});

test('a promise of a peer that was away for too long is lost once, and is heard of when it is passed again', async () => {
  const network = makeMemoryNetwork();
  const [alice, bob] = [await start(network), await start(network, { peerTimeoutMs: 100 })];
  const seen = () => call(bob.kernel, bob.root, 'seen') as Promise<string[]>;
  await call(alice.kernel, alice.root, 'keep', kslot(await redeem(bob, alice)));
  await call(alice.kernel, alice.root, 'lend');
  network.setReachable(alice.peerId, false);
  await vi.waitFor(async () => expect(await seen()).toHaveLength(1), patience);
  expect(await seen()).toStrictEqual([expect.stringContaining('CONNECTION_LOST')]);
  network.setReachable(alice.peerId, true);
  await call(alice.kernel, alice.root, 'lend');
  expect(await seen()).toHaveLength(1);
  await call(alice.kernel, alice.root, 'open');
  await vi.waitFor(async () => expect((await seen()).slice(1)).toStrictEqual(['open']), patience);
  expect(bob.kernel.getPeerStatus(alice.peerId)).toMatchObject({ state: 'connected' });
  expectSound(alice.kernel);
  expectSound(bob.kernel);
});

test('a peer that begins anew as somebody else, while a call waits for it, is lost', async () => {
  const network = makeMemoryNetwork();
  const [alice, bob] = [await start(network, { peerTimeoutMs: 500 }), await start(network)];
  const remote = await redeem(bob, alice);
  const rows = rowsOf(bob.kernel).size;
  const waiting = rejectionOf(call(alice.kernel, remote, 'wait'));
  await waits(bob, rows);
  await stopKernel(bob.kernel);
  const mnemonic = 'legal winner thank year wave sausage worth useful legal winner thank yellow';
  const other = await start(network, {}, bob.dbFilename, { resetStorage: true, mnemonic });
  expect(other.peerId).not.toBe(bob.peerId);
  expect(await waiting).toMatchObject({ code: 'CONNECTION_LOST', indeterminate: true });
  expect(await greet(alice, await redeem(other, alice))).toBe('Hello, you!');
  expect(await rejectionOf(greet(alice, remote))).toMatchObject({
    code: 'CONNECTION_LOST',
    indeterminate: false,
  });
  expectSound(alice.kernel);
});
