/** What to do in the step in which an open promise is settled. An open one never goes: somebody must settle it. */
import type { KRef } from '../protocol/refs.js';
import type { Messages, Settlement } from './messages.js';

export type Waiting = ReturnType<typeof makeWaiting>;

export function makeWaiting(messages: Messages) {
  const waiting = new Map<KRef, ((settlement: Settlement) => void)[]>();

  const whenSettled = (promise: KRef, then: (settlement: Settlement) => void): void => {
    const others = waiting.get(promise);
    if (others === undefined) waiting.set(promise, [then]);
    else others.push(then);
  };

  return {
    whenSettled,
    /** Tells those that wait for what has been settled since the last time. */
    tell(): void {
      for (const kref of messages.settled.splice(0)) {
        const callbacks = waiting.get(kref);
        if (callbacks === undefined) continue;
        waiting.delete(kref);
        const outcome = messages.outcome(kref);
        for (const then of callbacks) {
          if ('open' in outcome) whenSettled(outcome.open, then);
          else then(outcome);
        }
      }
    },
  };
}
