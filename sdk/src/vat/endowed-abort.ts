/**
 * AbortController and AbortSignal in plain JavaScript. The engine's own are event targets with internals and
 * prototypes that lockdown does not know; these have nothing but what stands here.
 */
import type { Timers } from './endowed-timers.js';

type Listener = ((event: object) => unknown) | { handleEvent(event: object): unknown };

const named = (name: string, message: string): Error =>
  Object.defineProperty(Error(message), 'name', { value: name });

export function makeAbortClasses(
  timers: Timers,
  uncaught: (reason: unknown) => void,
): { AbortController: unknown; AbortSignal: unknown } {
  /** Only this module can make a signal. */
  const key = {};
  let trigger: (signal: AbortSignal, reason: unknown) => void;

  class AbortSignal {
    #aborted = false;
    #reason: unknown;
    #listeners = new Set<Listener>();
    /** As on the web: one more listener. */
    onabort: unknown = null;

    constructor(given?: unknown) {
      if (given !== key) throw TypeError('Illegal constructor');
    }

    static abort(reason?: unknown): AbortSignal {
      const signal = new AbortSignal(key);
      trigger(signal, reason);
      return signal;
    }

    static timeout(ms: unknown): AbortSignal {
      const signal = new AbortSignal(key);
      timers.setTimeout(
        () => trigger(signal, named('TimeoutError', 'The operation was aborted due to timeout')),
        ms,
      );
      return signal;
    }

    static any(signals: Iterable<AbortSignal>): AbortSignal {
      const signal = new AbortSignal(key);
      for (const source of signals) {
        if (!(#aborted in source)) throw TypeError('AbortSignal.any takes AbortSignals');
        if (source.#aborted) {
          trigger(signal, source.#reason);
          break;
        }
        source.#listeners.add(() => trigger(signal, source.#reason));
      }
      return signal;
    }

    static {
      trigger = (signal, reason) => {
        if (signal.#aborted) return;
        signal.#aborted = true;
        signal.#reason =
          reason === undefined ? named('AbortError', 'This operation was aborted') : reason;
        const event = harden({ type: 'abort', target: signal, currentTarget: signal });
        const listeners = [...signal.#listeners];
        signal.#listeners.clear();
        for (const listener of [signal.onabort as Listener, ...listeners]) {
          try {
            if (typeof listener === 'function') Reflect.apply(listener, signal, [event]);
            else if (typeof listener === 'object' && listener !== null) listener.handleEvent(event);
          } catch (error) {
            uncaught(error);
          }
        }
      };
    }

    get aborted(): boolean {
      return this.#aborted;
    }

    get reason(): unknown {
      return this.#reason;
    }

    throwIfAborted(): void {
      if (this.#aborted) throw this.#reason;
    }

    addEventListener(type: unknown, listener: unknown): void {
      // It aborts once, so that `once` makes no difference.
      const isListener =
        typeof listener === 'function' || (typeof listener === 'object' && listener !== null);
      if (type === 'abort' && isListener && !this.#aborted)
        this.#listeners.add(listener as Listener);
    }

    removeEventListener(_type: unknown, listener: unknown): void {
      this.#listeners.delete(listener as Listener);
    }

    get [Symbol.toStringTag](): string {
      return 'AbortSignal';
    }
  }

  class AbortController {
    #signal = new AbortSignal(key);

    get signal(): AbortSignal {
      return this.#signal;
    }

    abort(reason?: unknown): void {
      trigger(this.#signal, reason);
    }

    get [Symbol.toStringTag](): string {
      return 'AbortController';
    }
  }

  return harden({ AbortController, AbortSignal });
}
