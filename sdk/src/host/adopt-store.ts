/** Rows of a store that comes from elsewhere, made fit to be this kernel's. */
import { KernelError } from '../errors.js';
import { findBrokenInvariants } from '../kernel/invariants.js';
import { makeKernelMachine } from '../kernel/kernel.js';
import { counterPrefix } from '../kernel/rows.js';
import { limits } from '../limits.js';
import { makeChangeSet } from '../store/change-set.js';
import { makeMemoryStore } from '../store/memory-store.js';
import { messageOf } from './bundles.js';

export type Rows = [key: string, value: string][];

/**
 * Another store's name and secret, and its sessions, are left behind: nobody who knew that store can take up here what
 * they had there.
 *
 * @throws KernelError BAD_CONFIG where the rows are no kernel's, or are damaged.
 */
export function adoptStore(rows: Rows): Rows {
  const store = makeMemoryStore(rows.filter(([key]) => key !== 'a.store'));
  const changes = makeChangeSet(store);
  let broken: string[];
  try {
    const machine = makeKernelMachine(changes, limits);
    broken = findBrokenInvariants(machine.rows);
    // No vat is given anything: that is for the kernel that will have the store.
    machine.step({ type: 'drain' });
    for (const session of machine.rows.sessions.ids())
      machine.step({ type: 'session-end', session });
  } catch (cause) {
    throw damaged(messageOf(cause), cause);
  }
  if (broken.length > 0) throw damaged(broken.slice(0, 3).join('; '));
  changes.commit();
  return store.scan('');
}

/** The rows with no counter behind that of the store which they replace: an id that was in use there names nothing new. */
export function countOn(rows: Rows, replaced: Rows): Rows {
  const next = new Map(rows);
  for (const [key, value] of replaced)
    if (key.startsWith(counterPrefix) && Number(next.get(key) ?? 0) < Number(value))
      next.set(key, value);
  return [...next];
}

const damaged = (what: string, cause?: unknown): KernelError =>
  new KernelError('BAD_CONFIG', `Cannot import: the file holds no sound store (${what})`, {
    cause,
  });
