/** A kernel's beginning and end, and what is asked of it at the wrong moment. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { isKernelError, kslot, kunser, type Kernel } from '@vatkit/sdk/kernel';
import { makeKernel, makeSQLKernelDatabase } from '@vatkit/sdk/node';
import { describe, expect, it, vi } from 'vitest';
import {
  bundleOf,
  bundleOfRoot,
  call,
  clusterOf,
  expectWorkers,
  makeFile,
  makeFolder,
  makeLogRecorder,
  makeStoreFile,
  patience,
  rejectionOf,
  startKernel,
  stopKernel,
  useSharedKernel,
} from './harness.js';

const keeper = () => bundleOf('keeper.vat.js');
const launchKeeper = async (kernel: Kernel) =>
  (await kernel.launchSubcluster(clusterOf(await keeper()))).rootKref;
const newDatabase = (file: string) => {
  const Driver = createRequire(import.meta.url)('better-sqlite3') as new (file: string) => {
    exec(sql: string): void;
    close(): void;
  };
  return new Driver(file);
};

describe('a kernel that starts again', () => {
  it('has what its vats kept, and the same krefs and ids', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    const { subclusterId, rootKref } = await first.launchSubcluster(
      clusterOf(await keeper(), ['a', 'b']),
    );
    await call(first, rootKref, 'keep', 'data', { n: 1n, list: ['x', undefined] });
    const note = kunser(await first.queueMessage(rootKref, 'note', ['durable'])) as {
      kref: string;
    };
    await call(first, rootKref, 'keep', 'note', note);
    await stopKernel(first);

    const second = await startKernel({ dbFilename });
    expect(second.getSubcluster(subclusterId)?.vats).toStrictEqual({ a: 'v1', b: 'v2' });
    expect(second.getVats().map(({ id, status }) => `${id} ${status}`)).toStrictEqual([
      'v1 stopped',
      'v2 stopped',
    ]);
    expect(await call(second, rootKref, 'kept', 'data')).toStrictEqual({
      n: 1n,
      list: ['x', undefined],
    });
    expect(await call(second, rootKref, 'launches')).toBe(1n);
    const again = (await call(second, rootKref, 'kept', 'note')) as { kref: string };
    expect(await call(second, again.kref, 'read')).toBe('durable');
    await call(second, again.kref, 'edit', 'edited');
    await second.restartVat('v1');
    expect(await call(second, again.kref, 'read')).toBe('edited');
    const other = await call(second, rootKref, 'vat', 'b');
    expect(other).toStrictEqual(kslot(second.getRootObject('v2')));
    const { rootKref: fresh } = await second.launchSubcluster(clusterOf(await keeper()));
    expect([fresh, second.getVatIds().at(-1)]).not.toContain(rootKref);
    expect(second.getVatIds()).toStrictEqual(['v1', 'v2', 'v3']);
  });

  it('starts no worker before a vat is needed', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    const rootKref = await launchKeeper(first);
    await first.launchSubcluster(clusterOf(await keeper(), ['b', 'c']));
    await stopKernel(first);
    const second = await startKernel({ dbFilename });
    await expectWorkers(0);
    expect(await call(second, rootKref, 'greet')).toBe('nobody greets world');
    await expectWorkers(1);
    expect(await second.pingVat('v3')).toBe('pong');
    await expectWorkers(2);
  });

  it('knows objects of the heap no more, and says so', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    const rootKref = await launchKeeper(first);
    const heap = (await call(first, rootKref, 'heapObject')) as { kref: string };
    expect(await call(first, heap.kref, 'hello')).toBe('from the heap');
    await stopKernel(first);
    const second = await startKernel({ dbFilename });
    expect(await rejectionOf(second.queueMessage(heap.kref, 'hello', []))).toMatchObject({
      code: expect.stringMatching(/OBJECT_DELETED|NOT_FOUND/) as string,
    });
  });

  it('is at least as far as its last acknowledged answer, when it was never stopped', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    const rootKref = await launchKeeper(first);
    for (let id = 0; id < 20; id += 1) await call(first, rootKref, 'count', id);
    // The file and its log as a crash would leave them at this moment.
    const copy = makeStoreFile();
    copyFileSync(dbFilename, copy);
    copyFileSync(`${dbFilename}-wal`, `${copy}-wal`);
    const second = await startKernel({ dbFilename: copy });
    expect(await call(second, rootKref, 'total')).toBe(20n);
  });

  it.each(['normal', 'full'] as const)('keeps its state with durability %s', async (durability) => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename, durability });
    const rootKref = await launchKeeper(first);
    await call(first, rootKref, 'keep', 'a', 1);
    await stopKernel(first);
    const second = await startKernel({ dbFilename, durability });
    expect(await call(second, rootKref, 'kept', 'a')).toBe(1);
  });

  it('with resetStorage has nothing and reuses no id', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    const rootKref = await launchKeeper(first);
    await stopKernel(first);
    const second = await startKernel({ dbFilename, resetStorage: true });
    expect(await second.getStatus()).toMatchObject({ vats: [], subclusters: [] });
    expect(await rejectionOf(second.queueMessage(rootKref, 'greet', []))).toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(await launchKeeper(second)).not.toBe(rootKref);
    expect(second.getVatIds()).toStrictEqual(['v2']);
    expect(second.getSubclusters().map(({ id }) => id)).toStrictEqual(['s2']);
  });
});

describe('stop', () => {
  it('may be called often, at once and later, and always comes back', async () => {
    const kernel = await startKernel();
    await launchKeeper(kernel);
    await Promise.all([kernel.stop(), kernel.stop(), kernel.stop()]);
    await stopKernel(kernel);
    await expectWorkers(0);
  });

  it('of a kernel that did nothing comes back', async () => {
    await stopKernel(await startKernel());
  });

  it('lets deliveries in flight end', async () => {
    const dbFilename = makeStoreFile();
    const kernel = await startKernel({ dbFilename });
    const rootKref = await launchKeeper(kernel);
    const calls = Array.from({ length: 50 }, (_, id) =>
      kernel.queueMessage(rootKref, 'count', [id]).then(
        () => id,
        (error: unknown) => {
          expect(error).toMatchObject({ code: 'KERNEL_STOPPED', indeterminate: true });
          return undefined;
        },
      ),
    );
    await stopKernel(kernel);
    const acknowledged = (await Promise.all(calls)).filter((id) => id !== undefined);
    const second = await startKernel({ dbFilename });
    const ids = (await call(second, rootKref, 'ids')) as string[];
    expect(ids).toStrictEqual(expect.arrayContaining(acknowledged.map(String)));
    expect(await call(second, rootKref, 'duplicates')).toStrictEqual([]);
  });

  it('gives up on a vat that does not end its delivery', async () => {
    const kernel = await startKernel({ limits: { stopTimeoutMs: 200 } });
    const { rootKref } = await kernel.launchSubcluster(
      clusterOf(bundleOfRoot('spin() { for (;;); }')),
    );
    const spinning = rejectionOf(kernel.queueMessage(rootKref, 'spin', []));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await stopKernel(kernel);
    expect(await spinning).toMatchObject({ code: 'KERNEL_STOPPED' });
    await expectWorkers(0);
  });

  it('rejects calls that wait for ever', async () => {
    const kernel = await startKernel();
    const rootKref = await launchKeeper(kernel);
    const waiting = rejectionOf(kernel.queueMessage(rootKref, 'never', []));
    const error = await Promise.race([waiting, kernel.pingVat('v1')]);
    expect(error).toBe('pong');
    await stopKernel(kernel);
    expect(await waiting).toMatchObject({ code: 'KERNEL_STOPPED', indeterminate: true });
  });

  it('while a call to a service is under way rejects it, and that vat hears of it at the next start', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    let asked = 0;
    const clock = {
      now: () => {
        asked += 1;
        return new Promise(() => {});
      },
    };
    first.registerKernelServiceObject('clock', clock);
    const waiting = bundleOfRoot(`
      bootstrap: (vats, { clock }) => void baggage.init('clock', clock),
      ask: () => far.E(baggage.get('clock')).now().then(
        () => 'answered', error => void baggage.init('heard', error.message)),
      heard: () => baggage.has('heard') && baggage.get('heard')`);
    const { rootKref } = await first.launchSubcluster({
      ...clusterOf(waiting),
      services: ['clock'],
    });
    const answer = rejectionOf(first.queueMessage(rootKref, 'ask', []));
    await vi.waitFor(() => expect(asked).toBe(1), patience);
    await stopKernel(first);
    expect(await answer).toMatchObject({ code: 'KERNEL_STOPPED' });

    const second = await startKernel({ dbFilename });
    second.registerKernelServiceObject('clock', { now: () => 12 });
    // Its subscription died with the incarnation; the call was not made again.
    expect(await call(second, rootKref, 'heard')).toBe(false);
    expect(asked).toBe(1);
  });
});

/** Everything that a kernel can be asked, as it may come too late. */
const requests: [string, (kernel: Kernel) => unknown][] = [
  ['launchSubcluster', async (kernel) => kernel.launchSubcluster(clusterOf(await keeper()))],
  ['launchVat', async (kernel) => kernel.launchVat({ bundleSpec: await keeper() })],
  ['reloadSubcluster', (kernel) => kernel.reloadSubcluster('s1')],
  ['reload', (kernel) => kernel.reload()],
  ['terminateSubcluster', (kernel) => kernel.terminateSubcluster('s1')],
  ['terminateVat', (kernel) => kernel.terminateVat('v1')],
  ['terminateAllVats', (kernel) => kernel.terminateAllVats()],
  ['restartVat', (kernel) => kernel.restartVat('v1')],
  ['pingVat', (kernel) => kernel.pingVat('v1')],
  ['queueMessage', (kernel) => kernel.queueMessage('ko4', 'greet', [])],
  ['getStatus', (kernel) => kernel.getStatus()],
  ['reapVats', (kernel) => kernel.reapVats()],
  ['collectGarbage', (kernel) => kernel.collectGarbage()],
  ['reset', (kernel) => kernel.reset()],
  ['clearStorage', (kernel) => kernel.clearStorage()],
];

