/** Defects found in the peer system, by their numbers in its inventory; each shown not to be ours. */
import './precise-gc.js';
import { kslot, type Kernel } from '@vatkit/sdk/kernel';
import { makeKernel } from '@vatkit/sdk/node';
import { describe, expect, it, vi } from 'vitest';
import {
  bundleOf,
  bundleOfCode,
  bundleOfRoot,
  call,
  clusterOf,
  expectSound,
  expectWorkers,
  makeLogRecorder,
  makeStoreFile,
  patience,
  rejectionOf,
  rowsOf,
  startKernel,
  stopKernel,
  track,
} from './harness.js';

const two = async (kernel: Kernel) => {
  const { rootKref, subclusterId } = await kernel.launchSubcluster(
    clusterOf(await bundleOf('keeper.vat.js'), ['a', 'b']),
  );
  return { a: rootKref, b: kernel.getRootObject('v2'), subclusterId };
};

describe('P1: promises of a vat that ends', () => {
  it.each<[string, (kernel: Kernel) => Promise<unknown>, string]>([
    [
      'is terminated',
      (kernel) => kernel.terminateVat('v1'),
      '[KERNEL:VAT_TERMINATED] Vat was deleted.',
    ],
    [
      'is terminated with its subcluster',
      (kernel) => kernel.terminateSubcluster('s1'),
      '[KERNEL:VAT_TERMINATED]',
    ],
    ['is restarted', (kernel) => kernel.restartVat('v1'), '[KERNEL:VAT_RESTARTED]'],
  ])('reject for callers and for other vats when it %s', async (_how, end, message) => {
    const kernel = await startKernel();
    const { a } = await two(kernel);
    const other = await kernel.launchSubcluster(clusterOf(await bundleOf('keeper.vat.js')));
    const direct = rejectionOf(kernel.queueMessage(a, 'never', []));
    const byOther = rejectionOf(kernel.queueMessage(other.rootKref, 'ask', [kslot(a), 'never']));
    // A promise that was passed on, and one that a message waits for.
    const passed = rejectionOf(
      kernel.queueMessage(other.rootKref, 'ask', [kslot(other.rootKref), 'ask', kslot(a), 'never']),
    );
    expect(await call(kernel, other.rootKref, 'ask', kslot(a), 'greet')).toBe(
      'nobody greets world',
    );
    await end(kernel);
    for (const error of await Promise.all([direct, byOther, passed]))
      expect(error.message).toContain(message);
    await vi.waitFor(
      () =>
        expect([...rowsOf(kernel).keys()].filter((key) => key.startsWith('p.'))).toStrictEqual([]),
      patience,
    );
  });

  it('reject with the reason that terminateVat is given', async () => {
    const kernel = await startKernel();
    const { a } = await two(kernel);
    const waiting = rejectionOf(kernel.queueMessage(a, 'never', []));
    await call(kernel, a, 'greet');
    await kernel.terminateVat('v1', { body: '#{"#error":"moved away","name":"Error"}', slots: [] });
    expect((await waiting).message).toBe('moved away');
  });
});

describe('P3: what has settled', () => {
  it('leaves no row: the store is as large after hundreds of calls as after one', async () => {
    const kernel = await startKernel();
    const { a, b } = await two(kernel);
    const round = async (n: number) => {
      await call(kernel, a, 'keep', 'n', n);
      await call(kernel, a, 'echo', kslot(b), [kslot(a)]);
      await call(kernel, a, 'ask', kslot(b), 'echo', kslot(a), n);
      await rejectionOf(kernel.queueMessage(a, 'ask', [kslot(b), 'fail', 'expected']));
      await rejectionOf(kernel.queueMessage(b, 'fail', ['expected']));
      const heap = (await call(kernel, b, 'heapObject')) as { kref: string };
      expect(await call(kernel, a, 'ask', heap, 'hello')).toBe('from the heap');
      kernel.release(heap.kref);
    };
    await round(0);
    const settled = async () => {
      await kernel.reapVats();
      await kernel.reapVats();
      return rowsOf(kernel).size;
    };
    const before = await settled();
    for (let n = 1; n <= 50; n += 1) await round(n);
    await Promise.all(
      Array.from({ length: 100 }, (_, n) => call(kernel, n % 2 ? a : b, 'echo', n)),
    );
    await vi.waitFor(async () => expect(await settled()).toBe(before), patience);
    const kinds = [...rowsOf(kernel).keys()].map((key) => key.slice(0, 2));
    expect(kinds.filter((kind) => kind === 'p.' || kind === 'l.')).toStrictEqual([]);
    // Nor within a vat: its tables are what they were.
    expectSound(kernel);
  }, 60_000);
});

