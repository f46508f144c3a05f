/** What stands behind the refs to one object: how often it is held, why it can be used no more, who wants to hear of that. */
import { KernelError } from '../errors.js';
import type { VRef } from '../protocol/refs.js';
import type { ObjectName } from '../protocol/session-wire.js';
import { refused } from './pipeline.js';
import { dress, handleOf } from './ref.js';
import type { Origin, SendOptions } from './types.js';

/** An object of the host's, by its name. */
export type Import = {
  readonly vref: VRef;
  name: ObjectName;
  /** As it stands on the wire: `Alleged: counter`. */
  iface?: string | undefined;
  /** As the host counts them, less what was given back. */
  mentions: number;
  /** An object that comes again after its ref was released gets another one. */
  holder?: Holder | undefined;
};

export type Holder = {
  readonly entry: Import;
  readonly powers: RefPowers;
  ref?: WeakRef<object>;
  holdings: number;
  /** Why the ref cannot be used any more. */
  broken?: Error;
  readonly listeners: Set<Listener>;
};

/** What refs have of their session. */
export type RefPowers = {
  readonly origin: Origin | undefined;
  readonly storeId: () => string;
  readonly call: (
    target: VRef,
    method: unknown,
    args: readonly unknown[],
    options?: SendOptions,
  ) => Promise<unknown>;
  /** Nobody here has the object any more. */
  readonly giveBack: (entry: Import) => void;
};

type Listener = (error: Error) => void;

const holders = new WeakMap<object, Holder>();
/** What is behind a ref or a view of one, of whatever session. */
export const holderOf = (value: object): Holder | undefined =>
  holders.get(handleOf(value)?.base ?? value);

/** One more arrival of an object: its ref, the same as long as it lives. */
export function hold(entry: Import, powers: RefPowers): object {
  const known = entry.holder?.ref?.deref();
  if (entry.holder && known) {
    entry.holder.holdings += 1;
    return known;
  }
  const holder: Holder = { entry, powers, holdings: 1, listeners: new Set() };
  const ref = makeRef(holder);
  entry.holder = holder;
  holder.ref = new WeakRef(ref);
  finalizers.register(ref, holder);
  return ref;
}

/** The ref has served: its calls reject with `error`, and who listens is told, once. */
export function breakHolder(holder: Holder, error: Error): void {
  if (holder.broken) return;
  holder.broken = error;
  for (const listener of holder.listeners) tell(listener, error);
  holder.listeners.clear();
}

const letGo = (holder: Holder): void => {
  const { entry, powers } = holder;
  if (entry.holder === holder) powers.giveBack(entry);
};

const finalizers = new FinalizationRegistry(letGo);

function makeRef(holder: Holder): object {
  const { entry, powers, listeners } = holder;
  const { name, iface } = entry;
  const ref = {};
  holders.set(ref, holder);
  const tag = (name.iface ?? iface ?? '').replace(/^(?:Alleged|DebugName): /, '');
  const url = `vatkit:${powers.storeId()}/${name.id}`;
  return dress(ref, name.methods ?? [], tag, () => url, {
    base: ref,
    origin: powers.origin,
    broken: () => holder.broken,
    send: (method, args, options) =>
      holder.broken ? refused(holder.broken) : powers.call(entry.vref, method, args, options),
    dup() {
      if (holder.holdings === 0) throw holder.broken as Error;
      holder.holdings += 1;
    },
    release() {
      if (holder.holdings === 0 || (holder.holdings -= 1) > 0) return;
      breakHolder(holder, new KernelError('REF_RELEASED', 'This ref was released'));
      letGo(holder);
    },
    onBroken(listener) {
      if (holder.broken) tell(listener, holder.broken);
      else listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
}

const tell = (listener: Listener, error: Error): void => queueMicrotask(() => listener(error));
