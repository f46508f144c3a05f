import {
  useQuery,
  useSuspenseQuery,
  type UseQueryResult,
  type UseSuspenseQueryResult,
  type SkipToken,
} from '@tanstack/react-query';
import type {
  InterfaceDefinition,
  Launched,
  PeerState,
  Remote,
  SubclusterDefinition,
  Untyped,
} from '@vatkit/sdk';
import {
  peerQueryOptions,
  subclusterQueryOptions,
  type PeerOptions,
  type SubclusterOptions,
  type SubclusterQueryKey,
} from '@vatkit/sdk/query';
import { useKernel } from './provider.js';
import { useClientOnly } from './server.js';
import { useKernelStatus } from './status.js';

type Relaunch = {
  /** Launches it again, after it was terminated or did not start. */
  relaunch: () => void;
};

/** The result keeps track of what of it is read, so nothing of it is read here. */
const withRelaunch = <Result extends { refetch: () => unknown }>(
  result: Result,
): Result & Relaunch =>
  Object.create(result, {
    relaunch: { value: () => void result.refetch(), enumerable: true },
  }) as Result & Relaunch;

/**
 * The subcluster of a definition's name: the one that runs, else a new one. All components of a page share one launch.
 *
 *     const { data: sub, error, relaunch } = useSubcluster(todo);
 *
 * When its session is lost it is launched again; when it was terminated, or did not start, it rests in its error.
 */
export function useSubcluster<Root, Selected = Launched<Root>>(
  definition: SubclusterDefinition<Root> | undefined | SkipToken,
  options?: SubclusterOptions<Root, Selected>,
): UseQueryResult<Selected, Error> & Relaunch {
  const kernel = useKernel();
  const made = subclusterQueryOptions(kernel, unlessSkipped(definition), options);
  return withRelaunch<UseQueryResult<Selected, Error>>(
    useQuery({ placeholderData: keepOfName(made.queryKey) as never, ...made }),
  );
}

/** While a new definition of the same name is launched, which is an upgrade, the old roots go on: those of this kernel. */
const keepOfName =
  ([, { name, subcluster }]: SubclusterQueryKey) =>
  (data: unknown, query: { queryKey: SubclusterQueryKey } | undefined): unknown => {
    const before = query?.queryKey[1];
    return before?.name === name && before.subcluster === subcluster ? data : undefined;
  };

const unlessSkipped = <Given>(given: Given | SkipToken): Given | undefined =>
  typeof given === 'symbol' ? undefined : given;

/** As {@link useSubcluster}, but it suspends until the subcluster runs, and throws an error to the nearest boundary. */
export function useSuspenseSubcluster<Root, Selected = Launched<Root>>(
  definition: SubclusterDefinition<Root>,
  options?: Omit<
    SubclusterOptions<Root, Selected>,
    'enabled' | 'throwOnError' | 'placeholderData' | 'retryOnMount'
  >,
): UseSuspenseQueryResult<Selected, Error> & Relaunch {
  useClientOnly('useSuspenseSubcluster');
  const made = subclusterQueryOptions(useKernel(), definition, {
    ...(options as SubclusterOptions<Root, Selected>),
    // A boundary that resets launches again.
    retryOnMount: true,
  });
  return withRelaunch(useSuspenseQuery(made as never)) as never;
}

export type RemotePeer<Interface> = {
  /** The object, as long as it can be called. */
  readonly ref: Remote<Interface> | undefined;
  /**
   * `disabled` without a URL, `connecting` until it is redeemed, `error` where it was not. From then on how it stands with
   * the object's kernel, as that changes; an object of this kernel itself is always `connected`.
   */
  readonly status: 'disabled' | 'error' | PeerState;
  readonly error: Error | null;
  /** Redeems the URL again. */
  readonly retry: () => void;
};

/**
 * The object of an ocap URL, which another kernel has.
 *
 *     const { ref, status, error, retry } = useRemotePeer(url, TodoReader);
 */
export function useRemotePeer<Interface = Untyped>(
  url: string | undefined | SkipToken,
  as?: InterfaceDefinition<Interface>,
  options?: PeerOptions<Interface>,
): RemotePeer<Interface> {
  const text = unlessSkipped(url);
  const { data, status, error, fetchStatus, refetch } = useQuery(
    peerQueryOptions(useKernel(), text, as, options),
  );
  // `ocap:v1.…@12D3KooW…,` and where that is.
  const state = useKernelStatus(({ peers }) => peers?.[text?.split(/[@,]/)[1] as string]);
  const unredeemed = error ? 'error' : 'disabled';
  const asked = fetchStatus === 'idle' ? unredeemed : 'connecting';
  return {
    ref: data,
    status: status === 'success' ? (state ?? 'connected') : asked,
    error,
    retry: () => void refetch(),
  };
}
