/**
 * What a kernel's worker and a sandbox for vats say to one another. The sandbox is a page of its own within the app's, of
 * an opaque origin and without a network; the app's page gives each of the two one end of a channel, and has no part in
 * what follows.
 */

/** The sandbox's first message, to the page around it: it waits for its port. */
export const sandboxReady = 'vatkit:vat-sandbox';

/** From the kernel's worker. */
export type ToSandbox =
  /** Once: the program of every vat's worker. */
  | { type: 'program'; text: string }
  /** Starts a worker, whose messages are on `port` (transferred). */
  | { type: 'start'; id: number; name: string; port: MessagePort }
  | { type: 'stop'; id: number };

/** A worker is gone, or never came; `why` is for people. */
export type FromSandbox = { type: 'lost'; id: number; why: string };
