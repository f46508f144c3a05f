/** The guide's ways to a kernel on Node, in the guide's own words: only the import specifiers differ. */
import fs from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { MessageChannel } from 'node:worker_threads';
import { ClusterConfigStruct, Kernel, kunser } from '@vatkit/sdk/kernel';
import { makeKernel, makeSQLKernelDatabase, NodejsPlatformServices } from '@vatkit/sdk/node';
import { describe, expect, it, vi } from 'vitest';
import { bundleOf, rejectionOf, track } from '../harness.js';
import { enterGuideFolder, guideConfig } from './guide.js';

describe("the guide's kernel on Node", () => {
  it('starts with a port, a worker file and a database file', async () => {
    const folder = await enterGuideFolder();

    // Create a message channel for kernel communication
    const { port1: kernelPort } = new MessageChannel();

    // Initialize the kernel with Node.js-specific components
    const kernel = await makeKernel({
      port: kernelPort,
      workerFilePath: './path/to/vat-worker.js', // Optional: Path to worker implementation
      resetStorage: false, // Optional: Reset storage on startup
      dbFilename: 'store.db', // Optional: Database file location
    });

    track(kernel);
    expect(kernel.kernelDatabase.filename).toBe(`${folder}/store.db`);
    const { rootKref } = await kernel.launchSubcluster(
      guideConfig(`file://${folder}/path/to/sample-vat.bundle`),
    );
    expect(kunser(await kernel.queueMessage(rootKref, 'greet', []))).toBe('Greeting from Alice');
    kernelPort.close();
  });

  it('is the Kernel itself, and carries itself and its database', async () => {
    const made = await makeKernel({});
    const { kernel, kernelDatabase } = made;
    track(kernel);
    expect(made).toBeInstanceOf(Kernel);
    expect(kernel).toBe(made);
    expect(kernelDatabase.executeQuery('SELECT count(*) AS n FROM kv')).toStrictEqual([
      { n: expect.any(Number) as number },
    ]);
  });

  it('is set up by hand from a database and platform services', async () => {
    await enterGuideFolder();

    // Initialize kernel database with Node.js SQLite implementation
    const kernelDatabase = await makeSQLKernelDatabase({
      dbFilename: 'store.db',
    });

    // Initialize platform services for Node.js
    const platformServices = new NodejsPlatformServices();

    // Create and start the kernel
    const kernel = await Kernel.make(platformServices, kernelDatabase, {
      resetStorage: false,
    });

    track(kernel);
    expect(existsSync('store.db')).toBe(true);
    expect(await kernel.getStatus()).toStrictEqual({
      vats: [],
      subclusters: [],
      remoteComms: { isInitialized: false, state: 'disconnected' },
    });
  });

  it("runs the guide's complete example", async () => {
    await enterGuideFolder();
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    let started: Kernel | undefined;

    async function initNodeKernel() {
      // Create a message channel for kernel communication
      const { port1: kernelPort } = new MessageChannel();

      // Initialize the kernel with Node.js-specific components
      return await makeKernel({
        port: kernelPort,
        workerFilePath: './path/to/vat-worker.js',
        resetStorage: true, // For development purposes
        dbFilename: ':memory:', // Use in-memory database for testing
      });
    }

    // Usage:
    async function run() {
      const kernel = await initNodeKernel();
      started = kernel;

      // Load cluster configuration
      const configRaw = await fs.readFile('./path/to/cluster-config.json', 'utf8');
      const clusterConfig = ClusterConfigStruct.check(JSON.parse(configRaw));

      // Launch the cluster
      const result = await kernel.launchSubcluster(clusterConfig);
      console.log(`Subcluster launched: ${JSON.stringify(result)}`);
    }

    await run();
    track(started as Kernel);
    expect(log.mock.calls).toStrictEqual([
      // The guide's vats have no bootstrap method.
      ['Subcluster launched: {"subclusterId":"s1","rootKref":"ko4"}'],
    ]);
    log.mockRestore();
  });

  it('says which worker file it cannot load', async () => {
    await enterGuideFolder();
    const kernel = track(await makeKernel({ workerFilePath: './path/to/no-worker.js' }));
    const error = await rejectionOf(
      kernel.launchSubcluster(guideConfig(await bundleOf('guide/sample-vat.js'))),
    );
    expect(error.message).toMatch(/Failed to launch vat v\d \((?:alice|bob)\)/);
    expect((error.cause as Error).message).toContain('path/to/no-worker.js');
    expect(kernel.getVats()).toStrictEqual([]);
  });
});
