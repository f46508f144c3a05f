/** Tells who looks at the kernel that there may be something new to see, so that nobody has to ask again and again. */
import type { KernelEvent } from '../kernel/events.js';
import { limits } from '../limits.js';

/**
 * What clients ask is none: else each look would be news. What they send to vats shows in the cranks, and what changes
 * nothing that can be seen is left out.
 */
const quiet: ReadonlySet<KernelEvent['type']> = new Set([
  'session-frame',
  'session-ack',
  'session-attach',
  'session-detach',
  'host-answer',
  'host-resolve',
  'host-await',
  'send',
  'release',
  'peer-ack',
  'want-turn',
  'watch',
  'idle',
  'tick',
]);

export function makeActivity() {
  /** Of commits that had something new in them. */
  let last = 0;
  let isNews = false;
  const waiting = new Set<() => void>();

  const tell = (): void => {
    for (const answer of [...waiting]) answer();
  };

  return {
    note(event: KernelEvent): void {
      isNews ||= !quiet.has(event.type);
    },

    committed(): void {
      if (!isNews) return;
      isNews = false;
      last += 1;
      tell();
    },

    /** Resolves with the last number, when it is another one than `after`, or after `activityWaitMs`. */
    next(after: number | undefined): Promise<number> {
      if (after !== last) return Promise.resolve(last);
      return new Promise((resolve) => {
        const answer = (): void => {
          clearTimeout(timer);
          waiting.delete(answer);
          resolve(last);
        };
        const timer = setTimeout(answer, limits.activityWaitMs);
        // On Node no kernel keeps its process for this.
        if (typeof timer === 'object') timer.unref();
        waiting.add(answer);
      });
    },

    /** Nothing more will happen: who waits is answered. */
    end: tell,
  };
}
