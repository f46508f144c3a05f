/** References for one holder: revoked, expiring, or limited in methods and uses, as vats and the host make them. */
import './precise-gc.js';
import { krefOf, kslot, type Kernel } from '@vatkit/sdk/kernel';
import { describe, expect, it, vi } from 'vitest';
import {
  bundleOfRoot,
  call,
  clusterOf,
  makeStoreFile,
  patience,
  rejectionOf,
  rowsChanged,
  rowsOf,
  startKernel,
  stopKernel,
} from './harness.js';

const notes = bundleOfRoot(`
  make: () => far.makeDefaultExo('note', { read: () => 'text', write: () => 'written', '!odd': () => 'odd' }),
  async share(target, limits) {
    const caveat = await powers.caveat(target, limits);
    baggage.has('caveat') ? baggage.set('caveat', caveat) : baggage.init('caveat', caveat);
    return caveat.ref;
  },
  endIt: () => far.E(baggage.get('caveat').revoker).revoke(),
  forget: () => baggage.delete('caveat'),
  ask: (target, method) => far.E(target)[method](),
  askAll: (target, methods) => Promise.allSettled(methods.map(method => far.E(target)[method]()))
    .then(all => all.map(({ value, reason }) => value ?? reason.message)),
  keep: target => void baggage.init('kept', target),
  askKept: method => far.E(baggage.get('kept'))[method](),
`);

const two = async (kernel: Kernel) => {
  const { subclusterId } = await kernel.launchSubcluster(clusterOf(notes, ['alice', 'bob']));
  const { alice, bob } = kernel.getSubcluster(subclusterId)?.vats as Record<string, string>;
  const roots = [kernel.getRootObject(alice as string), kernel.getRootObject(bob as string)];
  return { alice: roots[0] as string, bob: roots[1] as string, ids: [alice, bob] as string[] };
};

describe('a caveat that a vat makes', () => {
  it('lets through some methods and so many messages, and says which rule refused one', async () => {
    const kernel = await startKernel();
    const { alice, bob } = await two(kernel);
    const note = await call(kernel, alice, 'make');
    const limits = { methods: ['read', '!odd'], uses: 3 };
    const ref = await call(kernel, alice, 'share', note, limits);
    expect(ref).not.toStrictEqual(note);
    const methods = ['read', 'write', '!odd', 'read', 'read', 'write'];
    expect(await call(kernel, bob, 'askAll', ref, methods)).toStrictEqual([
      'text',
      '[KERNEL:METHOD_REFUSED] this reference lets only "read", "!odd" through',
      'odd',
      'text',
      '[KERNEL:OBJECT_USED_UP] this reference was used as often as it may be',
      '[KERNEL:OBJECT_USED_UP] this reference was used as often as it may be',
    ]);
    expect(await call(kernel, bob, 'ask', note, 'write')).toBe('written');
  });

  it('is revoked by its revoker alone, over restarts of its maker and of the kernel', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    const { alice, bob, ids } = await two(first);
    const ref = await call(first, alice, 'share', kslot(bob));
    await call(first, bob, 'keep', ref);
    await first.restartVat(ids[0] as string);
    expect(krefOf(await call(first, bob, 'askKept', 'make'))).toMatch(/^ko/);
    await stopKernel(first);
    const second = await startKernel({ dbFilename });
    expect(krefOf(await call(second, bob, 'askKept', 'make'))).toMatch(/^ko/);
    await call(second, alice, 'endIt');
    expect(await rejectionOf(second.queueMessage(bob, 'askKept', ['make']))).toMatchObject({
      code: 'OBJECT_REVOKED',
      message: '[KERNEL:OBJECT_REVOKED] Target object has been revoked',
    });
    expect(second.isRevoked(krefOf(ref))).toBe(true);
    expect(second.isRevoked(bob)).toBe(false);
    expect(krefOf(await call(second, bob, 'make'))).toMatch(/^ko/);
  });

  it('leaves no row behind once nobody holds it', async () => {
    const kernel = await startKernel();
    const { alice, bob } = await two(kernel);
    // The kernel's maker of caveats stands in the vat's c-list from its first one on.
    kernel.release(krefOf(await call(kernel, alice, 'share', kslot(bob))));
    await call(kernel, alice, 'forget');
    await kernel.reapVats();
    const before = rowsOf(kernel);
    const note = await call(kernel, alice, 'make');
    const limits = { uses: 5, expiresInMs: 1e6 };
    const ref = await call(kernel, alice, 'share', note, limits);
    expect(await call(kernel, bob, 'ask', ref, 'read')).toBe('text');
    await call(kernel, alice, 'forget');
    kernel.release(krefOf(note));
    kernel.release(krefOf(ref));
    await vi.waitFor(async () => {
      await kernel.reapVats();
      expect(rowsChanged(before, rowsOf(kernel))).toStrictEqual([]);
    }, patience);
  });

  it.each<[string, unknown[], RegExp]>([
    ['an unknown limit', [kslot('ko4'), { time: 1 }], /invalid caveat: time: unknown key/],
    ['no uses', [kslot('ko4'), { uses: 0 }], /uses: needs a whole number from 1/],
    ['text for methods', [kslot('ko4'), { methods: 'read' }], /methods: needs an array/],
    ['data for a target', ['ko4'], /takes an object that messages can be sent to/],
    ['no target', [], /takes an object that messages can be sent to/],
  ])('cannot be of %s', async (_, args, message) => {
    const kernel = await startKernel();
    const { alice } = await two(kernel);
    const error = await rejectionOf(kernel.queueMessage(alice, 'share', args));
    expect(error).toMatchObject({
      code: 'DELIVERY_FAILED',
      message: expect.stringMatching(message),
    });
  });

  it('may stand before others, but not before endlessly many', async () => {
    const kernel = await startKernel();
    const { alice } = await two(kernel);
    let ref: unknown = kslot(alice);
    for (let depth = 0; depth < 100; depth += 1) ref = await call(kernel, alice, 'share', ref);
    expect(krefOf(await call(kernel, krefOf(ref), 'make'))).toMatch(/^ko/);
    const error = await rejectionOf(kernel.queueMessage(alice, 'share', [ref]));
    expect(error.message).toContain('100 forwarders lie before the object already');
  });
});

