/**
 * What becomes of messages, told to the host while somebody watches, and to nobody else: no row, no decision and no other
 * effect depends on it. What is rolled back is told of no more than it is done.
 */
import type { CapData } from '../protocol/capdata.js';
import type { EndpointId, KRef, VatId } from '../protocol/refs.js';
import type { KernelEffect } from './events.js';
import type { Settlement } from './messages.js';
import type { KernelRows, Message } from './rows.js';

export type Trace =
  | {
      what: 'sent';
      /** `null`: the kernel itself. */
      from: EndpointId | null;
      target: KRef;
      /** Whose object the target is; absent for a promise, and for an object that has no owner any more. */
      to?: EndpointId;
      methargs: CapData<KRef>;
      result?: KRef;
      /** The promise whose message, or whose settlement, the sender was working on. */
      cause?: KRef;
    }
  | { what: 'begun'; vatId: VatId; result: KRef }
  | { what: 'settled'; promise: KRef; rejected: boolean; value: CapData<KRef> };

export function makeTraces(rows: KernelRows, emit: (effect: KernelEffect) => void) {
  let isOn = false;
  let cause: KRef | undefined;
  const tell = (trace: Trace): void => emit({ type: 'trace', trace });

  return {
    watch: (on: boolean): void => void (isOn = on),
    isOn: (): boolean => isOn,

    /** What is sent within `work` is the doing of `of`. */
    within<T>(of: KRef | undefined, work: () => T): T {
      cause = of;
      try {
        return work();
      } finally {
        cause = undefined;
      }
    },

    sent(from: EndpointId | null, target: KRef, { methargs, result }: Message): void {
      if (!isOn) return;
      const to = rows.objects.get(target)?.owner ?? undefined;
      tell({
        what: 'sent',
        from,
        target,
        ...(to && { to }),
        methargs,
        ...(result && { result }),
        ...(cause && { cause }),
      });
    },

    begun(vatId: VatId, result: KRef | undefined): void {
      if (isOn && result !== undefined) tell({ what: 'begun', vatId, result });
    },

    settled(promise: KRef, { rejected, value }: Settlement): void {
      if (isOn) tell({ what: 'settled', promise, rejected, value });
    },
  };
}

export type Traces = ReturnType<typeof makeTraces>;
