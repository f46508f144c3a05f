/**
 * Topics: a vat publishes, any number of readers follow by reference.
 *
 * A topic keeps its last value and nothing else. A reader asks for what is newer than the update that it has, and
 * its answer stays open until there is something: so a slow reader misses values and no queue grows for it, and all
 * readers that wait share one promise.
 */
import type { Baggage } from './baggage.js';
import { durableKindsOf, makeDefaultExo } from './exo.js';
import { hardenNow } from './harden-now.js';
import type { Update } from './iterables.js';

export type Publisher<Value> = {
  /** @throws Error where the topic has ended. */
  publish(value: Value): void;
  /** Ends the topic; its readers end with `completion`. */
  finish(completion?: unknown): void;
  /** Ends the topic; its readers reject with `reason`. */
  fail(reason: unknown): void;
};

export type Subscriber<Value> = {
  /**
   * The latest update as soon as it is another than the one counted `after`; without `after` the latest there is, or
   * the first that comes. Rejects with the reason of a topic that failed, and with VAT_RESTARTED when the vat
   * restarts meanwhile: a durable topic is then asked again with the same `after`, a heap topic is gone.
   */
  getUpdate(after?: number): Promise<Update<Value>> | Update<Value>;
};

export type Topic<Value> = { publisher: Publisher<Value>; subscriber: Subscriber<Value> };

/** `count` is 0 before the first value. */
type Last = { value: unknown; count: number; end: 'finished' | 'failed' | null };

const nothing: Last = { value: undefined, count: 0, end: null };

type Place = { read(): Last; write(last: Last): void };

/** The readers of one topic that wait. They end with the incarnation, whatever the topic does. */
function makeWaiting() {
  type Settle = { resolve(update: Update<unknown>): void; reject(reason: unknown): void };
  let open: { promise: Promise<Update<unknown>>; settle: Settle } | undefined;
  return {
    wait(): Promise<Update<unknown>> {
      if (open === undefined) {
        let settle: Settle | undefined;
        const promise = new Promise<Update<unknown>>((resolve, reject) => {
          settle = { resolve, reject };
        });
        // Whoever waits may have gone; that is no uncaught rejection.
        promise.catch(() => undefined);
        open = { promise: hardenNow(promise), settle: settle as unknown as Settle };
      }
      return open.promise;
    },
    tell({ value, count, end }: Last): void {
      const told = open;
      open = undefined;
      if (end === 'failed') told?.settle.reject(value);
      else told?.settle.resolve(hardenNow({ value, count, done: end !== null }));
    },
  };
}

function makeMethods(placeOf: (self: unknown) => Place) {
  const { wait, tell } = makeWaiting();
  const put = (place: Place, value: unknown, end: Last['end']): void => {
    const before = place.read();
    if (before.end !== null) throw Error(`The topic has ${before.end}`);
    const last = hardenNow({ value, count: before.count + 1, end });
    place.write(last);
    tell(last);
  };
  return {
    publisher: {
      publish(value: unknown): void {
        put(placeOf(this), value, null);
      },
      finish(completion?: unknown): void {
        put(placeOf(this), completion, 'finished');
      },
      fail(reason?: unknown): void {
        put(placeOf(this), reason, 'failed');
      },
    },
    subscriber: {
      getUpdate(after?: unknown): unknown {
        if (after !== undefined && after !== null && typeof after !== 'number') {
          throw TypeError('getUpdate takes the count of the last update, or nothing');
        }
        const { value, count, end } = placeOf(this).read();
        if (end === 'failed') throw value;
        // An ended topic has no more to wait for, and a count from the future is none of this topic's.
        if (end === null && (count === 0 || count === after)) return wait();
        return { value, count, done: end !== null };
      },
    },
  };
}

/**
 * A topic on the heap: it ends with the vat's incarnation. Both parts may be passed on; readers use `iterate`.
 *
 *     const { publisher, subscriber } = makeTopic();
 */
export function makeTopic<Value = unknown>(): Topic<Value> {
  let last = nothing;
  const place: Place = {
    read: () => last,
    write(next) {
      last = next;
    },
  };
  const { publisher, subscriber } = makeMethods(() => place);
  return hardenNow({
    publisher: makeDefaultExo('topic publisher', publisher),
    subscriber: makeDefaultExo('topic subscriber', subscriber),
  }) as Topic<Value>;
}

type Context = { state: { last: Last } };

/**
 * A durable topic: it keeps its last value over restarts and upgrades, and both parts may be kept in the baggage.
 * To be prepared again in every start of the vat. There is one of a name, and it is never deleted.
 *
 * @param name - names it in the vat's state, for good: `prices`.
 */
export function prepareTopic<Value = unknown>(baggage: Baggage, name: string): Topic<Value> {
  const facets = makeMethods((self) => {
    const { state } = self as Context;
    return {
      read: () => state.last,
      write(last) {
        state.last = last;
      },
    };
  });
  const prepare = durableKindsOf(baggage);
  return prepare({
    name,
    init: () => ({ last: nothing }),
    facets,
    singleton: true,
  })() as Topic<Value>;
}
