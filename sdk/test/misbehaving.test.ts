/** Vats that hang, flood, fill their heap or break the rules, while others go on answering. */
import { Kernel, kslot } from '@vatkit/sdk/kernel';
import { makeSQLKernelDatabase, NodejsPlatformServices } from '@vatkit/sdk/node';
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
  startKernel,
  stopKernel,
  track,
} from './harness.js';

const quick = { limits: { vatUnresponsiveMs: 300, deliveryAttemptsMax: 1 } };

/** A kernel with a vat `bad` that has the methods, and one `good` that must go on answering. */
async function start(
  methods: string,
  options: Parameters<typeof startKernel>[0] = quick,
  bad: object = {},
) {
  const kernel = await startKernel(options);
  const { rootKref } = await kernel.launchSubcluster({
    bootstrap: 'bad',
    vats: {
      bad: { bundleSpec: bundleOfRoot(`${methods}, hello: () => 'hello'`), ...bad },
      good: { bundleSpec: await bundleOf('keeper.vat.js') },
    },
  });
  return { kernel, bad: rootKref, good: kernel.getRootObject('v2') };
}

/** Asks the good vat until `until` has settled; it must have answered all the time. */
async function answersUntil(
  kernel: Kernel,
  good: string,
  until: Promise<unknown>,
): Promise<number> {
  let settled = false;
  void until.finally(() => (settled = true)).catch(() => {});
  let answers = 0;
  do {
    answers += 1;
    await call(kernel, good, 'count', answers);
  } while (!settled);
  expect(await call(kernel, good, 'total')).toBe(BigInt(answers));
  return answers;
}

