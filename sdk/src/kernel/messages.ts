/**
 * Sending, settling and subscribing.
 *
 * A message goes at once to where its target lives: the queue of the vat or session that owns the object, that of a
 * promise that is still open, the host realm. Settling a promise tells its subscribers and sends on what waited
 * for it, in order. Settlements that cause settlements are worked off as a list: a chain of ten thousand
 * pipelined messages must not be ten thousand stack frames.
 */
import { insistInvariant, formatKernelErrorText, type KernelErrorCode } from '../errors.js';
import { errorCapData, resolutionKind, type CapData } from '../protocol/capdata.js';
import {
  HOST_REALM,
  KERNEL_REALM,
  isPromiseKRef,
  isRemoteEndpoint,
  isSessionEndpoint,
  type EndpointId,
  type KRef,
} from '../protocol/refs.js';
import type { VatStack } from './events.js';
import type { BackPressure } from './back-pressure.js';
import type { Queues } from './queues.js';
import type { References } from './references.js';
import type { KernelRows, Message, OpenPromiseRow } from './rows.js';
import type { Traces } from './traces.js';

export type Settlement = { rejected: boolean; value: CapData<KRef>; stack?: VatStack };

export type MessagePowers = {
  rows: KernelRows;
  references: References;
  queues: Queues;
  backPressure: BackPressure;
  traces: Traces;
  /** The queue of a vat or session has something new. */
  wake: (endpoint: EndpointId) => void;
  /** Take a message for an object of the host realm. */
  callHost: (target: KRef, message: Message) => void;
  /** Take a message for an object of the kernel realm, and say where a forwarder of that realm leads. */
  callKernel: (target: KRef, message: Message, sender?: EndpointId) => void;
  targetOf: (forwarder: KRef) => KRef | undefined;
};

/**
 * Promises that were resolved to one another, as far as one is followed to the next: a ring leads nowhere, and vats
 * make no chains of this length but to keep the kernel busy.
 */
export const promiseHopsMax = 100;
/** Promises that wait for one another, as far as it is searched whether they wait in a ring. */
const waitersMax = 10_000;

export function rejection(code: KernelErrorCode, message: string): Settlement {
  return { rejected: true, value: errorCapData(formatKernelErrorText(code, message)) };
}

const deleted = rejection('OBJECT_DELETED', 'Target object has no owner; it may have been deleted');
const revoked = rejection('OBJECT_REVOKED', 'Target object has been revoked');
export const sessionClosed = rejection(
  'SESSION_CLOSED',
  'The session that had the object has ended',
);
const notAnObject = rejection(
  'BAD_PROMISE_RESOLUTION',
  'Promise fulfilled but did not contain an object reference',
);
const ringOfPromises = rejection(
  'BAD_PROMISE_RESOLUTION',
  'Promise was resolved to promises that lead nowhere',
);
const waitsForItself = rejection(
  'BAD_PROMISE_RESOLUTION',
  'Promise was resolved to one that waits for it',
);

const queueFull = rejection(
  'QUEUE_FULL',
  'the queue of the target is full; send again when it has drained',
);

/** In place of a result. */
const tooMuch = rejection(
  'QUEUE_FULL',
  'too much waits for the one that asked; ask again when some of it was taken',
);
/** A result that is no longer is not worth another. */
const queueFullText = tooMuch.value.body.length;

type Destination =
  /** Of a vat or an open promise. `undecided`: no vat decides that promise yet. */
  | { queue: EndpointId | KRef; target: KRef; undecided: boolean }
  | { host: KRef }
  | { kernel: KRef }
  | { failure: Settlement };

