/** Options of TanStack Query's for what a kernel gives by name or by URL: subclusters, and objects of peers. */
import type { DataTag, QueryFunction, QueryFunctionContext } from '@tanstack/query-core';
import type { KernelClient, Launched, LaunchOptions } from '../client/kernel.js';
import { isRef, onBroken } from '../client/ref.js';
import type { Remote, Untyped } from '../client/types.js';
import type { InterfaceDefinition, SubclusterDefinition } from '../protocol/definition.js';
import { provideBridge } from './bridge.js';
import { canonicalText } from './canonical.js';
import { missing, queryDefaults } from './options.js';
import { provide } from './provide.js';
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
function makeResting<Value extends object | string>(
  value: Value | undefined,
  options: object,
  key: object,
  [work, what]: readonly [work: string, what: string],
  get: (value: Value) => Promise<unknown>,
): unknown {
  return {
    ...queryDefaults,
    staleTime: Infinity,
    retryOnMount: false,
    ...options,
    ...(value === undefined && { enabled: false }),
    queryKey: ['vatkit', key],
    async queryFn({ client, queryKey }: QueryFunctionContext<readonly unknown[]>) {
      if (value === undefined) return missing(work, what);
      const bridge = provideBridge(client);
      bridge.join(queryKey, undefined);
      const got = await get(value);
      bridge.arrived(queryKey, got);
      // The root of a subcluster is what its data stand on.
      const ref = isRef(got) ? got : (got as Launched<object>).root;
      onBroken(ref, (error) => bridge.broke(queryKey, ref, error));
      return got;
    },
  };
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
  const how = { as, onChange, allowRemoval, rollback } as LaunchOptions;
  return makeResting(
    definition,
    options,
    {
      name: kernel.name,
      subcluster: as ?? definition?.name ?? '',
      definition: definition ? textOf(definition.config) + JSON.stringify(how) : '',
    },
    ['launch', 'definition'],
    (known) => kernel.launch(known, how),
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
    { name: kernel.name, peer: numberOf(url ?? '') },
    ['redeem', 'URL'],
    (known) => kernel.redeem(as, known),
  ) as Query<Remote<Interface>, Selected, PeerQueryKey>;
}
