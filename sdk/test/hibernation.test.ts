/** Vats that idle: those whose author allows it are put to sleep, and all collect by themselves. */
import { krefOf, type Kernel } from '@vatkit/sdk/kernel';
import { describe, expect, it, vi } from 'vitest';
import {
  bundleOfCode,
  call,
  clusterOf,
  expectWorkers,
  makeLogRecorder,
  makeStoreFile,
  patience,
  rejectionOf,
  rowsOf,
  startKernel,
  stopKernel,
} from './harness.js';

const counter = bundleOfCode(`return {
  buildRootObject(powers, parameters, baggage) {
    let onHeap = 0;
    let settle;
    if (!baggage.has('count')) baggage.init('count', 0);
    const makeBox = far.prepareExoClass(baggage, 'Box', undefined, held => ({ held }), { open() { return this.state.held; } });
    return far.makeDefaultExo('root', {
      up() { onHeap += 1; baggage.set('count', baggage.get('count') + 1); return [onHeap, baggage.get('count')]; },
      box: held => makeBox(held),
      thing: () => far.makeDefaultExo('thing', { touch: () => 'touched' }),
      later: () => new Promise(resolve => { settle = resolve; }),
      settle: value => settle(value),
      ask: (other, method) => far.E(other)[method](),
      take: () => undefined,
    });
  },
};`);

const durable = { creationOptions: { durable: true } };
const statuses = (kernel: Kernel): string[] => kernel.getVats().map(({ status }) => status);

describe('a vat whose heap is a cache', () => {
  it('sleeps when more run than may, and wakes for its next message with its durable state', async () => {
    const dbFilename = makeStoreFile();
    const kernel = await startKernel({ dbFilename, limits: { vatsLiveMax: 1 } });
    await kernel.launchSubcluster(clusterOf(counter, ['alice', 'bob', 'carol'], durable));
    await vi.waitFor(
      () => expect(statuses(kernel).filter((status) => status === 'running')).toHaveLength(1),
      patience,
    );
    await expectWorkers(1);
    const [alice, bob] = kernel.getVatIds().map((id) => kernel.getRootObject(id));
    expect(await call(kernel, alice as string, 'up')).toStrictEqual([1, 1]);
    const box = krefOf(await call(kernel, alice as string, 'box', 'in the box'));
    const thing = krefOf(await call(kernel, alice as string, 'thing'));
    expect(await call(kernel, bob as string, 'up')).toStrictEqual([1, 1]);
    await vi.waitFor(() => expect(statuses(kernel)[0]).toBe('stopped'), patience);
    // What is durable is there, what was on the heap is not.
    expect(await call(kernel, box, 'open')).toBe('in the box');
    expect(await rejectionOf(kernel.queueMessage(thing, 'touch', []))).toMatchObject({
      code: 'OBJECT_DELETED',
    });
    expect(await call(kernel, alice as string, 'up')).toStrictEqual([1, 2]);
    await stopKernel(kernel);
  });

  it('stays awake while it owes an answer or waits for one', async () => {
    const kernel = await startKernel({ limits: { vatsLiveMax: 0 } });
    await kernel.launchSubcluster(clusterOf(counter, ['alice', 'bob'], durable));
    const [alice, bob] = kernel.getVatIds().map((id) => kernel.getRootObject(id));
    const { kref } = kernel.registerKernelServiceObject('never', {
      go: () => new Promise(() => {}),
    });
    const owed = call(kernel, alice as string, 'later');
    const waiting = kernel.queueMessage(bob as string, 'ask', [kernel.getPresence(kref), 'go']);
    waiting.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(statuses(kernel)).toStrictEqual(['running', 'running']);
    await call(kernel, alice as string, 'settle', 'at last');
    expect(await owed).toBe('at last');
    await vi.waitFor(
      () => expect(statuses(kernel)).toStrictEqual(['stopped', 'running']),
      patience,
    );
  });

  it('can be restarted, pinged, upgraded and terminated in its sleep', async () => {
    const kernel = await startKernel({ limits: { vatsLiveMax: 0 } });
    const { rootKref } = await kernel.launchSubcluster(clusterOf(counter, ['alice'], durable));
    const asleep = () =>
      vi.waitFor(() => expect(statuses(kernel)).toStrictEqual(['stopped']), patience);
    await call(kernel, rootKref, 'up');
    await asleep();
    expect(await kernel.pingVat('v1')).toBe('pong');
    await asleep();
    await kernel.restartVat('v1');
    await asleep();
    await kernel.upgradeVat('v1', { bundleSpec: counter, ...durable });
    await asleep();
    expect(await call(kernel, rootKref, 'up')).toStrictEqual([1, 2]);
    await asleep();
    await kernel.terminateVat('v1');
    expect(kernel.getVats()).toStrictEqual([]);
  });
});

describe('a vat whose author says nothing', () => {
  it('is never put to sleep; that more run than should is logged once', async () => {
    const logger = makeLogRecorder();
    const kernel = await startKernel({ logger, limits: { vatsLiveMax: 1 } });
    const { rootKref } = await kernel.launchSubcluster(clusterOf(counter, ['alice', 'bob']));
    for (let times = 1; times <= 5; times += 1) {
      expect(await call(kernel, rootKref, 'up')).toStrictEqual([times, times]);
    }
    expect(statuses(kernel)).toStrictEqual(['running', 'running']);
    const warnings = logger.records.filter(({ text }) => text.includes('vatsLiveMax'));
    expect(warnings.map(({ level }) => level)).toStrictEqual(['warn']);
  });
});

describe('a vat with nothing to do', () => {
  it('collects by force and reports, without being told to', async () => {
    const kernel = await startKernel({ limits: { reapIdleMs: 50 } });
    await kernel.launchSubcluster(clusterOf(counter, ['alice', 'bob']));
    const [alice, bob] = kernel.getVatIds().map((id) => kernel.getRootObject(id));
    const before = rowsOf(kernel).size;
    const box = await call(kernel, alice as string, 'box', 'dropped');
    await call(kernel, bob as string, 'take', box);
    kernel.release(krefOf(box));
    expect(rowsOf(kernel).size).toBeGreaterThan(before);
    // One after the other: bob drops it, then alice deletes it.
    await vi.waitFor(() => expect(rowsOf(kernel).size).toBe(before), patience);
  });
});
