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
import type { VatVersions } from '../protocol/session-wire.js';
import { provide } from './provide.js';
import {
  isLost,
  keepTouched,
  makeRecord,
  originOf,
  refsIn,
  releaseAll,
  standsOnBroken,
  take,
  type AnyQuery,
  type Patch,
  type QueryRecord,
} from './records.js';

/** Milliseconds. Not animation frames, which do not come in a hidden tab. */
const FRAME_MS = 16;
/** A query that nobody looks at is fed for so long: a component may be on its way elsewhere, or mounted twice. */
const REST_MS = 1_000;
/** The longest rest of a query whose answers are always old. */
const VAIN_REST_MS = 1_000;

/** What is known of a kernel, while queries ask it. */
type News = { known: Map<string, number>; stop: () => void };

const bridges = new WeakMap<QueryClient, Bridge>();

export const provideBridge = (client: QueryClient): Bridge =>
  provide(bridges, client, () => makeBridge(client));

export type Bridge = ReturnType<typeof makeBridge>;

/** Which query a `queryFn` asks, and of what: options that change the ref change nothing else. */
const handles = new WeakMap<object, RefHandle>();
export const tellHandle = (queryFn: object, handle: RefHandle | undefined): void => {
  if (handle) handles.set(queryFn, handle);
};

