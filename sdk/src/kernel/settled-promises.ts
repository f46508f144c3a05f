/**
 * Promises that have settled to values which name further promises: a graph that vats draw, rings and all.
 *
 * Who walks it must expect any shape and size, so every walk has a bound.
 */
import { isPromiseKRef, type KRef } from '../protocol/refs.js';
import type { KernelRows, SettledPromiseRow } from './rows.js';

/** Settled promises that one promise may lead to for its ring to be found; reading their rows takes some milliseconds. */
export const settledPromisesMax = 10_000;

export type SettledPromises = ReadonlyMap<KRef, SettledPromiseRow>;

/**
 * The settled promises that a settled one leads to through their values, itself first and nearer ones before others;
 * `undefined` where they are more than {@link settledPromisesMax}.
 */
export function settledFrom(rows: KernelRows, first: KRef): SettledPromises | undefined {
  const found = new Map<KRef, SettledPromiseRow>();
  const add = (kref: KRef): void => {
    const promise = rows.promises.get(kref);
    if (promise !== undefined && promise.state !== 'open') found.set(kref, promise);
  };
  add(first);
  for (const { value } of found.values()) {
    if (found.size > settledPromisesMax) return undefined;
    for (const slot of value.slots) if (isPromiseKRef(slot) && !found.has(slot)) add(slot);
  }
  return found;
}

/** Those that lead back to the first, which is one of them. */
export function ringOf(first: KRef, promises: SettledPromises): Set<KRef> {
  const namedBy = new Map<KRef, KRef[]>();
  for (const [kref, { value }] of promises) {
    for (const slot of value.slots) {
      if (!promises.has(slot)) continue;
      const others = namedBy.get(slot);
      if (others === undefined) namedBy.set(slot, [kref]);
      else others.push(kref);
    }
  }
  const ring = new Set([first]);
  for (const kref of ring) for (const other of namedBy.get(kref) ?? []) ring.add(other);
  return ring;
}
