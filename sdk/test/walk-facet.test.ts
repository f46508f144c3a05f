/** The kernel in the hands of a system vat: each method of the facet, and control from inside what it controls. */
import { kunser, type Kernel } from '@vatkit/sdk/kernel';
import { expect, it } from 'vitest';
import {
  call,
  expectWorkers,
  makeLogRecorder,
  makeStoreFile,
  rejectionOf,
  startKernel,
  stopKernel,
} from './harness.js';
import { strangerBundle, strangers } from './walk.js';

async function systemSubclusters() {
  const config = await strangers('counter.js', ['alice', 'bob']);
  const bundleSpec = await strangerBundle('manager.js');
  return [
    {
      name: 'manager',
      config: {
        bootstrap: 'manager',
        services: ['kernelFacet'],
        vats: { manager: { bundleSpec, parameters: { config } as never } },
      },
    },
  ];
}

type Managed = { subclusterId: string; rootKref: string };

async function start(
  dbFilename = ':memory:',
): Promise<{ kernel: Kernel; root: string; managed: Managed }> {
  const kernel = await startKernel({
    dbFilename,
    logger: makeLogRecorder(),
    systemSubclusters: await systemSubclusters(),
  });
  const root = kernel.getSystemSubclusterRoot('manager');
  return { kernel, root, managed: (await call(kernel, root, 'managed')) as Managed };
}

it('every method does what the kernel’s own does', async () => {
  const { kernel, root, managed } = await start();
  const facet = (method: string, ...args: unknown[]) =>
    call(kernel, root, 'facet', method, ...args);
  expect(await facet('ping')).toBe('pong');
  expect(await facet('getStatus')).toEqual(await kernel.getStatus());
  expect(await facet('getSubcluster', managed.subclusterId)).toEqual(
    kernel.getSubcluster(managed.subclusterId),
  );
  expect(await facet('getSubclusters')).toEqual(kernel.getSubclusters());
  expect(await facet('getSystemSubclusterRoot', 'manager')).toBe(root);
  expect((await rejectionOf(facet('getSystemSubclusterRoot', 'none'))).message).toContain(
    'System subcluster "none" not found',
  );
  const { alice } = kernel.getSubcluster(managed.subclusterId)!.vats;
  expect(await facet('pingVat', alice)).toBe('pong');
  const answer = await facet('queueMessage', managed.rootKref, 'increment', [4]);
  expect(kunser(answer as never)).toBe(4);
  expect(await call(kernel, root, 'callThrough', managed.rootKref, 'increment', 3)).toBe(7);
  await facet('restartVat', alice);
  expect(await call(kernel, root, 'callThrough', managed.rootKref, 'counts')).toMatchObject({
    count: 7,
    heapCount: 0,
  });
  await facet('upgradeVat', alice, { parameters: { name: 'Upgraded' } });
  expect(kernel.getVats().find(({ id }) => id === alice)?.config.parameters).toEqual({
    name: 'Upgraded',
  });
  await facet('revoke', managed.rootKref);
  expect(await facet('isRevoked', managed.rootKref)).toBe(true);
  expect(
    (await rejectionOf(call(kernel, root, 'callThrough', managed.rootKref, 'counts'))).message,
  ).toContain('[KERNEL:OBJECT_REVOKED]');
  await facet('terminateSubcluster', managed.subclusterId);
  expect(kernel.getSubclusters()).toHaveLength(1);
  expect(
    (await rejectionOf(facet('launchSubcluster', { bootstrap: 'x', vats: {} }))).message,
  ).toContain('bootstrap');
});

it('a vat that terminates or restarts itself is answered by its end', async () => {
  const { kernel, root } = await start();
  expect(await rejectionOf(call(kernel, root, 'restartSelf', 'v1'))).toMatchObject({
    code: 'VAT_RESTARTED',
  });
  expect(await call(kernel, root, 'facet', 'ping')).toBe('pong');
  expect(await rejectionOf(call(kernel, root, 'endSelf', 'v1'))).toMatchObject({
    code: 'VAT_TERMINATED',
  });
  expect(kernel.getVatIds()).toEqual(['v2', 'v3']);
});

it('a reset from inside ends all vats, and the caller with them', async () => {
  const { kernel, root } = await start();
  await rejectionOf(call(kernel, root, 'facet', 'reset'));
  expect(kernel.getVatIds()).toEqual([]);
  await expectWorkers(0);
  expect(await kernel.getStatus()).toMatchObject({ vats: [], subclusters: [] });
});

it('what it launched stays over a restart of the kernel, and it finds it again', async () => {
  const dbFilename = makeStoreFile();
  const first = await start(dbFilename);
  await call(first.kernel, first.managed.rootKref, 'increment', 2);
  await stopKernel(first.kernel);
  const second = await start(dbFilename);
  expect(second.managed).toEqual(first.managed);
  expect(
    await call(second.kernel, second.root, 'callThrough', second.managed.rootKref, 'increment', 1),
  ).toBe(3);
});
