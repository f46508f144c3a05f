/** upgradeVat: other code on the same state, or nothing at all. */
import { kslot, kunser } from '@vatkit/sdk/kernel';
import { describe, expect, it } from 'vitest';
import {
  bundleOfCode,
  call,
  clusterOf,
  expectWorkers,
  makeStoreFile,
  startKernel,
  stopKernel,
} from './harness.js';

const counter = (version: number, extra = ''): string =>
  bundleOfCode(`return {
    buildRootObject(powers, parameters, baggage) {
      ${extra}
      if (!baggage.has('count')) baggage.init('count', 0);
      return far.makeDefaultExo('root', {
        version: () => ${version},
        parameter: () => parameters.name,
        increment() { baggage.set('count', baggage.get('count') + 1); return baggage.get('count'); },
        never: () => new Promise(() => {}),
        thing: () => far.Far('thing', { ping: () => 'pong' }),
        keep(thing) { baggage.has('kept') ? baggage.set('kept', thing) : baggage.init('kept', thing); },
        pingKept: () => far.E(baggage.get('kept')).ping(),
        ping: () => 'pong of the root',
      });
    },
  };`);

describe('an upgrade', () => {
  it('runs the new code on the state of the old', async () => {
    const kernel = await startKernel();
    const { rootKref } = await kernel.launchSubcluster(clusterOf(counter(1)));
    await call(kernel, rootKref, 'increment');
    await kernel.upgradeVat('v1', { bundleSpec: counter(2), parameters: { name: 'new' } });
    expect(await call(kernel, rootKref, 'version')).toBe(2);
    expect(await call(kernel, rootKref, 'parameter')).toBe('new');
    expect(await call(kernel, rootKref, 'increment')).toBe(2);
    await expectWorkers(1);
  });

  it('keeps what durable state holds, and ends the rest of the old incarnation', async () => {
    const kernel = await startKernel();
    const { rootKref } = await kernel.launchSubcluster(clusterOf(counter(1), ['main', 'other']));
    const other = kernel.getRootObject('v2');
    await call(kernel, rootKref, 'keep', kslot(other));
    const thing = kunser(await kernel.queueMessage(rootKref, 'thing', [])) as { kref: string };
    const pending = kernel.queueMessage(rootKref, 'never', []);
    const rejected = expect(pending).rejects.toMatchObject({
      code: 'VAT_RESTARTED',
      indeterminate: true,
    });
    await kernel.upgradeVat('v1', { bundleSpec: counter(2) });
    await rejected;
    expect(await call(kernel, rootKref, 'pingKept')).toBe('pong of the root');
    await expect(kernel.queueMessage(thing.kref, 'ping', [])).rejects.toMatchObject({
      code: 'OBJECT_DELETED',
    });
  });

  it.each([
    ['throws at its start', `throw Error('not today');`, 'not today'],
    ['does not settle', `return new Promise(() => {});`, 'has not settled'],
    ['leaves a rejection to nobody', `Promise.reject(Error('unheard'));`, 'unheard'],
    ['ends its vat', `powers.exit('bye');`, 'ended the vat'],
  ])('that %s leaves the old code running, heap and all', async (_, extra, message) => {
    const kernel = await startKernel();
    const { rootKref } = await kernel.launchSubcluster(clusterOf(counter(1)));
    await call(kernel, rootKref, 'increment');
    const thing = kunser(await kernel.queueMessage(rootKref, 'thing', [])) as { kref: string };
    await expect(kernel.upgradeVat('v1', { bundleSpec: counter(2, extra) })).rejects.toMatchObject({
      code: 'UPGRADE_FAILED',
      message: expect.stringContaining(message) as string,
    });
    expect(await call(kernel, rootKref, 'version')).toBe(1);
    expect(await call(kernel, rootKref, 'increment')).toBe(2);
    expect(await call(kernel, thing.kref, 'ping')).toBe('pong');
    await expectWorkers(1);
    expect(
      kernel.kernelDatabase.executeQuery("SELECT key FROM kv WHERE key LIKE 'b.%'"),
    ).toHaveLength(1);
  });

  it('is refused while another is under way, and for a vat that is not there', async () => {
    const kernel = await startKernel();
    await kernel.launchSubcluster(clusterOf(counter(1)));
    const outcomes = await Promise.allSettled([
      kernel.upgradeVat('v1', { bundleSpec: counter(2) }),
      kernel.upgradeVat('v1', { bundleSpec: counter(3) }),
    ]);
    // Whose bundle is read first is the machine's affair.
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await expect(kernel.upgradeVat('v9')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('survives a restart of the kernel', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    const { rootKref } = await first.launchSubcluster(clusterOf(counter(1)));
    await first.upgradeVat('v1', { bundleSpec: counter(2) });
    await stopKernel(first);
    const second = await startKernel({ dbFilename });
    expect(await call(second, rootKref, 'version')).toBe(2);
  });

  it('mends a vat in quarantine', async () => {
    const kernel = await startKernel({ limits: { failuresMax: 1 } });
    const { rootKref } = await kernel.launchSubcluster(
      clusterOf(
        counter(
          1,
          `if (baggage.has('count') && baggage.get('count') > 0) throw Error('worn out');`,
        ),
      ),
    );
    await call(kernel, rootKref, 'increment');
    await expect(kernel.restartVat('v1')).rejects.toMatchObject({ code: 'START_FAILED' });
    expect(kernel.getVats()[0]?.status).toBe('broken');
    await kernel.upgradeVat('v1', { bundleSpec: counter(2) });
    expect(await call(kernel, rootKref, 'increment')).toBe(2);
    expect(kernel.getVats()[0]?.status).toBe('running');
  });
});
