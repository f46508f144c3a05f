/**
 * Promises that methods can be called on before they settle: `await root.reader().list()` is one round trip.
 *
 * They are native promises, whose prototype answers each name that Promise has not with a method. Where that sends a
 * message, and to what, is the session's matter.
 */
import type { SendOptions } from './types.js';

/** Sends a message to what the promise will be. */
export type Pipe = (
  method: unknown,
  args: readonly unknown[],
  options?: SendOptions,
) => Promise<unknown>;

/** A promise without a session behind it has none: then the message waits for what it will be. */
const pipes = new WeakMap<object, Pipe>();
export const pipeOf = (promise: object): Pipe | undefined => pipes.get(promise);

/** JavaScript itself, or a serializer, asks for these. `call(promise, name)` sends them. */
const isReserved = (key: PropertyKey): boolean =>
  typeof key === 'symbol' || key === 'toJSON' || key in Promise.prototype;

const prototype = new Proxy(Promise.prototype, {
  // So that it is an instance of Promise.
  getPrototypeOf: () => Promise.prototype,
  get(target, key, receiver: object): unknown {
    const pipe = isReserved(key) ? undefined : pipes.get(receiver);
    return pipe ? (...args: unknown[]) => pipe(key, args) : Reflect.get(target, key, receiver);
  },
});

function Pipelined(): void {}
Pipelined.prototype = prototype;

export type Settlers = { resolve(value: unknown): void; reject(reason: unknown): void };

/** A pending promise with the functions that settle it. */
export function makePipelined(pipe: Pipe): Settlers & { promise: Promise<unknown> } {
  let settlers: Settlers | undefined;
  const promise = Reflect.construct(
    Promise,
    [
      (resolve: Settlers['resolve'], reject: Settlers['reject']) =>
        (settlers = { resolve, reject }),
    ],
    Pipelined,
  ) as Promise<unknown>;
  pipes.set(promise, pipe);
  return { promise, ...(settlers as unknown as Settlers) };
}

/** For promises that somebody else looks at: the end of one that nobody awaits is no news. */
export function markHandled<Value extends Promise<unknown>>(promise: Value): void {
  promise.catch(() => undefined);
}

/** A rejected promise; so are the answers to messages that are sent to it. */
export function refused(reason: unknown): Promise<unknown> {
  const { promise, reject } = makePipelined(() => {
    markHandled(promise);
    return refused(reason);
  });
  reject(reason);
  return promise;
}
