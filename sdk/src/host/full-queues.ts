/** Who waits until a vat's full queue has drained: sends of this process, in their order, and whoever else asked. */
import type { KernelEvent } from '../kernel/events.js';

export type FullQueuesPowers = {
  /** The full queue of a vat that a message to `target` would have to wait for, if so. */
  fullQueueOf: (target: string) => string | undefined;
  hasDrained: (queue: string) => boolean;
  feed: (event: KernelEvent) => void;
};

export function makeFullQueues({ fullQueueOf, hasDrained, feed }: FullQueuesPowers) {
  const sends = new Map<string, KernelEvent[]>();
  const callbacks = new Map<string, (() => void)[]>();

  /** Feeds the event, or keeps it for when there is room, behind those that wait for the same. */
  const feedOrKeep = (event: KernelEvent): void => {
    const full = event.type === 'send' ? fullQueueOf(event.target) : undefined;
    if (full === undefined) feed(event);
    else add(sends, full, event);
  };

  return {
    feedOrKeep,

    /** Calls back once that queue has drained. */
    whenDrained: (queue: string, callback: () => void): void => add(callbacks, queue, callback),

    /** After each step: those whose queue has drained have their turn. */
    look(): void {
      for (const [queue, events] of sends) {
        if (!hasDrained(queue)) continue;
        sends.delete(queue);
        events.forEach(feedOrKeep);
      }
      for (const [queue, waiting] of callbacks) {
        if (!hasDrained(queue)) continue;
        callbacks.delete(queue);
        // Not within this step.
        for (const callback of waiting) queueMicrotask(callback);
      }
    },

    /** Who sent is told by other means that nothing comes of it. */
    forgetSends: (): void => sends.clear(),
    forgetCallbacks: (): void => callbacks.clear(),
  };
}

function add<Item>(lists: Map<string, Item[]>, key: string, item: Item): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}
