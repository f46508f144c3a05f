/**
 * Async iteration by reference: an iterator of one vat that another pulls, one item for each call.
 *
 * Nothing runs ahead of its reader, so that a slow reader slows the source and nothing queues up between them.
 */
import { E } from '@endo/eventual-send';
import { makeExo } from '@endo/exo';
import { getInterfaceOf, isPassable } from '@endo/pass-style';
import { M } from '@endo/patterns';
import { hardenNow } from './harden-now.js';
import { kernelErrorCode } from './kernel-error-code.js';
import { vatBounds } from './vat-bounds.js';

/** What `next`, `return` and `throw` give: `{ value: 'a', done: false }`. */
export type IteratorStep<Item> = { value: Item; done: boolean };

/** An async iterator as a reference to it is called: `E(iterator).next()`. */
export type ExoIterator<Item> = {
  next(value?: unknown): Promise<IteratorStep<Item>>;
  return(value?: unknown): Promise<IteratorStep<Item>>;
  throw(reason?: unknown): Promise<IteratorStep<Item>>;
  [Symbol.asyncIterator](): ExoIterator<Item>;
};

type AnyIterator = {
  next(...args: unknown[]): unknown;
  return?(value: unknown): unknown;
  throw?(reason: unknown): unknown;
};

type Source<Item> =
  AsyncIterable<Item> | Iterable<Item> | AsyncIterator<Item, unknown> | Iterator<Item, unknown>;

/** One and the same exo for an iterator, however often it is passed. */
const exos = new WeakMap<object, ExoIterator<unknown>>();

const methodOf = (object: object, name: PropertyKey): unknown =>
  (object as Record<PropertyKey, unknown>)[name];

function openIterator(source: object): AnyIterator {
  if (typeof methodOf(source, 'next') === 'function') return source as AnyIterator;
  for (const symbol of [Symbol.asyncIterator, Symbol.iterator]) {
    const open = methodOf(source, symbol);
    if (typeof open === 'function') return Reflect.apply(open, source, []) as AnyIterator;
  }
  throw TypeError('makeExoIterator takes an async generator, an iterator or an iterable');
}

/**
 * An exo that pulls `source` when it is called, one item for each `next`. An async generator that a method returns,
 * or that is an argument of a call to another vat, becomes one by itself.
 *
 * It lives on the heap: when the vat restarts, calls reject VAT_RESTARTED or OBJECT_DELETED. When its readers drop
 * it without `return`, the source is collected without having come to its `finally`.
 *
 * @param source - an async generator, an iterator, or an iterable, which is opened at once.
 */
export function makeExoIterator<Item>(source: Source<Item>): ExoIterator<Item> {
  const known = exos.get(source);
  if (known !== undefined) return known as ExoIterator<Item>;
  const iterator = openIterator(source);
  let underWay = 0;

  const step = async (call: () => unknown): Promise<IteratorStep<Item>> => {
    if (underWay >= vatBounds.iteratorCallsMax) {
      throw RangeError(`An iterator takes ${vatBounds.iteratorCallsMax} calls at a time`);
    }
    underWay += 1;
    try {
      const { value, done } = (await call()) as IteratorResult<Item, Item>;
      return hardenNow({ value: passIterator(value) as Item, done: Boolean(done) });
    } finally {
      underWay -= 1;
    }
  };

  const exo: unknown = makeExo('AsyncIterator', iteratorGuard() as never, {
    next: async (...args: unknown[]) => step(() => iterator.next(...args)),
    return: async (value?: unknown) =>
      step(() => (iterator.return === undefined ? { value, done: true } : iterator.return(value))),
    async throw(reason?: unknown) {
      return step(() => {
        if (iterator.throw !== undefined) return iterator.throw(reason);
        throw reason;
      });
    },
    [Symbol.asyncIterator]() {
      return (this as unknown as { self: object }).self;
    },
  });
  exos.set(source, exo as ExoIterator<unknown>);
  return exo as ExoIterator<Item>;
}

let guard: ReturnType<typeof M.interface> | undefined;
/** Made when it is needed: a vat's module may be loaded where nothing is hardened yet. */
const iteratorGuard = () =>
  (guard ??= M.interface('AsyncIterator', {}, { defaultGuards: 'passable' }));

/** A value as it is passed: an async iterator that is no exo yet becomes one, all else is left alone. */
export function passIterator(value: unknown): unknown {
  return isAsyncIterator(value) ? makeExoIterator(value) : value;
}

