/** Web Locks, as something that is held until it is let go. */

/** Takes a lock when it is free. @throws the signal's reason where it is aborted first. */
export const acquireLock = (name: string, signal: AbortSignal): Promise<() => void> =>
  request(name, { signal }) as Promise<() => void>;

/** Takes a lock if it is free; undefined where it is not. */
export const tryLock = (name: string): Promise<(() => void) | undefined> =>
  request(name, { ifAvailable: true });

function request(name: string, options: LockOptions): Promise<(() => void) | undefined> {
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(name, options, (lock) =>
        lock === null ? resolve(undefined) : new Promise<void>((free) => resolve(free)),
      )
      .catch((cause: unknown) => reject(cause as Error));
  });
}
