/** What queries and mutations of vats take and give, for the compiler. */
import type { QueryObserverOptions, SkipToken } from '@tanstack/query-core';

/** Of an overloaded method, the last overload's. */
export type ArgsOf<Method> = Method extends (...args: infer Args) => unknown ? Args : unknown[];

/** What is kept of nothing: a query's data cannot be undefined. */
export type Defined<Value> = Value extends undefined | void ? null : Value;

export type AnswerOf<Method> = Method extends (...args: never[]) => infer Result
  ? Defined<Awaited<Result>>
  : unknown;

/** What a topic or an async iterator of a vat gives. */
export type ItemOf<Source> = Source extends {
  getUpdate(...args: never[]): Promise<infer Update>;
}
  ? Update extends { value: infer Item }
    ? Defined<Item>
    : unknown
  : Source extends { next(...args: never[]): Promise<infer Step> }
    ? Step extends { value: infer Item }
      ? Defined<Item>
      : unknown
    : unknown;

/** A ref; `undefined`, `null` and `skipToken` disable. */
export type On<Interface> = RefTo<Interface> | SkipToken | undefined | null;
export type RefTo<Interface> = unknown extends Interface ? object : Interface;

/** Arguments may be left out where the method needs none. */
export type WithArgs<Args, Skip = SkipToken> = [] extends Args
  ? { args?: Args | Skip | undefined }
  : { args: Args | Skip };

/** Options of TanStack Query's that its callers may set. */
export type PassedOptions<Data, Selected, Key extends readonly unknown[]> = Omit<
  QueryObserverOptions<Data, Error, Selected, Data, Key>,
  | 'select'
  | 'queryKey'
  | 'queryFn'
  | 'queryHash'
  | 'queryKeyHashFn'
  | 'behavior'
  | 'persister'
  | 'suspense'
> & { select?: ((data: Data) => Selected) | undefined };
