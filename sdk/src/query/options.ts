/**
 * Options of TanStack Query's, for every framework that it has:
 *
 *     useQuery(vatQueryOptions(TodoRoot.list, { on: root, args: ['open'] }))
 *     queryClient.prefetchQuery(vatQueryOptions(TodoRoot.list, { on: root, args: ['open'] }))
 *
 * Their defaults are those of a kernel that is at hand: it works offline, it tells of changes, and an error says itself
 * whether to try again.
 */
import type {
  DataTag,
  InfiniteData,
  InfiniteQueryObserverOptions,
  MutationFunctionContext,
  MutationObserverOptions,
  QueryFilters,
  QueryFunction,
  QueryFunctionContext,
} from '@tanstack/query-core';
import type { RefHandle } from '../client/ref.js';
import { isKernelError } from '../errors.js';
import type { MethodDescriptor, MethodKind } from '../protocol/definition.js';
import { provideBridge } from './bridge.js';
import {
  filterOf,
  insistTarget,
  makeKey,
  nameOf,
  type VatFilter,
  type VatQueryKey,
} from './keys.js';
import { follow } from './live.js';
import { mergeVersions, type Asking } from './records.js';
import type { AnswerOf, ArgsOf, ItemOf, On, PassedOptions, WithArgs } from './types.js';

/** Attempts after the first, and milliseconds before the first of them. */
const RETRIES_MAX = 3;
const RETRY_MS = 100;
const RETRY_MS_MAX = 5_000;

/** May the same call succeed later, without anything being repaired? */
export const isRetryable = (error: unknown): boolean => isKernelError(error) && error.retryable;

export const queryDefaults = {
  networkMode: 'always',
  refetchOnWindowFocus: false,
  refetchOnReconnect: false,
  retry: (count: number, error: Error): boolean => count < RETRIES_MAX && isRetryable(error),
  retryDelay: (count: number): number => Math.min(RETRY_MS * 2 ** count, RETRY_MS_MAX),
} as const;

type CallSettings = {
  /** Leaves the call when nobody waits for the answer any more. What it has begun in the vat goes on. */
  abortable?: boolean;
  /** Milliseconds until a call rejects TIMEOUT. Default: none. */
  timeoutMs?: number;
};

export type VatQueryOptions<Method, Interface, Selected = AnswerOf<Method>> = {
  /** Whose method it is; none disables. */
  on: On<Interface>;
} & WithArgs<ArgsOf<Method>> &
  CallSettings &
  PassedOptions<AnswerOf<Method>, Selected, VatQueryKey>;

type Query<Data, Selected> = PassedOptions<Data, Selected, VatQueryKey> & {
  queryKey: DataTag<VatQueryKey, Data, Error>;
  queryFn: QueryFunction<Data, VatQueryKey>;
};

/** @throws TypeError where the method is of another kind. */
function insistKind(descriptor: MethodDescriptor, kind: MethodKind): void {
  if (descriptor.kind === kind) return;
  throw new TypeError(
    `${nameOf(descriptor)} is a ${descriptor.kind}, not a ${kind}: see @query and @live in its vat`,
  );
}

export const missing = (work: string, what: string): Promise<never> =>
  Promise.reject(new TypeError(`Cannot ${work}: there is no ${what} yet`));
const missingRef = (descriptor: MethodDescriptor): Promise<never> =>
  missing(`call ${nameOf(descriptor)}`, 'ref (see `on`)');

/** Asks a method of a ref for what is kept under the key. */
type Fetch = (
  context: QueryFunctionContext<VatQueryKey>,
  handle: RefHandle,
  method: string,
  args: readonly unknown[],
  settings: CallSettings,
) => Promise<unknown>;

/** A read, with what it touches told to the cache. */
const ask: Fetch = async (context, handle, method, args, { abortable, timeoutMs }) => {
  const { client, queryKey } = context;
  const bridge = provideBridge(client);
  const record = bridge.join(queryKey, handle);
  const answer = await handle.send(method, args, {
    read: true,
    onTouched(versions) {
      if (record) mergeVersions((record.asking ??= {}), versions);
    },
    timeoutMs,
    // To look at the signal is to ask for the abort.
    signal: abortable ? context.signal : undefined,
  });
  return bridge.arrived(queryKey, answer);
};

