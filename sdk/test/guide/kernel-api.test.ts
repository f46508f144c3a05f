/** The guide's blocks about the kernel's methods and about vats, statement by statement. */
/* eslint-disable @typescript-eslint/await-thenable, @typescript-eslint/no-floating-promises -- the guide's own words */
import { startBundleServer } from '@vatkit/codegen';
import { kser, kunser, type Kernel } from '@vatkit/sdk/kernel';
import { describe, expect, it } from 'vitest';
import {
  bundleOf,
  call,
  makeLogRecorder,
  makeStoreFile,
  startKernel,
  stopKernel,
} from '../harness.js';
import { enterGuideFolder, guideConfig } from './guide.js';

const launch = async (kernel: Kernel) =>
  kernel.launchSubcluster(guideConfig(await bundleOf('guide/sample-vat.js')));

describe("the guide's alice and bob", () => {
  it('greet, stop, start again from the SQLite file, and are still there', async () => {
    const folder = await enterGuideFolder();
    const server = await startBundleServer({ dir: `${folder}/path/to`, port: 0 });
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    const { subclusterId, rootKref } = await first.launchSubcluster(
      guideConfig(`${server.url}/sample-vat.bundle`),
    );
    await server.close();
    expect(await call(first, rootKref, 'greet')).toBe('Greeting from Alice');
    const { vats } = first.getSubcluster(subclusterId)!;
    expect(await call(first, first.getRootObject(vats.bob!), 'processMessage', 'hi')).toBe(
      'Bob processed: hi',
    );
    await stopKernel(first);

    const second = await startKernel({ dbFilename });
    expect(second.getSubcluster(subclusterId)?.vats).toStrictEqual(vats);
    expect(await call(second, rootKref, 'greet')).toBe('Greeting from Alice');
    expect(await call(second, second.getRootObject(vats.bob!), 'greet')).toBe('Greeting from Bob');
  });

  it('call one another with E', async () => {
    const kernel = await startKernel({ logger: makeLogRecorder() });
    const { rootKref } = await kernel.launchSubcluster({
      bootstrap: 'provider',
      vats: {
        provider: {
          bundleSpec: await bundleOf('guide/service-vat.js'),
          parameters: { name: 'Provider' },
        },
        client: { bundleSpec: await bundleOf('guide/client-vat.js') },
      },
    });
    const client = kernel.getRootObject('v2');
    expect(
      await call(kernel, client, 'useRemoteService', kernel.getPresence(rootKref)),
    ).toStrictEqual({
      value: 'some data',
    });
  });

  it("log with the vat's id, by console and by stdout", async () => {
    const logger = makeLogRecorder();
    const kernel = await startKernel({ logger });
    const { bootstrapResult } = await kernel.launchSubcluster({
      bootstrap: 'provider',
      vats: {
        provider: {
          bundleSpec: await bundleOf('guide/service-vat.js'),
          parameters: { name: 'Ann' },
        },
      },
    });
    expect(kunser(bootstrapResult!)).toBe('bootstrap complete');
    const vatId = await kernel.launchVat({ bundleSpec: await bundleOf('guide/test-vat.js') });
    await kernel.queueMessage(kernel.getRootObject(vatId), 'testMethod', ['x']);
    expect(logger.records).toStrictEqual([
      { level: 'log', tags: ['v1', 'console'], text: 'Ann: bootstrap called' },
      { level: 'log', tags: ['v2', 'stdout'], text: 'testMethod was given x' },
    ]);
  });
});

