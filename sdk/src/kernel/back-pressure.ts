/**
 * Queues are bounded, by their messages and by the text of those. A vat that sends to a full one gets QUEUE_FULL, and so do
 * all its later sends there until the queue has drained to the low-water mark: a gap in a sender's messages would reorder
 * them. Memory only: what a restart forgets is who was refused, not what was queued.
 */
import { isRemoteEndpoint, type EndpointId, type KRef, type VatId } from '../protocol/refs.js';
import type { Queues } from './queues.js';

export type QueuePolicy = {
  /** Messages that may wait in one queue, and UTF-16 code units of their text; further ones of vats are refused, the host's wait outside. */
  queueMax: number;
  queueCharsMax: number;
  /** UTF-16 code units of what waits for one peer. */
  peerQueueCharsMax: number;
};

export function makeBackPressure(policy: QueuePolicy, queues: Queues) {
  let peerQueueMax = policy.queueMax;
  const refused = new Map<VatId | KRef, Set<VatId>>();

  const boundsOf = (queue: EndpointId | KRef): { count: number; chars: number } =>
    isRemoteEndpoint(queue)
      ? { count: peerQueueMax, chars: policy.peerQueueCharsMax }
      : { count: policy.queueMax, chars: policy.queueCharsMax };

  const isFull = (queue: EndpointId | KRef): boolean => {
    const { count, chars } = boundsOf(queue);
    const load = queues.load(queue);
    return load.count >= count || load.chars >= chars;
  };

  const hasDrained = (queue: EndpointId | KRef): boolean => {
    const { count, chars } = boundsOf(queue);
    const load = queues.load(queue);
    return load.count <= Math.floor(count / 2) && load.chars <= chars / 2;
  };

  return {
    isFull,
    /** Has it come down to the low-water mark? */
    hasDrained,

    /** Bounds the messages that wait for one peer. */
    limitPeers: (count: number): void => void (peerQueueMax = count),

    /** Has the text no room among what waits for the peer? */
    isTooMuchFor: (peer: EndpointId, chars: number): boolean =>
      queues.load(peer).chars + chars > policy.peerQueueCharsMax,

    /** Must this sender's message to the queue be refused? */
    refuses(sender: EndpointId, queue: EndpointId | KRef): boolean {
      const senders = refused.get(queue);
      if (senders?.has(sender)) {
        if (!hasDrained(queue)) return true;
        senders.delete(sender);
        if (senders.size === 0) refused.delete(queue);
        return false;
      }
      if (!isFull(queue)) return false;
      refused.set(queue, (senders ?? new Set()).add(sender));
      return true;
    },

    /** The queue is no more: its promise is settled, its vat is gone. */
    forget: (queue: VatId | KRef): void => void refused.delete(queue),
  };
}

export type BackPressure = ReturnType<typeof makeBackPressure>;
