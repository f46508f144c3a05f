/**
 * A crank's result becomes rows: whole, or not at all.
 *
 * First what the vat did before it read the delivery (`prior`), with the c-list as it was; then what the delivery
 * itself took away; then what the vat did in answer (`own`) and its state writes. An illegal syscall discards all
 * of it. Why this order: a vat that a timer woke at the wrong moment would otherwise name a reference that the
 * kernel had just retired, and die innocent.
 */
import {
  ROOT_VREF,
  isDurableVRef,
  isExportVRef,
  isPromiseKRef,
  isPromiseVRef,
  type KRef,
  type VatId,
  type VRef,
} from '../protocol/refs.js';
import type { CrankResult, Resolution, StateWrite, Syscall } from '../protocol/vat-wire.js';
import type { CapData } from '../protocol/capdata.js';
import { IllegalSyscall, type CLists } from './clists.js';
import { crankBounds } from './crank-shape.js';
import { isEphemeral } from './deliveries.js';
import type { Messages, Settlement } from './messages.js';
import type { Queues } from './queues.js';
import type { ReadMarks } from './read-marks.js';
import type { References } from './references.js';
import type { KernelRows, ReadMark } from './rows.js';
import type { Shapes } from './shapes.js';
import type { Traces } from './traces.js';

/** What a vat is doing: what the kernel must settle when the crank is done. */
export type InFlight = { /** The read that it belongs to. */ mark?: ReadMark } & (
  | { type: 'start' }
  | { type: 'message' }
  | { type: 'notify'; promises: KRef[] }
  | { type: 'drop-exports' | 'retire-exports' | 'retire-imports'; krefs: KRef[] }
  /** `then`: who waits for this reap. */
  | { type: 'reap'; then: (() => void)[] }
  | { type: 'turn' }
);

export type Exit = { failure: boolean; completion: CapData<KRef> };

export type CrankPowers = {
  rows: KernelRows;
  references: References;
  clists: CLists;
  queues: Queues;
  messages: Messages;
  marks: ReadMarks;
  shapes: Shapes;
  traces: Traces;
};

