/**
 * Between kernels and one QueryClient: it knows what each answer depended on, and asks again when that has changed.
 *
 * Versions of vats rise with every crank that is not a read. When a version that is known exceeds that of an answer, its
 * query is marked invalidated, and asked again if a component looks at it: one fetch under way, at most one after it,
 * and none more often than once a frame. A fetch is never cancelled: under a storm of commits none would ever end.
 *
 * A read may itself raise what it has touched: its mark does not follow it from a timer to another vat. Then each answer
 * is old when it comes. Such a query rests twice as long after each, up to a second, and is asked at once when a version
 * rises while nothing is asked of that kernel.
 */
import type { QueryClient, QueryFilters, QueryKey } from '@tanstack/query-core';
import type { RefHandle } from '../client/ref.js';
import type { Origin } from '../client/types.js';
import { isKernelError } from '../errors.js';
import type { VatVersions } from '../protocol/session-wire.js';
import { provide } from './provide.js';
import {
  FRAME_MS,
  isLoss,
  isLost,
  keepTouched,
  makeRecord,
  originOf,
  refsIn,
  releaseAll,
  standsOnBroken,
  take,
  touchedBy,
  type Asking,
  type Patch,
  type QueryRecord,
} from './records.js';

/** A query that nobody looks at is fed for so long: a component may be on its way elsewhere, or mounted twice. */
const REST_MS = 1_000;
/** The longest rest of a query whose answers are always old. */
const VAIN_REST_MS = 1_000;

/** What is known of a kernel, while queries ask it. */
type News = { known: VatVersions; stop: () => void };

const bridges = new WeakMap<QueryClient, Bridge>();

export const provideBridge = (client: QueryClient): Bridge =>
  provide(bridges, client, () => makeBridge(client));

export type Bridge = ReturnType<typeof makeBridge>;

