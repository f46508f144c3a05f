/**
 * The page's side of a session: its names, its calls, and what it owes the host. Synchronous, and apart from channels:
 * `wake` says that there is something to send, `flush` sends it. See protocol/session-wire.ts for the rules.
 */
import { KernelError } from '../errors.js';
import { limits } from '../limits.js';
import type { CapData } from '../protocol/capdata.js';
import { isExportVRef, isPromiseVRef, type VRef } from '../protocol/refs.js';
import type {
  ClientOp,
  FrameMessage,
  HostFrameMessage,
  HostOp,
  HostResolution,
  ObjectName,
  WelcomeMessage,
} from '../protocol/session-wire.js';
import { decode, encode, type Mention, type SlotRef } from '../protocol/smallcaps.js';
import type { Label } from '../protocol/trail.js';
import { errorOfWire } from './errors.js';
import { exposureOf, type Exposure } from './expose.js';
import { makeOutbox } from './outbox.js';
import { makePipelined, markHandled } from './pipeline.js';
import { handleOf, isRef, makeRef, send, type RefHandle } from './ref.js';
import type { CallOptions, Origin, SendOptions } from './types.js';

/** An object of the host's, by its name. */
type Import = {
  readonly vref: VRef;
  name: ObjectName;
  /** As it stands on the wire: `Alleged: counter`. */
  iface: string | undefined;
  /** As the host counts them, less what was given back. */
  mentions: number;
  holder: Holder | undefined;
};

/** What stands behind one ref. An object that comes again after its ref was released gets another. */
type Holder = {
  readonly entry: Import;
  weak: WeakRef<object> | undefined;
  holdings: number;
  /** Why the ref cannot be used any more. */
  broken: Error | undefined;
  listeners: Set<Listener>;
};

/** An object of the page's. */
type Export = { handle: object; exposure: Exposure; mentions: number };

/** A promise that the host settles. */
type Expected = {
  promise: Promise<unknown>;
  /** Does nobody want the value any more? */
  isLeft(): boolean;
  settle(rejected: boolean, value: unknown, resolution?: HostResolution): void;
};

export type Session = ReturnType<typeof makeSession>;

type Listener = (error: Error) => void;

