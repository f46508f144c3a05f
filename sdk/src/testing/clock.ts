/** Time that a test moves. */

export type ManualClock = {
  /** Milliseconds since it was made. */
  readonly now: () => number;
  /** Moves time on, and calls what is due on the way, in order. */
  readonly advance: (ms: number) => void;
  readonly setTimeout: (callback: () => void, ms?: number) => number;
  readonly clearTimeout: (handle: unknown) => void;
};

/**
 * A clock that stands still until a test moves it: the `setTimeout` of the vats of a test kernel.
 *
 *     const clock = makeManualClock();
 *     const kernel = createTestKernel({ clock });
 *     clock.advance(60_000);
 */
export function makeManualClock(): ManualClock {
  const timers = new Map<number, { due: number; callback: () => void }>();
  let now = 0;
  let last = 0;

  const next = (until: number): [number, { due: number; callback: () => void }] | undefined =>
    [...timers]
      .filter(([, { due }]) => due <= until)
      .sort(([a, one], [b, other]) => one.due - other.due || a - b)[0];

  return Object.freeze({
    now: () => now,
    advance(ms: number) {
      if (!(ms >= 0)) throw new RangeError(`time goes forward; found ${ms} ms`);
      const until = now + ms;
      for (let timer = next(until); timer !== undefined; timer = next(until)) {
        const [handle, { due, callback }] = timer;
        timers.delete(handle);
        now = due;
        callback();
      }
      now = until;
    },
    setTimeout(callback: () => void, ms = 0) {
      last += 1;
      timers.set(last, { due: now + Math.max(0, ms), callback });
      return last;
    },
    clearTimeout: (handle: unknown) => void timers.delete(handle as number),
  });
}
