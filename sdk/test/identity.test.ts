/** Who a kernel is, and ocap URLs of its own objects. */
import { generateMnemonic, kslot, kunser, type Kernel, type KRef } from '@vatkit/sdk/kernel';
import { describe, expect, test } from 'vitest';
import {
  bundleOfCode,
  call,
  clusterOf,
  makeStoreFile,
  rejectionOf,
  startKernel,
  stopKernel,
} from './harness.js';

const phrase = generateMnemonic();

const peerIdOf = async (kernel: Kernel): Promise<string | undefined> =>
  (await kernel.getStatus()).remoteComms.peerId;

describe('identity', () => {
  test('of a phrase is the same wherever it is used, and kept', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename, mnemonic: phrase });
    expect((await first.getStatus()).remoteComms).toStrictEqual({
      isInitialized: false,
      state: 'disconnected',
    });
    await first.initIdentity();
    const peerId = await peerIdOf(first);
    expect(peerId).toMatch(/^12D3KooW\w{44}$/);
    expect((await first.getStatus()).remoteComms.state).toBe('identity-only');
    await stopKernel(first);
    const again = await startKernel({ dbFilename });
    await again.initIdentity();
    expect(await peerIdOf(again)).toBe(peerId);
    // The same words are no contradiction.
    await again.initIdentity({ mnemonic: ` ${phrase.toUpperCase()}` });
    await stopKernel(again);
    const elsewhere = await startKernel();
    await elsewhere.initIdentity({ mnemonic: phrase });
    expect(await peerIdOf(elsewhere)).toBe(peerId);
  });

  test('that exists refuses another phrase, and no phrase is repeated', async () => {
    const kernel = await startKernel({ keySeed: 'ab'.repeat(32) });
    const invalid = await rejectionOf(kernel.initIdentity({ mnemonic: 'my secret' }));
    expect(invalid.message).toBe('Invalid BIP39 mnemonic');
    await kernel.initIdentity();
    const refused = await rejectionOf(kernel.initIdentity({ mnemonic: phrase }));
    expect(refused.message).toContain(
      'Cannot use mnemonic: kernel identity already exists. Use resetStorage to clear existing identity first.',
    );
    expect(refused.message).not.toContain(phrase.slice(0, 20));
    await expect(startKernel({ keySeed: 'abc' })).rejects.toThrow('64 hexadecimal digits');
  });

  test('outlives a reset, unless another phrase comes with it', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    await first.initIdentity();
    const peerId = await peerIdOf(first);
    await first.reset();
    expect(await peerIdOf(first)).toBe(peerId);
    await stopKernel(first);
    const second = await startKernel({ dbFilename, resetStorage: true });
    await second.initIdentity();
    expect(await peerIdOf(second)).toBe(peerId);
    await stopKernel(second);
    const third = await startKernel({ dbFilename, resetStorage: true, mnemonic: phrase });
    await third.initIdentity();
    expect(await peerIdOf(third)).not.toBe(peerId);
  });

  test('is locked with a passphrase, and does not stand in the store', async () => {
    const dbFilename = makeStoreFile();
    const keySeed = 'cd'.repeat(32);
    const first = await startKernel({ dbFilename, keySeed });
    await first.initIdentity();
    const peerId = await peerIdOf(first);
    await stopKernel(first);
    // One that was kept in clear is locked from now on.
    const second = await startKernel({ dbFilename, passphrase: 'open sesame' });
    await second.initIdentity();
    const rows = second.kernelDatabase.executeQuery('SELECT value FROM kv');
    expect(JSON.stringify(rows)).not.toContain(keySeed);
    await stopKernel(second);
    const wrong = await startKernel({ dbFilename, passphrase: 'open says me' });
    expect((await rejectionOf(wrong.initIdentity())).message).toContain('does not open');
    await stopKernel(wrong);
    const none = await startKernel({ dbFilename });
    expect(await peerIdOf(none)).toBe(peerId);
    expect((await rejectionOf(none.initIdentity())).message).toContain('passphrase');
    await stopKernel(none);
    const right = await startKernel({ dbFilename, passphrase: 'open sesame' });
    await right.initIdentity();
    expect(await peerIdOf(right)).toBe(peerId);
  });
});

const issuer = bundleOfCode(`
  let services;
  const { E, makeDefaultExo } = far;
  return { buildRootObject: () => makeDefaultExo('root', {
    bootstrap(_vats, given) { services = given; },
    hello: () => 'hello',
    issue: (options) => E(services.ocapURLIssuerService).issue(makeDefaultExo('thing', { hello: () => 'a thing' }), options),
    issueData: () => E(services.ocapURLIssuerService).issue({ no: 'object' }),
    use: async (url) => E(E(services.ocapURLRedemptionService).redeem(url)).hello(),
  }) };
`);

const launch = (kernel: Kernel): Promise<{ rootKref: KRef }> =>
  kernel.launchSubcluster({
    ...clusterOf(issuer),
    services: ['ocapURLIssuerService', 'ocapURLRedemptionService'],
  });