const questions: [string, (kernel: Kernel) => unknown][] = [
  ['getVats', (kernel) => kernel.getVats()],
  ['getVatIds', (kernel) => kernel.getVatIds()],
  ['getSubclusters', (kernel) => kernel.getSubclusters()],
  ['getSubcluster', (kernel) => kernel.getSubcluster('s1')],
  ['getSubclusterVats', (kernel) => kernel.getSubclusterVats('s1')],
  ['isVatInSubcluster', (kernel) => kernel.isVatInSubcluster('v1', 's1')],
  ['getRootObject', (kernel) => kernel.getRootObject('v1')],
  ['pinVatRoot', (kernel) => kernel.pinVatRoot('v1')],
  ['unpinVatRoot', (kernel) => kernel.unpinVatRoot('v1')],
  ['revoke', (kernel) => kernel.revoke('ko4')],
  ['isRevoked', (kernel) => kernel.isRevoked('ko4')],
  ['registerKernelServiceObject', (kernel) => kernel.registerKernelServiceObject('x', { y() {} })],
];

describe('after stop', () => {
  const stoppedKernel = async () => {
    const kernel = await startKernel();
    await launchKeeper(kernel);
    await stopKernel(kernel);
    return kernel;
  };

  it('all requests reject', async () => {
    const kernel = await stoppedKernel();
    for (const [name, request] of requests) {
      const answer = request(kernel);
      expect(answer, name).toBeInstanceOf(Promise);
      const error = await rejectionOf(answer as Promise<unknown>);
      expect(isKernelError(error, 'KERNEL_STOPPED'), `${name}: ${error.message}`).toBe(true);
    }
    await expectWorkers(0);
  });

  it('all that is answered at once throws', async () => {
    const kernel = await stoppedKernel();
    for (const [name, ask] of questions) {
      const error = await rejectionOf((async () => ask(kernel))());
      expect(isKernelError(error, 'KERNEL_STOPPED'), `${name}: ${error.message}`).toBe(true);
    }
  });
});

