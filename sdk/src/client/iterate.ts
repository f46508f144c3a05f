/** Topics and remote async iterators, read with `for await`. */
import { isKernelError } from '../errors.js';
import { isRef, send } from './ref.js';
import type { CallOptions } from './types.js';

/** What a topic's subscriber answers. */
type Update = { value: unknown; count: number; done: boolean };

/** Turns that one question is asked again because the topic's vat restarted meanwhile. */
const RESUMES_MAX = 10;

/**
 * Reads a topic, or an async iterator of a vat:
 *
 *     for await (const price of iterate(shop.watchPrices())) show(price);
 *
 * One call for each item, made when the item is asked for: nothing queues up. Of a topic it gives the latest value
 * first, and leaves out values that came and went while the reader was busy; over a durable topic it goes on when the
 * topic's vat restarts. Leaving the loop calls an iterator's `return`.
 *
 * @param source - a subscriber or an iterator, or a promise of one.
 * @param options - of each call; `signal` ends the loop with its reason.
 */
export async function* iterate<Item = unknown>(
  source: unknown,
  options: CallOptions = {},
): AsyncGenerator<Item, unknown> {
  const ref = await source;
  if (!isRef(ref)) throw new TypeError(`iterate takes a ref; found ${typeof ref}`);
  // An object that has not told its methods is an iterator by its interface.
  const isTopic = 'getUpdate' in ref || !('next' in ref || /iterator$/i.test(tagOf(ref)));
  const items = isTopic ? updatesOf(ref, options) : itemsOf(ref, options);
  return yield* items as AsyncGenerator<Item, unknown>;
}

const tagOf = (ref: object): string => Object.prototype.toString.call(ref).slice(8, -1);

async function* updatesOf(ref: unknown, options: CallOptions): AsyncGenerator<unknown> {
  for (let count: number | undefined; ;) {
    const update = await askUpdate(ref, count, options);
    if (update.done) return update.value;
    yield update.value;
    count = update.count;
  }
}

async function askUpdate(
  ref: unknown,
  after: number | undefined,
  options: CallOptions,
): Promise<Update> {
  for (let turn = 1; ; turn += 1) {
    try {
      return (await send(ref, 'getUpdate', [after], options)) as Update;
    } catch (error) {
      if (turn === RESUMES_MAX || !isKernelError(error, 'VAT_RESTARTED')) throw error;
    }
  }
}

async function* itemsOf(ref: unknown, options: CallOptions): AsyncGenerator<unknown> {
  let isOpen = true;
  try {
    for (;;) {
      const pulled = send(ref, 'next', [], options);
      // Whoever fails to give an item has ended; an abort of ours leaves it open.
      isOpen = false;
      const { value, done } = (await pulled.catch((error: unknown) => {
        isOpen = options.signal?.aborted === true;
        throw error;
      })) as { value: unknown; done: boolean };
      if (done) return value;
      isOpen = true;
      yield value;
    }
  } finally {
    // Nobody waits for its end: the reader has what it wanted.
    if (isOpen) void send(ref, 'return', []).catch(() => undefined);
  }
}
