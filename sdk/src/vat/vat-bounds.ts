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
  /** Log entries that reach the host in a second, tags of one, and characters of a tag. */
  logEntriesPerSecond: 1_000,
  logTagsMax: 16,
  logTagCharsMax: 100,
  /** Milliseconds below which no timer of a vat fires: a timer is no clock. */
  timerMsMin: 10,
  /** Timers that one vat may have pending. */
  timersMax: 10_000,
  /** Calls of one iterator's methods under way: a reader waits for one item before it asks for the next. */
  iteratorCallsMax: 64,
  /** Restarts of a topic's vat that a reader sits out with no value in between: a bound on a loop, not on patience. */
  topicResumesMax: 100,
} as const;
