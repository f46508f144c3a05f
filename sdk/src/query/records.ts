/** What is remembered of one cached query: what its data depend on, the refs that they hold, what was guessed of them. */
import type { Query, QueryKey } from '@tanstack/query-core';
import { isRef, release, type RefHandle } from '../client/ref.js';
import type { Origin } from '../client/types.js';
import { isKernelError } from '../errors.js';
import type { VatVersions } from '../protocol/session-wire.js';
import { handleOf } from './handle.js';

/** Milliseconds. Not animation frames, which do not come in a hidden tab. */
export const FRAME_MS = 16;

/** A guess of what a mutation will make of a query's data. What is asked after `doneAt` is answered with the truth. */
export type Patch = { apply: (data: unknown) => unknown; doneAt: number };

/** A `queryFn`, and whom it asks: options that change the ref change nothing else. */
export type Asking = { handle?: RefHandle | undefined };

export type QueryRecord = {
  query: AnyQuery;
  /** What is asked; another one after the ref was lost. Absent for launches and peers. */
  handle?: RefHandle | undefined;
  /** Of the fetch under way: what it touched, whose refs came, when it began, whether it adds a page. */
  asking?: VatVersions | undefined;
  arrived: Set<object>;
  beganAt: number;
  isMore?: boolean;
  /** Was the kernel another one when it began? Then nobody will tell of what has changed since. */
  isVoid?: boolean;
  /** When its last answer came, by `performance.now()`, how long it rests from then on, and what will ask it again. */
  answeredAt: number;
  restMs: number;
  timer?: ReturnType<typeof setTimeout>;
  /** The refs in the data, of each one holding. */
  held: Set<object>;
  /** The data as they came. */
  base?: unknown;
  patches: readonly Patch[];
  /** Ends what feeds the query by itself. */
  follower?: AbortController;
};

export const makeRecord = (query: AnyQuery): QueryRecord => ({
  query,
  arrived: new Set(),
  beganAt: 0,
  answeredAt: 0,
  restMs: FRAME_MS,
  held: new Set(),
  base: query.state.data,
  patches: [],
});

export const originOf = (record: QueryRecord): Origin | undefined => record.handle?.origin;

/** By query, and not by key: two clients may be given options with one key. */
const touched = new WeakMap<object, VatVersions>();

/**
 * The vats that a query's answer touched, with the versions that are in it at least; empty where it is not known.
 */
export const touchedBy = (query: object): VatVersions => touched.get(query) ?? {};

export function keepTouched({ query, asking, isMore }: QueryRecord): void {
  if (asking) touched.set(query, isMore ? mergeVersions(asking, touchedBy(query)) : asking);
}

/** Of two answers, what both depend on at least. */
export function mergeVersions(into: VatVersions, more: VatVersions): VatVersions {
  for (const [vat, version] of Object.entries(more))
    into[vat] = Math.min(version, into[vat] ?? version);
  return into;
}

/** All refs in a value. A holding came for each, however often the value mentions it. */
export function refsIn(value: unknown, found = new Set<object>()): Set<object> {
  if (!value || typeof value !== 'object' || found.has(value)) return found;
  if (isRef(value)) found.add(value);
  else for (const part of Object.values(value) as unknown[]) refsIn(part, found);
  return found;
}

export const releaseAll = (refs: Set<object>): void => {
  for (const ref of refs) release(ref);
  refs.clear();
};

/** Keeps what arrived; of what had arrived before one holding is enough. */
export function take(refs: Set<object>, value: unknown): void {
  for (const ref of refsIn(value)) {
    if (refs.has(ref)) release(ref);
    refs.add(ref);
  }
}

/** Has the ref ended with its session, so that there will be another one for the same object? */
export const isLost = ({ handle }: QueryRecord): boolean => isLoss(handle?.broken());

/** Is it a launch, or a peer, whose data are over? */
export const standsOnBroken = ({ handle, held }: QueryRecord): boolean =>
  !handle && [...held].some((ref) => handleOf(ref)?.broken());

export const isLoss = (error: unknown): boolean =>
  isKernelError(error, 'SESSION_EXPIRED') || isKernelError(error, 'STORE_LOST');

export type AnyQuery = Query<unknown, Error, unknown, QueryKey>;