describe('a vat that does not come back', () => {
  it.each([
    ['loops', 'for (;;);'],
    [
      'loops in a chain of promises',
      'const next = () => Promise.resolve().then(next); next(); return 1;',
    ],
    ['loops in an async function', 'for (;;) await null;'],
    ['loops in a thenable', 'return { then(resolve) { for (;;); } };'],
    ['loops in a getter of its result', 'return { get x() { for (;;); } };'],
    ['loops in a proxy trap of its result', 'return new Proxy({}, { ownKeys() { for (;;); } });'],
    ['is in a regular expression for years', 'return /^(a+)+$/.test("a".repeat(60) + "b");'],
    ['sorts without end', '[1, 2, 3].sort(() => { for (;;); });'],
    ['logs without end', 'for (;;) console.log("x".repeat(1000));'],
    ['sends without end', 'for (;;) far.E(self).hello();'],
    ['writes without end', 'for (let n = 0; ; n += 1) baggage.init(`k${n}`, n);'],
  ])('and %s is ended, and its call rejects; the others answer meanwhile', async (_how, body) => {
    const { kernel, bad, good } = await start(`async spin(self) { ${body} }`);
    const spinning = rejectionOf(kernel.queueMessage(bad, 'spin', [kslot(bad)]));
    expect(await answersUntil(kernel, good, spinning)).toBeGreaterThan(3);
    const error = await spinning;
    expect(error).toMatchObject({ code: 'VAT_CRASHED' });
    expect(await call(kernel, bad, 'hello')).toBe('hello');
    await expectWorkers(2);
  });

  it('is named in the log, and what it did in that crank is undone', async () => {
    const logger = makeLogRecorder();
    const { kernel, bad } = await start(
      `spin() { baggage.init('half', 1); for (;;); }, has: () => baggage.has('half')`,
      { ...quick, logger },
    );
    await rejectionOf(kernel.queueMessage(bad, 'spin', []));
    expect(await call(kernel, bad, 'has')).toBe(false);
    expect(logger.records).toContainEqual({
      level: 'warn',
      tags: ['kernel', 'v1'],
      text: 'vat v1 (bad) failed: it did not answer for 300 ms',
    });
  });

  it('is given its message a second time, and no third', async () => {
    const logger = makeLogRecorder();
    const { kernel, bad } = await start('spin() { console.log("begun"); for (;;); }', {
      limits: { vatUnresponsiveMs: 300 },
      logger,
    });
    const error = await rejectionOf(kernel.queueMessage(bad, 'spin', []));
    expect(error.message).toContain('Vat v1 was lost 2 times while it had this message');
    expect(logger.records.filter(({ text }) => text === 'begun')).toHaveLength(2);
  });

  it('in a timer is ended as well, though it has nothing to answer', async () => {
    const { kernel, bad, good } = await start(
      'arm() { setTimeout(() => { for (;;); }, 10); return "armed"; }',
      quick,
      { globals: ['setTimeout'] },
    );
    expect(await call(kernel, bad, 'arm')).toBe('armed');
    await vi.waitFor(() => expect(kernel.getVats()[0]!.status).toBe('stopped'), patience);
    expect(await call(kernel, good, 'greet')).toBe('nobody greets world');
    expect(await call(kernel, bad, 'hello')).toBe('hello');
  });

  it.each([
    ['buildRootObject', 'buildRootObject() { for (;;); }'],
    ['its top level', 'x: (() => { for (;;); })()'],
  ])('in %s fails its launch', async (_where, code) => {
    const kernel = await startKernel(quick);
    const error = await rejectionOf(
      kernel.launchSubcluster(clusterOf(bundleOfCode(`return { ${code} };`))),
    );
    expect(error).toMatchObject({ code: 'START_FAILED' });
    expect(error.message).toContain('Failed to launch vat v1 (main): it did not answer for 300 ms');
    await expectWorkers(0);
  });

  it('rejects a ping, and answers the next', async () => {
    const { kernel, bad } = await start('spin() { for (;;); }');
    const spinning = rejectionOf(kernel.queueMessage(bad, 'spin', []));
    const error = await rejectionOf(kernel.pingVat('v1'));
    expect(error).toMatchObject({ code: 'VAT_RESTARTED' });
    await spinning;
    expect(await kernel.pingVat('v1')).toBe('pong');
  });

  it.each<[string, (kernel: Kernel) => Promise<unknown>, string]>([
    ['terminated', (kernel) => kernel.terminateVat('v1'), 'VAT_TERMINATED'],
    [
      'terminated with its subcluster',
      (kernel) => kernel.terminateSubcluster('s1'),
      'VAT_TERMINATED',
    ],
    ['reset with its kernel', (kernel) => kernel.reset(), 'KERNEL_STOPPED'],
  ])('can be %s at once', async (_how, act, code) => {
    // A watchdog that would not come in the time of this test.
    const { kernel, bad } = await start('spin() { for (;;); }', {
      limits: { vatUnresponsiveMs: 600_000 },
    });
    const spinning = rejectionOf(kernel.queueMessage(bad, 'spin', []));
    await kernel.pingVat('v2');
    await act(kernel);
    expect(await spinning).toMatchObject({ code });
  });

  it('can be restarted at once: its message comes a second time', async () => {
    const { kernel, bad } = await start(
      'spin() { if (!baggage.has("n")) for (;;); return "now"; }, calm: () => baggage.init("n", 1)',
      { limits: { vatUnresponsiveMs: 600_000 } },
    );
    const spinning = rejectionOf(kernel.queueMessage(bad, 'spin', []));
    await kernel.pingVat('v2');
    await kernel.restartVat('v1').catch(() => {});
    await kernel.restartVat('v1').catch(() => {});
    expect(await spinning).toMatchObject({ code: 'VAT_CRASHED' });
    expect(await call(kernel, bad, 'hello')).toBe('hello');
  }, 30_000);

  it('that fails again and again is quarantined with its state; a restart gives it another chance', async () => {
    const logger = makeLogRecorder();
    const { kernel, bad } = await start(
      'spin() { for (;;); }, keep: () => baggage.init("kept", 1n), kept: () => baggage.get("kept")',
      { limits: { vatUnresponsiveMs: 300, deliveryAttemptsMax: 1, failuresMax: 2 }, logger },
    );
    await call(kernel, bad, 'keep');
    const calls = ['spin', 'spin', 'hello'].map((method) =>
      rejectionOf(kernel.queueMessage(bad, method, [])),
    );
    const errors = await Promise.all(calls);
    expect(errors.map(({ code }) => code)).toContain('VAT_BROKEN');
    expect(kernel.getVats()).toMatchObject([
      { id: 'v1', status: 'broken' },
      { id: 'v2', status: 'running' },
    ]);
    expect(await rejectionOf(kernel.queueMessage(bad, 'hello', []))).toMatchObject({
      code: 'VAT_BROKEN',
    });
    expect(await rejectionOf(kernel.pingVat('v1'))).toMatchObject({ code: 'VAT_BROKEN' });
    expect(
      logger.records.some(({ level, text }) => level === 'error' && text.includes('quarantined')),
    ).toBe(true);
    await kernel.restartVat('v1');
    expect(await call(kernel, bad, 'kept')).toBe(1n);
  });

  it('holds up neither a launch nor another vat that awaits it', async () => {
    const { kernel, bad, good } = await start('spin() { for (;;); }');
    const asking = rejectionOf(kernel.queueMessage(good, 'ask', [kslot(bad), 'spin']));
    const { rootKref } = await kernel.launchSubcluster(clusterOf(await bundleOf('keeper.vat.js')));
    expect(await call(kernel, rootKref, 'greet')).toBe('nobody greets world');
    expect((await asking).message).toContain('[KERNEL:VAT_CRASHED]');
  });
});

