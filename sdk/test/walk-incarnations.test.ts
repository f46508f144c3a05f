/** Whoever dies: what lasts, what is rejected, with which reason, and who goes on. */
import { krefOf, kser, kslot, kunser, type Kernel } from '@vatkit/sdk/kernel';
import { describe, expect, it, vi } from 'vitest';
import {
  call,
  expectWorkers,
  makeLogRecorder,
  makeStoreFile,
  patience,
  rejectionOf,
  startKernel,
  stopKernel,
} from './harness.js';
import { strangerBundle, strangers, testLog } from './walk.js';

/** A kernel, and a wait until so many calls wait for vats of it. */
async function startHeard(): Promise<{ kernel: Kernel; waits: (count: number) => Promise<void> }> {
  const logger = makeLogRecorder();
  const kernel = await startKernel({ logger });
  const waits = (count: number) =>
    vi.waitFor(
      () =>
        expect(testLog(logger.records).filter((text) => text.includes('waited'))).toHaveLength(
          count,
        ),
      patience,
    );
  return { kernel, waits };
}

async function launch(kernel: Kernel, options = {}) {
  const config = await strangers('counter.js', ['alice', 'bob'], {}, options);
  const { rootKref, subclusterId, bootstrapResult } = await kernel.launchSubcluster(config);
  expect(kunser(bootstrapResult!)).toBe('alice booted with ');
  const { bob } = kernel.getSubcluster(subclusterId)!.vats;
  return { alice: rootKref, bob: kernel.getRootObject(bob!), subclusterId };
}

describe('the baggage', () => {
  it('has, gives, sets and deletes, and says what is wrong', async () => {
    const kernel = await startKernel();
    const { bob } = await launch(kernel);
    const values = { list: [1n, 'two', null, undefined], deep: { a: { b: NaN } }, bytes: -0 };
    await call(kernel, bob, 'init', 'values', values);
    expect(await call(kernel, bob, 'get', 'values')).toEqual({ ...values, bytes: 0 });
    await call(kernel, bob, 'set', 'values', 'changed');
    expect(await call(kernel, bob, 'get', 'values')).toBe('changed');
    expect(await call(kernel, bob, 'has', 'values')).toBe(true);
    await call(kernel, bob, 'delete', 'values');
    expect(await call(kernel, bob, 'has', 'values')).toBe(false);
    expect(await call(kernel, bob, 'keys')).toEqual(['count', 'starts']);
    expect(await call(kernel, bob, 'entries')).toEqual([
      ['count', 0],
      ['starts', 1],
    ]);
    expect(await call(kernel, bob, 'size')).toBe(2);
    const why = async (method: string, ...args: unknown[]) =>
      (await rejectionOf(call(kernel, bob, method, ...args))).message;
    expect(await why('init', 'count', 1)).toContain('"count"');
    expect(await why('get', 'none')).toContain('"none"');
    expect(await why('set', 'none', 1)).toContain('"none"');
    expect(await why('delete', 'none')).toContain('"none"');
    expect(await why('initHeap')).toContain('prepareExo');
    expect(await call(kernel, bob, 'size')).toBe(2);
  });

  it('keeps presences, which are the same objects after restarts of both', async () => {
    const kernel = await startKernel();
    const { alice, bob } = await launch(kernel);
    await call(kernel, bob, 'init', 'friend', kslot(alice));
    await kernel.restartVat('v1');
    await kernel.restartVat('v2');
    expect(await call(kernel, bob, 'useKept', 'friend', 'increment', 5)).toBe(5);
    expect(krefOf((await call(kernel, bob, 'get', 'friend')) as never)).toBe(alice);
  });
});

describe('a restart', () => {
  it('keeps what is durable, loses the heap, and boots nothing again', async () => {
    const kernel = await startKernel();
    const { alice } = await launch(kernel);
    await call(kernel, alice, 'increment', 3);
    await kernel.restartVat('v1');
    expect(await call(kernel, alice, 'counts')).toEqual({
      count: 3,
      heapCount: 0,
      starts: 2,
      boots: 1,
    });
  });

  it('of the kernel does as much', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    const { alice, subclusterId } = await launch(first);
    await call(first, alice, 'increment', 3);
    await stopKernel(first);
    const second = await startKernel({ dbFilename });
    expect(second.getSubcluster(subclusterId)?.vats).toEqual({ alice: 'v1', bob: 'v2' });
    expect(await call(second, alice, 'counts')).toEqual({
      count: 3,
      heapCount: 0,
      starts: 2,
      boots: 1,
    });
  });

  it('rejects what the vat had still to settle with VAT_RESTARTED, for vats and for the host', async () => {
    const { kernel, waits } = await startHeard();
    const { alice, bob } = await launch(kernel);
    const waiting = call(kernel, alice, 'waitFor', 'bob');
    const host = rejectionOf(kernel.queueMessage(bob, 'wait', []));
    await waits(2);
    await kernel.restartVat('v2');
    expect(await waiting).toEqual(['rejected', expect.stringMatching(/^\[KERNEL:VAT_RESTARTED\]/)]);
    expect(await host).toMatchObject({ code: 'VAT_RESTARTED', indeterminate: true });
  });
});