describe('P4: a vat that loops', () => {
  it('freezes nothing: status, launch, terminate and stop work', async () => {
    const kernel = await startKernel({
      limits: { vatUnresponsiveMs: 600_000, stopTimeoutMs: 200 },
    });
    const spin = bundleOfRoot('spin() { for (;;); }, hello: () => 1');
    const { rootKref } = await kernel.launchSubcluster(clusterOf(spin));
    const other = await kernel.launchSubcluster(clusterOf(spin));
    const spinning = [rootKref, other.rootKref].map((root) =>
      rejectionOf(kernel.queueMessage(root, 'spin', [])),
    );
    expect((await kernel.getStatus()).vats).toHaveLength(2);
    const third = await kernel.launchSubcluster(clusterOf(spin));
    expect(await call(kernel, third.rootKref, 'hello')).toBe(1);
    await kernel.terminateVat('v1');
    expect(await spinning[0]).toMatchObject({ code: 'VAT_TERMINATED' });
    await expectWorkers(2);
    await stopKernel(kernel);
    expect(await spinning[1]).toMatchObject({ code: 'KERNEL_STOPPED' });
  });
});

describe('P5: the run loop', () => {
  const asking = bundleOfRoot(`
    bootstrap: (vats, { clock }) => void baggage.init('clock', clock),
    ask: () => far.E(baggage.get('clock')).now(),
    later() { far.E(baggage.get('clock')).now().then(t => baggage.init('time', t), e => baggage.init('error', e.message)); },
    seen: () => baggage.has('time') ? baggage.get('time') : baggage.has('error') ? baggage.get('error') : null,
    hello: () => 'hello'`);

  it('outlives a service that is not registered again: calls wait for it, then reject', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    first.registerKernelServiceObject('clock', { now: () => 1 });
    const { rootKref } = await first.launchSubcluster({
      ...clusterOf(asking),
      services: ['clock'],
    });
    expect(await call(first, rootKref, 'ask')).toBe(1);
    await stopKernel(first);

    const second = await startKernel({ dbFilename, limits: { serviceWaitMs: 200 } });
    const error = await rejectionOf(second.queueMessage(rootKref, 'ask', []));
    expect(error.message).toContain(
      'the kernel service has not been registered again after 200 ms',
    );
    expect(await call(second, rootKref, 'hello')).toBe('hello');
    const waiting = call(second, rootKref, 'ask');
    second.registerKernelServiceObject('clock', { now: () => 2 });
    expect(await waiting).toBe(2);
  });

  it('outlives services that throw, reject, never answer, or answer what cannot pass', async () => {
    const kernel = await startKernel();
    const answers: (() => unknown)[] = [
      () => {
        throw new Error('thrown');
      },
      () => Promise.reject(new TypeError('rejected')),
      () => new Map(),
      () => () => 1,
      () => kslot('ko999'),
      () => {
        // What a careless service throws.
        throw 'words'; // eslint-disable-line @typescript-eslint/only-throw-error
      },
      () => ({ then: (resolve: (value: unknown) => void) => resolve('thenable') }),
      () => 'fine',
    ];
    kernel.registerKernelServiceObject('clock', { now: () => answers.shift()!() });
    const { rootKref } = await kernel.launchSubcluster({
      ...clusterOf(asking),
      services: ['clock'],
    });
    const ask = () => rejectionOf(kernel.queueMessage(rootKref, 'ask', []));
    expect((await ask()).message).toBe('[KERNEL:DELIVERY_FAILED] thrown');
    expect((await ask()).message).toBe('[KERNEL:DELIVERY_FAILED] rejected');
    expect((await ask()).message).toContain('result of now: a Map');
    expect((await ask()).message).toContain('result of now: a function');
    expect((await ask()).message).toContain('a reference that does not exist');
    expect((await ask()).message).toBe('[KERNEL:DELIVERY_FAILED] words');
    expect(await call(kernel, rootKref, 'ask')).toBe('thenable');
    expect(await call(kernel, rootKref, 'ask')).toBe('fine');
  });

  it('outlives answers to vats that are gone', async () => {
    const kernel = await startKernel();
    let answer = (_time: number): void => {};
    kernel.registerKernelServiceObject('clock', {
      now: () => new Promise((resolve) => (answer = resolve)),
    });
    const { rootKref } = await kernel.launchSubcluster({
      ...clusterOf(asking),
      services: ['clock'],
    });
    const asked = rejectionOf(kernel.queueMessage(rootKref, 'ask', []));
    await call(kernel, rootKref, 'later');
    await kernel.terminateVat('v1');
    answer(1);
    await asked;
    const again = await kernel.launchSubcluster({ ...clusterOf(asking), services: ['clock'] });
    expect(await call(kernel, again.rootKref, 'hello')).toBe('hello');
  });

  it('outlives reapVats and terminateVat at once, and messages to vats that go meanwhile', async () => {
    const kernel = await startKernel();
    const { a, b } = await two(kernel);
    const heap = (await call(kernel, b, 'heapObject')) as { kref: string };
    await call(kernel, a, 'keep', 'root', kslot(b));
    const settled = Promise.allSettled([
      kernel.reapVats(),
      kernel.queueMessage(a, 'ask', [kslot(b), 'greet']),
      kernel.queueMessage(b, 'ask', [kslot(a), 'greet']),
      kernel.terminateVat('v2'),
      kernel.queueMessage(a, 'ask', [heap, 'hello']),
      kernel.reapVats((vatId) => vatId === 'v2'),
      kernel.collectGarbage(),
    ]);
    await settled;
    expect(await call(kernel, a, 'greet')).toBe('nobody greets world');
    expect(
      (await rejectionOf(kernel.queueMessage(a, 'ask', [kslot(a), 'ask', heap, 'hello']))).message,
    ).toMatch(/OBJECT_DELETED|there is no/);
  });
});