export function makeCrank(powers: CrankPowers) {
  const { rows, references, clists, queues, messages, marks, shapes, traces } = powers;

  const applyResolve = (vatId: VatId, resolutions: readonly Resolution[]): void => {
    // All values first: the promises of one call may name one another, and some are exported by being named.
    const values: CapData<KRef>[] = [];
    for (const { value } of resolutions) values.push(clists.capDataToKernel(vatId, value));
    const decided = new Map<KRef, Settlement>();
    for (const { vpid, rejected, stack } of resolutions) {
      const kref = clists.krefOf(vatId, vpid);
      const promise = isPromiseKRef(kref) ? rows.promises.getRequired(kref) : undefined;
      if (promise?.state !== 'open' || promise.decider !== vatId || decided.has(kref)) {
        throw new IllegalSyscall(`${vatId} resolves ${vpid}, which it does not decide`);
      }
      decided.set(kref, {
        rejected,
        value: values[decided.size] as CapData<KRef>,
        ...(stack !== undefined && {
          stack: { vatId, text: stack.slice(0, crankBounds.errorCharsMax) },
        }),
      });
    }
    for (const [kref, settlement] of decided) {
      messages.unsubscribe(vatId, kref);
      messages.settle(kref, settlement);
    }
    for (const kref of decided.keys()) clists.remove(vatId, kref);
  };

  const applySyscall = (vatId: VatId, syscall: Syscall): Exit | undefined => {
    switch (syscall.type) {
      case 'send': {
        const target = clists.toKernel(vatId, syscall.target);
        const methargs = clists.capDataToKernel(vatId, syscall.methargs);
        const result =
          syscall.result === undefined ? undefined : clists.toKernelResult(vatId, syscall.result);
        const mark = marks.current();
        if (mark !== undefined && result !== undefined) marks.stamp(result, mark);
        const message = { methargs, ...(result && { result }), ...(mark && { mark }) };
        traces.sent(vatId, target, message);
        messages.route(target, message, vatId);
        return undefined;
      }
      case 'subscribe': {
        const kref = clists.toKernel(vatId, syscall.vpid);
        if (!isPromiseKRef(kref)) {
          throw new IllegalSyscall(`${vatId} subscribes to ${syscall.vpid}, which is no promise`);
        }
        messages.subscribe(vatId, kref);
        return undefined;
      }
      case 'resolve':
        applyResolve(vatId, syscall.resolutions);
        return undefined;
      case 'drop-imports':
        for (const vref of syscall.vrefs) {
          const kref = insistImport(vatId, vref);
          if (clists.entry(vatId, kref)?.durable) {
            throw new IllegalSyscall(`${vatId} drops ${vref}, which its durable state holds`);
          }
          clists.drop(vatId, kref);
        }
        return undefined;
      case 'retire-imports':
        for (const vref of syscall.vrefs) {
          const kref = insistImport(vatId, vref);
          if (clists.entry(vatId, kref)?.reach) {
            throw new IllegalSyscall(`${vatId} retires ${vref}, which it has not dropped`);
          }
          clists.remove(vatId, kref);
        }
        return undefined;
      case 'retire-exports':
      case 'abandon-exports':
        for (const vref of syscall.vrefs) {
          const kref = insistExport(vatId, vref);
          if (syscall.type === 'retire-exports' && clists.entry(vatId, kref)?.reach) {
            throw new IllegalSyscall(`${vatId} retires ${vref}, which others still reach`);
          }
          clists.remove(vatId, kref);
        }
        return undefined;
      case 'exit':
        return {
          failure: syscall.failure,
          completion: clists.capDataToKernel(vatId, syscall.completion),
        };
    }
  };

  const insistImport = (vatId: VatId, vref: VRef): KRef => {
    const kref = clists.krefOf(vatId, vref);
    if (isExportVRef(vref) || isPromiseVRef(vref)) {
      throw new IllegalSyscall(`${vatId} gives up ${vref} as an import, which it is not`);
    }
    return kref;
  };

  const insistExport = (vatId: VatId, vref: VRef): KRef => {
    const kref = clists.krefOf(vatId, vref);
    if (!isExportVRef(vref) || isPromiseVRef(vref) || vref === ROOT_VREF) {
      throw new IllegalSyscall(`${vatId} gives up ${vref} as an export, which it may not`);
    }
    return kref;
  };

  const settleDelivery = (vatId: VatId, inFlight: InFlight, kept: ReadonlySet<VRef>): void => {
    switch (inFlight.type) {
      case 'message': {
        const { item, release } = queues.shift(vatId);
        if (item.type === 'message' && item.result !== undefined) {
          const promise = rows.promises.getRequired(item.result);
          if (promise.state === 'open')
            rows.promises.set(item.result, { ...promise, decider: vatId });
        }
        release();
        return;
      }
      case 'notify':
        queues.shift(vatId).release();
        for (const kref of inFlight.promises) {
          if (clists.entry(vatId, kref) !== undefined) clists.remove(vatId, kref);
        }
        return;
      case 'drop-exports':
        for (const kref of inFlight.krefs) {
          const row = clists.entry(vatId, kref);
          if (row === undefined || kept.has(row.vref)) continue;
          if (!references.isReached(kref)) clists.drop(vatId, kref);
        }
        return;
      case 'retire-exports':
      case 'retire-imports':
        for (const kref of inFlight.krefs) {
          const row = clists.entry(vatId, kref);
          if (row === undefined || row.reach || kept.has(row.vref)) continue;
          clists.remove(vatId, kref);
        }
        return;
      case 'start':
      case 'reap':
      case 'turn':
        return;
    }
  };

  const applyWrite = (vatId: VatId, { key, value, slots }: StateWrite): void => {
    const id = `${vatId}.${key}`;
    const before = rows.state.get(id)?.slots ?? [];
    const krefs: KRef[] = [];
    // What is deleted holds nothing, whatever the vat says.
    for (const vref of value === null ? [] : (slots ?? [])) {
      // Its own durable objects it counts itself: the kernel need not know them.
      if (isDurableVRef(vref)) continue;
      if (isExportVRef(vref) || isPromiseVRef(vref)) {
        throw new IllegalSyscall(
          `${vatId} keeps ${vref} in its durable state, which is not durable`,
        );
      }
      const kref = clists.toKernel(vatId, vref);
      if (isEphemeral(rows, kref)) {
        throw new IllegalSyscall(
          `${vatId} keeps ${vref} in its durable state, which a client exposed`,
        );
      }
      krefs.push(kref);
    }
    for (const kref of krefs) clists.countDurable(vatId, kref, 1);
    for (const kref of before) clists.countDurable(vatId, kref, -1);
    if (value === null) rows.state.delete(id);
    else rows.state.set(id, { value, ...(krefs.length > 0 && { slots: krefs }) });
  };

  /** The promise for whose message, or at whose settlement, the crank is. The delivery has not been settled yet. */
  const causeOf = (vatId: VatId, inFlight: InFlight): KRef | undefined => {
    if (inFlight.type === 'notify') return inFlight.promises[0];
    const item = inFlight.type === 'message' ? queues.first(vatId) : undefined;
    return item?.type === 'message' ? item.result : undefined;
  };

  const applyWhole = (
    vatId: VatId,
    inFlight: InFlight,
    { prior, own, writes, kept, shapes: told = [] }: CrankResult,
  ): Exit | undefined => {
    let exit: Exit | undefined;
    for (const syscall of prior) exit = applySyscall(vatId, syscall) ?? exit;
    const cause = traces.isOn() ? causeOf(vatId, inFlight) : undefined;
    settleDelivery(vatId, inFlight, new Set(kept));
    marks.beginOwn();
    traces.within(cause, () => {
      for (const syscall of own) {
        if (!isRetirement(syscall)) exit = applySyscall(vatId, syscall) ?? exit;
      }
    });
    for (const write of writes) applyWrite(vatId, write);
    // After the writes: what durable state let go of in this crank may be dropped in it.
    for (const syscall of own) if (isRetirement(syscall)) applySyscall(vatId, syscall);
    const isStart = inFlight.type === 'start';
    if (isStart || told.length > 0) shapes.tell(vatId, told, isStart);
    return exit;
  };

  return {
    /**
     * Applies a crank's result, whose form has been checked. Throws {@link IllegalSyscall} where the vat may not do
     * what it did; the caller rolls back.
     */
    apply: (vatId: VatId, inFlight: InFlight, result: CrankResult): Exit | undefined =>
      marks.within(vatId, inFlight, result, () => applyWhole(vatId, inFlight, result)),
  };
}

const isRetirement = ({ type }: Syscall): boolean =>
  type === 'drop-imports' || type === 'retire-imports' || type === 'retire-exports';

export type Crank = ReturnType<typeof makeCrank>;
