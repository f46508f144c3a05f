/**
 * Queues are bounded. A vat that sends to a full one gets QUEUE_FULL, and so do all its later sends there until the
 * queue has drained to the low-water mark: a gap in a sender's messages would reorder them. Memory only: what a
 * restart forgets is who was refused, not what was queued.
 */
import type { EndpointId, KRef, VatId } from '../protocol/refs.js';

export function makeBackPressure(queueMax: number) {
  /** By the first letter of a queue's name, another bound than `queueMax`. */
  const bounds = new Map<string, number>();
  const maxOf = (queue: EndpointId | KRef): number => bounds.get(queue.charAt(0)) ?? queueMax;
  const lowWaterOf = (queue: EndpointId | KRef): number => Math.floor(maxOf(queue) / 2);
  const refused = new Map<VatId | KRef, Set<VatId>>();

  return {
    maxOf,
    lowWaterOf,
    /** Bounds the queues of one kind of endpoint: `r`, of peers. */
    limit: (kind: string, max: number): void => void bounds.set(kind, max),

    /** Must this sender's message to a queue of that length be refused? */
    refuses(sender: VatId, queue: VatId | KRef, length: number): boolean {
      const senders = refused.get(queue);
      if (senders?.has(sender)) {
        if (length > lowWaterOf(queue)) return true;
        senders.delete(sender);
        if (senders.size === 0) refused.delete(queue);
        return false;
      }
      if (length < maxOf(queue)) return false;
      refused.set(queue, (senders ?? new Set()).add(sender));
      return true;
    },

    /** The queue is no more: its promise is settled, its vat is gone. */
    forget: (queue: VatId | KRef): void => void refused.delete(queue),
  };
}

export type BackPressure = ReturnType<typeof makeBackPressure>;