describe('a request for what does not exist', () => {
  let kernel: Kernel;
  let rootKref: string;
  useSharedKernel(async () => {
    kernel = await startKernel();
    rootKref = await launchKeeper(kernel);
    return kernel;
  });

  it.each<[string, (kernel: Kernel) => unknown, string]>([
    ['reloadSubcluster', (kernel) => kernel.reloadSubcluster('s99'), 'Subcluster does not exist'],
    [
      'terminateSubcluster',
      (kernel) => kernel.terminateSubcluster('s99'),
      'Subcluster does not exist',
    ],
    ['terminateVat', (kernel) => kernel.terminateVat('v99'), 'Vat does not exist'],
    ['restartVat', (kernel) => kernel.restartVat('v99'), 'Vat does not exist'],
    ['pingVat', (kernel) => kernel.pingVat('v99'), 'Vat does not exist'],
    [
      'terminateVat of nothing',
      (kernel) => kernel.terminateVat(undefined as never),
      'Vat does not exist',
    ],
    [
      'terminateVat of __proto__',
      (kernel) => kernel.terminateVat('__proto__'),
      'Vat does not exist',
    ],
    [
      'terminateSubcluster of a vat',
      (kernel) => kernel.terminateSubcluster('v1'),
      'Subcluster does not exist',
    ],
  ])('%s rejects', async (_name, request, message) => {
    const answer = request(kernel);
    expect(answer).toBeInstanceOf(Promise);
    const error = await rejectionOf(answer as Promise<unknown>);
    expect(error).toMatchObject({ code: 'NOT_FOUND' });
    expect(error.message).toContain(message);
    expect(await call(kernel, rootKref, 'greet')).toBe('nobody greets world');
  });

  it.each<[string, (kernel: Kernel) => unknown, string]>([
    ['getSubclusterVats', (kernel) => kernel.getSubclusterVats('s99'), 'Subcluster does not exist'],
    ['getRootObject', (kernel) => kernel.getRootObject('v99'), 'Vat does not exist'],
    ['pinVatRoot', (kernel) => kernel.pinVatRoot('v99'), 'Vat does not exist'],
    ['unpinVatRoot', (kernel) => kernel.unpinVatRoot('v99'), 'Vat does not exist'],
    ['revoke', (kernel) => kernel.revoke('ko99'), 'ko99'],
    ['revoke of a promise', (kernel) => kernel.revoke('kp40'), 'cannot revoke promise kp40'],
  ])('%s throws', async (_name, ask, message) => {
    expect(() => ask(kernel)).toThrow(message);
  });

  it('is harmless to release', async () => {
    for (const kref of ['ko99', 'kp1', 'nonsense', '__proto__', rootKref, rootKref, ''])
      kernel.release(kref);
    expect(await call(kernel, rootKref, 'greet')).toBe('nobody greets world');
  });
});

