/**
 * Tests that run in a dedicated worker, where the browser has what a page has not: the page's `it`s each run one.
 *
 * The worker's program calls {@link serveSuite}, the page's test file {@link declareSuite}.
 */
import * as vitest from 'vitest';
import type { ContractKit } from '../../src/store/kv-store.contract.js';

type Question = { run: number };
type Answer = { names: string[] } | { ran: number; failure?: { message: string; stack: string } };

/** In the worker. `declare` declares tests as any test file does. */
export function serveSuite(declare: (kit: ContractKit) => void): void {
  const tests: { name: string; body: () => unknown; after: (() => unknown)[] }[] = [];
  let path: string[] = [];
  let after: (() => unknown)[] = [];
  declare({
    describe(name, body) {
      const outer = { path, after };
      path = [...path, name];
      after = [...after];
      body();
      ({ path, after } = outer);
    },
    it: (name, body) => void tests.push({ name: [...path, name].join(' > '), body, after }),
    afterEach: (body) => void after.push(body),
  });
  const answer = (message: Answer): void => postMessage(message);
  onmessage = async ({ data: { run } }: MessageEvent<Question>) => {
    const test = tests[run] as (typeof tests)[number];
    try {
      try {
        await test.body();
      } finally {
        for (const body of test.after) await body();
      }
      answer({ ran: run });
    } catch (thrown) {
      const { message, stack = '' } = thrown instanceof Error ? thrown : new Error(String(thrown));
      answer({ ran: run, failure: { message, stack } });
    }
  };
  answer({ names: tests.map(({ name }) => name) });
}

/** In the page's test file, awaited at its top. */
export async function declareSuite(worker: Worker): Promise<void> {
  const next = () =>
    new Promise<Answer>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<Answer>) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
    });
  const first = await next();
  if (!('names' in first)) throw new Error('a suite begins with its names');
  first.names.forEach((name, run) =>
    vitest.it(name, async () => {
      const answer = next();
      worker.postMessage({ run } satisfies Question);
      const { failure } = (await answer) as Extract<Answer, { ran: number }>;
      if (failure === undefined) return;
      throw Object.assign(new Error(failure.message), { stack: failure.stack });
    }),
  );
}
