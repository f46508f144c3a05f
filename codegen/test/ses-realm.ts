import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterAll } from 'vitest';
import type { Bundle } from '@vatkit/sdk/kernel';

export type RealmAnswer = {
  /** What the bundle exports. */
  names: string[];
  /** What the calls returned. */
  results: unknown[];
};

type Failure = { failure: string; stack?: string };

/** A locked-down worker in which bundles are loaded as a vat's are. Ends after the tests. */
export function useSesRealm() {
  let worker: Worker | undefined;
  afterAll(async () => {
    await worker?.terminate();
  });
  /** Loads a bundle into a fresh compartment and calls methods of its root, one after the other. */
  return async (
    bundle: Bundle | { moduleFormat: string; source: string },
    calls: [method: string, ...args: unknown[]][] = [],
  ): Promise<RealmAnswer> => {
    worker ??= new Worker(new URL('./ses-realm.mjs', import.meta.url));
    const current = worker;
    const ended = new AbortController();
    const { signal } = ended;
    current.postMessage({ bundle, calls });
    const [answer] = (await Promise.race([
      once(current, 'message', { signal }),
      once(current, 'exit', { signal }).then(() => [{ failure: 'the realm has ended' }]),
    ]).finally(() => ended.abort())) as [RealmAnswer | Failure];
    if ('failure' in answer) throw new Error(answer.failure, { cause: answer.stack });
    return answer;
  };
}
