/**
 * Run queues: one FIFO for each vat, and one for each open promise that messages wait for.
 *
 * One queue for each receiver, not one for the kernel, is what lets vats run in parallel while order holds for
 * each sender and target. An item holds what it names (see `references.ts`) from `push` until `shift`, and is charged to
 * its payer as long.
 */
import { insistInvariant } from '../errors.js';
import type { EndpointId, KRef, VatId } from '../protocol/refs.js';
import type { ChargeRow, KernelRows, Message, PeerQueueItem, QueueItem } from './rows.js';
import type { References } from './references.js';

const empty = { head: 0, tail: 0, chars: 0 };

/** UTF-16 code units of the text that waits with the item. */
export function charsOf(rows: KernelRows, item: PeerQueueItem): number {
  if (item.type === 'message') return item.methargs.body.length;
  if (item.type === 'redeem') return item.number.length;
  const promise = rows.promises.getRequired(item.promise);
  return promise.state === 'open' ? 0 : promise.value.body.length;
}

const nothing = { count: 0, chars: 0 };

type Shifted<Item> = { item: Item; release: () => void };

export function makeQueues(rows: KernelRows, references: References) {
  const itemKey = (target: VatId | KRef, index: number) => `${target}.${index}`;

  const forEachHeld = (item: PeerQueueItem, each: (kref: KRef) => void): void => {
    if (item.type === 'notify') {
      each(item.promise);
      return;
    }
    if (item.type === 'redeem') {
      each(item.result);
      return;
    }
    each(item.target);
    item.methargs.slots.forEach(each);
    if (item.result !== undefined) each(item.result);
  };

  const charge = (item: PeerQueueItem, sign: 1 | -1): void => {
    if (item.type !== 'message' || item.payer === undefined) return;
    const { count, chars } = rows.charges.get(item.payer) ?? nothing;
    const left = { count: count + sign, chars: chars + sign * charsOf(rows, item) };
    if (left.count > 0) rows.charges.set(item.payer, left);
    else rows.charges.delete(item.payer);
  };

  return {
    /** What waits anywhere and is charged to the endpoint. */
    chargeOf: (payer: EndpointId): ChargeRow => rows.charges.get(payer) ?? nothing,

    /** How many items wait there, and how much text. */
    load(target: EndpointId | KRef): { count: number; chars: number } {
      const queue = rows.queues.getOf(target, target);
      return queue === undefined ? nothing : { count: queue.tail - queue.head, chars: queue.chars };
    },

    length(target: VatId | KRef): number {
      const queue = rows.queues.getOf(target, target);
      return queue === undefined ? 0 : queue.tail - queue.head;
    },

    push(target: VatId | KRef, item: PeerQueueItem): void {
      const { head, tail, chars } = rows.queues.getOf(target, target) ?? empty;
      rows.peerQueueItems.insert(itemKey(target, tail), item);
      rows.queues.set(target, { head, tail: tail + 1, chars: chars + charsOf(rows, item) });
      forEachHeld(item, references.hold);
      charge(item, 1);
    },

    first(target: VatId | KRef): QueueItem | undefined {
      const queue = rows.queues.get(target);
      return queue === undefined
        ? undefined
        : rows.queueItems.getRequired(itemKey(target, queue.head));
    },

    /** All messages that wait there, first to last. */
    messages(target: VatId | KRef): Message[] {
      const { head, tail } = rows.queues.get(target) ?? empty;
      const messages: Message[] = [];
      for (let index = head; index < tail; index += 1) {
        const item = rows.queueItems.getRequired(itemKey(target, index));
        if (item.type === 'message') messages.push(item);
      }
      return messages;
    },

    /** All that waits for a peer, first to last. */
    items(target: EndpointId): PeerQueueItem[] {
      const { head, tail } = rows.queues.get(target) ?? empty;
      return Array.from({ length: tail - head }, (_, place) =>
        rows.peerQueueItems.getRequired(itemKey(target, head + place)),
      );
    },

    /** Where the next item will stand. It begins anew when the queue has run empty. */
    tail: (target: EndpointId | KRef): number => rows.queues.get(target)?.tail ?? 0,

    /** How many items stand before a place that `tail` told. */
    before(target: EndpointId | KRef, place: number): number {
      const { head, tail } = rows.queues.get(target) ?? empty;
      return Math.max(0, Math.min(place, tail) - head);
    },

    /** The item with `place` others before it. */
    at(target: VatId | KRef, place: number): QueueItem | undefined {
      const queue = rows.queues.get(target);
      return queue === undefined || queue.head + place >= queue.tail
        ? undefined
        : rows.queueItems.getRequired(itemKey(target, queue.head + place));
    },

    /** Puts another form of the item in its place: its attempt count. */
    replaceAt(target: VatId | KRef, place: number, item: QueueItem): void {
      const queue = rows.queues.getRequired(target);
      rows.queueItems.set(itemKey(target, queue.head + place), item);
    },

    /**
     * Takes the first item out. The caller releases what it held, with the returned function, once it has put
     * the item's references to use elsewhere.
     */
    shift: (target: EndpointId | KRef) => shift(target) as Shifted<QueueItem>,
    shiftForPeer: shift,
  };

  function shift(target: EndpointId | KRef): Shifted<PeerQueueItem> {
    const queue = rows.queues.get(target);
    insistInvariant(queue !== undefined, `the queue of ${target} is empty`);
    const key = itemKey(target, queue.head);
    const item = rows.peerQueueItems.getRequired(key);
    rows.queueItems.delete(key);
    charge(item, -1);
    if (queue.head + 1 === queue.tail) rows.queues.delete(target);
    else {
      const chars = queue.chars - charsOf(rows, item);
      rows.queues.set(target, { head: queue.head + 1, tail: queue.tail, chars });
    }
    return { item, release: () => forEachHeld(item, references.release) };
  }
}

export type Queues = ReturnType<typeof makeQueues>;
