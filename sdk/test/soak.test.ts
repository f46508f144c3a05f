/**
 * Nothing accumulates: after thousands of calls that create, pass, store and drop objects and promises among several
 * vats, the store has as many rows as at the start, and so has every table in every vat.
 *
 * `VATKIT_SOAK=100000 npx vitest run sdk/test/soak.test.ts` makes that many calls and prints what they cost.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { kunser, type Kernel, type VatTableSizes } from '@vatkit/sdk/kernel';
import { expect, it } from 'vitest';
import {
  bundleOf,
  call,
  clusterOf,
  makeStoreFile,
  rowsChanged,
  rowsOf,
  startKernel,
} from './harness.js';

setFlagsFromString('--expose-gc');
const collectHost = runInNewContext('gc') as () => void;

const calls = Number(process.env.VATKIT_SOAK ?? 2_000);
const atOnce = 20;
const vats = ['alice', 'bob', 'carol', 'dave'];

type Tables = { rows: Map<string, string>; vats: Record<string, VatTableSizes> };

const look = async (kernel: Kernel): Promise<Tables> => {
  const tables: [string, VatTableSizes][] = [];
  for (const id of kernel.getVatIds()) tables.push([id, await kernel.inspectVat(id)]);
  const rows = rowsOf(kernel);
  // A durable kind counts its instances on: no number is used twice.
  for (const key of rows.keys()) if (/^t\.v\d+\.k\./.test(key)) rows.set(key, 'counts on');
  return { rows, vats: Object.fromEntries(tables) };
};

/** Collects by force until nothing changes any more: what goes lets go of more. */
async function settleDown(kernel: Kernel): Promise<Tables> {
  for (const id of kernel.getVatIds()) await call(kernel, kernel.getRootObject(id), 'clear');
  let before = await look(kernel);
  for (let still = 0, rounds = 0; still < 4; rounds += 1) {
    expect(rounds, 'rounds of collection').toBeLessThan(200);
    collectHost();
    await kernel.reapVats();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const now = await look(kernel);
    const isStill =
      rowsChanged(before.rows, now.rows).length === 0 &&
      JSON.stringify(before.vats) === JSON.stringify(now.vats);
    still = isStill ? still + 1 : 0;
    before = now;
  }
  return before;
}

const clock = {
  make: (_thing: unknown, [promise]: [Promise<unknown>]) => ({
    touch: async () => `touched ${String(await promise)}`,
  }),
  later: () => ({
    soon: new Promise((resolve) => setImmediate(() => resolve('soon'))),
  }),
};

it(
  `${calls} calls leave neither row nor entry in any table`,
  { timeout: 60_000 + calls * 20 },
  async () => {
    const kernel = await startKernel({
      dbFilename: makeStoreFile(),
      limits: { deliveriesPerReap: 500 },
    });
    kernel.registerKernelServiceObject('clock', clock);
    const config = { ...clusterOf(await bundleOf('soak.vat.js'), vats), services: ['clock'] };
    await kernel.launchSubcluster(config);
    const roots = kernel.getVatIds().map((id) => kernel.getRootObject(id));
    const atStart = await settleDown(kernel);

    const begun = performance.now();
    let failed: unknown;
    let peakRows = 0;
    const work = async (n: number): Promise<void> => {
      const root = roots[n % roots.length] as string;
      const answer = await kernel.queueMessage(root, 'work', [n]);
      kunser(answer);
      answer.slots.forEach((kref) => kernel.release(kref));
    };
    for (let first = 0; first < calls; first += atOnce) {
      const batch = Array.from({ length: Math.min(atOnce, calls - first) }, (_, at) =>
        work(first + at).catch((error: unknown) => (failed ??= error)),
      );
      await Promise.all(batch);
      expect(failed).toBe(undefined);
      if (first % 10_000 === 0) peakRows = Math.max(peakRows, rowsOf(kernel).size);
    }
    const ms = performance.now() - begun;

    const atEnd = await settleDown(kernel);
    expect(rowsChanged(atStart.rows, atEnd.rows)).toStrictEqual([]);
    expect(atEnd.vats).toStrictEqual(atStart.vats);
    expect(kernel.checkInvariants()).toStrictEqual([]);
    if (process.env.VATKIT_SOAK !== undefined) {
      console.log(
        `${calls} calls in ${Math.round(ms)} ms, ${Math.round((calls / ms) * 1000)} a second; rows ${atStart.rows.size} at start, ${peakRows} at most seen, ${atEnd.rows.size} at end; tables ${JSON.stringify(atEnd.vats)}`,
      );
    }
  },
);
