/**
 * What a vat is given to do next, in the words of its own c-list. Reads the vat's queue and what garbage collection
 * wants of it; that it is given, and what becomes of it, is for `vats.ts`.
 */
import { formatKernelErrorText, insistInvariant } from '../errors.js';
import { errorCapData } from '../protocol/capdata.js';
import type { VatConfig } from '../protocol/config.js';
import {
  isExportVRef,
  isPromiseKRef,
  isSessionEndpoint,
  type KRef,
  type VatId,
  type VRef,
} from '../protocol/refs.js';
import type { Delivery, Resolution } from '../protocol/vat-wire.js';
import type { CLists } from './clists.js';
import type { InFlight } from './crank.js';
import { rejection, type Messages } from './messages.js';
import type { Queues } from './queues.js';
import { krefOrder, type KernelRows, type QueueItem, type SettledPromiseRow } from './rows.js';
import {
  ringOf,
  settledFrom,
  settledPromisesMax,
  type SettledPromises,
} from './settled-promises.js';

export type Next = { inFlight: InFlight; delivery: Delivery };

export type DeliveryPowers = {
  rows: KernelRows;
  clists: CLists;
  queues: Queues;
  messages: Messages;
  /** A message whose delivery was begun this often and never ended is rejected. */
  deliveryAttemptsMax: number;
  /** Settled promises that one notification carries at most. */
  notifyBatchMax: number;
};

/** What a vat is told of a promise instead of a value that it could never be told whole. */
const tooManyPromises = {
  state: 'rejected',
  value: errorCapData(
    formatKernelErrorText(
      'BAD_PROMISE_RESOLUTION',
      `Promise was resolved to a value that leads to more than ${settledPromisesMax} promises`,
    ),
  ),
} as const;

/** Did a client expose it? Then it ends with the client's session. */
export function isEphemeral(rows: KernelRows, kref: KRef): boolean {
  const object = isPromiseKRef(kref) ? undefined : rows.objects.get(kref);
  if (object === undefined) return false;
  return object.closed === true || (object.owner !== null && isSessionEndpoint(object.owner));
}

