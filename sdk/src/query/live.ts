/** Feeds a query from a topic or an async iterator of a vat: its data are the latest value. */
import type { QueryFunctionContext } from '@tanstack/query-core';
import { iterate } from '../client/iterate.js';
import type { RefHandle } from '../client/ref.js';
import type { SendOptions } from '../client/types.js';
import { provideBridge } from './bridge.js';
import type { VatQueryKey } from './keys.js';

/** Milliseconds. A source that ends in failure again and again is not asked more often. */
const RESUME_MS = 1_000;

/**
 * Subscribes, and resolves with the first value, which of a topic is the last one that was published. What comes later
 * is written into the cache. A subscription that was lost begins anew, as a fetch of the query, whose error is told.
 */
export async function follow(
  { client, queryKey }: QueryFunctionContext<VatQueryKey>,
  handle: RefHandle,
  method: string,
  args: readonly unknown[],
): Promise<unknown> {
  const bridge = provideBridge(client);
  const record = bridge.join(queryKey, handle);
  if (!record) return null;
  const follower = new AbortController();
  const { signal } = follower;
  bridge.follow(record, follower);
  const began = performance.now();
  // A read, although it waits: else each question would make the answers of its vat look out of date.
  const options: SendOptions = { read: true, signal };
  const items = iterate(handle.send(method, args, options), options);

  const pump = async (): Promise<void> => {
    for (;;) {
      const { value, done } = await items.next();
      if (signal.aborted || (done && value === undefined)) return;
      bridge.feed(record, value);
      if (done) return;
    }
  };
  const resume = (): void => {
    if (!signal.aborted) bridge.askAgain(record);
  };

  const first = await items.next();
  if (!first.done) pump().catch(() => setTimeout(resume, began + RESUME_MS - performance.now()));
  return bridge.arrived(queryKey, first.value);
}
