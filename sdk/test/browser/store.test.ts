/** The kernel's database in a browser: on the origin-private file system, in dedicated workers. */
import { afterEach, describe, expect, it } from 'vitest';
import type { WasmDatabaseOptions } from '../../src/store/sqlite-wasm.js';
import type { StoreAnswer, StoreRequest } from './store.worker.js';
import { declareSuite } from './suite-in-worker.js';

await declareSuite(
  new Worker(new URL('./store-contract.worker.ts', import.meta.url), { type: 'module' }),
);

const workers: Worker[] = [];
afterEach(() => {
  for (const worker of workers.splice(0)) worker.terminate();
});

/** A worker with a store; `kill` is what a browser does to a tab's workers. */
function makeStoreWorker() {
  const worker = new Worker(new URL('./store.worker.ts', import.meta.url), { type: 'module' });
  workers.push(worker);
  const ask = (request: StoreRequest) =>
    new Promise<unknown>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<StoreAnswer>) => {
        if ('value' in data) resolve(data.value);
        else reject(Object.assign(new Error(data.error.message), data.error));
      };
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(request);
    });
  return {
    open: (options: WasmDatabaseOptions) => ask({ open: options }),
    call: (call: string, ...args: unknown[]) => ask({ call, args }),
    kill: () => worker.terminate(),
  };
}

let names = 0;
const newName = (): string => `store-${Date.now()}-${(names += 1)}.db`;

describe('a store on the private file system', () => {
  it('is there for the next worker', async () => {
    const dbFilename = newName();
    const first = makeStoreWorker();
    expect(await first.open({ dbFilename })).toBe('file');
    await first.call('commit', [['a', '1']]);
    await first.call('close');
    const second = makeStoreWorker();
    await second.open({ dbFilename });
    expect(await second.call('executeQuery', 'SELECT * FROM kv')).toStrictEqual([
      { key: 'a', value: '1' },
    ]);
  });

  it('holds what was committed before its worker was killed', async () => {
    const dbFilename = newName();
    for (let round = 0; round < 5; round += 1) {
      const worker = makeStoreWorker();
      await worker.open({ dbFilename, lockWaitMs: 10_000 });
      expect(await worker.call('get', 'round')).toBe(round === 0 ? undefined : `${round - 1}`);
      await worker.call('commit', [['round', `${round}`]]);
      worker.kill();
    }
  });

  it('is held by one worker at a time, and taken over when that one lets go', async () => {
    const dbFilename = newName();
    const first = makeStoreWorker();
    await first.open({ dbFilename });
    await first.call('commit', [['a', '1']]);
    const second = makeStoreWorker();
    await expect(second.open({ dbFilename, lockWaitMs: 200 })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      data: { held: true },
      message: expect.stringContaining('another tab or worker of this origin holds it') as string,
    });
    const taken = second.open({ dbFilename, lockWaitMs: 15_000 });
    await first.call('close');
    expect(await taken).toBe('file');
    expect(await second.call('get', 'a')).toBe('1');
  });

  it('is not in the way of another one in the same worker, and can be opened again there', async () => {
    const worker = makeStoreWorker();
    const dbFilename = newName();
    await worker.open({ dbFilename });
    await expect(worker.open({ dbFilename, lockWaitMs: 0 })).rejects.toMatchObject({
      data: { held: true },
    });
    await worker.call('commit', [['a', '1']]);
    await worker.call('close');
    for (let round = 0; round < 3; round += 1) {
      await worker.open({ dbFilename });
      expect(await worker.call('get', 'a')).toBe('1');
      await worker.call('close');
    }
  });

  it('of a newer version, or no store at all, is refused and left as it is', async () => {
    const dbFilename = newName();
    const root = await navigator.storage.getDirectory();
    await root.getFileHandle(`vatkit:${dbFilename}`, { create: true });
    const worker = makeStoreWorker();
    await expect(worker.open({ dbFilename })).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect((await root.getFileHandle(`vatkit:${dbFilename}`)).kind).toBe('file');
  });
});

describe('without private files', () => {
  it('a page has a store in memory, and is told so', async () => {
    const { makeSQLKernelDatabase } = await import('../../src/store/sqlite-wasm.js');
    const store = await makeSQLKernelDatabase({ dbFilename: newName() });
    // Sync access handles are for workers alone, though a page sees the private files.
    expect(store.storage).toBe('memory');
    store.close();
  });
});
