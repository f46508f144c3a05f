import { makeKernel } from '@vatkit/sdk/node';
import { MessageChannel } from 'node:worker_threads';
import { describe, it, expect } from 'vitest';
import { kser } from '@vatkit/sdk/kernel';
import { track } from '../harness.js';
import { enterGuideFolder } from './guide.js';

const expectedResult = kser({ arg: 'test arg', testMode: true });

describe('My vat tests', () => {
  it('should process messages correctly', async () => {
    const folder = await enterGuideFolder();
    // Set up a test kernel
    const { port1: kernelPort } = new MessageChannel();
    const kernel = await makeKernel({
      port: kernelPort,
      resetStorage: true,
      dbFilename: ':memory:',
    });
    track(kernel);
    // Launch your test vat
    const vatId = await kernel.launchVat({
      bundleSpec: `file://${folder}/path/to/test-vat.bundle`,
      parameters: { testMode: true },
    });
    // Send a test message
    const rootRef = kernel.getRootObject(vatId);
    const result = await kernel.queueMessage(rootRef, 'testMethod', ['test arg']);
    // Verify the result
    expect(result).toStrictEqual(expectedResult);
  });
});
