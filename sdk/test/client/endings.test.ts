/** What ends, is lost, does not answer, or speaks nonsense: nothing hangs, and nothing acknowledged is lost. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { acceptPort, createKernel, expose, onBroken } from '@vatkit/sdk';
import { makeKernel, startKernelWorker, type KernelWorker } from '@vatkit/sdk/node';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { bundleOf, clusterOf, patience } from '../harness.js';
import { launchGuest, makeClient, type Loose } from './harness.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vatkit-client-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const newFile = (): string => join(folder, `${(files += 1)}.db`);

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A worker thread with this program. */
const script = (program: string): Worker => new Worker(program, { eval: true });
/** The page's half of a port; `host` is told what the client says, and how to answer. */
function scripted(host: (message: { type: string }, say: (message: unknown) => void) => void) {
  const { port1, port2 } = new MessageChannel();
  port2.on('message', (message: { type: string }) =>
    host(message, (said) => port2.postMessage(said)),
  );
  closing.push(() => port2.close());
  return port1;
}

const welcome = {
  ...{ type: 'welcome', protocol: 1, session: 'c1', secret: 's', resumed: false, received: 0 },
  ...{ closedBelow: 0, admin: 'o-1', window: { frames: 8, chars: 1e6 }, storeId: 'S' },
  ...{ epoch: 'e', storage: 'memory' },
};

describe('a worker that does not start', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('no worker here');
      },
      'no worker here',
    ],
    ['is none', () => 7 as never, 'expected a Worker or MessagePort, found a number'],
    ['is rejected', () => Promise.reject(new Error('not loaded')), 'not loaded'],
    ['ends at once', () => script('process.exit(3)'), 'exit 3'],
    ['fails', () => script('throw new Error("boom")'), 'boom'],
    ['is silent', () => script('setInterval(() => 0, 1e6)'), 'within 300 ms'],
    [
      'says something else',
      () =>
        script(
          'require("worker_threads").parentPort.postMessage({ hi: 1 }); setInterval(() => 0, 1e6)',
        ),
      'nonsense',
    ],
    [
      'says nothing that can be read',
      () =>
        script('require("worker_threads").parentPort.postMessage(null); setInterval(() => 0, 1e6)'),
      'nonsense',
    ],
  ])('%s: the error says so, and the next use tries again', async (_what, worker, text) => {
    const made = vi.fn(worker as () => Worker);
    const kernel = makeClient({ worker: made, startTimeoutMs: 300 });
    const error = await kernel.ready().catch((thrown: Error) => thrown);
    expect(error).toMatchObject({
      name: 'WorkerStartError',
      code: 'WORKER_START_FAILED',
      retryable: true,
    });
    expect((error as Error).message).toContain(text);
    expect(kernel.status).toMatchObject({ phase: 'failed', error });
    await expect(kernel.launch({ name: 'x', config: {} })).rejects.toMatchObject({
      name: 'WorkerStartError',
    });
    expect(made).toHaveBeenCalledTimes(2);
  });

  it('refuses another version of the protocol, and says which side is old', async () => {
    const refusing = (min: number) => () =>
      scripted((_message, say) =>
        say({
          type: 'refused',
          error: { code: 'PROTOCOL_VERSION', message: 'x' },
          protocol: { min, max: min },
        }),
      );
    const old = makeClient({ worker: refusing(0) });
    await expect(old.ready()).rejects.toThrow('worker is older than this page');
    const young = makeClient({ worker: refusing(7) });
    await expect(young.ready()).rejects.toThrow('reload the page');
    expect(young.status.phase).toBe('reload-required');
    await expect(young.ready()).rejects.toThrow('reload the page');
  });

  it('says what its kernel says: a store that is in use', async () => {
    const dbFilename = newFile();
    const first = makeClient({ worker: () => startKernelWorker({ dbFilename }) });
    await first.ready();
    const second = makeClient({ worker: () => startKernelWorker({ dbFilename }) });
    await expect(second.ready()).rejects.toMatchObject({
      code: 'WORKER_START_FAILED',
      cause: { code: 'STORE_FAILED' },
    });
  });
});

