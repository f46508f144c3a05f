/** The page's client with the ready-made worker: what only a browser has. */
import { createKernel, onBroken, type KernelClient } from '@vatkit/sdk';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { guestDefinition, launchGuest, type Loose } from '../client/harness.js';
import { bundleOf, clusterOf, patience } from './on-node.js';

const open: KernelClient[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.close()));
});

let names = 0;
const newName = (): string => `client-${Date.now()}-${(names += 1)}`;

function makeClient({ name = newName(), program = './app.worker.ts', query = '' } = {}) {
  const workers: Worker[] = [];
  const worker = (): Worker => {
    const url = new URL(program, import.meta.url);
    url.search = query;
    const made = new Worker(url, { type: 'module' });
    workers.push(made);
    return made;
  };
  const client = createKernel({ worker, name });
  open.push(client);
  return Object.assign({ client, workers });
}

const keeper = async () => ({ name: 'keeper', config: clusterOf(await bundleOf('keeper.vat.js')) });

describe('a client of the ready-made worker', () => {
  it('finds its state again after it was closed', async () => {
    const { client } = makeClient();
    const { root } = await client.launch(await keeper());
    expect(client.status.storage).toBe('file');
    await (root as unknown as Loose).keep?.('a', 'kept');
    const { storeId } = client.status;
    await client.close();
    const again = makeClient({ name: client.name }).client;
    const found = await again.launch(await keeper());
    expect(found.action).toBe('joined');
    expect(await (found.root as unknown as Loose).kept?.('a')).toBe('kept');
    expect(again.status.storeId).toBe(storeId);
  });

  it('goes on when its worker is killed: durable refs live, heap refs break, suspended calls reject', async () => {
    const { client, workers } = makeClient();
    const root = await launchGuest(client);
    const note = (await root.note?.('kept')) as unknown as Loose;
    const heap = (await root.heapNote?.('lost')) as unknown as Loose;
    const broken = new Promise((resolve) => onBroken(heap, resolve));
    const suspended = (root.never?.() as Promise<unknown>).catch((error: unknown) => error);
    await root.count?.();
    workers[0]?.terminate();
    const asked = root.count?.();
    expect(await suspended).toMatchObject({ code: 'VAT_RESTARTED', indeterminate: true });
    expect(await broken).toMatchObject({ code: 'OBJECT_DELETED' });
    expect(await note.read?.()).toBe('kept');
    expect(await asked).toBe(0);
    expect(workers).toHaveLength(2);
    expect(client.status.phase).toBe('ready');
  });

  it('makes each call once, however often its worker is killed', async () => {
    const { client, workers } = makeClient();
    const { root } = await client.launch(await keeper());
    const keeping = root as unknown as Loose;
    const calls: Promise<unknown>[] = [];
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 20; i += 1) {
        calls.push(keeping.count?.(`${round}.${i}`) as Promise<unknown>);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await keeping.greet?.();
      for (let i = 0; i < 5; i += 1) calls.push(keeping.count?.(`${round}.more.${i}`) as never);
      workers.at(-1)?.terminate();
    }
    expect(await Promise.all(calls)).toStrictEqual(calls.map(() => 1n));
    expect(await keeping.total?.()).toBe(75n);
  });

  it('stops a vat that loops, and others answer meanwhile', async () => {
    const { client } = makeClient({ program: './strict.worker.ts' });
    const code = (root: string): string =>
      `const __vatExports__ = (() => { const far = $vatkit['@vatkit/sdk/vat'];
       return { buildRootObject: () => far.makeDefaultExo('root', { ${root} }) }; })();`;
    const bundleSpec = JSON.stringify({
      moduleFormat: 'vatkit',
      abi: 1,
      code: code("loop() { for (;;); }, hello: () => 'here'"),
    });
    const config = clusterOf(bundleSpec, ['a', 'b']);
    const { roots } = await client.launch({ name: 'loops', config });
    const [a, b] = [roots.a, roots.b] as unknown as [Loose, Loose];
    const looping = (a.loop?.() as Promise<unknown>).catch((error: unknown) => error);
    expect(await b.hello?.()).toBe('here');
    expect(await looping).toMatchObject({ code: 'VAT_CRASHED' });
    expect(await a.hello?.()).toBe('here');
  });

  it('shares the kernel of another client of its name, and takes it over when that is closed', async () => {
    const first = makeClient();
    const root = await launchGuest(first.client);
    await root.increment?.(3);
    const second = makeClient({ name: first.client.name });
    const theirs = await launchGuest(second.client);
    expect(await theirs.count?.()).toBe(3);
    expect(second.workers).toHaveLength(0);
    const note = (await theirs.note?.('durable')) as unknown as Loose;
    await first.client.close();
    expect(await note.read?.()).toBe('durable');
    expect(await theirs.count?.()).toBe(0);
    await vi.waitFor(() => expect(second.workers).toHaveLength(1), patience);
  });

  it("reads its options from its file and its URL; a takeover is no start, and resets nothing", async () => {
    const program = './service.worker.ts';
    const { client } = makeClient({ program });
    const definition = { ...(await keeper()).config, services: ['greeter'] };
    const { root } = await client.launch({ name: 'k', config: definition });
    await (root as unknown as Loose).keep?.('a', 1);
    // The first object of a fresh store is the one that was registered first.
    expect(await client.admin.queueMessage('ko4', 'greet', ['you'])).toMatchObject({
      body: '#"good day, you"',
    });
    const other = makeClient({ name: client.name, program, query: 'reset-storage=true' });
    const [theirs] = await other.client.admin.getVatIds();
    await client.close();
    expect(await other.client.admin.getVatIds()).toStrictEqual([theirs]);
    await other.client.close();
    const fresh = makeClient({ name: client.name, program, query: 'reset-storage=true' });
    expect(await fresh.client.admin.getVatIds()).toStrictEqual([]);
    const wrong = makeClient({ query: 'reset-storage=perhaps' }).client;
    await expect(wrong.ready()).rejects.toThrow('reset-storage must be true or false');
  });

  it('says why there is no kernel', async () => {
    const { client } = makeClient({ program: './failing.worker.ts' });
    await expect(client.ready()).rejects.toMatchObject({
      name: 'WorkerStartError',
      message: expect.stringContaining('limits.nonsense does not exist') as string,
    });
    const missing = makeClient({ program: './no-such.worker.ts' }).client;
    await expect(missing.ready()).rejects.toMatchObject({ name: 'WorkerStartError' });
    const definition = await guestDefinition();
    const badName = makeClient({ name: 'a/b' }).client;
    await expect(badName.launch(definition)).rejects.toThrow('a name without slashes');
  });
});