describe('a vat that fills its heap', () => {
  it('is ended; its kernel and the others go on', async () => {
    const database = await makeSQLKernelDatabase({});
    const kernel = track(
      await Kernel.make(new NodejsPlatformServices({ vatHeapMiB: 32 }), database, {
        logger: makeLogRecorder(),
        limits: { deliveryAttemptsMax: 1 },
      }),
    );
    const { rootKref } = await kernel.launchSubcluster({
      bootstrap: 'bad',
      vats: {
        bad: {
          bundleSpec: bundleOfRoot(
            `fill() { let list; for (let n = 0; ; n += 1) list = { list, text: 'x' + n }; }, hello: () => 'hello'`,
          ),
        },
        good: { bundleSpec: await bundleOf('keeper.vat.js') },
      },
    });
    const filling = rejectionOf(kernel.queueMessage(rootKref, 'fill', []));
    await answersUntil(kernel, kernel.getRootObject('v2'), filling);
    expect(await filling).toMatchObject({ code: 'VAT_CRASHED' });
    expect(await call(kernel, rootKref, 'hello')).toBe('hello');
  });
});

describe('a vat that floods', () => {
  it('may send and receive messages up to the limit, and not beyond', async () => {
    const { kernel, bad, good } = await start(
      `relay: (other, size) => far.E(other).echo('x'.repeat(size)).then(([text]) => text.length)`,
      {},
    );
    const other = kslot(good);
    expect(await call(kernel, bad, 'relay', other, 15 * 2 ** 20)).toBe(15 * 2 ** 20);
    const error = await rejectionOf(kernel.queueMessage(bad, 'relay', [other, 17 * 2 ** 20]));
    expect(error.message).toContain('arguments of "echo"');
    expect(error.message).toContain('at most 16777216 can pass');
    expect(await call(kernel, bad, 'hello')).toBe('hello');
  });

  it('with thousands of messages in one crank has all of them answered', async () => {
    const { kernel, bad, good } = await start(
      `async burst(other, size) {
        const answers = await Promise.all(Array.from({ length: size }, (_, id) => far.E(other).count(id)));
        return answers.every(times => times === 1n);
      }`,
      {},
    );
    expect(await call(kernel, bad, 'burst', kslot(good), 3_000)).toBe(true);
    expect(await call(kernel, good, 'total')).toBe(3_000n);
    expectSound(kernel);
  }, 60_000);

  it('with log records is heard in part, and does not drown the host', async () => {
    const logger = makeLogRecorder();
    const { kernel, bad } = await start(
      `async talk(count) { for (let n = 0; n < count; n += 1) console.log(n); return 1; }`,
      { logger },
    );
    const began = performance.now();
    expect(await call(kernel, bad, 'talk', 50_000)).toBe(1);
    const seconds = Math.ceil((performance.now() - began) / 1_000);
    const { length } = logger.records;
    expect(length).toBeGreaterThan(1_000);
    expect(length).toBeLessThanOrEqual(1_001 * (seconds + 1));
    expect(logger.records.at(1_000)?.text).toContain('more than 1000 log entries in a second');
    await new Promise((done) => setTimeout(done, 1_000));
    expect(await call(kernel, bad, 'talk', 3)).toBe(1);
    expect(logger.records.length).toBe(length + 3);
  });

  it('with the texts of log records has each cut short', async () => {
    const logger = makeLogRecorder();
    const { kernel, bad } = await start(
      `talk() {
        const much = 'x'.repeat(1_000_000);
        powers.logger.subLogger({ tags: Array(100).fill(much) }).log(much, { [much]: 1 }, 10n ** 100_000n);
      }`,
      { logger },
    );
    await call(kernel, bad, 'talk');
    const [record] = logger.records;
    expect(JSON.stringify(record?.tags)).toMatch(/^.{1000,2000}$/);
    expect(record?.text.length).toBeLessThan(21_000);
  });

  it('with objects leaves none behind once nobody holds them', async () => {
    const { kernel, bad } = await start(
      `make: size => { Array.from({ length: size }, (_, n) => far.makeDefaultExo('o' + n, {})); },
       give: size => Array.from({ length: size }, (_, n) => far.makeDefaultExo('o' + n, {}))`,
      {},
    );
    await call(kernel, bad, 'make', 500);
    const given = (await call(kernel, bad, 'give', 500)) as { kref: string }[];
    const objects = () =>
      kernel.kernelDatabase.executeQuery("SELECT key FROM kv WHERE key GLOB 'o.*'").length;
    expect(objects()).toBeGreaterThanOrEqual(500);
    for (const { kref } of given) kernel.release(kref);
    await kernel.pingVat('v1');
    await call(kernel, bad, 'hello');
    await vi.waitFor(() => expect(objects()).toBeLessThan(10), patience);
  });
});