/** A longer timer fires at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** @param wake - called whenever there is something to send; `flush` sends it, as soon as there is a channel. */
export function makeSession(wake: () => void, origin?: Origin) {
  const imports = new Map<VRef, Import>();
  const holderOf = new WeakMap<object, Holder>();
  const exports = new Map<VRef, Export>();
  const exportNames = new Map<object, VRef>();
  /** Results `p+N` of calls, and promises `p-N` in values; until the host does not name them any more. */
  const expected = new Map<VRef, Expected>();
  /** Of those, what the host has settled with its frame `seq`. */
  const settled: { seq: number; name: VRef }[] = [];
  /** Promises `p+N` in values, and results `p-N` of calls by vats: what this side settles. */
  const decided = new Map<VRef, Promise<unknown>>();
  /** The name by which the host knows a promise at present. */
  const promiseNames = new WeakMap<object, VRef>();

  let lastName = 0;
  let received = 0;
  let acknowledged = 0;
  let waiting = 0;
  let ended: Error | undefined;
  let storeId = '';
  let admin: VRef | undefined;
  let window = { frames: 0, chars: 0 };
  let give!: (refs: unknown) => void;
  let keepBack!: (error: Error) => void;
  const given = new Promise<unknown>((resolve, reject) => {
    give = resolve;
    keepBack = reject;
  });
  markHandled(given);

  const forget = (name: VRef): void => {
    const promise = decided.get(name);
    if (promise !== undefined && promiseNames.get(promise) === name) promiseNames.delete(promise);
    decided.delete(name);
  };

  const outbox = makeOutbox((op) => {
    if (op.op === 'settle') for (const { promise } of op.resolutions) forget(promise);
    // An older frame of the host's may have mentioned it meanwhile: then it lives on.
    if (op.op === 'drop')
      for (const [vref] of op.refs) if (imports.get(vref)?.mentions === 0) imports.delete(vref);
  });

  const push = (op: ClientOp): void => {
    if (ended !== undefined) return;
    outbox.push(op);
    wake();
  };

  const newName = (kind: 'o' | 'p'): VRef => `${kind}+${(lastName += 1)}`;

  // Objects of the host's

  const giveBack = (entry: Import): void => {
    entry.holder = undefined;
    if (entry.mentions === 0) return;
    push({ op: 'drop', refs: [[entry.vref, entry.mentions]] });
    entry.mentions = 0;
  };

  const finalizers = new FinalizationRegistry((holder: Holder) => {
    if (holder.entry.holder === holder) giveBack(holder.entry);
  });

  const breakHolder = (holder: Holder, error: Error): void => {
    if (holder.broken !== undefined) return;
    holder.broken = error;
    const { listeners } = holder;
    holder.listeners = new Set();
    for (const listener of listeners) tell(listener, error);
  };

  const releaseHolder = (holder: Holder): void => {
    if (holder.holdings === 0) return;
    holder.holdings -= 1;
    if (holder.holdings > 0) return;
    breakHolder(holder, new KernelError('REF_RELEASED', 'This ref was released'));
    if (holder.entry.holder === holder) giveBack(holder.entry);
  };

  const makeHandle = (holder: Holder, base: object, options?: CallOptions): RefHandle => ({
    base,
    origin,
    broken: () => holder.broken,
    send(method, args, more) {
      if (holder.broken !== undefined) return refused(holder.broken);
      return call(holder.entry.vref, method, args, { ...options, ...more });
    },
    dup() {
      if (holder.holdings === 0) throw holder.broken as Error;
      holder.holdings += 1;
    },
    release: () => releaseHolder(holder),
    onBroken(listener) {
      if (holder.broken === undefined) holder.listeners.add(listener);
      else tell(listener, holder.broken);
      return () => holder.listeners.delete(listener);
    },
    withOptions: (more) => dress(holder, () => makeHandle(holder, base, { ...options, ...more })),
  });

  const dress = (holder: Holder, makeIt: (ref: object) => RefHandle): object => {
    const { name, iface } = holder.entry;
    const look = {
      iface: (name.iface ?? iface ?? '').replace(/^(?:Alleged|DebugName): /, ''),
      methods: name.methods ?? [],
      url: `vatkit:${storeId}/${name.id}`,
    };
    const ref = makeRef(look, makeIt);
    holderOf.set(ref, holder);
    return ref;
  };

  /** One more arrival of an object: its ref, the same as long as it lives. */
  const hold = (entry: Import): object => {
    const known = entry.holder?.weak?.deref();
    if (entry.holder !== undefined && known !== undefined) {
      entry.holder.holdings += 1;
      return known;
    }
    const listeners = new Set<Listener>();
    const holder: Holder = { entry, weak: undefined, holdings: 1, broken: undefined, listeners };
    entry.holder = holder;
    const ref = dress(holder, (self) => makeHandle(holder, self));
    holder.weak = new WeakRef(ref);
    finalizers.register(ref, holder);
    return ref;
  };

  // Values

  const slotOf = (value: object, refuse: (why: string) => never): SlotRef<VRef> | undefined => {
    const holder = holderOf.get(value);
    if (holder !== undefined) {
      if (holder.holdings === 0) return refuse('a ref that was released');
      return { slot: holder.entry.vref, iface: holder.entry.iface };
    }
    if (handleOf(value) !== undefined)
      return refuse('a ref of another kernel, or of a session that is over');
    const exposure = exposureOf(value);
    if (exposure !== undefined) {
      if (exposure.isRevoked) return refuse('an exposed object that was revoked');
      return { slot: exportName(value, exposure), iface: exposure.iface };
    }
    if (value instanceof Promise) return { slot: promiseName(value), promise: true };
    if (typeof (value as Event).preventDefault === 'function')
      return refuse('an event (call the method in a function: () => ref.method())');
    return undefined;
  };

  const exportName = (handle: object, exposure: Exposure): VRef => {
    const known = exportNames.get(handle);
    if (known !== undefined) return known;
    const name = newName('o');
    exports.set(name, { handle, exposure, mentions: 0 });
    exportNames.set(handle, name);
    return name;
  };

  const promiseName = (promise: Promise<unknown>): VRef => {
    const known = promiseNames.get(promise);
    if (known !== undefined) return known;
    const name = newName('p');
    promiseNames.set(promise, name);
    decided.set(name, promise);
    return name;
  };

  /** @throws TypeError that names the place of what cannot pass; then nothing was named. */
  const write = (value: unknown, label: Label): CapData<VRef> => {
    const before = lastName;
    try {
      const capdata = encode(value, { slotOf, label, hint: 'wrap it with expose()' });
      for (const slot of capdata.slots) {
        const own = exports.get(slot);
        if (own !== undefined) own.mentions += 1;
        const isNew = isExportVRef(slot) && numberOf(slot) > before;
        const promise = isNew ? decided.get(slot) : undefined;
        if (promise !== undefined) settleWith(slot, promise);
      }
      return capdata;
    } catch (thrown) {
      for (let number = lastName; number > before; number -= 1) {
        dropExport(`o+${number}`);
        forget(`p+${number}`);
      }
      throw thrown;
    }
  };

  const settleWith = (name: VRef, promise: Promise<unknown>): void => {
    promise.then(
      (value) => settle(name, false, value),
      (reason: unknown) => settle(name, true, reason),
    );
  };

  const settle = (name: VRef, rejected: boolean, value: unknown): void => {
    // The host may have rejected it meanwhile, while there was no channel.
    if (!decided.has(name)) return;
    let resolution;
    try {
      resolution = { promise: name, rejected, value: write(value, rejected ? 'reason' : 'result') };
    } catch (thrown) {
      resolution = { promise: name, rejected: true, value: write(thrown, 'reason') };
    }
    push({ op: 'settle', resolutions: [resolution] });
  };

  const dropExport = (name: VRef): void => {
    const own = exports.get(name);
    if (own === undefined) return;
    exports.delete(name);
    exportNames.delete(own.handle);
  };

  const fromSlot = (slot: VRef, { promise, iface }: Mention): unknown => {
    if (promise !== isPromiseVRef(slot))
      throw new TypeError(`Cannot read slot ${slot}: it is of the other kind`);
    const own = isExportVRef(slot);
    if (promise) {
      const known = decided.get(slot) ?? expected.get(slot)?.promise;
      return known ?? (own ? refused(lostExport()) : expectValue(slot));
    }
    if (own) {
      const handle = exports.get(slot)?.handle;
      if (handle === undefined) throw lostExport();
      return handle;
    }
    const entry = imports.get(slot) as Import;
    entry.iface ??= iface ?? (entry.name.iface && `Alleged: ${entry.name.iface}`);
    return hold(entry);
  };

  /** Reads a value of the host's; its mentions are counted whether it can be read or not. */
  const read = ({ body, slots }: CapData<VRef>, label: Label): unknown => {
    const mentioned = mention(slots);
    try {
      return decode({ body, slots }, { fromSlot, label });
    } finally {
      for (const entry of mentioned) if (entry.holder === undefined) giveBack(entry);
    }
  };

  const mention = (slots: readonly VRef[]): Import[] =>
    slots
      .filter((slot) => !isPromiseVRef(slot) && !isExportVRef(slot))
      .map((slot) => {
        const entry = imports.get(slot);
        if (entry === undefined)
          throw new KernelError('PROTOCOL_ERROR', `The host has not named ${slot}`);
        entry.mentions += 1;
        return entry;
      });

  // Calls

  /** Makes a name a promise; messages go to the name until it is settled, then to what it was settled with. */
  const expect = (name: VRef, options: SendOptions = {}): Expected => {
    let outcome: { rejected: boolean; value: unknown } | undefined;
    let isLeft = false;
    const { promise, resolve, reject } = makePipelined((method, args, more) => {
      markHandled(promise);
      if (outcome === undefined) return call(name, method, args, more);
      const { rejected, value } = outcome;
      if (rejected) return refused(value);
      if (isRef(value) || value instanceof Promise) return send(value, method, args, more);
      const what = `Cannot call ${String(method)}: the promise was fulfilled with no object`;
      return refused(new KernelError('BAD_PROMISE_RESOLUTION', what));
    });
    const finish = (rejected: boolean, value: unknown): void => {
      outcome = { rejected, value };
      signal?.removeEventListener('abort', abort);
      clearTimeout(timer);
      promiseNames.delete(promise);
      waiting -= 1;
      if (rejected) reject(value);
      else resolve(value);
    };
    // Answers the caller at once. What the host will answer is released when it comes.
    const leave = (reason: unknown): void => {
      isLeft = true;
      finish(true, reason);
    };
    const { signal, timeoutMs, onTouched } = options;
    const abort = (): void => leave(signal?.reason);
    signal?.addEventListener('abort', abort);
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(
            () => leave(new KernelError('TIMEOUT', `No answer within ${timeoutMs} ms`)),
            Math.min(timeoutMs, TIMER_MAX_MS),
          );
    const made: Expected = {
      promise,
      isLeft: () => isLeft,
      settle(rejected, value, resolution) {
        if (outcome !== undefined) return;
        if (resolution?.touched !== undefined) onTouched?.(resolution.touched);
        finish(rejected, value);
      },
    };
    waiting += 1;
    expected.set(name, made);
    promiseNames.set(promise, name);
    return made;
  };

  const call = (
    target: VRef,
    method: unknown,
    args: readonly unknown[],
    options: SendOptions = {},
  ): Promise<unknown> => {
    const refusal = whyNot(options);
    if (refusal !== undefined) return refused(refusal.reason);
    let methargs;
    try {
      methargs = write([method, args], ['method', 'args']);
    } catch (thrown) {
      return refused(thrown);
    }
    const result = newName('p');
    const { promise } = expect(result, options);
    push({ op: 'call', target, methargs, result, ...(options.read && { read: true }) });
    return promise;
  };

  const whyNot = ({ signal }: SendOptions): { reason: unknown } | undefined => {
    if (ended !== undefined) return { reason: ended };
    if (signal?.aborted) return { reason: signal.reason };
    if (expected.size < limits.sessionCallsMax && outbox.weight() < limits.sessionUnsentCharsMax)
      return undefined;
    return {
      reason: new KernelError('QUEUE_FULL', 'Too much waits for the kernel'),
    };
  };

  // What the host does

  const apply = (op: HostOp): void => {
    switch (op.op) {
      case 'call':
        return applyCall(op);
      case 'settle':
        return applySettle(op.resolutions);
      case 'drop':
        for (const [vref, count] of op.refs) {
          const own = exports.get(vref);
          if (own !== undefined && (own.mentions -= count) <= 0) dropExport(vref);
        }
        return;
      case 'broken':
        for (const { ref, code, message } of op.refs) {
          const holder = imports.get(ref)?.holder;
          if (holder !== undefined) breakHolder(holder, errorOfWire({ code, message }));
        }
        return;
      case 'give':
        return give(read(op.value, 'refs'));
    }
  };

  const applyCall = ({ target, methargs, result }: HostOp & { op: 'call' }): void => {
    const own = exports.get(target);
    let run: () => unknown;
    try {
      const [method, args] = read(methargs, ['method', 'args']) as unknown[];
      run = () => {
        if (own === undefined) throw lostExport();
        return own.exposure.invoke(method, args);
      };
    } catch (thrown) {
      run = () => {
        throw thrown;
      };
    }
    // The page's code runs when this frame is done, and what it throws is its caller's.
    const outcome = Promise.resolve().then(run);
    markHandled(outcome);
    if (result === undefined) return;
    decided.set(result, outcome);
    promiseNames.set(outcome, result);
    settleWith(result, outcome);
  };

  /** A promise in a value. Nobody may ever look at it, and then its rejection is no news. */
  const expectValue = (name: VRef): Promise<unknown> => {
    const { promise } = expect(name);
    markHandled(promise);
    return promise;
  };

  const applySettle = (resolutions: readonly HostResolution[]): void => {
    // They may name one another, whichever comes first.
    for (const { promise } of resolutions)
      if (!isExportVRef(promise) && !expected.has(promise)) void expectValue(promise);
    for (const resolution of resolutions) {
      const { promise, rejected, value } = resolution;
      const known = expected.get(promise);
      if (known === undefined || known.isLeft()) {
        for (const entry of mention(value.slots)) if (entry.holder === undefined) giveBack(entry);
        continue;
      }
      try {
        const result = read(value, 'result');
        known.settle(rejected, withStack(result, resolution.stack), resolution);
      } catch (thrown) {
        known.settle(true, thrown);
      }
    }
    for (const { promise } of resolutions) settled.push({ seq: received, name: promise });
  };

  /** The host knows that we have its frame `seq`. */
  const understood = (seq: number): void => {
    const count = settled.findIndex((each) => each.seq > seq);
    for (const { name } of settled.splice(0, count < 0 ? settled.length : count))
      expected.delete(name);
  };

  return {
    call,
    /** The array that a session without admin was given. */
    given,

    /** Takes a frame, once. @throws KernelError PROTOCOL_ERROR. */
    receive({ seq, ack, acked, ops, names }: HostFrameMessage): void {
      if (seq <= received) return;
      if (seq !== received + 1)
        throw new KernelError('PROTOCOL_ERROR', `Frame ${seq} came after frame ${received}`);
      received = seq;
      for (const name of names) {
        const entry = imports.get(name.ref);
        if (entry !== undefined) entry.name = name;
        else {
          const fresh = { vref: name.ref, name, iface: undefined, mentions: 0, holder: undefined };
          imports.set(name.ref, fresh);
        }
      }
      understood(acked);
      ops.forEach(apply);
      outbox.acked(ack);
    },
    understood,

    acked: outbox.acked,

    /** There is a channel again, or for the first time. */
    welcomed(welcome: WelcomeMessage): void {
      ({ storeId, admin, window } = welcome);
      outbox.acked(welcome.received);
      for (const name of [...exports.keys(), ...decided.keys()]) {
        if (!isExportVRef(name) || numberOf(name) >= welcome.closedBelow) continue;
        dropExport(name);
        forget(name);
      }
      // A resumption acknowledges nothing.
      acknowledged = 0;
    },
    received: () => received,
    admin: () => admin,
    /** Not while ops wait, which may name what is acknowledged. */
    isAckDue: () => received > acknowledged && !outbox.isWaiting(),
    /** Nothing of it is under way in either direction. */
    isIdle: () => outbox.weight() + waiting === 0,

    /** Sends what there is to send and what the host can take. @param again - what it has not acknowledged, too. */
    flush(post: (frame: FrameMessage<ClientOp>) => void, again = false): void {
      const deliver = ({ seq, ack, ops }: { seq: number; ack: number; ops: ClientOp[] }): void => {
        acknowledged = Math.max(acknowledged, ack);
        post({ type: 'frame', seq, ack, ops });
      };
      if (again) outbox.resend(deliver);
      outbox.flush(window, received, deliver);
    },
    /** The number to acknowledge, which is acknowledged with that. */
    takeAck: () => (acknowledged = received),
    lastAck: () => acknowledged,

    /** Over for good: everything that waits rejects, every ref is broken. */
    end(error: Error): void {
      if (ended !== undefined) return;
      ended = error;
      outbox.clear();
      const holders = [...imports.values()].flatMap(({ holder }) => holder ?? []);
      const open = [...expected.values()];
      for (const map of [imports, exports, exportNames, expected, decided]) map.clear();
      for (const holder of holders) breakHolder(holder, error);
      for (const each of open) each.settle(true, error);
      keepBack(error);
    },
    ended: () => ended,
  };
}

const lostExport = (): KernelError =>
  new KernelError('SESSION_CLOSED', 'The page exposes this object no longer');

const refused = (reason: unknown): Promise<unknown> => {
  const { promise, reject } = makePipelined(() => {
    markHandled(promise);
    return refused(reason);
  });
  reject(reason);
  return promise;
};

const tell = (listener: Listener, error: Error): void => queueMicrotask(() => listener(error));

const numberOf = (vref: VRef): number => Number(vref.slice(2));

const withStack = (error: unknown, stack: string | undefined): unknown => {
  if (stack !== undefined && error instanceof Error) error.stack = stack;
  return error;
};
