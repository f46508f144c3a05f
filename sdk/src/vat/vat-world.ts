/** All that belongs to one vat in its worker: its tables, its state, and what its code is given. */
import { isPassable, passStyleOf } from '@endo/pass-style';
import { PassStyleOfEndowmentSymbol } from '@endo/pass-style/endow.js';
import { insistInvariant } from '../errors.js';
import { isDurableVRef, isPromiseVRef, type VRef } from '../protocol/refs.js';
import type { FromVat, ToVat } from '../protocol/vat-wire.js';
import { makeBaggage, type Baggage } from './baggage.js';
import { makeDurableKinds } from './durable-kinds.js';
import { makeDurableMarshal } from './durable-marshal.js';
import { makeEndowments, type PlatformGlobals } from './endowments.js';
import { DURABLE_KINDS } from './exo.js';
import { makeHostAsks } from './host-asks.js';
import { methodLabel } from './invoke.js';
import { passIterator } from './iterables.js';
import { makeObjectShapes } from './object-shapes.js';
import { makeObjectTable } from './object-table.js';
import { makePromiseTable } from './promise-table.js';
import { stackText } from './stacks.js';
import { makeSyscallLog } from './syscall-log.js';
import { makeLogger, makeLogSink, makeVatConsole } from './vat-log.js';
import { makeVatMarshal, messageOf } from './vat-marshal.js';
import { makeVatPowers } from './vat-powers.js';
import { holderOf, makeVatState } from './vat-state.js';
import { makeWeakCollections } from './weak-collections.js';

export type VatWorldPowers = {
  init: Extract<ToVat, { type: 'init' }>;
  post(message: FromVat): void;
  /** Milliseconds of a clock that does not go back. */
  now(): number;
  /** A system call or a write was made. */
  onActivity(): void;
  onGarbage(count: number): void;
  platform: PlatformGlobals;
  runtimeModules: object;
};

export type VatWorld = ReturnType<typeof makeVatWorld>;