describe('an ocap URL', () => {
  test('is issued and redeemed by the kernel, and by vats', async () => {
    const kernel = await startKernel();
    const { rootKref } = await launch(kernel);
    const url = await kernel.issueOcapURL(rootKref);
    expect(url).toMatch(/^ocap:v1\.[\w-]{22}@12D3KooW\w{44}$/);
    expect(await kernel.issueOcapURL(kslot(rootKref))).not.toBe(url);
    const kref = await kernel.redeemOcapURL(url);
    expect(kref).toBe(rootKref);
    expect(await call(kernel, rootKref, 'use', url)).toBe('hello');
    const thing = (await call(kernel, rootKref, 'issue')) as string;
    expect(await call(kernel, rootKref, 'use', thing)).toBe('a thing');
    // The URL alone holds it.
    await kernel.collectGarbage();
    expect(kunser(await kernel.queueMessage(await kernel.redeemOcapURL(thing), 'hello'))).toBe(
      'a thing',
    );
    const bad = await rejectionOf(call(kernel, rootKref, 'issueData'));
    expect(bad.message).toContain('Argument must be a remotable');
  });

  test('can be taken back, used once, and run out', async () => {
    const kernel = await startKernel();
    const { rootKref } = await launch(kernel);
    const gone = expect.objectContaining({ code: 'OBJECT_DELETED' });
    const revocable = await kernel.issueOcapURL(rootKref);
    expect(await kernel.revokeOcapURL(revocable)).toBe(true);
    expect(await kernel.revokeOcapURL(revocable)).toBe(false);
    await expect(kernel.redeemOcapURL(revocable)).rejects.toStrictEqual(gone);
    const once = (await call(kernel, rootKref, 'issue', { once: true })) as string;
    expect(await call(kernel, rootKref, 'use', once)).toBe('a thing');
    await expect(kernel.redeemOcapURL(once)).rejects.toStrictEqual(gone);
    const brief = await kernel.issueOcapURL(rootKref, { expiresInMs: 1 });
    await new Promise((resolve) => setTimeout(resolve, 10));
    await expect(kernel.redeemOcapURL(brief)).rejects.toThrow(/OBJECT_EXPIRED|OBJECT_DELETED/);
    await expect(kernel.issueOcapURL(rootKref, { uses: 0 })).rejects.toThrow(RangeError);
    await expect(kernel.issueOcapURL(rootKref, { use: 1 } as never)).rejects.toThrow(TypeError);
    await expect(kernel.issueOcapURL('ko999')).rejects.toThrow('NOT_FOUND');
    await expect(kernel.issueOcapURL('nonsense')).rejects.toThrow(TypeError);
  });

  test('never names another object: not after a reset, and not when its own is gone', async () => {
    const dbFilename = makeStoreFile();
    const kernel = await startKernel({ dbFilename });
    const { rootKref } = await launch(kernel);
    const url = await kernel.issueOcapURL(rootKref);
    const thing = (await call(kernel, rootKref, 'issue')) as string;
    await kernel.restartVat('v1');
    const gone = expect.objectContaining({ code: 'OBJECT_DELETED' });
    await expect(kernel.redeemOcapURL(thing)).rejects.toStrictEqual(gone);
    await stopKernel(kernel);
    const second = await startKernel({ dbFilename });
    expect(await second.redeemOcapURL(url)).toBe(rootKref);
    await second.reset();
    await launch(second);
    await expect(second.redeemOcapURL(url)).rejects.toStrictEqual(gone);
  });

  test('of a name is the same one after a recovery from the phrase', async () => {
    const lost = await startKernel({ mnemonic: phrase });
    const url = await lost.issueNamed('todo', (await launch(lost)).rootKref);
    const { rootKref: other } = await launch(lost);
    expect((await rejectionOf(lost.issueNamed('todo', other))).message).toContain('still exists');
    await lost.revokeOcapURL(url);
    expect(await lost.issueNamed('todo', other)).toBe(url);
    expect(await lost.redeemOcapURL(url)).toBe(other);
    const recovered = await startKernel({ mnemonic: phrase });
    const { rootKref } = await launch(recovered);
    await recovered.initIdentity();
    await expect(recovered.redeemOcapURL(url)).rejects.toThrow('OBJECT_DELETED');
    expect(await recovered.issueNamed('todo', rootKref)).toBe(url);
    expect(await recovered.redeemOcapURL(url)).toBe(rootKref);
  });

  test('of another kernel needs remote comms, and one of MetaMask’s says so', async () => {
    const other = await startKernel();
    const url = await other.issueOcapURL((await launch(other)).rootKref);
    const kernel = await startKernel();
    await expect(kernel.redeemOcapURL(url)).rejects.toThrow('not initialized');
    await expect(
      kernel.redeemOcapURL(url.replace(/v1[^@]*/, `z${'2'.repeat(82)}`)),
    ).rejects.toThrow('MetaMask');
    await expect(kernel.redeemOcapURL('https://example.com')).rejects.toThrow('not an ocap URL');
  });

  test('is issued and redeemed fast', async () => {
    const kernel = await startKernel();
    const { rootKref } = await launch(kernel);
    const start = performance.now();
    for (let count = 0; count < 100; count += 1) {
      await kernel.redeemOcapURL(await kernel.issueOcapURL(rootKref));
    }
    // The peer stretches a key for each: 20 ms and more. Here it is a row.
    expect(performance.now() - start).toBeLessThan(1_000);
  });
});
