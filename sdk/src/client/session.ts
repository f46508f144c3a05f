/**
 * The page's side of a session: its names, its calls, and what it owes the host. Synchronous, and apart from channels:
 * `wake` says that there is something to send, `flush` sends it. See protocol/session-wire.ts for the rules.
 */
import { KernelError } from '../errors.js';
import { limits } from '../limits.js';
import type { CapData } from '../protocol/capdata.js';
import { isExportVRef, isPromiseVRef, numberOf, type VRef } from '../protocol/refs.js';
import {
  sessionProtocol,
  type AckMessage,
  type ClientOp,
  type FrameMessage,
  type HelloMessage,
  type HostFrameMessage,
  type HostOp,
  type HostResolution,
  type PingMessage,
  type WelcomeMessage,
} from '../protocol/session-wire.js';
import { decode, encode, type Mention, type SlotRef } from '../protocol/smallcaps.js';
import type { Label } from '../protocol/trail.js';
import { makeAnswer, type Answer } from './answer.js';
import { errorOfWire } from './errors.js';
import type { Exports } from './exports.js';
import { exposureOf } from './expose.js';
import { breakHolder, hold, holderOf, type Import, type RefPowers } from './holder.js';
import { makeOutbox } from './outbox.js';
import { markHandled, refused } from './pipeline.js';
import { handleOf } from './ref.js';
import type { Origin, SendOptions } from './types.js';

export type Session = ReturnType<typeof makeSession>;

