/** What is known of a vat's work in memory alone: it dies with the process. */
import type { VatConfig } from '../protocol/config.js';
import type { KRef } from '../protocol/refs.js';
import type { InFlight } from './crank.js';
import type { RequestId, ThrownData } from './events.js';
import type { Idler } from './idleness.js';

export type Run = Idler & {
  incarnation: number;
  /** What the vat was sent and has not ended, in order. Items of messages and notifications are still queued. */
  inFlight: { deliveryId: number; what: InFlight; afterCommit: boolean }[];
  upgrade?: Upgrade;
  /** Requests to answer when the vat is idle after a start. */
  starting: RequestId[];
  /** To be called after a reap that begins later than the request, or when the incarnation has ended before it. */
  reaping: (() => void)[];
  /** C-list entries that garbage collection must look at. */
  collectable: Set<KRef>;
  /**
   * The process before this one died with the vat at work, and no one knows which of the messages that now wait was
   * its death: each of them is delivered only when that attempt is in the store.
   */
  isCautious: boolean;
};

export type Code = { bundleHash: string; config: VatConfig };

/** Other code for a vat: until its start is applied nothing of it is in the store but the bundle. */
export type Upgrade = Code & {
  /** The new code has started; the old waits until it is applied, or cancelled. */
  onStarted: () => void;
  onCancelled: (why: ThrownData) => void;
  /** What the start gave, once it has. */
  started?: { result: unknown };
  /** Set while the new code starts. */
  incarnation?: number;
  wasStopped?: boolean;
  /** The old code has been asked once more for what it did between cranks. */
  hadTurn?: boolean;
};

export const newRun = (incarnation: number): Run => ({
  incarnation,
  phase: 'stopped',
  inFlight: [],
  wantsStart: false,
  wantsTurn: false,
  wantsReap: false,
  starting: [],
  reaping: [],
  deliveriesSinceReap: 0,
  activeAt: 0,
  isDrowsy: false,
  maySleep: false,
  collectable: new Set(),
  isCautious: false,
});
