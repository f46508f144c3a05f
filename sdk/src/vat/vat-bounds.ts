/** Bounds that the vat's side keeps by itself; those that the host sets come with `init`. */
export const vatBounds = {
  /** Collected references that are worth a turn of their own at once. */
  garbageBatch: 64,
  /** Milliseconds after which fewer are reported, too. */
  garbageIdleMs: 1000,
  /** Characters of one log entry's texts, and values in it: a log is no channel for bulk data. */
  logCharsMax: 20_000,
  logValuesMax: 2_000,
  logDepthMax: 8,
  /** Milliseconds below which no timer of a vat fires: a timer is no clock. */
  timerMsMin: 10,
  /** Timers that one vat may have pending. */
  timersMax: 10_000,
} as const;