describe('a vat that waits for ever', () => {
  it("does so at nobody else's cost; its end rejects who waits for it", async () => {
    const { kernel, bad, good } = await start('never: () => new Promise(() => {})');
    const waiting = rejectionOf(kernel.queueMessage(bad, 'never', []));
    const asking = rejectionOf(kernel.queueMessage(good, 'ask', [kslot(bad), 'never']));
    expect(await call(kernel, bad, 'hello')).toBe('hello');
    expect(await call(kernel, good, 'greet')).toBe('nobody greets world');
    await kernel.terminateVat('v1');
    expect(await waiting).toMatchObject({ code: 'VAT_TERMINATED' });
    expect((await waiting).message).toContain('[KERNEL:VAT_TERMINATED] Vat was deleted.');
    expect((await asking).message).toContain('[KERNEL:VAT_TERMINATED] Vat was deleted.');
  });

  it('on itself does no harm', async () => {
    const { kernel, bad } = await start(
      'ring: self => far.E(self).ring2(self), ring2: self => { const p = far.E(self).hello(); return p.then(() => new Promise(() => {})); }',
    );
    const waiting = rejectionOf(kernel.queueMessage(bad, 'ring', [kslot(bad)]));
    expect(await call(kernel, bad, 'hello')).toBe('hello');
    await kernel.restartVat('v1');
    expect(await waiting).toMatchObject({ code: 'VAT_RESTARTED' });
  });

  it('in a chain of calls deeper than a stack comes to an answer', async () => {
    const { kernel, bad, good } = await start(
      `bounce: (n, other, self) => n === 0 ? 'landed' : far.E(other).ask(self, 'bounce', n - 1, other, self)`,
      {},
    );
    expect(await call(kernel, bad, 'bounce', 200, kslot(good), kslot(bad))).toBe('landed');
  });
});

describe('a vat that ends itself', () => {
  it('by exit has its last crank applied, and what it leaves rejects', async () => {
    const { kernel, bad, good } = await start(
      `leave(other) { powers.exit('done'); return far.E(other).count('last').then(() => 1); }, never: () => new Promise(() => {})`,
    );
    const waiting = rejectionOf(kernel.queueMessage(bad, 'never', []));
    const leaving = rejectionOf(kernel.queueMessage(bad, 'leave', [kslot(good)]));
    expect(await waiting).toMatchObject({ code: 'VAT_TERMINATED' });
    expect(await leaving).toMatchObject({ code: 'VAT_TERMINATED' });
    expect(await call(kernel, good, 'times', 'last')).toBe(1n);
    expect(kernel.getVatIds()).toStrictEqual(['v2']);
    await expectWorkers(1);
  });

  it('by exitWithFailure has its crank discarded, and rejects with the reason', async () => {
    const { kernel, bad, good } = await start(
      `leave(other) { far.E(other).count('last'); baggage.init('x', 1); powers.exitWithFailure(RangeError('enough')); return 'returned'; }`,
    );
    const error = await rejectionOf(kernel.queueMessage(bad, 'leave', [kslot(good)]));
    expect(error).toMatchObject({ name: 'RangeError', message: 'enough' });
    expect(await call(kernel, good, 'total')).toBe(0n);
    expect(kernel.getVatIds()).toStrictEqual(['v2']);
  });
});

