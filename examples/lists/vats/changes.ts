/**
 * Readers that wait for a change. They live on the heap: when the vat restarts they are answered VAT_RESTARTED, and ask
 * again. What they wait for is in durable state, counted by its version.
 */
export function makeChanges() {
  const waiting = new Map<string, { promise: Promise<void>; tell: () => void }>();
  return {
    /** Resolves at the next change of `key`. */
    next(key: string): Promise<void> {
      const known = waiting.get(key);
      if (known !== undefined) return known.promise;
      let tell = (): void => undefined;
      const promise = new Promise<void>((resolve) => {
        tell = resolve;
      });
      waiting.set(key, { promise, tell });
      return promise;
    },
    /** Something about `key` has changed. */
    tell(key: string): void {
      const told = waiting.get(key);
      waiting.delete(key);
      told?.tell();
    },
  };
}

export type Changes = ReturnType<typeof makeChanges>;