describe('P8: a crank that is discarded', () => {
  it('leaves nothing in memory that is not in the store', async () => {
    const dbFilename = makeStoreFile();
    const kernel = await startKernel({
      dbFilename,
      limits: { vatUnresponsiveMs: 300, deliveryAttemptsMax: 1 },
    });
    const { a } = await two(kernel);
    const reckless = bundleOfRoot(`
      act(other, how) {
        for (let n = 0; n < 20; n += 1) {
          far.E(other).keep('from ' + n, far.makeDefaultExo('o' + n, {}));
          baggage.init('k' + n, other);
        }
        if (how === 'spin') for (;;);
        powers.exitWithFailure(Error('discard'));
      },
      hello: () => 'hello', size: () => baggage.getSize(), give: () => far.makeDefaultExo('given', { hi: () => 'hi' })`);
    const bad = await kernel.launchSubcluster(clusterOf(reckless));
    const before = rowsOf(kernel);
    await rejectionOf(kernel.queueMessage(bad.rootKref, 'act', [kslot(a), 'spin']));
    expect(await call(kernel, bad.rootKref, 'size')).toBe(0);
    const keys = (rows: Map<string, string>) =>
      [...rows.keys()].filter((key) => /^[otqsbe]\./.test(key));
    expect(keys(rowsOf(kernel))).toStrictEqual(keys(before));
    const given = (await call(kernel, bad.rootKref, 'give')) as { kref: string };
    expect(await call(kernel, given.kref, 'hi')).toBe('hi');
    await rejectionOf(kernel.queueMessage(bad.rootKref, 'act', [kslot(a), 'exit']));
    expect(kernel.getSubclusters().map(({ id }) => id)).toStrictEqual(['s1']);
    expect(kernel.getVatIds()).toStrictEqual(['v1', 'v2']);
    expect(await call(kernel, a, 'kept', 'from 0')).toBe(undefined);
    const next = await kernel.launchSubcluster(clusterOf(reckless));
    expect(next.subclusterId).toBe('s3');
    const status = await kernel.getStatus();
    await stopKernel(kernel);
    const second = await startKernel({ dbFilename });
    expect((await second.getStatus()).subclusters).toStrictEqual(status.subclusters);
    expect(await call(second, next.rootKref, 'hello')).toBe('hello');
  });
});

describe('P12: a launch that fails', () => {
  it('leaves neither worker nor vat, now or at the next start', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    const bad = bundleOfCode(`return { buildRootObject() { throw Error('no'); } };`);
    const config = clusterOf(await bundleOf('keeper.vat.js'), ['a', 'b', 'c']);
    config.vats.d = { bundleSpec: bad };
    await rejectionOf(first.launchSubcluster(config));
    await expectWorkers(0);
    expect(await first.getStatus()).toMatchObject({ vats: [], subclusters: [] });
    await stopKernel(first);
    const second = await startKernel({ dbFilename });
    expect(await second.getStatus()).toMatchObject({ vats: [], subclusters: [] });
    await expectWorkers(0);
  });
});

