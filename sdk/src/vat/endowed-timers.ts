/** Timers for a vat: numbers for handles, no `this`, nothing sooner than 10 ms, and no way for a callback to end the worker. */
import { vatBounds } from './vat-bounds.js';

export type HostTimers = {
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
};

export type Timers = {
  setTimeout(callback: unknown, ms?: unknown, ...args: unknown[]): number;
  clearTimeout(id?: unknown): void;
  setInterval(callback: unknown, ms?: unknown, ...args: unknown[]): number;
  clearInterval(id?: unknown): void;
};

/** @param uncaught - hears what a callback throws. */
export function makeTimers(host: HostTimers, uncaught: (reason: unknown) => void): Timers {
  const pending = new Map<number, unknown>();
  let lastId = 0;

  const run = (callback: (...args: unknown[]) => unknown, args: unknown[]): void => {
    try {
      Reflect.apply(callback, undefined, args);
    } catch (error) {
      uncaught(error);
    }
  };

  const set = (callback: unknown, ms: unknown, args: unknown[], repeats: boolean): number => {
    if (typeof callback !== 'function')
      throw TypeError(`A timer needs a function, not a ${typeof callback}`);
    if (pending.size >= vatBounds.timersMax)
      throw RangeError(`A vat may have ${vatBounds.timersMax} timers`);
    const wished = Number(ms);
    const delay = Number.isFinite(wished)
      ? Math.min(Math.max(wished, vatBounds.timerMsMin), 0x7fffffff)
      : vatBounds.timerMsMin;
    const id = ++lastId;
    const fire = (): void => {
      if (repeats) pending.set(id, host.setTimeout(fire, delay));
      else pending.delete(id);
      run(callback as (...args: unknown[]) => unknown, args);
    };
    pending.set(id, host.setTimeout(fire, delay));
    return id;
  };

  const clear = (id: unknown): void => {
    const handle = pending.get(id as number);
    if (handle === undefined) return;
    pending.delete(id as number);
    host.clearTimeout(handle);
  };

  return harden({
    setTimeout: (callback, ms, ...args) => set(callback, ms, args, false),
    clearTimeout: clear,
    setInterval: (callback, ms, ...args) => set(callback, ms, args, true),
    clearInterval: clear,
  });
}