/** What queries and live queries have in common. */
function makeOptions(
  descriptor: MethodDescriptor,
  kind: MethodKind,
  {
    on,
    args = [],
    abortable,
    timeoutMs,
    ...options
  }: CallSettings & { on: unknown; args?: unknown },
  fetch: Fetch,
): object {
  insistKind(descriptor, kind);
  const handle = typeof args === 'symbol' ? undefined : insistTarget(descriptor, on);
  const settings = { abortable, timeoutMs } as CallSettings;
  const queryFn = (context: QueryFunctionContext<VatQueryKey>): Promise<unknown> =>
    handle
      ? fetch(context, handle, descriptor.method, args as readonly unknown[], settings)
      : missingRef(descriptor);
  return {
    ...queryDefaults,
    // The kernel tells when it is old, where it does.
    staleTime: handle?.origin ? Infinity : 0,
    ...options,
    ...(!handle && { enabled: false }),
    queryKey: makeKey(descriptor, handle, args),
    queryFn: Object.assign(queryFn, { handle } satisfies Asking),
  };
}

/**
 * A query of a vat, kept up to date.
 *
 * @throws TypeError where `on` is no ref, or the method is not marked `@query`.
 */
export function vatQueryOptions<Method, Interface, Selected = AnswerOf<Method>>(
  descriptor: MethodDescriptor<Method, Interface, 'query'>,
  options: VatQueryOptions<Method, Interface, Selected>,
): Query<AnswerOf<Method>, Selected> {
  return makeOptions(descriptor, 'query', options, ask) as Query<AnswerOf<Method>, Selected>;
}

export type VatInfiniteQueryOptions<Method, Interface, Page> = {
  on: On<Interface>;
  /** The arguments for a page. Those for the first are in the key. */
  args: (page: Page) => ArgsOf<Method>;
} & CallSettings &
  Omit<
    InfiniteQueryObserverOptions<
      AnswerOf<Method>,
      Error,
      InfiniteData<AnswerOf<Method>, Page>,
      VatQueryKey,
      Page
    >,
    'queryKey' | 'queryFn' | 'queryHash' | 'queryKeyHashFn' | 'behavior' | 'persister' | 'suspense'
  >;

/** A query of a vat in pages, for `useInfiniteQuery`. */
export function vatInfiniteQueryOptions<Method, Interface, Page>(
  descriptor: MethodDescriptor<Method, Interface, 'query'>,
  { args, ...options }: VatInfiniteQueryOptions<Method, Interface, Page>,
): InfiniteQueryObserverOptions<
  AnswerOf<Method>,
  Error,
  InfiniteData<AnswerOf<Method>, Page>,
  VatQueryKey,
  Page
> & { queryFn: QueryFunction<AnswerOf<Method>, VatQueryKey, Page> } {
  const first = { ...options, args: args(options.initialPageParam) };
  const askPage: Fetch = (context, handle, method, _, settings) => {
    const { pageParam } = context as unknown as { pageParam: Page };
    return ask(context, handle, method, args(pageParam), settings);
  };
  const made = makeOptions(descriptor, 'query', first, askPage) as { queryKey: VatQueryKey };
  const [vatkit, parts] = made.queryKey;
  return { ...made, queryKey: [vatkit, { ...parts, pages: true }] } as never;
}

export type VatLiveOptions<Method, Interface, Selected = LiveOf<Method>> = {
  /** Whose method it is; none disables. */
  on: On<Interface>;
} & WithArgs<ArgsOf<Method>> &
  PassedOptions<LiveOf<Method>, Selected, VatQueryKey>;

export type LiveOf<Method> = Method extends (...args: never[]) => infer Result
  ? ItemOf<Awaited<Result>>
  : unknown;

/**
 * The latest value of a topic, or of an async iterator, of a vat. It follows as long as a component looks.
 *
 * @throws TypeError where `on` is no ref, or the method is not marked `@live`.
 */
