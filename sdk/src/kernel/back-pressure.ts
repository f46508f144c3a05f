/**
 * Queues are bounded, by their messages and by the text of those. A vat that sends to a full one gets QUEUE_FULL, and so do
 * all its later sends there until the queue has drained to the low-water mark: a gap in a sender's messages would reorder
 * them. Memory only: what a restart forgets is who was refused, not what was queued.
 *
 * What waits at open promises goes on together when they are settled, into whatever queue: no bound of one queue holds that
 * back, and promises are made by the thousand. So it is charged to who sent it, wherever it waits, until it is taken.
 * Clients and peers pay as well for what they send to a full queue of a vat, which their hosts did not see coming.
 */
import {
  isPromiseKRef,
  isRemoteEndpoint,
  isVatEndpoint,
  type EndpointId,
  type KRef,
  type VatId,
} from '../protocol/refs.js';
import type { Queues } from './queues.js';

export type QueuePolicy = {
  /** Messages that may wait in one queue, and UTF-16 code units of their text; further ones of vats are refused, the host's wait outside. */
  queueMax: number;
  queueCharsMax: number;
  /** UTF-16 code units of what waits for one peer. */
  peerQueueCharsMax: number;
  /** Messages that one vat or client may have waiting where it is charged for them; of a peer no more than may wait for it. */
  chargedMessagesMax: number;
};

export function makeBackPressure(policy: QueuePolicy, queues: Queues) {
  let peerQueueMax = policy.queueMax;
  const refused = new Map<VatId | KRef, Set<VatId>>();
  /** Those who could not pay, and have not come down to half since. */
  const insolvent = new Set<EndpointId>();

  type Load = { count: number; chars: number };
  /** @param countMax - messages, where it is not a peer's. */
  const boundsOf = (whose: EndpointId | KRef, countMax: number): Load =>
    isRemoteEndpoint(whose)
      ? { count: peerQueueMax, chars: policy.peerQueueCharsMax }
      : { count: countMax, chars: policy.queueCharsMax };
  const isOver = (load: Load, most: Load): boolean =>
    load.count >= most.count || load.chars >= most.chars;
  /** Has it come down to the low-water mark? */
  const isBelow = (load: Load, most: Load): boolean =>
    load.count <= Math.floor(most.count / 2) && load.chars <= most.chars / 2;

  const isFull = (queue: EndpointId | KRef): boolean =>
    isOver(queues.load(queue), boundsOf(queue, policy.queueMax));
  const hasDrained = (queue: EndpointId | KRef): boolean =>
    isBelow(queues.load(queue), boundsOf(queue, policy.queueMax));

  /** Must this sender's message to the queue be refused? */
  const refuses = (sender: EndpointId, queue: EndpointId | KRef): boolean => {
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
  };

  const canPay = (payer: EndpointId): boolean => {
    const charge = queues.chargeOf(payer);
    const most = boundsOf(payer, policy.chargedMessagesMax);
    if (isOver(charge, most)) insolvent.add(payer);
    else if (isBelow(charge, most)) insolvent.delete(payer);
    return !insolvent.has(payer);
  };

  return {
    isFull,
    hasDrained,

    /** Bounds the messages that wait for one peer. */
    limitPeers: (count: number): void => void (peerQueueMax = count),

    /** Has the text no room among what waits for the peer or client? */
    isTooMuchFor: (endpoint: EndpointId, chars: number): boolean =>
      queues.load(endpoint).chars + chars > boundsOf(endpoint, Infinity).chars,

    refuses,

    /** How this sender's message for `target` comes into the queue: at whose cost, or not at all. */
    admission(
      sender: EndpointId,
      queue: EndpointId | KRef,
      target: KRef,
    ): 'refused' | { payer?: EndpointId } {
      // A vat works its queue off: the hosts of clients and peers have waited until it had room, as far as they saw.
      const wasHeldBack = !isVatEndpoint(sender) && isVatEndpoint(queue);
      if (!wasHeldBack && refuses(sender, queue)) return 'refused';
      if (wasHeldBack ? !isFull(queue) : !isPromiseKRef(target)) return {};
      return canPay(sender) ? { payer: sender } : 'refused';
    },

    /** The queue is no more: its promise is settled, its vat is gone. */
    forget(queue: EndpointId | KRef): void {
      refused.delete(queue);
      insolvent.delete(queue);
    },
  };
}

export type BackPressure = ReturnType<typeof makeBackPressure>;