/** An async generator, or an object with its methods; no exo or presence, which pass by themselves. */
export function isAsyncIterator(value: unknown): value is AsyncIterator<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return (
      typeof methodOf(value, Symbol.asyncIterator) === 'function' &&
      typeof methodOf(value, 'next') === 'function' &&
      !isPassable(value)
    );
  } catch {
    // A proxy: what it is will be said where it is examined.
    return false;
  }
}

type Remote = Record<string, (...args: unknown[]) => Promise<unknown>>;
const remote = (ref: unknown): Remote => E(ref);

/** What a topic's subscriber answers. */
export type Update<Value> = {
  /** The latest value; of a finished topic what it was finished with. */
  value: Value;
  /** Counts what was published: to be given to the next `getUpdate`. */
  count: number;
  /** The topic is finished, and `value` its completion. */
  done: boolean;
};

/** Asks for an update until there is one. A durable topic goes on where the restart of its vat cut it off. */
async function askUpdate(ref: unknown, after: number | undefined): Promise<Update<unknown>> {
  let restart: unknown;
  for (let turn = 0; turn < vatBounds.topicResumesMax; turn += 1) {
    try {
      return (await remote(ref)['getUpdate']?.(after)) as Update<unknown>;
    } catch (error) {
      const code = kernelErrorCode(error);
      // A heap topic is gone after the restart: its end is the restart.
      if (code === 'OBJECT_DELETED' && restart !== undefined) break;
      if (code !== 'VAT_RESTARTED') throw error;
      restart = error;
    }
  }
  throw restart;
}

async function* updatesOf(ref: unknown, first: Update<unknown>): AsyncGenerator<unknown> {
  for (let update = first; ; update = await askUpdate(ref, update.count)) {
    if (update.done) return update.value;
    yield update.value;
  }
}

async function* itemsOf(ref: unknown): AsyncGenerator<unknown> {
  const iterator = remote(ref);
  let isOpen = true;
  try {
    for (;;) {
      const pulled = iterator['next']?.();
      // Whoever fails to give an item has ended.
      isOpen = false;
      const { value, done } = (await pulled) as IteratorStep<unknown>;
      if (done) return value;
      isOpen = true;
      yield value;
    }
  } finally {
    if (isOpen) await iterator['return']?.();
  }
}

const lacksUpdates = (error: unknown): boolean =>
  error instanceof Error &&
  /\bno method\b[^,]*getUpdate|getUpdate\b.*not a function/.test(error.message);

/**
 * Reads a topic, or a remote async iterator, with `for await`:
 *
 *     for await (const price of iterate(subscriber)) show(price);
 *
 * One call for each item, made when the item is asked for. Of a topic it gives the latest value first, and leaves
 * out values that came and went while the reader was busy. Leaving the loop calls an iterator's `return`.
 *
 * When the source's vat restarts, iteration over a durable topic goes on by itself; over a heap topic or an iterator
 * it ends with VAT_RESTARTED or OBJECT_DELETED.
 *
 * @param source - a subscriber or an iterator, or a promise of one: `iterate(E(shop).watchPrices())`.
 */
export async function* iterate<Item = unknown>(source: unknown): AsyncGenerator<Item, unknown> {
  const ref = await source;
  if (isAsyncIterator(ref)) return yield* ref as AsyncGenerator<Item, unknown>;
  let first: Update<unknown> | undefined;
  if (!/iterator$/i.test(getInterfaceOf(ref) ?? '')) {
    try {
      first = await askUpdate(ref, undefined);
    } catch (error) {
      if (!lacksUpdates(error)) throw error;
    }
  }
  const items = first === undefined ? itemsOf(ref) : updatesOf(ref, first);
  return yield* items as AsyncGenerator<Item, unknown>;
}

/** {@link makeExoIterator} by MetaMask's name; theirs runs ahead of its reader, this does not. */
export const makeExoGenerator = makeExoIterator;

/** A local async iterator whose methods call those of a remote one. {@link iterate} reads topics, too. */
export function makeEventualIterator<Item>(ref: unknown): AsyncIterableIterator<Item> {
  const call =
    (name: string) =>
    async (...args: unknown[]): Promise<IteratorResult<Item>> =>
      remote(ref)[name]?.(...args) as Promise<IteratorResult<Item>>;
  const iterator = {
    next: call('next'),
    return: call('return'),
    throw: call('throw'),
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator as AsyncIterableIterator<Item>;
}