export function vatLiveOptions<Method, Interface, Selected = LiveOf<Method>>(
  descriptor: MethodDescriptor<Method, Interface, 'live'>,
  options: VatLiveOptions<Method, Interface, Selected>,
): Query<LiveOf<Method>, Selected> {
  const settings = { staleTime: Infinity, ...options };
  return makeOptions(descriptor, 'live', settings, follow) as Query<LiveOf<Method>, Selected>;
}

/** How a mutation guesses what will become of cached answers. */
export type OptimisticCache = {
  /**
   * Changes the data of a cached query until the mutation is over. Without `args`, of all arguments.
   *
   * @param change - makes new data of the old, which it leaves as they are. It may be called again, on newer data.
   */
  update: <Method, Interface>(
    descriptor: MethodDescriptor<Method, Interface, 'query'>,
    target: { on: On<Interface>; args?: ArgsOf<Method> },
    change: (data: AnswerOf<Method>) => AnswerOf<Method>,
  ) => void;
};

export type VatMutationOptions<Method, Interface, OnMutate = unknown> = {
  /** Whose method it is. Without one, sending rejects. */
  on: On<Interface>;
  /** Shows the outcome before it is there. It is undone if the mutation fails, and replaced by what the vat answers. */
  optimistic?: (
    cache: OptimisticCache,
    ...args: Extract<ArgsOf<Method>, readonly unknown[]>
  ) => void;
  /** What to ask again when it has succeeded: only needed for what the kernel cannot know. */
  invalidates?: readonly (MethodDescriptor | QueryFilters)[];
  timeoutMs?: number;
} & Omit<
  MutationObserverOptions<AnswerOf<Method>, Error, ArgsOf<Method>, OnMutate>,
  'mutationFn' | 'mutationKey'
>;

type Mutation<Method, OnMutate> = MutationObserverOptions<
  AnswerOf<Method>,
  Error,
  ArgsOf<Method>,
  OnMutate
> & {
  mutationFn: (args: ArgsOf<Method>, context: MutationFunctionContext) => Promise<AnswerOf<Method>>;
};

/**
 * A mutation of a vat; its variables are the method's arguments, as an array. It is sent once, whatever happens.
 *
 * @throws TypeError where `on` is no ref, or the method is a query or live.
 */
export function vatMutationOptions<Method, Interface, OnMutate = unknown>(
  descriptor: MethodDescriptor<Method, Interface, 'mutation'>,
  {
    on,
    optimistic,
    invalidates = [],
    timeoutMs,
    ...options
  }: VatMutationOptions<Method, Interface, OnMutate>,
): Mutation<Method, OnMutate> {
  insistKind(descriptor, 'mutation');
  const handle = insistTarget(descriptor, on);

  const mutationFn = async (
    args: ArgsOf<Method>,
    { client }: MutationFunctionContext,
  ): Promise<unknown> => {
    if (!handle) return missingRef(descriptor);
    const bridge = provideBridge(client);
    const ends: ((isDone: boolean) => void)[] = [];
    const finish = (isDone: boolean): void =>
      ends
        .splice(0)
        .reverse()
        .forEach((end) => end(isDone));
    const cache: OptimisticCache = {
      update(method, target, change) {
        const filter = filterOf({ ...target, method } as VatFilter);
        ends.push(bridge.patch(filter, change as (data: unknown) => unknown));
      },
    };
    try {
      optimistic?.(cache, ...(args as never));
      const answer = await handle.send(descriptor.method, args, { timeoutMs });
      finish(true);
      for (const each of invalidates)
        void client.invalidateQueries('interface' in each ? filterOf({ method: each }) : each, {
          cancelRefetch: false,
        });
      return answer;
    } catch (thrown) {
      finish(false);
      throw thrown;
    }
  };
  return {
    networkMode: 'always',
    retry: false,
    ...options,
    mutationKey: filterOf({ on, method: descriptor } as VatFilter).queryKey,
    mutationFn: mutationFn as Mutation<Method, OnMutate>['mutationFn'],
  };
}
