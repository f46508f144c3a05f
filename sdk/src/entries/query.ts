/**
 * Options for TanStack Query, of whatever framework, that ask vats and keep the answers up to date.
 *
 * @module @vatkit/sdk/query
 */
export { shouldDehydrateVatkit } from '../query/dehydrate.js';
export { vatQueryFilter, vatQueryKey } from '../query/keys.js';
export type { VatFilter, VatQueryKey, VatQueryKeyParts } from '../query/keys.js';
export { peerQueryOptions, subclusterQueryOptions } from '../query/kernel-options.js';
export type {
  PeerOptions,
  PeerQueryKey,
  SubclusterOptions,
  SubclusterQueryKey,
} from '../query/kernel-options.js';
export {
  isRetryable,
  vatInfiniteQueryOptions,
  vatLiveOptions,
  vatMutationOptions,
  vatQueryOptions,
} from '../query/options.js';
export type {
  LiveOf,
  OptimisticCache,
  VatInfiniteQueryOptions,
  VatLiveOptions,
  VatMutationOptions,
  VatQueryOptions,
} from '../query/options.js';
export { touchedBy } from '../query/records.js';
export type { AnswerOf, ArgsOf, Defined, ItemOf, On, RefTo } from '../query/types.js';