describe('a kernel that is lost', () => {
  it('with a store: goes on in a new worker, with every call done once', async () => {
    const dbFilename = newFile();
    const workers: KernelWorker[] = [];
    const kernel = makeClient({
      worker: () => {
        workers.push(startKernelWorker({ dbFilename }));
        return workers.at(-1) as KernelWorker;
      },
    });
    const keeper = { name: 'keeper', config: clusterOf(await bundleOf('keeper.vat.js')) };
    const root = (await kernel.launch(keeper)).root as unknown as Loose;
    const phases = new Set<string>();
    kernel.subscribe(() => phases.add(kernel.status.phase));
    const counts: Promise<unknown>[] = [];
    for (let round = 1; round <= 3; round += 1) {
      for (let i = 0; i < 100; i += 1)
        counts.push(root.count?.(`${round}.${i}`) as Promise<unknown>);
      await new Promise((resolve) => setTimeout(resolve, 10 * round));
      if (round === 3) break;
      void workers.at(-1)?.terminate();
      await vi.waitFor(() => expect(workers.length).toBe(round + 1), patience);
      if (round === 2) await vi.waitFor(() => expect(kernel.status.phase).toBe('ready'), patience);
    }
    const outcomes = new Set(await Promise.all(counts));
    expect([...outcomes]).toStrictEqual([1n]);
    expect(await root.duplicates?.()).toStrictEqual([]);
    expect(await root.total?.()).toBe(300n);
    expect(phases).toContain('reconnecting');
  });

  it('without a store: breaks the refs with STORE_LOST, and can be launched again', async () => {
    let worker: KernelWorker | undefined;
    const kernel = makeClient({ worker: () => (worker = startKernelWorker()) });
    const root = await launchGuest(kernel);
    const told = new Promise((resolve) => onBroken(root, resolve));
    const waiting = root.never?.();
    void worker?.terminate();
    await expect(waiting).rejects.toMatchObject({ code: 'STORE_LOST' });
    expect(await told).toMatchObject({ code: 'STORE_LOST' });
    await expect(root.count?.()).rejects.toMatchObject({ code: 'STORE_LOST' });
    const again = await launchGuest(kernel);
    await expect(again.echo?.(root)).rejects.toThrow('a session that is over');
    expect(await again.count?.()).toBe(0);
  });

  it('that does not come back: everything that waits rejects KernelClosedError', async () => {
    let worker: KernelWorker | undefined;
    let isGone = false;
    const kernel = makeClient({
      worker: () => {
        if (isGone) return script('process.exit(1)');
        return (worker = startKernelWorker());
      },
    });
    const root = await launchGuest(kernel);
    const waiting = root.never?.();
    isGone = true;
    void worker?.terminate();
    await expect(waiting).rejects.toMatchObject({
      name: 'KernelClosedError',
      code: 'KERNEL_CLOSED',
    });
    expect(kernel.status.phase).toBe('failed');
    isGone = false;
    expect(await (await launchGuest(kernel)).count?.()).toBe(0);
  });

  it('says nonsense in the middle: the session ends with PROTOCOL_ERROR', async () => {
    for (const nonsense of [
      null,
      7,
      { type: 'frame' },
      { type: 'frame', seq: 5, ack: 0, acked: 0, ops: [], names: [] },
      { type: 'nothing' },
    ]) {
      const kernel = makeClient({
        worker: () =>
          scripted((message, say) => {
            if (message.type === 'hello') say(welcome);
            if (message.type === 'frame') say(nonsense);
          }),
      });
      await expect(kernel.admin.getVatIds()).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
      expect(kernel.status.phase).toBe('failed');
    }
  });

  it('answers with what cannot be read: that call alone rejects', async () => {
    const settle = (value: unknown) => ({
      ...{ type: 'frame', seq: 1, ack: 1, acked: 0, names: [] },
      ops: [{ op: 'settle', resolutions: [{ promise: 'p+1', rejected: false, value }] }],
    });
    const deep = `#${'['.repeat(10_000)}${']'.repeat(10_000)}`;
    for (const body of ['#nonsense', '{}', '#"$0"', '#"#what"', deep]) {
      const kernel = makeClient({
        worker: () =>
          scripted((message, say) => {
            if (message.type === 'hello') say(welcome);
            if (message.type === 'frame') say(settle({ body, slots: [] }));
          }),
      });
      await expect(kernel.admin.getVatIds()).rejects.toThrow('Cannot read result');
      expect(kernel.status.phase).toBe('ready');
    }
  });
});

describe('a client that is closed', () => {
  it('rejects what waits, refuses what comes, and leaves no worker', async () => {
    const worker = startKernelWorker();
    const kernel = createKernel({ worker: () => worker });
    const root = await launchGuest(kernel);
    const gone = new Promise((resolve) => worker.once('exit', resolve));
    const waiting = root.never?.().catch((error: unknown) => error);
    await kernel.close();
    await gone;
    expect(await waiting).toMatchObject({ name: 'KernelClosedError' });
    await expect(root.count?.()).rejects.toMatchObject({ code: 'KERNEL_CLOSED' });
    await expect(kernel.ready()).rejects.toMatchObject({ code: 'KERNEL_CLOSED' });
    await expect(kernel.launch({ name: 'x', config: {} })).rejects.toMatchObject({
      code: 'KERNEL_CLOSED',
    });
    expect(kernel.status.phase).toBe('closed');
    await kernel.close();
  });

  it('that was never used starts nothing', async () => {
    const worker = vi.fn(() => startKernelWorker());
    await createKernel({ worker })[Symbol.asyncDispose]();
    expect(worker).not.toHaveBeenCalled();
  });

  it('closes what it exposed: vats hear SESSION_CLOSED', async () => {
    const worker = startKernelWorker();
    const stay = makeClient({ worker: () => worker });
    const leave = createKernel({ worker: () => worker.connect() });
    const theirs = await launchGuest(leave);
    await theirs.keep?.(
      'it',
      expose(() => 1),
    );
    const mine = await launchGuest(stay);
    const kept = await mine.give?.('it');
    expect(await mine.callBack?.(kept)).toBe(1);
    await leave.close();
    await expect(mine.callBack?.(kept)).rejects.toMatchObject({ code: 'SESSION_CLOSED' });
  });
});