describe("the guide's kernel API", () => {
  it('launches, reloads and terminates a subcluster', async () => {
    const kernel = await startKernel();
    const clusterConfig = guideConfig(await bundleOf('guide/sample-vat.js'));

    // Launch a cluster of vats (individual vat launching is not directly exposed)
    const result = await kernel.launchSubcluster(clusterConfig);

    expect(result).toStrictEqual({
      subclusterId: 's1',
      rootKref: 'ko4',
      bootstrapResult: undefined,
    });
    const { subclusterId } = result;

    // Reload a subcluster (terminates and restarts all its vats)
    const newSubcluster = await kernel.reloadSubcluster(subclusterId);

    expect(newSubcluster).toStrictEqual({
      id: subclusterId,
      config: clusterConfig,
      vats: { alice: 'v3', bob: 'v4' },
    });
    expect(kernel.getSubclusters()).toStrictEqual([newSubcluster]);

    // Terminate a subcluster and all its vats
    await kernel.terminateSubcluster(subclusterId);

    expect(kernel.getSubclusters()).toStrictEqual([]);
    expect(kernel.getVatIds()).toStrictEqual([]);
  });

  it("sends to a vat's root and reads the result", async () => {
    const kernel = await startKernel();
    await launch(kernel);
    const kernelStore = kernel;
    const vatId = 'v1';

    // Get a vat's root Ref object from the store with vatId
    const target = kernelStore.getRootObject(vatId);

    // Queue a message to a vat
    const result = await kernel.queueMessage(
      target, // Object reference
      'greet', // Method name
      [], // Arguments
    );

    const parsedResult = kunser(result);
    expect(parsedResult).toBe('Greeting from Alice');
    expect(result).toStrictEqual({ body: '#"Greeting from Alice"', slots: [] });
    expect(result).toStrictEqual(kser('Greeting from Alice'));
  });

  it('pings, restarts and terminates a vat', async () => {
    const kernel = await startKernel();
    const { rootKref } = await launch(kernel);
    const vatId = 'v1';

    // Ping a vat
    expect(await kernel.pingVat(vatId)).toBe('pong');

    // Restart a specific vat
    await kernel.restartVat(vatId);
    expect(await call(kernel, rootKref, 'greet')).toBe('Greeting from Alice');

    // Terminate a specific vat
    await kernel.terminateVat(vatId);
    expect(kernel.getVatIds()).toStrictEqual(['v2']);
    await expect(kernel.queueMessage(rootKref, 'greet', [])).rejects.toMatchObject({
      code: 'OBJECT_DELETED',
    });
  });

  it('tells status, vats and subclusters', async () => {
    const kernel = await startKernel();
    const { subclusterId } = await launch(kernel);
    const config = guideConfig(await bundleOf('guide/sample-vat.js'));
    const vatId = 'v2';

    // Get current status (includes vats, subclusters, and remote comms info)
    const status = await kernel.getStatus();

    expect(status.vats).toMatchObject([
      { id: 'v1', config: config.vats.alice, subclusterId: 's1' },
      { id: 'v2', config: config.vats.bob, subclusterId: 's1' },
    ]);
    expect(status.subclusters).toStrictEqual([
      { id: 's1', config, vats: { alice: 'v1', bob: 'v2' } },
    ]);
    expect(status.remoteComms).toMatchObject({ isInitialized: false, state: 'disconnected' });

    // Get information about subclusters
    const subclusters = kernel.getSubclusters();
    const subcluster = kernel.getSubcluster(subclusterId);
    expect(subclusters).toStrictEqual([subcluster]);
    expect(kernel.getSubcluster('s99')).toBe(undefined);

    // Check vat-subcluster relationships
    const isInSubcluster = kernel.isVatInSubcluster(vatId, subclusterId);
    const vatIds = kernel.getSubclusterVats(subclusterId);
    expect(isInSubcluster).toBe(true);
    expect(vatIds).toStrictEqual(['v1', 'v2']);
    expect(kernel.isVatInSubcluster(vatId, 's99')).toBe(false);
    expect(kernel.isVatInSubcluster('v99', subclusterId)).toBe(false);
    expect(() => kernel.getSubclusterVats('s99')).toThrow('Subcluster does not exist');

    // For persistent data issues, examine the database directly:
    const { kernelDatabase } = kernel;
    const result = kernelDatabase.executeQuery('SELECT * FROM kv');
    expect(result.length).toBeGreaterThan(10);
    expect(result[0]).toStrictEqual({
      key: expect.any(String) as string,
      value: expect.any(String) as string,
    });
  });

  it('has methods for testing and debugging, in the order of the guide', async () => {
    const kernel = await startKernel();
    await launch(kernel);
    const vatId = 'v1';

    // Pin an object to prevent garbage collection
    expect(await kernel.pinVatRoot(vatId)).toBe('ko4');
    // Unpin an object to allow garbage collection
    expect(await kernel.unpinVatRoot(vatId)).toBe('ko4');
    // Clear kernel storage
    await kernel.clearStorage();
    expect(kernel.getSubclusters()).toStrictEqual([]);
    // Reset the kernel (stops all vats and resets state)
    await kernel.reset();
    // Terminate all running vats
    await kernel.terminateAllVats();
    // Reload the last launched subcluster configuration
    await kernel.reload();
    // Run garbage collection
    kernel.collectGarbage();

    expect(await kernel.getStatus()).toMatchObject({ vats: [], subclusters: [] });
  });

  it('reloads what was launched last', async () => {
    const kernel = await startKernel();
    await launch(kernel);
    await kernel.launchVat({ bundleSpec: await bundleOf('keeper.vat.js') });
    const reloaded = await kernel.reload();
    expect(kernel.getSubclusters().map(({ id }) => id)).toStrictEqual(['s1', 's2']);
    expect(reloaded).toStrictEqual(kernel.getSubcluster('s2'));
    expect(reloaded?.vats).toStrictEqual({ vat: 'v4' });
  });

  it('reset stops all vats, forgets their state and never reuses an id', async () => {
    const kernel = await startKernel();
    const { rootKref } = await launch(kernel);
    await kernel.reset();
    expect(kernel.getVats()).toStrictEqual([]);
    await expect(kernel.queueMessage(rootKref, 'greet', [])).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    const again = await launch(kernel);
    expect(again.subclusterId).toBe('s2');
    expect(again.rootKref).not.toBe(rootKref);
    expect(await call(kernel, again.rootKref, 'greet')).toBe('Greeting from Alice');
  });
});