export function makeVatWorld({
  init,
  post,
  now,
  onActivity,
  onGarbage,
  platform,
  runtimeModules,
}: VatWorldPowers) {
  const messageBytesMax = (): number => init.limits.messageBytesMax;
  const syscalls = makeSyscallLog(onActivity);
  const sink = makeLogSink(post, now);
  const logger = makeLogger(sink);

  /** What was thrown or rejected and no caller will hear of. */
  const reportUncaught = (reason: unknown): void =>
    logger.subLogger('uncaught').warn(`Uncaught: ${stackText(reason) ?? messageOf(reason)}`);

  const state = makeVatState({
    onWrite: onActivity,
    onRelease(vref) {
      if (vref.startsWith('o-')) objects.released(vref);
      else kinds.released(vref);
    },
  });
  const shapes = makeObjectShapes();
  const kinds = makeDurableKinds({
    state,
    marshal: () => durableMarshal,
    onPrepared: shapes.tell,
    onDeleted: (vref) => weak.retire(vref),
  });

  const send = (
    target: VRef,
    method: unknown,
    args: unknown,
    alias: Promise<unknown> | undefined,
  ) => {
    const methargs = encodeCall(method, args);
    const { vref, promise } = promises.makeResult(alias);
    syscalls.push({ type: 'send', target, methargs, result: vref });
    syscalls.push({ type: 'subscribe', vpid: vref });
    promises.resolveOwed();
    return promise;
  };

  const sendOnly = (target: VRef, method: unknown, args: unknown): void => {
    let methargs;
    try {
      methargs = encodeCall(method, args);
    } catch (error) {
      // The caller has no promise that could be rejected.
      logger.subLogger('uncaught').warn(`E.sendOnly: ${messageOf(error)}`);
      return;
    }
    syscalls.push({ type: 'send', target, methargs });
    promises.resolveOwed();
  };

  const encodeCall = (method: unknown, args: unknown) => {
    const label = methodLabel(method);
    if (!isPassable(method)) throw TypeError(`a method's name must be passable: ${label}`);
    const passed = Array.isArray(args) ? args.map(passIterator) : args;
    return marshal.encode([method, passed], `arguments of ${label}`, passed);
  };

  /** What `E(x)` does for a presence or an unsettled promise. */
  const makeHandler = (vref: VRef): object =>
    harden({
      applyMethod: (_target: unknown, method: unknown, args: unknown, alias?: Promise<unknown>) =>
        send(vref, method, args, alias),
      applyMethodSendOnly: (_target: unknown, method: unknown, args: unknown) =>
        sendOnly(vref, method, args),
      applyFunction: (_target: unknown, args: unknown, alias?: Promise<unknown>) =>
        send(vref, undefined, args, alias),
      applyFunctionSendOnly: (_target: unknown, args: unknown) => sendOnly(vref, undefined, args),
      get(target: unknown, name: PropertyKey) {
        // What it becomes may be data, which has properties.
        if (isPromiseVRef(vref)) {
          return Promise.resolve(target).then((value) => HandledPromise.get(value, name));
        }
        throw TypeError(
          `E.get(x).${String(name)}: a remote object has methods only; write E(x).method()`,
        );
      },
    });

  const objects = makeObjectTable({
    presenceHandler: makeHandler,
    durables: kinds.objects,
    isHeldByState: (vref) => state.holds(holderOf(vref)),
    weakKeys: { recognizes: (vref) => weak.recognizes(vref), retire: (vref) => weak.retire(vref) },
    onReached: shapes.tell,
    onGarbage,
  });
  const weak = makeWeakCollections({
    vrefOf(key) {
      const vref = kinds.objects.vrefOf(key) ?? objects.vrefOf(key);
      return vref !== undefined && (vref.startsWith('o-') || isDurableVRef(vref))
        ? vref
        : undefined;
    },
    onForgotten(vref) {
      if (vref.startsWith('o-')) objects.released(vref);
    },
  });
  const promises = makePromiseTable({
    syscalls,
    nextNumber: objects.nextNumber,
    pipelineHandler: makeHandler,
    encodeOutcome: (vref, outcome, label) => marshal.encodeOutcome(vref, outcome, label),
  });
  const marshal = makeVatMarshal(objects, promises, messageBytesMax);
  const durableMarshal = makeDurableMarshal(objects, kinds.objects, messageBytesMax);

  const provideKey = (vref: VRef): unknown => {
    const object = objects.provide(vref);
    insistInvariant(object, `${vref} is held by a key of the state`);
    return object;
  };
  const plainBaggage = makeBaggage(state, durableMarshal, provideKey);
  const baggage: Baggage = harden(
    Object.defineProperty({ ...plainBaggage }, DURABLE_KINDS, { value: kinds.prepare }),
  );

  const asks = makeHostAsks(post, init.limits.asksMax);
  const vatPowers = makeVatPowers(sink, logger, syscalls, marshal.encode, (target, method, args) =>
    send(target, method, args, undefined),
  );
  const globals = {
    console: makeVatConsole(logger.subLogger('console')),
    assert,
    harden,
    HandledPromise,
    ...weak.globals,
    // Endo of a self-contained bundle would keep a table of its own of what it has looked at, in a WeakSet that is
    // the vat's: no presence would be forgotten.
    [PassStyleOfEndowmentSymbol]: passStyleOf,
    ...makeEndowments(init.vatId, init.endowments, platform, asks, reportUncaught),
  };

  return harden({
    objects,
    promises,
    syscalls,
    shapes,
    marshal,
    state,
    kinds,
    weak,
    asks,
    baggage,
    vatPowers,
    globals,
    runtimeModules,

    load(rows: readonly (readonly [key: string, value: string])[], nextExport: number): void {
      state.load(rows);
      kinds.load();
      for (const vref of state.held()) if (vref.startsWith('o-')) objects.importHeld(vref);
      objects.startAt(nextExport);
    },

    reportUncaught,
  });
}