describe("a bad argument is the caller's mistake and harms nobody:", () => {
  let kernel: Kernel;
  let rootKref: string;
  useSharedKernel(async () => {
    kernel = await startKernel();
    rootKref = await launchKeeper(kernel);
    return kernel;
  });

  const surrogate = '\ud800';
  it.each<[string, (kernel: Kernel) => unknown, string]>([
    [
      'a service without methods',
      (kernel) => kernel.registerKernelServiceObject('x', {}),
      'takes an object with methods',
    ],
    [
      'a service that is nothing',
      (kernel) => kernel.registerKernelServiceObject('x', null as never),
      'takes an object with methods',
    ],
    [
      'a service without a name',
      (kernel) => kernel.registerKernelServiceObject('', { y() {} }),
      'name',
    ],
    [
      'a service named by a lone surrogate',
      (kernel) => kernel.registerKernelServiceObject(surrogate, { y() {} }),
      'no control characters',
    ],
    [
      "a service by the name of the kernel's own",
      (kernel) => kernel.registerKernelServiceObject('kernelFacet', { y() {} }),
      'already registered',
    ],
    [
      'a vat named by a lone surrogate',
      (kernel) => kernel.terminateVat(surrogate),
      'does not exist',
    ],
    ['a subcluster named so', (kernel) => kernel.terminateSubcluster(surrogate), 'does not exist'],
    ['a vat that is a symbol', (kernel) => kernel.pingVat(Symbol('v') as never), 'does not exist'],
    [
      'a reason that is text',
      (kernel) => kernel.terminateVat('v1', 'because' as never),
      'kunser takes CapData',
    ],
    [
      'a reason that is an error',
      (kernel) => kernel.terminateVat('v1', new Error('because') as never),
      'kunser takes CapData',
    ],
    [
      'a reason that nobody can read',
      (kernel) => kernel.terminateVat('v1', { body: 'nonsense', slots: [] }),
      'reason',
    ],
    [
      'a reason that names what does not exist',
      (kernel) => kernel.terminateVat('v1', { body: '#"$0"', slots: ['ko999'] }),
      'there is no ko999',
    ],
    [
      'a filter that throws',
      (kernel) =>
        kernel.reapVats(() => {
          throw new Error('the filter');
        }),
      'the filter',
    ],
    ['a presence of what is no kref', (kernel) => kernel.getPresence('x'), 'kslot takes a kref'],
    [
      'a query that writes',
      (kernel) => kernel.kernelDatabase.executeQuery('DELETE FROM kv'),
      'one statement that reads',
    ],
    [
      'a query that is none',
      (kernel) => kernel.kernelDatabase.executeQuery('nonsense'),
      'one statement that reads',
    ],
  ])('%s', async (_what, ask, message) => {
    const error = await rejectionOf((async () => ask(kernel))());
    expect(error.message).toContain(message);
    expect(await call(kernel, rootKref, 'greet')).toBe('nobody greets world');
  });
});

