/**
 * Between kernels and one QueryClient: it knows what each answer depended on, and asks again when that has changed.
 *
 * Versions of vats rise with every crank that is not a read. When a version that is known exceeds that of an answer, its
 * query is marked invalidated, and asked again if a component looks at it: one fetch under way, at most one after it,
 * and none more often than once a frame. A fetch is never cancelled: under a storm of commits none would ever end.
 */
import type { QueryClient, QueryFilters, QueryKey } from '@tanstack/query-core';
import type { RefHandle } from '../client/ref.js';
import type { Origin } from '../client/types.js';
import type { VatVersions } from '../protocol/session-wire.js';
import {
  forgetRecord,
  isLost,
  mergeVersions,
  originOf,
  provideRecord,
  recordOf,
  refsIn,
  releaseAll,
  take,
  type AnyQuery,
  type Patch,
  type QueryRecord,
} from './records.js';

/** Milliseconds. Not animation frames, which do not come in a hidden tab. */
const FRAME_MS = 16;
/** A query that nobody looks at is fed for so long: a component may be on its way elsewhere, or mounted twice. */
const REST_MS = 1_000;

type News = { known: Map<string, number>; queries: number; stop: () => void };

const bridges = new WeakMap<QueryClient, Bridge>();

export function provideBridge(client: QueryClient): Bridge {
  let bridge = bridges.get(client);
  if (bridge === undefined) bridges.set(client, (bridge = makeBridge(client)));
  return bridge;
}

export type Bridge = ReturnType<typeof makeBridge>;

/** Which query a `queryFn` asks, and of what: options that change the ref change nothing else. */
const handles = new WeakMap<object, RefHandle>();
export const tellHandle = (queryFn: object, handle: RefHandle | undefined): void => {
  if (handle !== undefined) handles.set(queryFn, handle);
};

