/** Queries that are asked again when what they came from has changed, without React. */
import { QueryClient, QueryObserver } from '@tanstack/query-core';
import { defineInterface } from '@vatkit/sdk/codegen';
import { vatQueryOptions } from '@vatkit/sdk/query';
import { createTestKernel, testVat } from '@vatkit/sdk/testing';
import { E, makeDefaultExo } from '@vatkit/sdk/vat';
import { afterEach, describe, expect, it, vi } from 'vitest';

type Box = { value: () => Promise<number>; set: (value: number) => Promise<void> };
type Reader = { late: (box: unknown) => Promise<number> };
const ReaderRoot = defineInterface<Reader>('Reader', '1', { late: ['query', ''] });

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function start() {
  const kernel = createTestKernel();
  open.push(() => kernel.close());
  const { root: box } = await kernel.launch<Box>(
    testVat('box', () => {
      let value = 0;
      return makeDefaultExo('Box', {
        value: () => value,
        set(to: number) {
          value = to;
        },
      });
    }),
  );
  let asked = 0;
  const { root: reader } = await kernel.launch<Reader>(
    testVat('reader', () =>
      makeDefaultExo('Reader', {
        async late(other: unknown) {
          asked += 1;
          await new Promise((resolve) => setTimeout(resolve, 1));
          return (E(other as object) as unknown as Box).value();
        },
      }),
    ),
  );
  const client = new QueryClient();
  open.push(() => client.clear());
  const watch = (extra = 0) => {
    const args = [box, extra];
    const options = vatQueryOptions(ReaderRoot.late as never, { on: reader, args });
    const observer = new QueryObserver<number>(client, options as never);
    open.push(observer.subscribe(() => undefined));
    return observer;
  };
  return { box, watch, asked: () => asked };
}

describe('a query that raises what it has touched, since it sends after a timer', () => {
  it('is asked less and less often, down to once a second', async () => {
    const { box, watch, asked } = await start();
    const observer = watch();
    await vi.waitFor(() => expect(observer.getCurrentResult().data).toBe(0));
    const since = performance.now();
    await vi.waitFor(() => expect(asked()).toBeGreaterThan(6), 20_000);
    // They double from 32 ms. Without them it would be 7 frames.
    expect(performance.now() - since).toBeGreaterThan(1_000);
    const before = asked();
    await new Promise((resolve) => setTimeout(resolve, 900));
    expect(asked() - before).toBeLessThanOrEqual(2);
    await box.set(7);
    await vi.waitFor(() => expect(observer.getCurrentResult().data).toBe(7), 10_000);
  });

  it('does not keep another of its kind at it', async () => {
    const { watch, asked } = await start();
    const observers = [watch(1), watch(2)];
    for (const observer of observers)
      await vi.waitFor(() => expect(observer.getCurrentResult().data).toBe(0));
    const since = performance.now();
    await vi.waitFor(() => expect(asked()).toBeGreaterThan(12), 20_000);
    expect(performance.now() - since).toBeGreaterThan(500);
  });
});