describe('a vat that keeps what it is told to', () => {
  it('is not broken by a key that no store can hold: who sent it hears why', async () => {
    const { kernel, good } = await start('idle() {}');
    for (let n = 0; n < 6; n += 1) {
      const error = await rejectionOf(kernel.queueMessage(good, 'keep', ['\ud800', n]));
      expect(error).toMatchObject({ name: 'TypeError' });
      expect(error.message).toContain('lone surrogate');
    }
    expect(kernel.getVats()).toMatchObject([{ status: 'running' }, { status: 'running' }]);
    await call(kernel, good, 'keep', 'k', '\ud800');
    expect(await call(kernel, good, 'kept', 'k')).toBe('\ud800');
  });
});

describe('a vat that leaves rejections unhandled', () => {
  it('is heard of in the log and goes on', async () => {
    const logger = makeLogRecorder();
    const { kernel, bad } = await start(
      `leave() { Promise.reject(Error('nobody looks')); Promise.reject(); return 'left'; }`,
      { logger },
    );
    expect(await call(kernel, bad, 'leave')).toBe('left');
    expect(await call(kernel, bad, 'hello')).toBe('hello');
    expect(
      logger.records.filter(({ level, tags }) => level === 'warn' && tags.includes('uncaught')),
    ).toMatchObject([
      { tags: ['v1', 'uncaught'], text: expect.stringContaining('nobody looks') as string },
      { tags: ['v1', 'uncaught'] },
    ]);
  });
});

describe('a worker that goes by itself', () => {
  /** A worker's program of which one method ends the process's thread, as a bug in the engine might. */
  const dying = (platform: NodejsPlatformServices) => {
    const start = platform.startVatWorker.bind(platform);
    let kill = (): void => {};
    platform.startVatWorker = (vatId, events) => {
      const worker = start(vatId, events);
      kill = () => events.onLost('it was struck by lightning');
      return worker;
    };
    return () => kill();
  };

  it('is started again for the next message, with its state', async () => {
    const platform = new NodejsPlatformServices();
    const strike = dying(platform);
    const dbFilename = makeStoreFile();
    const kernel = track(
      await Kernel.make(platform, await makeSQLKernelDatabase({ dbFilename }), {
        logger: makeLogRecorder(),
      }),
    );
    const { rootKref } = await kernel.launchSubcluster(clusterOf(await bundleOf('keeper.vat.js')));
    await call(kernel, rootKref, 'count', 1);
    const waiting = rejectionOf(kernel.queueMessage(rootKref, 'never', []));
    // Answered after the other has been begun and ended.
    await call(kernel, rootKref, 'greet');
    strike();
    expect(await waiting).toMatchObject({
      code: 'VAT_RESTARTED',
      retryable: true,
      indeterminate: true,
    });
    expect(await call(kernel, rootKref, 'count', 2)).toBe(1n);
    expect(await call(kernel, rootKref, 'total')).toBe(2n);
    await expectWorkers(1);
    await stopKernel(kernel);
  });

  it('cannot be started: the launch fails, a later call succeeds', async () => {
    const platform = new NodejsPlatformServices();
    const start = platform.startVatWorker.bind(platform);
    let failing = true;
    platform.startVatWorker = (vatId, events) => {
      if (failing) throw new Error('no threads left');
      return start(vatId, events);
    };
    const kernel = track(
      await Kernel.make(platform, await makeSQLKernelDatabase({}), { logger: makeLogRecorder() }),
    );
    const error = await rejectionOf(
      kernel.launchSubcluster(clusterOf(await bundleOf('keeper.vat.js'))),
    );
    expect(error.message).toContain(
      'Failed to launch vat v1 (main): its worker could not be started: no threads left',
    );
    expect(kernel.getVats()).toStrictEqual([]);
    failing = false;
    const { rootKref } = await kernel.launchSubcluster(clusterOf(await bundleOf('keeper.vat.js')));
    expect(await call(kernel, rootKref, 'greet')).toBe('nobody greets world');
  });
});
