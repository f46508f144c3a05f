const MiB = 1024 * 1024;

/** What the daemon and its socket hold to; each has its unit in its name, and its reason. */
export const bounds = {
  /** Bytes of one request. A configuration may carry its bundles, and the sdk takes one of 64 Mi characters. */
  requestBytesMax: 64 * MiB,
  /** Bytes of one answer that a client takes. */
  answerBytesMax: 256 * MiB,
  /** Milliseconds in which a client must have sent its request, and then read its answer. */
  idleMs: 30_000,
  /** Connections at once. Each may be a call that waits for its answer. */
  connectionsMax: 256,
  /** Bytes of `daemon.log`, after which it becomes `daemon.log.1` in place of an older one. */
  logBytesMax: 8 * MiB,
  /** Characters of one record's message. */
  logMessageCharsMax: 10_000,
  /** Milliseconds in which a daemon must say who it is. */
  handshakeMs: 3_000,
  /** Milliseconds from the spawn until the daemon must be ready. */
  startMs: 30_000,
  /** Milliseconds that a starting daemon waits for a store that is held, perhaps by one that is about to end. */
  storeWaitMs: 10_000,
  /** Milliseconds in which a daemon ends by itself: the kernel gives its deliveries 5 s. */
  shutdownMs: 10_000,
  /** Milliseconds from SIGTERM, and from SIGKILL. */
  signalMs: 7_000,
} as const;