describe('a port', () => {
  it('of makeKernel serves a client', async () => {
    const { port1, port2 } = new MessageChannel();
    const host = await makeKernel({ port: port1 });
    closing.push(() => host.stop());
    const kernel = makeClient({ worker: () => port2 });
    const root = await launchGuest(kernel);
    expect(await root.increment?.(3)).toBe(3);
  });

  it.each([
    ['without a store', undefined, 'STORE_LOST'],
    ['with a store', 'file', 'KERNEL_CLOSED'],
  ])('whose kernel has stopped, %s: what waits rejects', async (_what, store, code) => {
    const { port1, port2 } = new MessageChannel();
    const host = await makeKernel({ port: port1, ...(store && { dbFilename: newFile() }) });
    const kernel = makeClient({ worker: () => port2, startTimeoutMs: 300 });
    const root = await launchGuest(kernel);
    const waiting = (root.never?.() as Promise<unknown>).catch((error: unknown) => error);
    await host.stop();
    expect(await waiting).toMatchObject({ code: expect.stringMatching(`${code}|VAT_RESTARTED`) });
    await vi.waitFor(() => expect(kernel.status.phase).toBe('failed'), patience);
    await expect(root.count?.()).rejects.toMatchObject({ code });
    await expect(kernel.ready()).rejects.toMatchObject({ name: 'WorkerStartError' });
  });

  it('for another realm reaches its refs and nothing else', async () => {
    const kernel = makeClient();
    const root = await launchGuest(kernel);
    const reader = await root.reader?.();
    const port = (await kernel.connect([reader])) as unknown as MessagePort;
    const realm = await acceptPort(port);
    closing.push(() => realm.close());
    const [theirs] = realm.refs as unknown as [Loose];
    expect(await theirs.list?.('x')).toStrictEqual(['listed', 'x']);
    expect(JSON.stringify(theirs)).toBe(JSON.stringify(reader));
    await expect(theirs.list?.(root)).rejects.toThrow('a ref of another kernel');
    // What it may name is decided by the kernel.
    const raw = (await kernel.connect([reader])) as unknown as MessagePort;
    const said: { type: string; error?: { code: string } }[] = [];
    raw.on('message', (message: { type: string }) => said.push(message));
    closing.push(() => raw.close());
    raw.postMessage({ type: 'hello', protocol: { min: 1, max: 1 } });
    await vi.waitFor(() => expect(said.map(({ type }) => type)).toContain('welcome'), patience);
    expect(said.find(({ type }) => type === 'welcome')).not.toHaveProperty('admin');
    const methargs = { body: '#["count",[]]', slots: [] };
    raw.postMessage({
      type: 'frame',
      seq: 1,
      ack: 0,
      ops: [
        { op: 'call', target: 'o-1', methargs, result: 'p+1' },
        { op: 'call', target: 'o-2', methargs, result: 'p+2' },
        { op: 'call', target: 'o-999', methargs, result: 'p+3' },
      ],
    });
    await vi.waitFor(
      () =>
        expect(said.at(-1)).toMatchObject({ type: 'closed', error: { code: 'PROTOCOL_ERROR' } }),
      patience,
    );
    expect(await root.count?.()).toBe(0);
    expect(await theirs.count?.()).toBe(0);
  });

  it('goes on when the page has lost its kernel and found another', async () => {
    const dbFilename = newFile();
    let worker: KernelWorker | undefined;
    const kernel = makeClient({ worker: () => (worker = startKernelWorker({ dbFilename })) });
    const root = await launchGuest(kernel);
    const port = (await kernel.connect([root])) as unknown as MessagePort;
    const realm = await acceptPort(port);
    closing.push(() => realm.close());
    const [theirs] = realm.refs as unknown as [Loose];
    expect(await theirs.increment?.()).toBe(1);
    void worker?.terminate();
    await vi.waitFor(() => expect(kernel.status.phase).toBe('reconnecting'), patience);
    expect(await theirs.increment?.()).toBe(1);
    await kernel.close();
    await expect(theirs.increment?.()).rejects.toMatchObject({ code: 'SESSION_CLOSED' });
  });
});