describe('a caveat that the host makes', () => {
  it('is for a vat to hold, and the host revokes it without a word to the vat', async () => {
    const kernel = await startKernel();
    const { alice, bob } = await two(kernel);
    const { ref } = await kernel.caveat(alice, { methods: ['make'] });
    await call(kernel, bob, 'keep', kslot(ref));
    expect(krefOf(await call(kernel, bob, 'askKept', 'make'))).toMatch(/^ko/);
    expect(await rejectionOf(kernel.queueMessage(bob, 'askKept', ['forget']))).toMatchObject({
      code: 'METHOD_REFUSED',
    });
    kernel.revoke(ref);
    expect(kernel.isRevoked(ref)).toBe(true);
    expect(await rejectionOf(kernel.queueMessage(bob, 'askKept', ['make']))).toMatchObject({
      code: 'OBJECT_REVOKED',
    });
  });

  it('has a revoker that a vat may be given', async () => {
    const kernel = await startKernel();
    const { alice, bob } = await two(kernel);
    const { ref, revoker } = await kernel.caveat(alice);
    expect(await call(kernel, bob, 'ask', kslot(revoker), 'revoke')).toBe(undefined);
    expect(await rejectionOf(kernel.queueMessage(ref, 'make', []))).toMatchObject({
      code: 'OBJECT_REVOKED',
    });
  });

  it("expires by the host's clock, whether its kernel runs or not", async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    const { alice, bob } = await two(first);
    const short = await first.caveat(alice, { expiresInMs: 1 });
    const long = await first.caveat(alice, { expiresInMs: 1e9 });
    await call(first, bob, 'keep', [kslot(short.ref), kslot(long.ref)]);
    await vi.waitFor(
      async () =>
        expect(await rejectionOf(first.queueMessage(short.ref, 'make', []))).toMatchObject({
          code: 'OBJECT_EXPIRED',
        }),
      patience,
    );
    expect(krefOf(await call(first, long.ref, 'make'))).toMatch(/^ko/);
    await stopKernel(first);
    const second = await startKernel({ dbFilename });
    const now = Date.now();
    vi.spyOn(Date, 'now').mockImplementation(() => now + 1e9);
    try {
      const root = kslot(bob);
      expect(await rejectionOf(second.queueMessage(long.ref, 'make', [root]))).toMatchObject({
        code: 'OBJECT_EXPIRED',
      });
    } finally {
      vi.restoreAllMocks();
    }
  });

  it('stands before a service, too', async () => {
    const kernel = await startKernel();
    const { alice } = await two(kernel);
    const { kref } = kernel.registerKernelServiceObject('clock', { read: () => 7, set: () => 8 });
    const { ref } = await kernel.caveat(kref, { methods: ['read'] });
    expect(await call(kernel, alice, 'askAll', kslot(ref), ['read', 'set'])).toStrictEqual([
      7,
      '[KERNEL:METHOD_REFUSED] this reference lets only "read" through',
    ]);
  });

  it.each<[string, unknown[], object]>([
    ['what there is not', ['ko99'], { code: 'NOT_FOUND' }],
    ['no kref', ['nonsense'], { code: 'NOT_FOUND' }],
    ['limits that there are not', ['ko4', { for: 1 }], { name: 'TypeError' }],
  ])('is refused for %s', async (_, args, expected) => {
    const kernel = await startKernel();
    await two(kernel);
    const error = await rejectionOf(kernel.caveat(...(args as [string])));
    expect(error).toMatchObject(expected);
  });

  it('can be made whatever is revoked: its maker cannot be', async () => {
    const kernel = await startKernel();
    const { alice } = await two(kernel);
    expect(() => kernel.revoke('ko0')).toThrow('cannot revoke ko0');
    expect(await kernel.caveat(alice)).toMatchObject({
      ref: expect.stringMatching(/^ko/) as string,
    });
  });

  it('is made and revoked through kernelFacet by a system vat', async () => {
    const boss = bundleOfRoot(`
      async bootstrap(vats, { kernelFacet }) { baggage.init('facet', kernelFacet); },
      async run(kref) {
        const facet = baggage.get('facet');
        const { ref } = await far.E(facet).caveat(kref, { methods: ['make'] });
        const target = await far.E(facet).getPresence(ref);
        await far.E(target).make();
        await far.E(facet).revoke(ref);
        return far.E(target).make().catch(error => error.message);
      },
    `);
    const config = { ...clusterOf(boss), services: ['kernelFacet'] };
    const kernel = await startKernel({ systemSubclusters: [{ name: 'boss', config }] });
    const { alice } = await two(kernel);
    expect(await call(kernel, kernel.getSystemSubclusterRoot('boss'), 'run', alice)).toBe(
      '[KERNEL:OBJECT_REVOKED] Target object has been revoked',
    );
  });
});