function makeBridge(client: QueryClient) {
  const cache = client.getQueryCache();
  const queries = new Map<QueryKey, AnyQuery>();
  const news = new Map<Origin, News>();
  let due = new Set<AnyQuery>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let lastFlush = -FRAME_MS;
  /** Is the data that are being written a guess? */
  let isGuess = false;

  // Asking again

  const flush = (): void => {
    timer = undefined;
    lastFlush = performance.now();
    const now = due;
    due = new Set();
    for (const query of now) query.invalidate();
    const filter: QueryFilters = {
      type: 'active',
      predicate: (query) => {
        const record = recordOf(query.queryKey);
        return now.has(query) && record !== undefined && !isLost(record);
      },
    };
    void client.refetchQueries(filter, { cancelRefetch: false });
  };

  const askAgain = (query: AnyQuery | undefined): void => {
    if (query === undefined) return;
    due.add(query);
    timer ??= setTimeout(flush, Math.max(0, lastFlush + FRAME_MS - performance.now()));
  };

  const isOutdated = (record: QueryRecord): boolean => {
    const origin = originOf(record);
    const known = origin && news.get(origin)?.known;
    if (known === undefined) return false;
    return Object.entries(record.touched).some(([vat, version]) => (known.get(vat) ?? 0) > version);
  };

  const hear = (origin: Origin, versions: VatVersions | undefined): void => {
    const known = news.get(origin)?.known;
    if (known === undefined) return;
    if (versions === undefined) known.clear();
    for (const [vat, version] of Object.entries(versions ?? {})) known.set(vat, version);
    for (const [key, query] of queries) {
      const record = recordOf(key);
      if (record === undefined || originOf(record) !== origin) continue;
      record.isVoid ||= versions === undefined && query.state.fetchStatus !== 'idle';
      if (versions === undefined || isOutdated(record)) askAgain(query);
    }
  };

  const listen = (origin: Origin | undefined, by: 1 | -1): void => {
    if (origin === undefined) return;
    let each = news.get(origin);
    if (each === undefined) {
      const stop = origin.onVersions((versions) => hear(origin, versions));
      news.set(origin, (each = { known: new Map(), queries: 0, stop }));
    }
    each.queries += by;
    if (each.queries > 0) return;
    each.stop();
    news.delete(origin);
  };

  // What happens to a query

  const begin = (record: QueryRecord, isMore: boolean): void => {
    record.asking = undefined;
    record.isVoid = false;
    record.isMore = isMore;
    record.covered = record.patches.filter(({ done }) => done);
  };

  const keepVersions = (record: QueryRecord): void => {
    if (record.asking !== undefined && record.isMore) mergeVersions(record.touched, record.asking);
    else record.touched = record.asking ?? record.touched;
    record.asking = undefined;
  };

  const answered = (query: AnyQuery, record: QueryRecord): void => {
    if (record.isMore) for (const ref of record.held) take(record.arrived, ref);
    else releaseAll(record.held);
    [record.held, record.arrived] = [record.arrived, new Set()];
    keepVersions(record);
    record.base = query.state.data;
    record.patches = record.patches.filter((patch) => !record.covered.includes(patch));
    if (record.patches.length > 0) guess(query, record);
    const isOld = record.isVoid || isOutdated(record);
    if (isOld || record.patches.some(({ done }) => done)) askAgain(query);
  };

  const failed = (query: AnyQuery, record: QueryRecord): void => {
    releaseAll(record.arrived);
    keepVersions(record);
    if (isOutdated(record)) askAgain(query);
  };

  const removed = (query: AnyQuery, record: QueryRecord): void => {
    record.follower?.abort();
    releaseAll(record.held);
    releaseAll(record.arrived);
    listen(originOf(record), -1);
    forgetRecord(query.queryKey);
    queries.delete(query.queryKey);
    due.delete(query);
  };

  /** While nobody looks, what feeds it ends soon, and the next look begins it again. */
  const rest = (query: AnyQuery, record: QueryRecord): void => {
    const { follower } = record;
    if (follower === undefined || query.getObserversCount() > 0) return;
    setTimeout(() => {
      if (query.getObserversCount() > 0 || record.follower !== follower) return;
      follower.abort();
      query.invalidate();
    }, REST_MS);
  };

  cache.subscribe((event) => {
    const query = event.query as AnyQuery;
    const record = queries.has(query.queryKey) ? recordOf(query.queryKey) : undefined;
    if (record === undefined) return;
    switch (event.type) {
      case 'removed':
        return removed(query, record);
      case 'observerRemoved':
        return rest(query, record);
      case 'observerOptionsUpdated': {
        const next = handles.get(event.observer.options.queryFn as object);
        if (next !== undefined && next.base !== record.handle?.base) askAgain(query);
        return;
      }
      case 'updated':
        if (event.action.type === 'fetch')
          begin(record, event.action.meta?.fetchMore !== undefined);
        else if (event.action.type === 'error') failed(query, record);
        else if (event.action.type !== 'success' || isGuess) return;
        else if (event.action.manual) record.base = query.state.data;
        else answered(query, record);
    }
  });

  // Guesses

  /** Writes data that no fetch gave, and leaves everything else of the query as it is. */
  const write = (query: AnyQuery, data: unknown): void => {
    const { isInvalidated, dataUpdatedAt } = query.state;
    isGuess = true;
    try {
      client.setQueryData(query.queryKey, data, { updatedAt: dataUpdatedAt });
      if (isInvalidated) query.invalidate();
    } finally {
      isGuess = false;
    }
  };

  /** A guess that does not fit what has come meanwhile is given up. */
  const guess = (query: AnyQuery, record: QueryRecord): void => {
    let data = record.base;
    record.patches = record.patches.filter(({ apply }) => {
      try {
        data = apply(data);
        return true;
      } catch {
        return false;
      }
    });
    write(query, data);
  };

  return {
    /** The record of the query that is being fetched. */
    join(key: QueryKey, handle: RefHandle | undefined): QueryRecord | undefined {
      const query = queries.get(key) ?? findQuery(key);
      // It was removed while its fetch began.
      if (query === undefined) return undefined;
      const before = recordOf(key);
      if (before?.handle?.origin !== handle?.origin || before === undefined) {
        if (before !== undefined) listen(originOf(before), -1);
        listen(handle?.origin, 1);
      }
      queries.set(key, query);
      return provideRecord(key, handle);
    },

    /** What a fetch of the query gave. */
    arrived(key: QueryKey, value: unknown): unknown {
      const record = queries.has(key) ? recordOf(key) : undefined;
      if (record === undefined) releaseAll(refsIn(value));
      else take(record.arrived, value);
      return value === undefined ? null : value;
    },

    /** What feeds the query by itself gave something. */
    feed(key: QueryKey, value: unknown): void {
      const record = recordOf(key);
      const query = queries.get(key);
      if (record === undefined || query === undefined) return;
      take(record.arrived, value);
      const { held } = record;
      [record.held, record.arrived] = [record.arrived, new Set()];
      client.setQueryData(key, value === undefined ? null : value);
      releaseAll(held);
    },

    /** The query is fed from now on, until `follower` is aborted. */
    follow(key: QueryKey, follower: AbortController): void {
      const query = queries.get(key);
      const record = recordOf(key);
      if (query === undefined || record === undefined) return follower.abort();
      record.follower?.abort();
      record.follower = follower;
      rest(query, record);
    },

    askAgain: (key: QueryKey): void => askAgain(queries.get(key)),

    /** The query has come to an end of which only its source can tell. */
    fail(key: QueryKey, error: Error): void {
      const query = queries.get(key);
      if (query === undefined) return;
      query.setState({
        data: undefined,
        dataUpdatedAt: 0,
        error,
        errorUpdatedAt: Date.now(),
        errorUpdateCount: query.state.errorUpdateCount + 1,
        status: 'error',
        isInvalidated: false,
      });
    },

    /** Puts a guess on the data of cached queries. Returns how to end it. @throws what `apply` throws. */
    patch(filter: QueryFilters, apply: (data: unknown) => unknown): (isDone: boolean) => void {
      const patch: Patch = { apply, done: false };
      const patched = cache
        .findAll(filter)
        .map((query) => query)
        .filter(({ queryKey, state }) => queries.has(queryKey) && state.data !== undefined);
      const guesses = patched.map((query) => apply(query.state.data));
      patched.forEach((query, index) => {
        const record = recordOf(query.queryKey) as QueryRecord;
        record.patches = [...record.patches, patch];
        write(query, guesses[index]);
      });
      return (isDone) => {
        patch.done = true;
        for (const query of patched) {
          const record = recordOf(query.queryKey);
          if (record === undefined || !record.patches.includes(patch)) continue;
          if (!isDone) {
            record.patches = record.patches.filter((each) => each !== patch);
            guess(query, record);
          }
          askAgain(query);
        }
      };
    },
  };

  function findQuery(key: QueryKey): AnyQuery | undefined {
    return cache.getAll().find(({ queryKey }) => queryKey === key);
  }
}
