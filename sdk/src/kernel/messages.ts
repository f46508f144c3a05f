/**
 * Sending, settling and subscribing.
 *
 * A message goes at once to where its target lives: the queue of the vat that owns the object, the queue of a
 * promise that is still open, the host realm. Settling a promise tells its subscribers and sends on what waited
 * for it, in order. Settlements that cause settlements are worked off as a list: a chain of ten thousand
 * pipelined messages must not be ten thousand stack frames.
 */
import { insistInvariant, formatKernelErrorText, type KernelErrorCode } from '../errors.js';
import { errorCapData, resolutionKind, type CapData } from '../protocol/capdata.js';
import { HOST_REALM, isPromiseKRef, type KRef, type VatId } from '../protocol/refs.js';
import type { VatStack } from './events.js';
import type { Queues } from './queues.js';
import type { References } from './references.js';
import type { KernelRows, Message, SettledPromiseRow } from './rows.js';

export type Settlement = { rejected: boolean; value: CapData<KRef>; stack?: VatStack };

export type MessagePowers = {
  rows: KernelRows;
  references: References;
  queues: Queues;
  /** The vat's queue has something new. */
  wake: (vatId: VatId) => void;
  /** Take a message for an object of the host realm. */
  callHost: (target: KRef, message: Message) => void;
};

export function rejection(code: KernelErrorCode, message: string): Settlement {
  return { rejected: true, value: errorCapData(formatKernelErrorText(code, message)) };
}

const deleted = rejection(
  'OBJECT_DELETED',
  'Target object has no owner; it may have been deleted',
);
const revoked = rejection('OBJECT_REVOKED', 'Target object has been revoked');
const notAnObject = rejection(
  'BAD_PROMISE_RESOLUTION',
  'Promise fulfilled but did not contain an object reference',
);

export function makeMessages({ rows, references, queues, wake, callHost }: MessagePowers) {
  const unsettled: { promise: KRef; settlement: Settlement }[] = [];
  let settling = false;
  /** Promises settled in this step, in order; a host session may wait for them. */
  const settled: KRef[] = [];

  /** Where a message to `target` goes, or why it goes nowhere. */
  const destination = (
    target: KRef,
  ): { queue: VatId | KRef; target: KRef } | { host: KRef } | { failure: Settlement } => {
    const seen = new Set<KRef>();
    while (isPromiseKRef(target)) {
      const promise = rows.promises.getRequired(target);
      if (promise.state === 'open') return { queue: target, target };
      if (promise.state === 'rejected') {
        return { failure: { rejected: true, value: promise.value, ...(promise.stack && { stack: promise.stack }) } };
      }
      // Promises that were resolved to one another in a ring lead nowhere.
      if (resolutionKind(promise.value) === 'data' || seen.has(target)) return { failure: notAnObject };
      seen.add(target);
      target = promise.value.slots[0] as KRef;
    }
    const object = rows.objects.get(target);
    if (object?.revoked) return { failure: revoked };
    if (!object?.owner) return { failure: deleted };
    if (object.owner === HOST_REALM) return { host: target };
    const vat = rows.vats.get(object.owner);
    if (vat === undefined) return { failure: deleted };
    if (vat.condition === 'broken') {
      return { failure: rejection('VAT_BROKEN', `Vat ${object.owner} (${vat.name}) is quarantined: ${vat.fault}`) };
    }
    return { queue: object.owner, target };
  };

  const settleNow = (promiseRef: KRef, { rejected, value, stack }: Settlement): void => {
    const promise = rows.promises.getRequired(promiseRef);
    insistInvariant(promise.state === 'open', `${promiseRef} would be settled twice`);
    value.slots.forEach(references.hold);
    const row: SettledPromiseRow = {
      state: rejected ? 'rejected' : 'fulfilled',
      value,
      // Read again: a promise may be part of its own value.
      refs: rows.promises.getRequired(promiseRef).refs,
      ...(stack && { stack }),
    };
    rows.promises.set(promiseRef, row);
    settled.push(promiseRef);
    for (const vatId of promise.subs) {
      queues.push(vatId, { type: 'notify', promise: promiseRef });
      wake(vatId);
    }
    while (queues.length(promiseRef) > 0) {
      const { item, release } = queues.shift(promiseRef);
      insistInvariant(item.type === 'message', `${promiseRef} has a notification in its queue`);
      messages.route(promiseRef, { methargs: item.methargs, ...(item.result && { result: item.result }) });
      release();
    }
  };

  const messages = {
    settled,

    settle(promise: KRef, settlement: Settlement): void {
      unsettled.push({ promise, settlement });
      if (settling) return;
      settling = true;
      try {
        for (let next = unsettled.shift(); next !== undefined; next = unsettled.shift()) {
          settleNow(next.promise, next.settlement);
        }
      } finally {
        settling = false;
        unsettled.length = 0;
      }
    },

    route(target: KRef, message: Message): void {
      const to = destination(target);
      if ('host' in to) callHost(to.host, message);
      else if ('queue' in to) {
        queues.push(to.queue, { type: 'message', target: to.target, ...message });
        if (!isPromiseKRef(to.queue)) wake(to.queue);
      } else if (message.result !== undefined) messages.settle(message.result, to.failure);
    },

    /** Why a message that is already in its vat's queue cannot be delivered any more, if so. */
    undeliverable(target: KRef): Settlement | undefined {
      const to = destination(target);
      return 'failure' in to ? to.failure : undefined;
    },

    subscribe(vatId: VatId, promiseRef: KRef): void {
      const promise = rows.promises.getRequired(promiseRef);
      if (promise.state !== 'open') {
        queues.push(vatId, { type: 'notify', promise: promiseRef });
        wake(vatId);
      } else if (!promise.subs.includes(vatId)) {
        rows.promises.set(promiseRef, { ...promise, subs: [...promise.subs, vatId] });
      }
    },

    unsubscribe(vatId: VatId, promiseRef: KRef): void {
      const promise = rows.promises.getRequired(promiseRef);
      if (promise.state === 'open' && promise.subs.includes(vatId)) {
        rows.promises.set(promiseRef, {
          ...promise,
          subs: promise.subs.filter((id) => id !== vatId),
        });
      }
    },
  };
  return messages;
}

export type Messages = ReturnType<typeof makeMessages>;