export function makeMessages(powers: MessagePowers) {
  const { rows, references, queues, backPressure, wake, callHost, callKernel, targetOf } = powers;
  const unsettled: { promise: KRef; settlement: Settlement }[] = [];
  let settling = false;
  /** Promises settled in this step, in order; a host session may wait for them. */
  const settled: KRef[] = [];

  /**
   * What a promise has come to: the one that was resolved to no other, or undefined where there is none. It is
   * followed by hops, not by a set of those seen: that bounds the work for a long chain, too.
   */
  const endOf = (promise: KRef): KRef | undefined => {
    for (let hops = 0; hops < promiseHopsMax; hops += 1) {
      const row = rows.promises.getRequired(promise);
      if (row.state !== 'fulfilled' || resolutionKind(row.value) !== 'promise') return promise;
      const next = row.value.slots[0] as KRef;
      // Its sender lied: what it says is a promise is an object.
      if (!isPromiseKRef(next)) return promise;
      promise = next;
    }
    return undefined;
  };

  const ofObject = (target: KRef): Destination => {
    const object = rows.objects.get(target);
    if (object?.revoked) return { failure: revoked };
    if (object?.closed) return { failure: sessionClosed };
    if (!object?.owner) return { failure: deleted };
    if (object.owner === HOST_REALM) return { host: target };
    if (object.owner === KERNEL_REALM) return { kernel: target };
    if (isSessionEndpoint(object.owner) || isRemoteEndpoint(object.owner)) {
      return { queue: object.owner, target, undecided: false };
    }
    const vat = rows.vats.get(object.owner);
    if (vat === undefined) return { failure: deleted };
    if (vat.condition === 'broken') {
      return {
        failure: rejection(
          'VAT_BROKEN',
          `Vat ${object.owner} (${vat.name}) is quarantined: ${vat.fault}`,
        ),
      };
    }
    return { queue: object.owner, target, undecided: false };
  };

  /** Where a message to `target` goes, or why it goes nowhere. */
  const destination = (target: KRef): Destination => {
    if (!isPromiseKRef(target)) return ofObject(target);
    const end = endOf(target);
    if (end === undefined) return { failure: ringOfPromises };
    const promise = rows.promises.getRequired(end);
    if (promise.state === 'open') {
      const { decider } = promise;
      // What a peer decides waits there: a chain of calls costs one round trip.
      if (decider !== null && isRemoteEndpoint(decider)) {
        return { queue: decider, target: end, undecided: false };
      }
      return { queue: end, target: end, undecided: promise.decider === null };
    }
    if (promise.state === 'rejected') {
      return { failure: outcomeOf(promise.value, true, promise.stack) };
    }
    const object = promise.value.slots[0];
    if (resolutionKind(promise.value) === 'data' || object === undefined || isPromiseKRef(object)) {
      return { failure: notAnObject };
    }
    return ofObject(object);
  };

  const outcomeOf = (
    value: CapData<KRef>,
    rejected: boolean,
    stack: VatStack | undefined,
  ): Settlement => ({ rejected, value, ...(stack && { stack }) });

  /**
   * Does `promise` wait for `other`, as the result of a message in its queue or in that of one that does? A message
   * to the one with the other for a result would wait for ever, and nobody's end would end it.
   */
  const waitsFor = (promise: KRef, other: KRef): boolean => {
    if (queues.length(other) === 0) return promise === other;
    const waiters = new Set([other]);
    for (const waiter of waiters) {
      if (waiter === promise || waiters.size > waitersMax) return true;
      for (const { result } of queues.messages(waiter))
        if (result !== undefined) waiters.add(result);
    }
    return false;
  };

  /** What only one peer or client waits for, and what has no room among all that waits for that one, is not kept for it. */
  const asHasRoom = ({ subs }: OpenPromiseRow, settlement: Settlement): Settlement => {
    const [only, ...others] = subs;
    if (only === undefined || others.length > 0) return settlement;
    if (!isRemoteEndpoint(only) && !isSessionEndpoint(only)) return settlement;
    const { length } = settlement.value.body;
    return length > queueFullText && backPressure.isTooMuchFor(only, length) ? tooMuch : settlement;
  };

  const settleNow = (promiseRef: KRef, settlement: Settlement): void => {
    const promise = rows.promises.getRequired(promiseRef);
    insistInvariant(promise.state === 'open', `${promiseRef} would be settled twice`);
    const { rejected, value, stack } = asHasRoom(promise, settlement);
    for (const kref of value.slots) references.hold(kref);
    rows.promises.set(promiseRef, {
      state: rejected ? 'rejected' : 'fulfilled',
      value,
      refs: promise.refs,
      ...(stack && { stack }),
      ...(promise.mark && { mark: promise.mark }),
    });
    settled.push(promiseRef);
    powers.traces.settled(promiseRef, { rejected, value });
    backPressure.forget(promiseRef);
    for (const endpoint of promise.subs) {
      queues.push(endpoint, { type: 'notify', promise: promiseRef });
      wake(endpoint);
    }
    while (queues.length(promiseRef) > 0) {
      const { item, release } = queues.shift(promiseRef);
      insistInvariant(item.type === 'message', `${promiseRef} has a notification in its queue`);
      messages.route(promiseRef, {
        methargs: item.methargs,
        ...(item.result && { result: item.result }),
        ...(item.mark && { mark: item.mark }),
        ...(item.payer && { payer: item.payer }),
      });
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
        // What a settlement adds to the list is reached by the same loop.
        for (const next of unsettled) settleNow(next.promise, next.settlement);
      } finally {
        settling = false;
        unsettled.length = 0;
      }
    },

    /** @param sender - whose crank or frame sends; what is only sent on was taken already. */
    route(target: KRef, message: Message, sender?: EndpointId): void {
      const { result } = message;
      const to = destination(target);
      if ('host' in to) callHost(to.host, message);
      else if ('kernel' in to) callKernel(to.kernel, message, sender);
      else if ('failure' in to) {
        if (result !== undefined) messages.settle(result, to.failure);
      } else if (to.undecided && result !== undefined && waitsFor(to.queue, result)) {
        messages.settle(result, waitsForItself);
      } else {
        const admission = sender && backPressure.admission(sender, to.queue, to.target);
        if (admission === 'refused') {
          if (result !== undefined) messages.settle(result, queueFull);
          return;
        }
        queues.push(to.queue, { type: 'message', target: to.target, ...message, ...admission });
        if (!isPromiseKRef(to.queue)) wake(to.queue);
      }
    },

    /** Where a message to `target` would wait, and for which object or promise there. */
    landing(target: KRef): { queue: EndpointId | KRef; target: KRef } | undefined {
      const to = destination(target);
      return 'queue' in to ? to : undefined;
    },

    /** The queue that a message to `target` would wait in, if any. */
    queueOf(target: KRef): EndpointId | KRef | undefined {
      const to = destination(target);
      if ('kernel' in to) {
        const behind = targetOf(to.kernel);
        return behind && messages.queueOf(behind);
      }
      return 'queue' in to ? to.queue : undefined;
    },

    /** Why a message that is already in its vat's queue cannot be delivered any more, if so. */
    undeliverable(target: KRef): Settlement | undefined {
      const to = ofObject(target);
      return 'failure' in to ? to.failure : undefined;
    },

    /** How a promise, or the one that it was resolved to, was settled; or the open one that it depends on. */
    outcome(promiseRef: KRef): Settlement | { open: KRef } {
      const end = endOf(promiseRef);
      if (end === undefined) return ringOfPromises;
      const promise = rows.promises.getRequired(end);
      if (promise.state === 'open') return { open: end };
      return outcomeOf(promise.value, promise.state === 'rejected', promise.stack);
    },

    subscribe(endpoint: EndpointId, promiseRef: KRef): void {
      const promise = rows.promises.getRequired(promiseRef);
      if (promise.state !== 'open') {
        queues.push(endpoint, { type: 'notify', promise: promiseRef });
        wake(endpoint);
      } else if (!promise.subs.includes(endpoint)) {
        rows.promises.set(promiseRef, { ...promise, subs: [...promise.subs, endpoint] });
      }
    },

    unsubscribe(endpoint: EndpointId, promiseRef: KRef): void {
      const promise = rows.promises.getRequired(promiseRef);
      if (promise.state === 'open' && promise.subs.includes(endpoint)) {
        rows.promises.set(promiseRef, {
          ...promise,
          subs: promise.subs.filter((id) => id !== endpoint),
        });
      }
    },
  };
  return messages;
}

export type Messages = ReturnType<typeof makeMessages>;
