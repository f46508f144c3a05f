/** What became of a request, as what a promise of `Kernel` fulfils or rejects with. */
import { KernelError, isKernelError } from '../errors.js';
import type { ErrorData, Outcome } from '../kernel/events.js';
import { kunser } from '../protocol/kernel-values.js';
import type { VatId } from '../protocol/refs.js';
import { messageOf, parseBundle, type FetchedBundles } from './bundles.js';
import type { EventLoop } from './event-loop.js';
import { mapStack } from './stacks.js';

export type Outcomes = {
  /**
   * @param fetched - of a launch, whose bundles the store does not keep where it is undone.
   * @throws what a vat threw, as an Error with the vat's stack; a KernelError where the kernel refused.
   */
  read(outcome: Outcome, fetched?: FetchedBundles): unknown;
  /** The stack with the lines of the vat's source, as far as its bundle has a source map. */
  mapStack(vatId: VatId | undefined, stack: string): string;
};

export function makeOutcomes(loop: Pick<EventLoop, 'rows' | 'bundleOf'>): Outcomes {
  const ofRunningVat: Outcomes['mapStack'] = (vatId, stack) => {
    const row = vatId === undefined ? undefined : loop.rows().vats.get(vatId);
    if (row === undefined) return stack;
    return mapStack(stack, vatId as VatId, loop.bundleOf(row.bundleHash).sourceMap);
  };

  const failure = (
    { code, message, cause, data }: ErrorData,
    fetched: FetchedBundles | undefined,
  ): KernelError => {
    if (cause === undefined) return new KernelError(code, message, { data });
    const error = new Error(cause.message);
    error.name = cause.name;
    if (cause.stack !== undefined) {
      const { name = '', vat = name } = (data ?? {}) as { name?: string; vat?: string };
      const undone = fetched?.contents[fetched.bundles[vat] ?? ''];
      error.stack =
        undone === undefined || cause.vatId === undefined
          ? ofRunningVat(cause.vatId, cause.stack)
          : mapStack(cause.stack, cause.vatId, parseBundle(undone).sourceMap);
    }
    return new KernelError(code, message, { cause: error, data });
  };

  const thrown = ({ value, stack }: Outcome & { type: 'rejected' }): Error => {
    let reason: unknown;
    try {
      reason = kunser(value);
    } catch (unreadable) {
      reason = new Error(`the vat threw what cannot be read: ${messageOf(unreadable)}`);
    }
    if (!(reason instanceof Error)) {
      const shown = typeof reason === 'string' ? reason : value.body.slice(1, 1_000);
      return new Error(shown, { cause: reason });
    }
    if (stack !== undefined && !isKernelError(reason)) {
      reason.stack = ofRunningVat(stack.vatId, stack.text);
    }
    return reason;
  };

  return {
    read(outcome, fetched) {
      switch (outcome.type) {
        case 'fulfilled':
          return outcome.value;
        case 'done':
          return outcome.result;
        case 'rejected':
          throw thrown(outcome);
        case 'failed':
          throw failure(outcome.error, fetched);
      }
    },
    mapStack: ofRunningVat,
  };
}