function makeBridge(client: QueryClient) {
  const cache = client.getQueryCache();
  /** By the very key that a query keeps as long as it lives. */
  const records = new Map<QueryKey, QueryRecord>();
  const origins = new Map<Origin, News>();

  // Asking again

  const askAgain = (record: QueryRecord): void => {
    const { query } = record;
    query.invalidate();
    clearTimeout(record.timer);
    record.timer = setTimeout(
      () => {
        // Data that were put into the cache meanwhile are no news of the vat.
        query.invalidate();
        if (query.isActive() && !query.isStatic() && !isLost(record))
          query.fetch(undefined, { cancelRefetch: false }).catch(() => undefined);
      },
      record.answeredAt + record.restMs - performance.now(),
    );
  };

  /** Its answer has come: if it is old already, and so was the last, its own fetch may be what raises the versions. */
  const rate = (record: QueryRecord): void => {
    record.restMs = isOutdated(record) ? Math.min(2 * record.restMs, VAIN_REST_MS) : FRAME_MS;
    record.answeredAt = performance.now();
  };

  const isOutdated = (record: QueryRecord): boolean => {
    const known = origins.get(originOf(record) as Origin)?.known ?? {};
    const touched = Object.entries(touchedBy(record.query));
    return !!record.isVoid || touched.some(([vat, version]) => (known[vat] ?? 0) > version);
  };

  const hear = (origin: Origin, versions: VatVersions | undefined): void => {
    const news = origins.get(origin);
    const own = [...records.values()].filter((record) => originOf(record) === origin);
    if (!own.length) {
      news?.stop();
      origins.delete(origin);
    }
    if (!news) return;
    news.known = { ...(versions && news.known), ...versions };
    // Then it may be a fetch that raises them.
    const isAsked = own.some(({ query }) => query.state.fetchStatus === 'fetching');
    for (const record of own) {
      record.isVoid ||= !versions;
      if (
        !versions ||
        (!isAsked && Object.keys(touchedBy(record.query)).some((vat) => vat in versions))
      )
        record.restMs = FRAME_MS;
      if (isOutdated(record)) askAgain(record);
    }
  };

  /** Listens to a kernel, until it tells something that is no news to any query. */
  const listen = (origin: Origin): News =>
    provide(origins, origin, () => ({
      known: {},
      stop: origin.onVersions((versions) => hear(origin, versions)),
    }));

  // What happens to a query

  const begin = (record: QueryRecord, isMore: boolean): void => {
    clearTimeout(record.timer);
    record.asking = undefined;
    record.isVoid = false;
    record.isMore = isMore;
    record.beganAt = performance.now();
  };

  const answered = (record: QueryRecord): void => {
    if (record.isMore) take(record.arrived, [...record.held]);
    else releaseAll(record.held);
    [record.held, record.arrived] = [record.arrived, new Set()];
    keepTouched(record);
    record.base = record.query.state.data;
    record.patches = record.patches.filter(({ doneAt }) => doneAt >= record.beganAt);
    if (record.patches.length) guess(record);
    rate(record);
    if (isOutdated(record) || record.patches.some(({ doneAt }) => doneAt < Infinity))
      askAgain(record);
  };

  const failed = (record: QueryRecord): void => {
    releaseAll(record.arrived);
    keepTouched(record);
    rate(record);
    // What suspends on it throws only where there are no data.
    if (standsOnBroken(record)) record.query.setState({ data: undefined });
    if (isOutdated(record)) askAgain(record);
  };

  const removed = (record: QueryRecord): void => {
    record.follower?.abort();
    releaseAll(record.held);
    releaseAll(record.arrived);
    record.patches = [];
    records.delete(record.query.queryKey);
    clearTimeout(record.timer);
  };

  /** While nobody looks, what feeds it ends soon, and the next look begins it again. */
  const rest = (record: QueryRecord): void => {
    if (!record.follower) return;
    setTimeout(() => {
      if (record.query.getObserversCount()) return;
      record.follower?.abort();
      record.query.invalidate();
    }, REST_MS);
  };

  cache.subscribe((event) => {
    const record = records.get(event.query.queryKey as QueryKey);
    if (record?.query !== event.query) return;
    switch (event.type) {
      case 'removed':
        return removed(record);
      case 'observerRemoved':
        return rest(record);
      case 'observerOptionsUpdated': {
        const next = (event.observer.options.queryFn as Asking | undefined)?.handle;
        if (next && next.base !== record.handle?.base) askAgain(record);
        return;
      }
      case 'updated':
        if (event.action.type === 'fetch') begin(record, !!event.action.meta?.fetchMore);
        else if (event.action.type === 'error') failed(record);
        else if (event.action.type !== 'success') return;
        else if (event.action.manual) record.base = record.query.state.data;
        else answered(record);
    }
  });

  // Guesses

  /** A guess that does not fit what has come meanwhile is given up. */
  const guess = (record: QueryRecord): void => {
    let data = record.base;
    record.patches = record.patches.filter(({ apply }) => {
      try {
        data = apply(data);
        return true;
      } catch {
        return false;
      }
    });
    record.query.setState({ data });
  };

  return {
    /** The record of the query that is being fetched. */
    join(key: QueryKey, handle: RefHandle | undefined): QueryRecord | undefined {
      const query = records.get(key)?.query ?? cache.getAll().find((each) => each.queryKey === key);
      // It was removed while its fetch began.
      if (!query) return undefined;
      const record = provide(records, key, () => makeRecord(query));
      record.handle = handle;
      if (handle?.origin) listen(handle.origin);
      return record;
    },

    /** What a fetch of the query gave. */
    arrived(key: QueryKey, value: unknown): unknown {
      const record = records.get(key);
      if (record) take(record.arrived, value);
      else releaseAll(refsIn(value));
      return value ?? null;
    },

    /** What feeds the query by itself gave something. */
    feed(record: QueryRecord, value: unknown): void {
      const { held } = record;
      record.held = refsIn(value);
      client.setQueryData(record.query.queryKey, value ?? null);
      releaseAll(held);
    },

    /** The query is fed from now on, until `follower` is aborted. */
    follow(record: QueryRecord, follower: AbortController): void {
      record.follower?.abort();
      record.follower = follower;
      rest(record);
    },

    askAgain,

    /** A ref is broken that the query's data may stand on. It is asked again where there will be another, else it fails. */
    broke(key: QueryKey, ref: object, error: Error): void {
      const record = records.get(key);
      if (!record?.held.has(ref) || isKernelError(error, 'REF_RELEASED')) return;
      if (isLoss(error)) askAgain(record);
      else
        record.query.setState({
          data: undefined,
          error,
          errorUpdatedAt: Date.now(),
          errorUpdateCount: record.query.state.errorUpdateCount + 1,
          status: 'error',
        });
    },

    /** Puts a guess on the data of cached queries. Returns how to end it. @throws what `apply` throws. */
    patch(filter: QueryFilters, apply: (data: unknown) => unknown): (isDone: boolean) => void {
      const patch: Patch = { apply, doneAt: Infinity };
      const patched = cache
        .findAll(filter)
        .flatMap(({ queryKey, state }) =>
          state.data === undefined ? [] : (records.get(queryKey) ?? []),
        );
      for (const { query } of patched) apply(query.state.data);
      for (const record of patched) {
        record.patches = [...record.patches, patch];
        guess(record);
      }
      return (isDone) => {
        patch.doneAt = performance.now();
        for (const record of patched) {
          if (!record.patches.includes(patch)) continue;
          if (!isDone) {
            record.patches = record.patches.filter((each) => each !== patch);
            guess(record);
          }
          askAgain(record);
        }
      };
    },
  };
}