describe('a termination', () => {
  it('rejects what the vat had still to settle, with VAT_TERMINATED or the reason that is given', async () => {
    const { kernel, waits } = await startHeard();
    const first = await launch(kernel);
    const waiting = call(kernel, first.alice, 'waitFor', 'bob');
    const host = rejectionOf(kernel.queueMessage(first.bob, 'wait', []));
    await waits(2);
    await kernel.terminateVat('v2');
    expect(await waiting).toEqual(['rejected', '[KERNEL:VAT_TERMINATED] Vat was deleted.']);
    expect((await host).message).toBe('[KERNEL:VAT_TERMINATED] Vat was deleted.');

    const second = await launch(kernel);
    const told = call(kernel, second.alice, 'waitFor', 'bob');
    await waits(3);
    await kernel.terminateVat('v4', kser(Error('closing time')));
    expect(await told).toEqual(['rejected', 'closing time']);
    expect(await rejectionOf(kernel.terminateVat('v4'))).toMatchObject({
      message: expect.stringContaining('Vat does not exist.') as string,
    });
    expect((await rejectionOf(kernel.queueMessage(second.bob, 'counts', []))).message).toMatch(
      /OBJECT_DELETED/,
    );
  });

  it('of a subcluster ends all of its vats', async () => {
    const kernel = await startKernel();
    const { alice, subclusterId } = await launch(kernel);
    const host = rejectionOf(kernel.queueMessage(alice, 'wait', []));
    await call(kernel, alice, 'counts');
    await kernel.terminateSubcluster(subclusterId);
    expect((await host).message).toContain('VAT_TERMINATED');
    expect(kernel.getVatIds()).toEqual([]);
    expect(kernel.getSubcluster(subclusterId)).toBeUndefined();
    await expectWorkers(0);
    expect((await rejectionOf(kernel.terminateSubcluster(subclusterId))).message).toContain(
      'Subcluster does not exist.',
    );
    expect(() => kernel.getSubclusterVats(subclusterId)).toThrow('Subcluster does not exist.');
    expect(kernel.isVatInSubcluster('v1', subclusterId)).toBe(false);
  });
});

describe('a vat that ends itself', () => {
  it('by exitVat has its crank applied', async () => {
    const kernel = await startKernel();
    const { alice } = await launch(kernel);
    const error = await rejectionOf(call(kernel, alice, 'ask', 'bob', 'exit', 'done')).catch(
      (fulfilled: Error) => fulfilled,
    );
    // Its answer was made in that crank, and is applied with it.
    expect(error.message).toContain('it was fulfilled with exiting');
    expect(kernel.getVatIds()).toEqual(['v1']);
  });

  it('by exitVatWithFailure has its crank discarded, and rejects with the reason', async () => {
    const kernel = await startKernel();
    const { alice } = await launch(kernel);
    expect(
      (await rejectionOf(call(kernel, alice, 'ask', 'bob', 'exitWithFailure', 'broke'))).message,
    ).toBe('broke');
    expect(kernel.getVatIds()).toEqual(['v1']);
  });
});

it('what a method wrote before it threw is kept: a throw is an answer like others', async () => {
  const kernel = await startKernel();
  const { alice } = await launch(kernel);
  expect((await rejectionOf(call(kernel, alice, 'throwAfterWrite'))).message).toBe(
    'after the write',
  );
  expect(await call(kernel, alice, 'counts')).toMatchObject({ count: 1000 });
});

