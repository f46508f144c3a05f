/**
 * Refs: what the page holds of an object elsewhere. A ref is a frozen object with the object's methods and nothing
 * else that is enumerable; what else can be done with it are functions beside it, so that no name of a method is taken.
 */
import { describe } from '../protocol/describe.js';
import type { CallArguments, CallResult } from '../protocol/remote.js';
import { makePipelined, markHandled, pipeOf, type Pipe } from './pipeline.js';
import type { CallOptions, Origin, Remote } from './types.js';

/** What a ref can do, behind a key that all copies of this package know. It gives no more than the ref itself. */
export type RefHandle = {
  /** The ref itself, of a view, too: whoever has a method or a view keeps it alive. */
  readonly base: object;
  /** Absent where the session has no kernel of its own to hear of. */
  readonly origin: Origin | undefined;
  /** Why it can be used no more. */
  readonly broken: () => Error | undefined;
  readonly send: Pipe;
  readonly dup: () => void;
  readonly release: () => void;
  readonly onBroken: (listener: (error: Error) => void) => () => void;
};

const refKey = Symbol.for('vatkit.ref');

export const handleOf = (value: unknown): RefHandle | undefined =>
  (value as { [refKey]?: RefHandle } | null | undefined)?.[refKey];

/** Where Symbol.dispose does not exist yet, `release(ref)` does the same. */
export const disposeKey: unknown = Symbol.dispose ?? Symbol.for('Symbol.dispose');

/** They would make the ref a thenable, a value of its own JSON form, or something worse. */
const reserved: ReadonlySet<string> = new Set(['then', 'toJSON', 'constructor', '__proto__']);

/** What a ref shows beside its methods. */
type Face = {
  /** Its interface. */
  [Symbol.toStringTag]: string;
  /** Gives `vatkit:<storeId>/<id>`: the same for every ref to this object, in every session with this store. */
  toJSON: () => string;
};

/** Makes a ref, or a view of one, of an empty object. */
export function dress(
  ref: object,
  methods: readonly string[],
  tag: string,
  toJSON: Face['toJSON'],
  handle: RefHandle,
): object {
  const put = (key: PropertyKey, value: unknown, enumerable = false): unknown =>
    Object.defineProperty(ref, key, { value, enumerable });
  for (const name of methods)
    if (!reserved.has(name)) put(name, (...args: unknown[]) => handle.send(name, args), true);
  // With the tag of a plain object, libraries would copy it and compare it by its members.
  put(Symbol.toStringTag, tag === 'Object' || tag === '' ? 'Remote' : tag);
  put('toJSON', toJSON);
  put(disposeKey as symbol, handle.release);
  put(refKey, handle);
  return Object.freeze(ref);
}

function insistHandle(value: unknown, what: string): RefHandle {
  const handle = handleOf(value);
  if (handle !== undefined) return handle;
  throw new TypeError(`${what} takes a ref; found ${describe(value)}`);
}

/**
 * Calls a method by its name: one that the ref does not show, or whose name no ref can show (`then`).
 *
 *     await call(root, 'then', 1);
 *
 * @param target - a ref, or a promise of one.
 * @param method - a string, a well-known symbol, or undefined to call a function.
 */
export function call<Target, const Name extends string | symbol | undefined>(
  target: Target,
  method: Name,
  ...args: CallArguments<Target, Name>
): CallResult<Target, Name> {
  return send(target, method, args) as CallResult<Target, Name>;
}

export const send: (target: unknown, ...message: Parameters<Pipe>) => Promise<unknown> = (
  target,
  ...message
) =>
  pipeTo(target)?.(...message) ??
  Promise.reject(new TypeError(`call takes a ref; found ${describe(target)}`));

/** How messages reach a ref, or what a promise will be. */
function pipeTo(target: unknown): Pipe | undefined {
  if (!(target instanceof Promise)) return handleOf(target)?.send;
  const toWhatItWillBe: Pipe = (...message) => {
    const { promise, resolve } = makePipelined((...next) => send(promise, ...next));
    resolve(target.then((value) => send(value, ...message)));
    return promise;
  };
  return pipeOf(target) ?? toWhatItWillBe;
}

/**
 * The same ref, seen with options: `withOptions(root, { timeoutMs: 500 }).add('milk')`. As an argument it is the ref.
 *
 * @param target - a ref, or a promise of one.
 */
export function withOptions<Target extends object>(target: Target, options: CallOptions): Target {
  const handle = handleOf(target);
  if (handle !== undefined) {
    const view = {
      ...handle,
      send: ((method, args, more) => handle.send(method, args, { ...options, ...more })) as Pipe,
    };
    const { [Symbol.toStringTag]: tag, toJSON } = target as unknown as Face;
    return dress({}, Object.keys(target), tag, toJSON, view) as Target;
  }
  if (!(target instanceof Promise)) insistHandle(target, 'withOptions');
  const view = makePipelined((method, args, more) =>
    send(target, method, args, { ...options, ...more }),
  );
  view.resolve(target);
  markHandled(view.promise);
  return view.promise as unknown as Target;
}

/** Holds the ref once more: it lives until it has been released as often as it was held. Returns the same ref. */
export function dup<Ref extends object>(ref: Ref): Ref {
  insistHandle(ref, 'dup').dup();
  return ref;
}

/**
 * Gives one holding of the ref back; every arrival counts one, and so does {@link dup}. After the last the ref is
 * dead: calls reject REF_RELEASED. A ref that is simply forgotten is released when the engine collects it.
 */
export function release(ref: object): void {
  insistHandle(ref, 'release').release();
}

/**
 * Calls `listener` once, when the ref can be used no more: its object or its session is gone, or it was released.
 *
 * @returns a function that stops listening.
 */
export function onBroken(ref: object, listener: (error: Error) => void): () => void {
  return insistHandle(ref, 'onBroken').onBroken(listener);
}

/** Is it a ref? */
export const isRef = (value: unknown): value is Remote => handleOf(value) !== undefined;