/** @param wake - called whenever there is something to send; `flush` sends it, as soon as there is a channel. */
export function makeSession(wake: () => void, origin?: Origin) {
  const imports = new Map<VRef, Import>();
  /** Objects of the page's; made with the first. */
  let exports: Exports | undefined;
  /** Results `p+N` of calls, and promises `p-N` in values; until the host does not name them any more. */
  const expected = new Map<VRef, Answer>();
  /** Of those, what the host has settled with its frame `seq`. */
  const settled = new Map<VRef, number>();
  /** Promises `p+N` in values, and results `p-N` of calls by vats: what this side settles. */
  const decided = new Map<VRef, Promise<unknown>>();
  /** The name by which the host knows a promise at present. */
  const promiseNames = new WeakMap<object, VRef>();

  let welcome: WelcomeMessage | undefined;
  let lastName = 0;
  let received = 0;
  let acknowledged = 0;
  let ended: Error | undefined;

  const forget = (name: VRef): void => {
    promiseNames.delete(decided.get(name) as object);
    decided.delete(name);
  };

  const outbox = makeOutbox((op) => {
    if (op.op === 'settle') for (const { promise } of op.resolutions) forget(promise);
    // An older frame of the host's may have mentioned it meanwhile: then it lives on.
    if (op.op === 'drop')
      for (const [vref] of op.refs) if (imports.get(vref)?.mentions === 0) imports.delete(vref);
  });

  const push = (op: ClientOp, value?: CapData): void => {
    if (ended) return;
    outbox.push(op, value);
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

  const giveBackUnheld = (entries: readonly Import[]): void => {
    for (const entry of entries) if (!entry.holder) giveBack(entry);
  };

  // Values

  const slotOf = (value: object, refuse: (why: string) => never): SlotRef<VRef> | undefined => {
    const holder = holderOf(value);
    if (holder?.powers === powers) {
      const { entry, holdings } = holder;
      if (holdings === 0) return refuse('a ref that was released');
      return { slot: entry.vref, iface: entry.iface };
    }
    if (handleOf(value)) return refuse('a ref of another kernel, or of a session that is over');
    const exposure = exposureOf(value);
    if (exposure) {
      exports ??= exposure.makeExports({ newName, read });
      return exports.slotOf(value, exposure, refuse);
    }
    if (value instanceof Promise) return { slot: promiseName(value), promise: true };
    if (typeof (value as Event).preventDefault === 'function')
      return refuse('an event (call it as () => ref.method())');
    return undefined;
  };

  const promiseName = (promise: Promise<unknown>): VRef => {
    const known = promiseNames.get(promise);
    if (known) return known;
    const name = newName('p');
    decide(name, promise);
    return name;
  };

  /** This side settles the promise `name`, as `promise` is settled. */
  const decide = (name: VRef, promise: Promise<unknown>): void => {
    decided.set(name, promise);
    promiseNames.set(promise, name);
    promise.then(
      (value) => settle(name, false, value),
      (reason: unknown) => settle(name, true, reason),
    );
  };

  const settle = (name: VRef, rejected: boolean, value: unknown): void => {
    // The host may have rejected it meanwhile, while there was no channel.
    if (!decided.has(name)) return;
    let written;
    try {
      written = write(value, rejected ? 'reason' : 'result');
    } catch (thrown) {
      rejected = true;
      written = write(thrown, 'reason');
    }
    push({ op: 'settle', resolutions: [{ promise: name, rejected, value: written }] }, written);
  };

  /** @throws TypeError that names the place of what cannot pass; then nothing was named. */
  const write = (value: unknown, label: Label): CapData<VRef> => {
    const before = lastName;
    try {
      const capdata = encode(value, { slotOf, label, hint: 'wrap it with expose()' });
      exports?.mention(capdata.slots);
      return capdata;
    } catch (thrown) {
      for (let number = lastName; number > before; number -= 1) {
        exports?.drop(`o+${number}`, 0);
        forget(`p+${number}`);
      }
      throw thrown;
    }
  };

  const fromSlot = (slot: VRef, { promise, iface }: Mention): unknown => {
    if (promise !== isPromiseVRef(slot)) throw new TypeError(`Slot ${slot} is of the other kind`);
    const own = isExportVRef(slot);
    if (promise)
      return (
        decided.get(slot) ??
        expected.get(slot)?.promise ??
        (own
          ? refused(new KernelError('SESSION_CLOSED', 'The page has forgotten this promise'))
          : expectValue(slot).promise)
      );
    // None was named where nothing was exposed.
    if (own) return (exports as Exports).handleOf(slot);
    const entry = imports.get(slot) as Import;
    entry.iface ??= iface ?? (entry.name.iface && `Alleged: ${entry.name.iface}`);
    return hold(entry, powers);
  };

  /** Reads a value of the host's; its mentions are counted whether it can be read or not. */
  const read = (capdata: CapData<VRef>, label: Label): unknown => {
    const mentioned = mention(capdata.slots);
    try {
      return decode(capdata, { fromSlot, label });
    } finally {
      giveBackUnheld(mentioned);
    }
  };

  const mention = (slots: readonly VRef[]): Import[] =>
    slots
      .filter((slot) => slot.startsWith('o-'))
      .map((slot) => {
        const entry = imports.get(slot);
        if (!entry) throw new KernelError('PROTOCOL_ERROR', `The host has not named ${slot}`);
        entry.mentions += 1;
        return entry;
      });

  // Calls

  /** Makes a name a promise; messages go to the name until it is settled, then to what it was settled with. */
  const expect = (name: VRef, options?: SendOptions): Answer => {
    const answer = makeAnswer(
      (method, args, more) => call(name, method, args, more),
      (promise) => promiseNames.delete(promise),
      options,
    );
    expected.set(name, answer);
    promiseNames.set(answer.promise, name);
    return answer;
  };

  /** A promise in a value. Nobody may ever look at it, and then its rejection is no news. */
  const expectValue = (name: VRef): Answer => {
    const answer = expect(name);
    markHandled(answer.promise);
    return answer;
  };

  const call = (
    target: VRef,
    method: unknown,
    args: readonly unknown[],
    options: SendOptions = {},
  ): Promise<unknown> => {
    try {
      if (ended) throw ended;
      options.signal?.throwIfAborted();
      if (
        expected.size >= limits.sessionCallsMax ||
        outbox.weight() >= limits.sessionUnsentCharsMax
      )
        throw new KernelError('QUEUE_FULL', 'Too much waits for the kernel');
      const methargs = write([method, args], ['method', 'args']);
      const result = newName('p');
      const { promise } = expect(result, options);
      push({ op: 'call', target, methargs, result, ...(options.read && { read: true }) }, methargs);
      return promise;
    } catch (thrown) {
      return refused(thrown);
    }
  };

  const powers: RefPowers = {
    origin,
    storeId: () => (welcome as WelcomeMessage).storeId,
    call,
    giveBack,
  };

  // What the host does

  const apply = (op: HostOp): void => {
    switch (op.op) {
      case 'call': {
        const outcome = (exports as Exports).call(op);
        if (op.result) decide(op.result, outcome);
        else markHandled(outcome);
        return;
      }
      case 'settle':
        return applySettle(op.resolutions);
      case 'drop':
        for (const drop of op.refs) exports?.drop(...drop);
        return;
      case 'broken':
        for (const { ref, code, message } of op.refs) {
          const holder = imports.get(ref)?.holder;
          if (holder) breakHolder(holder, errorOfWire({ code, message }));
        }
        return;
      case 'give':
        gift().settle(false, read(op.value, 'refs'));
    }
  };

  const applySettle = (resolutions: readonly HostResolution[]): void => {
    // They may name one another, whichever comes first.
    for (const { promise } of resolutions)
      if (!isExportVRef(promise) && !expected.has(promise)) expectValue(promise);
    for (const { promise, rejected, value, stack, touched } of resolutions) {
      const answer = expected.get(promise);
      if (!answer || answer.isDone()) giveBackUnheld(mention(value.slots));
      else
        try {
          const result = read(value, 'result');
          if (stack && result instanceof Error) result.stack = stack;
          answer.settle(rejected, result, touched);
        } catch (thrown) {
          answer.settle(true, thrown);
        }
      settled.set(promise, received);
    }
  };

  /** The host knows that we have its frame `seq`. */
  const understood = (seq: number): void => {
    for (const [name, at] of settled) {
      if (at > seq) return;
      settled.delete(name);
      expected.delete(name);
    }
  };

  /** The array that a session without admin was given. */
  const gift = (): Answer => expected.get('') ?? expectValue('');

  return {
    call,
    given: () => gift().promise,

    /** Takes a frame, once. @throws KernelError PROTOCOL_ERROR. */
    receive({ seq, ack, acked, ops, names }: HostFrameMessage): void {
      if (seq <= received) return;
      if (seq !== received + 1)
        throw new KernelError('PROTOCOL_ERROR', `Frame ${seq} came after ${received}`);
      received = seq;
      for (const name of names) {
        const entry = imports.get(name.ref);
        if (entry) entry.name = name;
        else imports.set(name.ref, { vref: name.ref, name, mentions: 0 });
      }
      understood(acked);
      ops.forEach(apply);
      outbox.acked(ack);
    },
    understood,

    acked: outbox.acked,

    /** There is a channel again, or for the first time. */
    welcomed(next: WelcomeMessage): void {
      // Only the first one tells the secret.
      welcome = { ...welcome, ...next };
      outbox.acked(next.received);
      exports?.closeBelow(next.closedBelow);
      for (const name of decided.keys())
        if (isExportVRef(name) && numberOf(name) < next.closedBelow) forget(name);
      // A resumption acknowledges nothing.
      acknowledged = 0;
    },
    welcome: () => welcome,
    /** Begins it on its first channel, and takes it up again on the next. */
    hello: (): HelloMessage => ({
      type: 'hello',
      protocol: sessionProtocol,
      ...(welcome && {
        resume: { session: welcome.session, secret: welcome.secret as string, received },
      }),
    }),
    /** Calls a method of what answers for the kernel itself. */
    async ask(...message: [method: string, args: readonly unknown[], options: SendOptions]) {
      if (welcome?.admin) return call(welcome.admin, ...message);
      throw new KernelError('NOT_FOUND', 'This session has no admin object');
    },
    /** Nothing of it is under way in either direction. */
    isIdle: () => !outbox.weight() && [...expected.values()].every(({ isDone }) => isDone()),

    /** Sends what there is to send and what the host can take. @param again - what it has not acknowledged, too. */
    flush(post: (frame: FrameMessage<ClientOp>) => void, again = false): void {
      const deliver = ({ seq, ack, ops }: { seq: number; ack: number; ops: ClientOp[] }): void => {
        acknowledged = Math.max(acknowledged, ack);
        post({ type: 'frame', seq, ack, ops });
      };
      if (again) outbox.resend(deliver);
      outbox.flush((welcome as WelcomeMessage).window, received, deliver);
    },
    /** Says what of the host's it has. Not while ops wait, which may name what is acknowledged. */
    acknowledge(post: (message: AckMessage | PingMessage) => void): void {
      if (received === acknowledged || outbox.isWaiting()) return;
      acknowledged = received;
      post({ type: 'ack', ack: received });
      // When it comes back, all that the host sent before it knew of the acknowledgement has come.
      post({ type: 'ping', id: received });
    },

    /** Over for good: everything that waits rejects, every ref is broken. */
    end(error: Error): void {
      if (ended) return;
      ended = error;
      outbox.clear();
      exports = undefined;
      for (const { holder } of imports.values()) if (holder) breakHolder(holder, error);
      for (const answer of expected.values()) answer.settle(true, error);
      for (const map of [imports, expected, decided]) map.clear();
    },
  };
}