describe('a vat that hangs', () => {
  it.each(['spin', 'storm'])(
    'by %s stops nobody else, and is started again with its state',
    async (method) => {
      const kernel = await startKernel({ limits: { vatUnresponsiveMs: 1_000 } });
      const { alice, bob } = await launch(kernel);
      await call(kernel, bob, 'increment', 2);
      const hung = rejectionOf(kernel.queueMessage(bob, method, []));
      expect(await call(kernel, alice, 'increment')).toBe(1);
      expect((await kernel.getStatus()).vats).toHaveLength(2);
      expect(await hung).toMatchObject({ code: 'VAT_CRASHED' });
      expect(await call(kernel, bob, 'counts')).toMatchObject({ count: 2, heapCount: 0 });
    },
  );

  it('in a timer is started again', async () => {
    const kernel = await startKernel({ limits: { vatUnresponsiveMs: 1_000 } });
    const { bob } = await launch(kernel, { globals: ['setTimeout'] });
    expect(await call(kernel, bob, 'spinLater')).toBe('soon');
    await new Promise((resolve) => setTimeout(resolve, 200));
    // Whichever side of the end it falls on, it is answered.
    const next = await kernel.queueMessage(bob, 'counts', []).then(
      (answer) => kunser(answer),
      (error: unknown) => error,
    );
    expect(next).toMatchObject({ starts: 2 });
  });

  it('can be terminated at once, while it hangs', async () => {
    const { kernel, waits } = await startHeard();
    const { alice, bob } = await launch(kernel);
    const waiting = call(kernel, alice, 'waitFor', 'bob');
    await waits(1);
    const hung = rejectionOf(kernel.queueMessage(bob, 'spin', []));
    await kernel.terminateVat('v2');
    expect((await hung).message).toContain('VAT_TERMINATED');
    expect(await waiting).toEqual(['rejected', '[KERNEL:VAT_TERMINATED] Vat was deleted.']);
    await expectWorkers(1);
  });
});

it('an object of the heap ends with its incarnation, and is told from one that is missing', async () => {
  const kernel = await startKernel();
  const { alice, bob } = await launch(kernel);
  const heap = await call(kernel, bob, 'heap');
  await call(kernel, alice, 'init', 'heap', heap);
  expect(await call(kernel, alice, 'useKept', 'heap', 'hello')).toBe('from the heap');
  await kernel.restartVat('v2');
  expect((await rejectionOf(call(kernel, alice, 'useKept', 'heap', 'hello'))).message).toMatch(
    /^\[KERNEL:OBJECT_DELETED\]/,
  );
});

describe('revocation', () => {
  it('is of the whole object, for all who hold it, for ever', async () => {
    const dbFilename = makeStoreFile();
    const kernel = await startKernel({ dbFilename });
    const { alice, bob } = await launch(kernel);
    await call(kernel, bob, 'init', 'friend', kslot(alice));
    kernel.revoke(alice);
    kernel.revoke(alice);
    expect(kernel.isRevoked(alice)).toBe(true);
    expect(kernel.isRevoked(bob)).toBe(false);
    const text = '[KERNEL:OBJECT_REVOKED] Target object has been revoked';
    expect((await rejectionOf(call(kernel, alice, 'counts'))).message).toBe(text);
    expect((await rejectionOf(call(kernel, bob, 'useKept', 'friend', 'counts'))).message).toBe(
      text,
    );
    await stopKernel(kernel);
    const again = await startKernel({ dbFilename });
    expect(again.isRevoked(alice)).toBe(true);
    expect((await rejectionOf(call(again, bob, 'useKept', 'friend', 'counts'))).message).toBe(text);
    expect(() => again.revoke('kp1')).toThrow(/cannot revoke promise kp1/);
  });
});

it('a subcluster of bundles by name, services, parameters and options does what each says', async () => {
  const kernel = await startKernel();
  kernel.registerKernelServiceObject('adder', { add: (a: number, b: number) => a + b });
  const { rootKref, bootstrapResult, subclusterId } = await kernel.launchSubcluster({
    bootstrap: 'alice',
    forceReset: true,
    services: ['adder'],
    bundles: { counter: { bundleSpec: await strangerBundle('counter.js') } },
    vats: {
      alice: {
        bundleName: 'counter',
        parameters: { name: 'Alice' },
        creationOptions: { start: 'eager' },
      },
      bob: { bundleName: 'counter', parameters: { name: 'Bob' } },
    },
  });
  expect(kunser(bootstrapResult!)).toBe('Alice booted with adder');
  expect(await call(kernel, rootKref, 'use', 'adder', 'add', 2, 3)).toBe(5);
  expect(kernel.getSubclusters().map(({ id }) => id)).toEqual([subclusterId]);
  expect(kernel.getSubclusterVats(subclusterId)).toEqual(['v1', 'v2']);
});

it.each(['vatkit', 'iife'])('a bundle of the format %s does the same', async (format) => {
  const bundleSpec = await strangerBundle('counter.js', '--format', format);
  const kernel = await startKernel();
  const vat = { bundleSpec, parameters: { name: 'it' } };
  const { rootKref } = await kernel.launchSubcluster({ bootstrap: 'main', vats: { main: vat } });
  await call(kernel, rootKref, 'increment', 2);
  await kernel.restartVat('v1');
  expect(await call(kernel, rootKref, 'increment')).toBe(3);
});