describe('at the same time', () => {
  const slow = bundleOfRoot(`bootstrap: () => new Promise(() => {})`);

  it('stop during a launch ends it', async () => {
    for (const pause of [0, 5, 30, 80]) {
      const kernel = await startKernel();
      const launch = rejectionOf(kernel.launchSubcluster(clusterOf(slow, ['a', 'b'])));
      await new Promise((resolve) => setTimeout(resolve, pause));
      await stopKernel(kernel);
      expect(await launch).toMatchObject({ code: 'KERNEL_STOPPED' });
      await expectWorkers(0);
    }
  });

  it('launch during a stop rejects and comes back', async () => {
    const dbFilename = makeStoreFile();
    const kernel = await startKernel({ dbFilename });
    const rootKref = await launchKeeper(kernel);
    const busy = kernel.queueMessage(rootKref, 'greet', []).catch((error: unknown) => error);
    const stop = stopKernel(kernel);
    const launch = rejectionOf(kernel.launchSubcluster(clusterOf(await keeper())));
    await stop;
    expect(await launch).toMatchObject({ code: 'KERNEL_STOPPED' });
    await busy;
    const second = await startKernel({ dbFilename });
    expect(second.getSubclusters()).toHaveLength(1);
  });

  it('terminating the vat or the subcluster during its launch fails the launch', async () => {
    for (const terminate of [
      (kernel: Kernel) => kernel.terminateVat('v2'),
      (kernel: Kernel) => kernel.terminateSubcluster('s1'),
      (kernel: Kernel) => kernel.terminateAllVats(),
    ]) {
      const kernel = await startKernel();
      const launch = rejectionOf(kernel.launchSubcluster(clusterOf(slow, ['a', 'b'])));
      await vi.waitFor(() => expect(kernel.getVats()).toHaveLength(2), patience);
      await terminate(kernel);
      const error = await launch;
      expect(error).toMatchObject({ code: 'LAUNCH_FAILED' });
      expect(error.message).toContain('was terminated while');
      expect(kernel.getVats()).toStrictEqual([]);
      expect(kernel.getSubclusters()).toStrictEqual([]);
      await expectWorkers(0);
      await stopKernel(kernel);
    }
  });

  it('restarting a vat during its launch, or asking it, does no harm', async () => {
    const kernel = await startKernel();
    const launch = kernel
      .launchSubcluster(clusterOf(await keeper(), ['a', 'b']))
      .catch((error: unknown) => error);
    await vi.waitFor(() => expect(kernel.getVats()).toHaveLength(2), patience);
    const other = Promise.allSettled([
      kernel.restartVat('v1'),
      kernel.pingVat('v2'),
      kernel.queueMessage(kernel.getRootObject('v1'), 'greet', []),
      kernel.restartVat('v2'),
    ]);
    await launch;
    await other;
    const { rootKref } = await kernel.launchSubcluster(clusterOf(await keeper()));
    expect(await call(kernel, rootKref, 'greet')).toBe('nobody greets world');
  });

  it('terminating twice: one of the two finds nothing', async () => {
    const kernel = await startKernel();
    await launchKeeper(kernel);
    const outcomes = await Promise.allSettled([
      kernel.terminateVat('v1'),
      kernel.terminateVat('v1'),
    ]);
    expect(outcomes.map(({ status }) => status)).toStrictEqual(['fulfilled', 'rejected']);
  });

  it('reset during calls and launches rejects them, and the kernel goes on', async () => {
    const kernel = await startKernel();
    const rootKref = await launchKeeper(kernel);
    const pending = [
      rejectionOf(kernel.queueMessage(rootKref, 'never', [])),
      rejectionOf(kernel.launchSubcluster(clusterOf(slow))),
    ];
    await vi.waitFor(() => expect(kernel.getVats()).toHaveLength(2), patience);
    await kernel.reset();
    for (const error of await Promise.all(pending))
      expect(error).toMatchObject({ code: 'KERNEL_STOPPED' });
    await expectWorkers(0);
    expect(kernel.getVats()).toStrictEqual([]);
    const again = await launchKeeper(kernel);
    expect(await call(kernel, again, 'greet')).toBe('nobody greets world');
  });

  it('a reset kernel still finds vats that do not answer', async () => {
    const kernel = await startKernel({ resetStorage: true, limits: { vatUnresponsiveMs: 300 } });
    const { rootKref } = await kernel.launchSubcluster(
      clusterOf(bundleOfRoot('spin() { for (;;); }')),
    );
    expect(await rejectionOf(kernel.queueMessage(rootKref, 'spin', []))).toMatchObject({
      code: 'VAT_CRASHED',
    });
  });
});

