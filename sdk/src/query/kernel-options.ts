/** Options of TanStack Query's for what a kernel gives by name or by URL: subclusters, and objects of peers. */
import type { DataTag, QueryFunction, QueryFunctionContext } from '@tanstack/query-core';
import type { KernelClient, Launched, LaunchOptions } from '../client/kernel.js';
import { onBroken } from '../client/ref.js';
import type { Remote, Untyped } from '../client/types.js';
import { isKernelError } from '../errors.js';
import type { InterfaceDefinition, SubclusterDefinition } from '../protocol/definition.js';
import { provideBridge } from './bridge.js';
import { canonicalText } from './canonical.js';
import { missing, queryDefaults } from './options.js';
import { provide } from './provide.js';
import { isLoss } from './records.js';
import type { PassedOptions } from './types.js';

export type SubclusterQueryKey = readonly [
  'vatkit',
  { readonly name: string; readonly subcluster: string; readonly definition: string },
];
export type PeerQueryKey = readonly ['vatkit', { readonly name: string; readonly peer: number }];

type Query<Data, Selected, Key extends readonly unknown[]> = PassedOptions<Data, Selected, Key> & {
  queryKey: DataTag<Key, Data, Error>;
  queryFn: QueryFunction<Data, Key>;
};

type Kernel = Pick<KernelClient<unknown>, 'name' | 'launch' | 'redeem'>;

/** What rests in its answer, or in its error, until it is fetched again. `value` is what there may not be yet. */
function makeResting<Value extends object | string, Data>(
  value: Value | undefined,
  options: object,
  key: object,
  [work, what]: readonly [work: string, what: string],
  get: (value: Value) => Promise<Data>,
  refOf: (data: Data) => object,
): unknown {
  return {
    ...queryDefaults,
    staleTime: Infinity,
    retryOnMount: false,
    ...options,
    ...(value === undefined && { enabled: false }),
    queryKey: ['vatkit', key],
    queryFn: (context: QueryFunctionContext<readonly unknown[]>) =>
      value === undefined ? missing(work, what) : obtain(context, () => get(value), refOf),
  };
}

/** Tells the cache when a ref that its data stand on is lost. */
function watch({ client, queryKey }: QueryFunctionContext<readonly unknown[]>, ref: object): void {
  const bridge = provideBridge(client);
  onBroken(ref, (error) => {
    if (isKernelError(error, 'REF_RELEASED')) return;
    const data = client.getQueryData(queryKey);
    if (data !== ref && (data as Partial<Launched<unknown>> | undefined)?.root !== ref) return;
    if (isLoss(error)) bridge.askAgain(queryKey);
    else bridge.fail(queryKey, error);
  });
}

async function obtain<Value>(
  context: QueryFunctionContext<readonly unknown[]>,
  get: () => Promise<Value>,
  refOf: (value: Value) => object,
): Promise<Value> {
  const bridge = provideBridge(context.client);
  bridge.join(context.queryKey, undefined);
  const value = await get();
  bridge.arrived(context.queryKey, value);
  watch(context, refOf(value));
  return value;
}

const texts = new WeakMap<object, string>();
/** Of one definition once: it may carry its bundles. */
const textOf = (definition: object): string =>
  provide(texts, definition, () => canonicalText(definition));

export type SubclusterOptions<Root, Selected = Launched<Root>> = Omit<
  LaunchOptions,
  'signal' | 'timeoutMs' | 'onProgress'
> &
  PassedOptions<Launched<Root>, Selected, SubclusterQueryKey>;

/** The subcluster of a name, launched if it does not run. It rests in its error until it is fetched again. */
export function subclusterQueryOptions<Root, Selected = Launched<Root>>(
  kernel: Kernel,
  definition: SubclusterDefinition<Root> | undefined,
  { as, onChange, allowRemoval, rollback, ...options }: SubclusterOptions<Root, Selected> = {},
): Query<Launched<Root>, Selected, SubclusterQueryKey> {
  const how = JSON.stringify({ as, onChange, allowRemoval, rollback });
  return makeResting(
    definition,
    options,
    {
      name: kernel.name,
      subcluster: as ?? definition?.name ?? '',
      definition: definition ? textOf(definition.config) + how : '',
    },
    ['launch', 'definition'],
    (known) => kernel.launch(known, JSON.parse(how) as LaunchOptions),
    ({ root }) => root as object,
  ) as Query<Launched<Root>, Selected, SubclusterQueryKey>;
}

/** A URL is a secret, and keys are shown: there it has a number. */
const urls = new Map<string, number>();
const numberOf = (url: string): number => provide(urls, url, () => urls.size + 1);

export type PeerOptions<Interface, Selected = Remote<Interface>> = PassedOptions<
  Remote<Interface>,
  Selected,
  PeerQueryKey
>;

/** The object of an ocap URL. */
export function peerQueryOptions<Interface = Untyped, Selected = Remote<Interface>>(
  kernel: Kernel,
  url: string | undefined,
  as?: InterfaceDefinition<Interface>,
  options: PeerOptions<Interface, Selected> = {},
): Query<Remote<Interface>, Selected, PeerQueryKey> {
  return makeResting(
    url,
    options,
    { name: kernel.name, peer: url === undefined ? 0 : numberOf(url) },
    ['redeem', 'URL'],
    (known) => kernel.redeem(as, known),
    (ref) => ref as object,
  ) as Query<Remote<Interface>, Selected, PeerQueryKey>;
}