export function makeDeliveries(powers: DeliveryPowers) {
  const { rows, clists, queues, messages, deliveryAttemptsMax, notifyBatchMax } = powers;

  /**
   * What is told together with a settled promise: settled promises that its value leads to, up to a bound, and in any
   * case those of its ring. Else a vat that asks for each promise that it is told of would be told of a ring for ever.
   */
  const notifyBatch = (first: KRef, promise: SettledPromiseRow): SettledPromises | undefined => {
    if (!promise.value.slots.some(isPromiseKRef)) return new Map([[first, promise]]);
    const found = settledFrom(rows, first);
    if (found === undefined || found.size <= notifyBatchMax) return found;
    const ring = ringOf(first, found);
    const batch = new Map<KRef, SettledPromiseRow>();
    for (const [kref, row] of found) {
      if (ring.has(kref) || batch.size < notifyBatchMax) batch.set(kref, row);
    }
    return batch;
  };

  const ephemeralIn = (vatId: VatId, krefs: readonly KRef[]): { ephemeral?: VRef[] } => {
    const ephemeral = krefs.filter((kref) => isEphemeral(rows, kref));
    if (ephemeral.length === 0) return {};
    return { ephemeral: ephemeral.map((kref) => clists.toEndpoint(vatId, kref)) };
  };

  /**
   * An object of the vat's own stays: the queued item itself reaches it. And what the vat was never given it cannot
   * give up. But an import or a promise that it has might be dropped, or settled, before it reads of it again.
   */
  const isSafeAhead = (vatId: VatId, kref: KRef): boolean => {
    const row = clists.entry(vatId, kref);
    return row === undefined || (row.reach && isExportVRef(row.vref) && !isPromiseKRef(kref));
  };

  const isMessageSafe = (vatId: VatId, item: QueueItem & { type: 'message' }): boolean =>
    item.attempts === undefined &&
    messages.undeliverable(item.target) === undefined &&
    (item.result === undefined || clists.entry(vatId, item.result) === undefined) &&
    item.methargs.slots.every((kref) => isSafeAhead(vatId, kref));

  const isNotifySafe = (
    vatId: VatId,
    { promise: kref }: QueueItem & { type: 'notify' },
    inFlight: readonly InFlight[],
  ): boolean => {
    const promise = rows.promises.getRequired(kref);
    return (
      promise.state !== 'open' &&
      clists.entry(vatId, kref) !== undefined &&
      promise.value.slots.every((slot) => !isPromiseKRef(slot) && isSafeAhead(vatId, slot)) &&
      !inFlight.some((what) => what.type === 'notify' && what.promises.includes(kref))
    );
  };

  return {
    start(vatId: VatId, config: VatConfig, nextExport: number): Next {
      const prefix = `${vatId}.`;
      const state = rows.state
        .ids(prefix)
        .map((id): [string, string] => [id.slice(prefix.length), rows.state.getRequired(id).value]);
      return {
        inFlight: { type: 'start' },
        delivery: { type: 'start', parameters: config.parameters ?? {}, state, nextExport },
      };
    },

    message(
      vatId: VatId,
      { methargs, result, target, mark }: QueueItem & { type: 'message' },
    ): Next {
      return {
        inFlight: { type: 'message', ...(mark && { mark }) },
        delivery: {
          type: 'message',
          target: clists.toEndpoint(vatId, target),
          methargs: clists.capDataToEndpoint(vatId, methargs),
          ...(result !== undefined && { result: clists.toEndpoint(vatId, result) }),
          ...ephemeralIn(vatId, methargs.slots),
        },
      };
    },

    /** What may be told together with a settled promise, and what must be. */
    batch(first: KRef): { all: SettledPromises; ring: SettledPromises } {
      const promise = rows.promises.getRequired(first);
      insistInvariant(promise.state !== 'open', `${first} is told, which is open`);
      const all =
        notifyBatch(first, promise) ?? new Map([[first, { ...promise, ...tooManyPromises }]]);
      const ring = ringOf(first, all);
      return { all, ring: new Map([...all].filter(([kref]) => ring.has(kref))) };
    },

    notify(vatId: VatId, first: KRef): Next {
      const promise = rows.promises.getRequired(first);
      insistInvariant(promise.state !== 'open', `${vatId} is notified of ${first}, which is open`);
      const batch =
        notifyBatch(first, promise) ?? new Map([[first, { ...promise, ...tooManyPromises }]]);
      const resolutions: Resolution[] = [];
      for (const [kref, { state, value }] of batch) {
        resolutions.push({
          vpid: clists.toEndpoint(vatId, kref),
          rejected: state === 'rejected',
          value: clists.capDataToEndpoint(vatId, value),
        });
      }
      return {
        inFlight: {
          type: 'notify',
          promises: [...batch.keys()],
          ...(promise.mark && { mark: promise.mark }),
        },
        delivery: {
          type: 'notify',
          resolutions,
          ...ephemeralIn(
            vatId,
            [...batch.values()].flatMap(({ value }) => value.slots),
          ),
        },
      };
    },

    /** Of the c-list entries in `collectable`, those that are due; others are taken out of it. */
    collection(vatId: VatId, collectable: Set<KRef>): Next | undefined {
      const due = {
        'drop-exports': [] as KRef[],
        'retire-exports': [] as KRef[],
        'retire-imports': [] as KRef[],
      };
      for (const kref of collectable) {
        const row = clists.entry(vatId, kref);
        const object = rows.objects.get(kref);
        if (row === undefined || object === undefined) collectable.delete(kref);
        else if (object.owner === vatId && row.reach && object.reach === 0)
          due['drop-exports'].push(kref);
        else if (object.owner === vatId && !row.reach && object.recog === 0)
          due['retire-exports'].push(kref);
        else if (object.owner === null && !row.reach) due['retire-imports'].push(kref);
        else collectable.delete(kref);
      }
      for (const type of ['drop-exports', 'retire-exports', 'retire-imports'] as const) {
        const krefs = due[type].sort(krefOrder);
        if (krefs.length === 0) continue;
        const vrefs = krefs.map((kref) => clists.entry(vatId, kref)?.vref as VRef);
        return { inFlight: { type, krefs }, delivery: { type, vrefs } };
      }
      return undefined;
    },

    /**
     * The item that may be sent while the vat works on `inFlight`, if the next one may: what the cranks before it do
     * must not be able to take away a reference that it names.
     */
    itemAhead(vatId: VatId, inFlight: readonly InFlight[]): QueueItem | undefined {
      const item = queues.at(vatId, inFlight.length);
      const mayGo =
        item !== undefined &&
        inFlight.every(({ type }) => type === 'message' || type === 'notify') &&
        (item.type === 'message'
          ? isMessageSafe(vatId, item)
          : isNotifySafe(vatId, item, inFlight));
      return mayGo ? item : undefined;
    },

    /** The first item that needs the vat: not a notification it no longer waits for, nor a message for nobody. */
    firstItem(vatId: VatId): QueueItem | undefined {
      for (let item = queues.first(vatId); item !== undefined; item = queues.first(vatId)) {
        if (item.type === 'notify') {
          if (clists.entry(vatId, item.promise) !== undefined) return item;
          queues.shift(vatId).release();
          continue;
        }
        const failure =
          (item.attempts ?? 0) >= deliveryAttemptsMax
            ? rejection(
                'VAT_CRASHED',
                `Vat ${vatId} was lost ${item.attempts} times while it had this message`,
              )
            : messages.undeliverable(item.target);
        if (failure === undefined) return item;
        const { release } = queues.shift(vatId);
        if (item.result !== undefined) messages.settle(item.result, failure);
        release();
      }
      return undefined;
    },
  };
}

export type Deliveries = ReturnType<typeof makeDeliveries>;