describe('the end of a kernel', () => {
  it('is told once it has stopped and its store is closed', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    let over = false;
    void first.ended.then(() => (over = true));
    await call(first, await launchKeeper(first), 'greet');
    expect(over).toBe(false);
    void stopKernel(first);
    expect(await first.ended).toBe(undefined);
    await startKernel({ dbFilename });
  });

  it('is told with the error where it gave up, and `stop` still comes back', async () => {
    const dbFilename = makeStoreFile();
    const kernel = await startKernel({ dbFilename });
    await launchKeeper(kernel);
    // The store goes, and somebody else has it when the kernel opens it again.
    kernel.kernelDatabase.close();
    const other = await makeSQLKernelDatabase({ dbFilename });
    try {
      expect(() => kernel.pinVatRoot('v1')).toThrow('STORE_FAILED');
      expect(await kernel.ended).toMatchObject({ code: 'STORE_FAILED' });
      expect(await rejectionOf(kernel.getStatus())).toMatchObject({ code: 'STORE_FAILED' });
      await stopKernel(kernel);
      await expectWorkers(0);
    } finally {
      other.close();
    }
  });

  it('is not yet come where the store can be opened again', async () => {
    const kernel = await startKernel({ dbFilename: makeStoreFile() });
    const rootKref = await launchKeeper(kernel);
    kernel.kernelDatabase.close();
    expect(() => kernel.pinVatRoot('v1')).toThrow('STORE_FAILED');
    expect(await call(kernel, rootKref, 'greet')).toBe('nobody greets world');
  });
});