function makeBridge(client: QueryClient) {
  const cache = client.getQueryCache();
  /** By the very key that a query keeps as long as it lives. */
  const records = new Map<QueryKey, QueryRecord>();
  const origins = new Map<Origin, News>();
  const due = new Set<QueryRecord>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let timerAt = 0;
  let lastFlush = -FRAME_MS;
  /** Is the data that are being written a guess? */
  let isGuess = false;

  // Asking again

  const flush = (): void => {
    timer = undefined;
    lastFlush = performance.now();
    const now = [...due].filter(({ restsUntil }) => restsUntil <= lastFlush);
    for (const record of now) {
      due.delete(record);
      record.query.invalidate();
    }
    due.forEach(arm);
    const asked = new Set<unknown>(now.map((record) => !isLost(record) && record.query));
    const predicate = (query: AnyQuery): boolean => asked.has(query);
    void client.refetchQueries({ type: 'active', predicate }, { cancelRefetch: false });
  };

  const askAgain = (record: QueryRecord | undefined): void => {
    if (!record) return;
    due.add(record);
    if (record.restsUntil > performance.now()) record.query.invalidate();
    arm(record);
  };

  const arm = ({ restsUntil }: QueryRecord): void => {
    const at = Math.max(restsUntil, lastFlush + FRAME_MS);
    if (timer && timerAt <= at) return;
    clearTimeout(timer);
    timerAt = at;
    timer = setTimeout(flush, Math.ceil(at - performance.now()));
  };

  /** Its answer has come: if it is old already, and so was the last, its own fetch may be what raises the versions. */
  const rate = (record: QueryRecord): void => {
    record.restMs = isOutdated(record)
      ? Math.min(2 * (record.restMs || FRAME_MS), VAIN_REST_MS)
      : 0;
    record.restsUntil = performance.now() + record.restMs;
  };

  const isOutdated = (record: QueryRecord): boolean => {
    const known = origins.get(originOf(record) as Origin)?.known;
    return Object.entries(record.touched).some(
      ([vat, version]) => (known?.get(vat) ?? 0) > version,
    );
  };

  const hear = (origin: Origin, versions: VatVersions | undefined): void => {
    const known = origins.get(origin)?.known;
    if (!known) return;
    if (!versions) known.clear();
    for (const vat in versions) known.set(vat, versions[vat] as number);
    const own = [...records.values()].filter((record) => originOf(record) === origin);
    // Then it may be a fetch that raises them.
    const isAsked = own.some(({ query }) => query.state.fetchStatus === 'fetching');
    for (const record of own) {
      record.isVoid ||= !versions && record.query.state.fetchStatus !== 'idle';
      if (!versions || (!isAsked && Object.keys(record.touched).some((vat) => vat in versions)))
        record.restMs = record.restsUntil = 0;
      if (!versions || isOutdated(record)) askAgain(record);
    }
  };

  /** Listens to a kernel as long as there are queries of it. */
  const tend = (origin: Origin | undefined): void => {
    if (!origin) return;
    if ([...records.values()].some((record) => originOf(record) === origin)) {
      provide(origins, origin, () => ({
        known: new Map<string, number>(),
        stop: origin.onVersions((versions) => hear(origin, versions)),
      }));
    } else {
      origins.get(origin)?.stop();
      origins.delete(origin);
    }
  };

  // What happens to a query

  const begin = (record: QueryRecord, isMore: boolean): void => {
    record.asking = undefined;
    record.isVoid = false;
    record.isMore = isMore;
    record.covered = record.patches.filter(({ done }) => done);
  };

  const answered = (record: QueryRecord): void => {
    if (record.isMore) for (const ref of record.held) take(record.arrived, ref);
    else releaseAll(record.held);
    [record.held, record.arrived] = [record.arrived, new Set()];
    keepTouched(record);
    record.base = record.query.state.data;
    record.patches = record.patches.filter((patch) => !record.covered.includes(patch));
    if (record.patches.length) guess(record);
    rate(record);
    const isOld = record.isVoid || isOutdated(record);
    if (isOld || record.patches.some(({ done }) => done)) askAgain(record);
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
    due.delete(record);
    tend(originOf(record));
  };

  /** While nobody looks, what feeds it ends soon, and the next look begins it again. */
  const rest = (record: QueryRecord): void => {
    const { query, follower } = record;
    if (!follower || query.getObserversCount()) return;
    setTimeout(() => {
      if (query.getObserversCount() || record.follower !== follower) return;
      follower.abort();
      query.invalidate();
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
        const next = handles.get(event.observer.options.queryFn as object);
        if (next && next.base !== record.handle?.base) askAgain(record);
        return;
      }
      case 'updated':
        if (event.action.type === 'fetch') begin(record, !!event.action.meta?.fetchMore);
        else if (event.action.type === 'error') failed(record);
        else if (event.action.type !== 'success' || isGuess) return;
        else if (event.action.manual) record.base = record.query.state.data;
        else answered(record);
    }
  });

  // Guesses

  /** Writes data that no fetch gave, and leaves everything else of the query as it is. */
  const write = ({ query }: QueryRecord, data: unknown): void => {
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
    write(record, data);
  };

  return {
    /** The record of the query that is being fetched. */
    join(key: QueryKey, handle: RefHandle | undefined): QueryRecord | undefined {
      const query = records.get(key)?.query ?? cache.getAll().find((each) => each.queryKey === key);
      // It was removed while its fetch began.
      if (!query) return undefined;
      const record = provide(records, key, () => makeRecord(query));
      const before = originOf(record);
      record.handle = handle;
      if (before !== handle?.origin) {
        tend(before);
        tend(handle?.origin);
      }
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
    feed(key: QueryKey, value: unknown): void {
      const record = records.get(key);
      if (!record) return;
      take(record.arrived, value);
      const { held } = record;
      [record.held, record.arrived] = [record.arrived, new Set()];
      client.setQueryData(key, value ?? null);
      releaseAll(held);
    },

    /** The query is fed from now on, until `follower` is aborted. */
    follow(record: QueryRecord, follower: AbortController): void {
      record.follower?.abort();
      record.follower = follower;
      rest(record);
    },

    askAgain: (key: QueryKey): void => askAgain(records.get(key)),

    /** The query has come to an end of which only its source can tell. */
    fail(key: QueryKey, error: Error): void {
      const query = records.get(key)?.query;
      query?.setState({
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
      const patch: Patch = { apply };
      const patched = cache
        .findAll(filter)
        .flatMap(({ queryKey, state }) =>
          state.data === undefined ? [] : (records.get(queryKey) ?? []),
        );
      const guesses = patched.map(({ query }) => apply(query.state.data));
      patched.forEach((record, index) => {
        record.patches = [...record.patches, patch];
        write(record, guesses[index]);
      });
      return (isDone) => {
        patch.done = true;
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