describe('P13: a vat that cannot start again', () => {
  it('does not keep its kernel from starting; it alone is quarantined, with its state', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    const fragile = bundleOfCode(`return { buildRootObject(powers, { fails }, baggage) {
      if (baggage.has('started') && !baggage.has('mended')) throw Error('second start');
      if (!baggage.has('started')) baggage.init('started', 7n);
      return far.makeDefaultExo('root', { started: () => baggage.get('started') });
    } };`);
    const { rootKref } = await first.launchSubcluster(clusterOf(fragile));
    const good = await first.launchSubcluster(clusterOf(await bundleOf('keeper.vat.js')));
    expect(await call(first, rootKref, 'started')).toBe(7n);
    await stopKernel(first);

    const second = await startKernel({ dbFilename });
    const error = await rejectionOf(second.queueMessage(rootKref, 'started', []));
    expect(error).toMatchObject({ code: 'VAT_BROKEN' });
    expect(error.message).toContain('second start');
    expect(await call(second, good.rootKref, 'greet')).toBe('nobody greets world');
    expect(second.getVats()).toMatchObject([
      { id: 'v1', status: 'broken' },
      { id: 'v2', status: 'running' },
    ]);
    expect(rowsOf(second).get('t.v1.b.sstarted')).toContain('7');
    const restart = await rejectionOf(second.restartVat('v1'));
    expect(restart).toMatchObject({ code: 'START_FAILED' });
    expect(restart.message).toContain('second start');
    await second.terminateVat('v1');
    expect(second.getVatIds()).toStrictEqual(['v2']);
  });
});

describe('P18: the console', () => {
  it('stays silent, whatever is called and whatever passes', async () => {
    const levels = ['debug', 'info', 'log', 'warn', 'error', 'trace'] as const;
    const spies = levels.map((level) => vi.spyOn(console, level).mockImplementation(() => {}));
    const written = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write'));
    const kernel = track(await makeKernel({}));
    const { a, b } = await two(kernel);
    await call(kernel, a, 'keep', 'secret', 'abandon ability able about');
    await call(kernel, a, 'ask', kslot(b), 'greet');
    await rejectionOf(kernel.queueMessage(a, 'fail', ['expected']));
    await rejectionOf(kernel.queueMessage('ko99', 'x', []));
    await kernel.reapVats();
    await kernel.restartVat('v1');
    await kernel.terminateVat('v1');
    await stopKernel(kernel);
    const calls = [...spies, ...written].flatMap(({ mock }) => mock.calls);
    for (const spy of [...spies, ...written]) spy.mockRestore();
    expect(calls).toStrictEqual([]);
  });

  it('and a logger hear at most that a vat failed: never what it was told', async () => {
    const logger = makeLogRecorder();
    const kernel = await startKernel({
      logger,
      limits: { vatUnresponsiveMs: 300, deliveryAttemptsMax: 1 },
    });
    const { rootKref } = await kernel.launchSubcluster(
      clusterOf(bundleOfRoot('spin(secret) { for (;;); }')),
    );
    await rejectionOf(kernel.queueMessage(rootKref, 'spin', ['abandon ability able about']));
    expect(JSON.stringify(logger.records)).not.toContain('abandon');
  });
});

describe("P24: a message that is queued during another vat's crank", () => {
  it.each(['exit', 'spin'])('is delivered although that crank is discarded: %s', async (how) => {
    const kernel = await startKernel({
      limits: { vatUnresponsiveMs: 400, deliveryAttemptsMax: 1 },
    });
    const { a } = await two(kernel);
    const bad = await kernel.launchSubcluster(
      clusterOf(
        bundleOfRoot(`async act(how) {
          for (let n = 0; n < 2e6; n += 1) Math.abs(n);
          if (how === 'spin') for (;;);
          powers.exitWithFailure(Error('discard'));
        }`),
      ),
    );
    const discarded = rejectionOf(kernel.queueMessage(bad.rootKref, 'act', [how]));
    const ids = Array.from({ length: 40 }, (_, n) => n);
    const answers = ids.map(async (n) => {
      await new Promise((resolve) => setTimeout(resolve, n * 3));
      return call(kernel, a, 'count', n);
    });
    expect(await Promise.all(answers)).toStrictEqual(ids.map(() => 1n));
    await discarded;
    expect(await call(kernel, a, 'total')).toBe(40n);
  });
});

describe('P25: exitWithFailure', () => {
  it.each(['exitWithFailure', 'exitVatWithFailure'])(
    '%s ends the vat although its method then returns and calls',
    async (name) => {
      const kernel = await startKernel();
      const { a } = await two(kernel);
      const bad = await kernel.launchSubcluster(
        clusterOf(
          bundleOfRoot(`async leave(other) {
          powers.${name}(Error('I am done'));
          far.E(other).count('after');
          await null;
          return 'returned';
        }`),
        ),
      );
      const error = await rejectionOf(kernel.queueMessage(bad.rootKref, 'leave', [kslot(a)]));
      expect(error.message).toBe('I am done');
      expect(kernel.getVatIds()).toStrictEqual(['v1', 'v2']);
      expect(await call(kernel, a, 'total')).toBe(0n);
      await expectWorkers(2);
    },
  );
});
