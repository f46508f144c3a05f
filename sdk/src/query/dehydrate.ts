/** What of a cache may leave the page. */
import type { Query } from '@tanstack/query-core';

/**
 * For `dehydrate(queryClient, { shouldDehydrateQuery: shouldDehydrateVatkit })`: all that has succeeded, but nothing of
 * vats, whose refs mean nothing elsewhere and whose answers are at hand.
 */
export const shouldDehydrateVatkit = ({
  queryKey,
  state,
}: Pick<Query, 'queryKey' | 'state'>): boolean =>
  queryKey[0] !== 'vatkit' && state.status === 'success';