describe('a store that cannot be used', () => {
  it('is held by another kernel of this process', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    const rootKref = await launchKeeper(first);
    const error = await rejectionOf(makeKernel({ dbFilename }));
    expect(error).toMatchObject({ code: 'STORE_FAILED' });
    expect(error.message).toContain(
      `Cannot open store ${dbFilename}: another kernel or program holds it`,
    );
    expect(await call(first, rootKref, 'greet')).toBe('nobody greets world');
    await stopKernel(first);
    const second = await startKernel({ dbFilename });
    expect(await call(second, rootKref, 'greet')).toBe('nobody greets world');
  });

  it('is held by another process', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    await launchKeeper(first);
    const program = `import { makeKernel } from '@vatkit/sdk/node';
      await makeKernel({ dbFilename: ${JSON.stringify(dbFilename)} }).then(
        () => console.log('opened'), error => console.log(error.code, error.message));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
    });
    expect(stdout + stderr).toContain('STORE_FAILED');
    expect(stdout).toContain('another kernel or program holds it');
  });

  it('opens for the second of two kernels that are started together once the first has stopped', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    const second = startKernel({ dbFilename });
    await stopKernel(first);
    expect((await second).getVats()).toStrictEqual([]);
  });

  it('is of a newer version', async () => {
    const dbFilename = makeStoreFile();
    await stopKernel(await startKernel({ dbFilename }));
    const database = newDatabase(dbFilename);
    database.exec('PRAGMA user_version = 99');
    database.close();
    const before = readFileSync(dbFilename);
    const error = await rejectionOf(makeKernel({ dbFilename }));
    expect(error).toMatchObject({ code: 'STORE_FAILED', data: { found: 99 } });
    expect(error.message).toContain('its schema version is 99');
    expect(readFileSync(dbFilename).equals(before)).toBe(true);
    expect(await rejectionOf(makeKernel({ dbFilename, resetStorage: true }))).toMatchObject({
      code: 'STORE_FAILED',
    });
    const repaired = newDatabase(dbFilename);
    repaired.exec('PRAGMA user_version = 1');
    repaired.close();
  });

  it('is no SQLite file, which stays as it is', async () => {
    const dbFilename = makeFile('notes.txt', 'These are my notes. '.repeat(100));
    const error = await rejectionOf(makeKernel({ dbFilename }));
    expect(error).toMatchObject({ code: 'STORE_FAILED' });
    expect(error.message).toContain('it is not a SQLite database');
    expect(readFileSync(dbFilename, 'utf8')).toContain('These are my notes');
  });

  it('is a SQLite file of another program', async () => {
    const dbFilename = makeStoreFile();
    const database = newDatabase(dbFilename);
    database.exec('CREATE TABLE kv (key TEXT, value TEXT); INSERT INTO kv VALUES (1, 2)');
    database.close();
    expect((await rejectionOf(makeKernel({ dbFilename }))).message).toContain(
      'a SQLite database of another program',
    );
  });

  it('is cut short', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    await launchKeeper(first);
    await stopKernel(first);
    const whole = readFileSync(dbFilename);
    const cut = makeStoreFile();
    writeFileSync(cut, whole.subarray(0, 5_000));
    expect(await rejectionOf(makeKernel({ dbFilename: cut }))).toMatchObject({
      code: 'STORE_FAILED',
    });
  });

  it.each([
    ['a folder', () => makeFolder()],
    ['below a file', () => join(makeFile('file', ''), 'store.db')],
    ['in a place that is not ours', () => '/proc/store.db'],
  ])('is %s', async (_what, make) => {
    const dbFilename = make();
    const error = await rejectionOf(makeKernel({ dbFilename }));
    expect(error).toMatchObject({ code: 'STORE_FAILED' });
    expect(error.message).toContain(dbFilename);
  });

  it('is in a folder that does not exist yet, which is made', async () => {
    const dbFilename = join(makeFolder(), 'a/b/c/store.db');
    mkdirSync(join(dbFilename, '../..'), { recursive: true });
    const kernel = await startKernel({ dbFilename });
    expect(kernel.getVats()).toStrictEqual([]);
  });
});

describe('the host process', () => {
  it('is neither locked down nor shimmed, prints nothing, and ends by itself when the kernel has stopped', async () => {
    const program = `
      const intrinsics = [Object, Array, Promise, Function, Error, Symbol].flatMap(it => [it, it.prototype]);
      const look = () => [globalThis, ...intrinsics].map(it => Reflect.ownKeys(it).map(String).sort().join()
        + Object.isFrozen(it)).join() + Error.prepareStackTrace + Error.stackTraceLimit;
      const before = look();
      const { makeKernel } = await import('@vatkit/sdk/node');
      const { kunser } = await import('@vatkit/sdk/kernel');
      const kernel = await makeKernel({});
      const { rootKref } = await kernel.launchSubcluster({ bootstrap: 'a', vats: { a: { bundleSpec: process.argv[1] } } });
      if (kunser(await kernel.queueMessage(rootKref, 'greet', [])) !== 'nobody greets world') throw Error('no answer');
      await kernel.queueMessage(rootKref, 'fail', ['expected']).catch(() => {});
      await kernel.terminateVat('v1');
      await kernel.stop();
      if (look() !== before) throw Error('something has changed: ' + before + ' / ' + look());`;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', program, await keeper()],
      { cwd: import.meta.dirname, encoding: 'utf8', timeout: 60_000 },
    );
    expect({ status, stdout, stderr }).toStrictEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('prints nothing of a rejection that a vat looks at late', () => {
    const late = bundleOfRoot(
      `fail() { throw Error('late'); }, touch: () => 1, async late(peer) { const failed = far.E(peer).fail(); await far.E(peer).touch(); await far.E(peer).touch(); return failed.catch(() => 'caught'); }`,
    );
    const program = `
      const { makeKernel } = await import('@vatkit/sdk/node');
      const { kunser } = await import('@vatkit/sdk/kernel');
      const quiet = () => {};
      const logger = { debug: quiet, info: quiet, log: quiet, warn: quiet, error: quiet };
      const kernel = await makeKernel({ logger });
      const vat = { bundleSpec: process.argv[1] };
      const { rootKref } = await kernel.launchSubcluster({ bootstrap: 'a', vats: { a: vat, b: vat } });
      const peer = kernel.getPresence(kernel.getRootObject('v2'));
      if (kunser(await kernel.queueMessage(rootKref, 'late', [peer])) !== 'caught') throw Error('no answer');
      await kernel.stop();`;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', program, late],
      { cwd: import.meta.dirname, encoding: 'utf8', timeout: 60_000 },
    );
    expect({ status, stdout, stderr }).toStrictEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('hears through its logger, with the vat and the tags, and of nothing else', async () => {
    const logger = makeLogRecorder();
    const kernel = await startKernel({ logger });
    const talking = bundleOfRoot(`talk() {
      console.debug('d'); console.info('i', 1n); console.warn('w', { a: [1] }); console.error(Error('e'));
      powers.logger.subLogger({ tags: ['db'] }).log('deep');
      const { warn } = powers.logger; warn('detached');
      powers.stdout('out', new Map());
    }`);
    const { rootKref } = await kernel.launchSubcluster(clusterOf(talking));
    await call(kernel, rootKref, 'talk');
    expect(
      logger.records.map(({ level, tags, text }) => [level, tags.join(' '), text.split('\n')[0]]),
    ).toStrictEqual([
      ['debug', 'v1 console', 'd'],
      ['info', 'v1 console', expect.stringMatching(/^i /)],
      ['warn', 'v1 console', 'w {"a":[1]}'],
      ['error', 'v1 console', 'Error: e'],
      ['log', 'v1 db', 'deep'],
      ['warn', 'v1', 'detached'],
      ['log', 'v1 stdout', 'out [Map]'],
    ]);
  });

  it('may have a logger that throws', async () => {
    const fail = () => {
      throw new Error('the logger');
    };
    const kernel = await startKernel({
      logger: { debug: fail, info: fail, log: fail, warn: fail, error: fail },
    });
    const { rootKref } = await kernel.launchSubcluster(
      clusterOf(bundleOfRoot(`talk() { console.error('x'); return 1; }`)),
    );
    expect(await call(kernel, rootKref, 'talk')).toBe(1);
  });
});
