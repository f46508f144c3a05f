/** One try more as long as none has come through: each has a lead before the next one, as in RFC 8305. */

export type Try<T> = { name: string; run: (signal: AbortSignal) => Promise<T> };

/**
 * The result of the first try that succeeds. The others are aborted; what they give all the same is discarded.
 *
 * @throws Error that tells of each try how it failed; the reason of `signal` when that aborts.
 */
export function openFirst<T>(
  tries: readonly Try<T>[],
  leadMs: number,
  signal: AbortSignal,
  discard: (late: T) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    // One for each: a socket may still listen to its signal when it has long been open.
    const controllers: AbortController[] = [];
    let isSettled = false;
    const failures: string[] = [];
    let begun = 0;
    let lead: ReturnType<typeof setTimeout> | undefined;

    const finish = (settle: () => void, winner?: AbortController): void => {
      isSettled = true;
      clearTimeout(lead);
      signal.removeEventListener('abort', abort);
      for (const controller of controllers) {
        if (controller !== winner) controller.abort(new Error('another address was faster'));
      }
      settle();
    };
    const abort = (): void => finish(() => reject(signal.reason as Error));
    const beginNext = (): void => {
      clearTimeout(lead);
      const next = tries[begun];
      if (next === undefined) return;
      begun += 1;
      const controller = new AbortController();
      controllers.push(controller);
      lead = setTimeout(beginNext, leadMs);
      next.run(controller.signal).then(
        (result) => {
          if (isSettled) discard(result);
          else finish(() => resolve(result), controller);
        },
        (error: unknown) => {
          if (isSettled) return;
          failures.push(`${next.name}: ${(error as Error).message}`);
          if (failures.length < tries.length) beginNext();
          else finish(() => reject(new Error(failures.join('; '))));
        },
      );
    };

    if (signal.aborted) return reject(signal.reason as Error);
    signal.addEventListener('abort', abort);
    if (tries.length === 0) finish(() => reject(new Error('no address of it is known')));
    else beginNext();
  });
}
