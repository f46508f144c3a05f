/**
 * What tabs of one origin and their kernel's worker say to one another about who runs the kernel. Sessions themselves
 * speak `session-wire.ts`, on channels that are agreed on here.
 *
 * One tab, the leader, holds the lock `:elect` and has the worker; the worker holds `:store` as long as it has the store
 * open. A tab seeks the worker on the rendezvous channel, naming a channel of its own; the worker opens that and serves
 * a session on it. Each tab holds a lock of its channel's name: when it is free, the tab is gone.
 *
 * Names and messages here are read by tabs of earlier and later deploys: they may be added to, never changed.
 */

import { toHex } from './hex.js';
import type { WireError } from './session-wire.js';

/** Raised with each release, so that of two tabs the newer one's kernel is the one that runs. A test holds it to package.json. */
export const release = 'vatkit 0.0.0';

/** The version of stores that this code writes. A test holds it to the store's. */
export const storeSchema = 1;

/** Is release `a` newer than release `b`? What is no release is older than any. */
export function isNewer(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => (String(text).match(/\d+/g) ?? []).map(Number));
  for (let i = 0; i < 3; i += 1) {
    const difference = (left?.[i] ?? -1) - (right?.[i] ?? -1);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

export const tabNames = (kernel: string) => ({
  elect: `vatkit:${kernel}:elect`,
  store: `vatkit:${kernel}:store`,
  /** A BroadcastChannel for {@link RendezvousMessage}. */
  rendezvous: `vatkit:${kernel}`,
  /** A lock that the worker of this id holds as long as it lives. */
  life: (id: string): string => `vatkit:${kernel}:w:${id}`,
  /** A BroadcastChannel and a lock. `id`: 32 hexadecimal digits. */
  session: (id: string): string => `vatkit:${kernel}:s:${id}`,
});

/** What the leader's page posts to its kernel's worker. */
export type ToKernelWorker =
  | {
      type: 'start';
      /** The kernel's name, which is its store's. */
      name: string;
      /** The worker's, from now on: {@link Leader.id}. */
      id: string;
      /** Serves the page's own session. Transferred. */
      session: MessagePort;
      /** Did this page find a kernel running, or had it one before? Then the store is not to be reset. */
      takesOver: boolean;
      /** The way to a sandbox for vats, if they are to run in one. Transferred. */
      sandbox?: MessagePort;
    }
  /** Commit, close the store, and end. */
  | { type: 'resign' };

/** What the worker posts to its page. */
export type FromKernelWorker =
  /** It holds its life's lock, and listens on the rendezvous channel. */
  | { type: 'alive' }
  /** The store is closed, and the worker about to end. */
  | { type: 'stopped' }
  /** A tab with this newer release asks for the kernel; the worker resigns. */
  | { type: 'superseded'; release: string }
  /** The store's schema is newer than this worker. */
  | { type: 'outdated' };

export type RendezvousMessage =
  /** A tab asks for a session on the channel of this id, which it listens on already. Repeated until it is answered. */
  | { type: 'seek'; id: string }
  /** The kernel is on its way. Answers a `seek`. */
  | { type: 'wait'; id: string }
  /** This worker has the kernel from now on. */
  | ({ type: 'leader' } & Leader)
  /** A tab of a newer release asks an older leader to resign, and older tabs to stand back. */
  | { type: 'hand-over'; release: string };

/** `id`: random, of one worker. `schema`: the version of its store. */
export type Leader = { id: string; release: string; schema: number };

/** The first message on a session's channel, from the worker; all others are the session's. */
export type OpenMessage = { type: 'open'; leader: Leader };

/**
 * What a page may ask of the kernel's worker besides its session, on the same channel. `export`: answered with the whole
 * store as one file. `import`: the store is replaced by that in the file, and the kernel begins anew on it.
 */
export type StoreRequest =
  { type: 'store-export'; id: number } | { type: 'store-import'; id: number; file: Blob };
export type StoreReply =
  | { type: 'store-done'; id: number; file?: Blob }
  | { type: 'store-failed'; id: number; error: WireError };

export const isStoreRequest = (message: unknown): message is StoreRequest =>
  hasType(message, 'store-export') || hasType(message, 'store-import');
export const isStoreReply = (message: unknown): message is StoreReply =>
  hasType(message, 'store-done') || hasType(message, 'store-failed');

const hasType = (message: unknown, type: string): boolean =>
  typeof message === 'object' && message !== null && (message as { type?: unknown }).type === type;

/** 128 bits, as 32 hexadecimal digits. */
export const randomId = (): string => toHex(crypto.getRandomValues(new Uint8Array(16)));
