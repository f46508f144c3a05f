/**
 * The types that generated interfaces are written in: what a page holds, gets and gives.
 *
 *     export interface TodoRoot extends vatkit.Ref {
 *       add(text: string): Promise<bigint>;
 *       reader(): vatkit.RemotePromise<Reader>;                    // root.reader().list(): no await between
 *       follow(each: vatkit.Callback<(text: string) => void>): Promise<void>;
 *     }
 */
/// <reference lib="esnext.disposable" preserve="true" />

declare const isRef: unique symbol;

/** What every reference has besides its methods. */
export type Ref = {
  /** The object's interface: `TodoRoot`. */
  readonly [Symbol.toStringTag]: string;
  /** Lets go of it. */
  readonly [Symbol.dispose]: () => void;
  /** Never there: it tells an interface that is a page's already from one as a vat writes it. */
  readonly [isRef]: true;
};

/** The promise of a reference, whose methods can be called before it is there. */
export type RemotePromise<Target> = Promise<Target> &
  Pick<Target, Exclude<keyof Target & string, keyof Promise<unknown>>>;

declare const exposedAs: unique symbol;
declare const calledAs: unique symbol;

/** A function or object of the page that vats may call; to dispose of it revokes it. */
export type Exposed<Target = unknown> = {
  readonly [Symbol.dispose]: () => void;
  /** Never there: it carries the type, and tells it from a reference. */
  readonly [exposedAs]: Target;
};

/** An object of the page's in place of a reference: its methods may answer at once. */
export type Implementation<Interface> = {
  [Name in keyof Interface & string]: Interface[Name] extends (
    ...args: infer Args
  ) => Promise<infer Answer>
    ? (...args: Args) => Answer | PromiseLike<Answer>
    : never;
};

/** What may be given where a vat takes a reference. */
export type Passed<Target> =
  | Target
  | PromiseLike<Target>
  | Exposed<Implementation<Target>>
  | PromiseLike<Exposed<Implementation<Target>>>;

/** What may be given where a vat takes a function. */
export type Callback<Target> = Exposed<Target> | RemoteFunction | PromiseLike<RemoteFunction>;

/** A function of a vat's, which is called by reference with `call(fn, undefined, ...args)`. */
export type RemoteFunction<Args extends unknown[] = never[], Answer = unknown> = Ref & {
  /** Never there: it carries the type. */
  readonly [calledAs]?: (...args: Args) => Promise<Answer>;
};

/** What `next`, `return` and `throw` give: `{ value: 'a', done: false }`. */
export type RemoteStep<Item> = { value: Item; done: boolean };

/** An async generator of a vat, pulled one item for each call. */
export type RemoteIterator<Item> = Ref & {
  next(value?: unknown): Promise<RemoteStep<Item>>;
  return(value?: unknown): Promise<RemoteStep<Item>>;
  throw(reason?: unknown): Promise<RemoteStep<Item>>;
};

/** What may be given where a vat takes an async iterator. */
export type PassedIterator<Item> =
  RemoteIterator<Item> | PromiseLike<RemoteIterator<Item>> | Exposed<AsyncIterable<Item>>;

/** A topic's latest value; `count` tells it from others, `done` says that it is the topic's end. */
export type RemoteUpdate<Value> = { value: Value; count: number; done: boolean };

/** A topic of a vat, to be read. */
export type RemoteSubscriber<Value> = Ref & {
  /** The latest update as soon as it is another than the one counted `after`. */
  getUpdate(after?: number): Promise<RemoteUpdate<Value>>;
};

/** A topic of a vat, to be written. */
export type RemotePublisher<Value> = Ref & {
  publish(value: Value): Promise<void>;
  finish(completion?: unknown): Promise<void>;
  fail(reason: unknown): Promise<void>;
};

/** A method of a reference by its name, or the function that it is itself. */
type MethodOf<Target, Name> = Target extends { readonly [calledAs]?: infer Function }
  ? Name extends undefined
    ? Exclude<Function, undefined>
    : unknown
  : Name extends keyof Target
    ? Target[Name]
    : unknown;

/** What `call(target, name, ...)` takes after the name; anything where the type does not tell. */
export type CallArguments<Target, Name> =
  MethodOf<Awaited<Target>, Name> extends (...args: infer Args) => unknown ? Args : unknown[];

/** What `call(target, name, ...)` gives. */
export type CallResult<Target, Name> =
  MethodOf<Awaited<Target>, Name> extends (...args: never[]) => infer Result
    ? Result
    : Promise<unknown>;
