const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * Every bound of ours that is not a matter of one host, each with its unit in its name and its reason.
 * What happens at it stands where it is held to, and is tested there.
 */
export const limits = {
  /**
   * UTF-16 code units of the text of one message, answer or thrown value. A message is held in memory by
   * its sender, the kernel and its receiver at once, and a commit of several such must still be quick.
   */
  messageBytesMax: 16 * MiB,
  /**
   * Arrays and records within one another. @endo/marshal recurses, and on a stack of 1 MB fails between 2,000
   * and 3,000: what the kernel lets through, every vat must be able to read.
   */
  valueDepthMax: 500,
  /** Decimal digits of one bigint. Reading them takes more than linear time: 6 ms for 100,000, seconds for a full message. */
  bigintDigitsMax: 100_000,

  /** UTF-16 code units of a vat's, service's, bundle's or channel's name in a configuration: it is a key of the store and stands in logs. */
  configNameCharsMax: 100,
  /** UTF-16 code units of a URL, path or host name in a configuration. */
  configTextCharsMax: 8 * KiB,
  /** Entries of one list or record of a configuration. Each vat is a worker of some megabytes. */
  configEntriesMax: 1000,
  /** UTF-16 code units of one `parameters` as JSON. They are sent to the vat again at each of its starts. */
  configParametersCharsMax: MiB,
  /** UTF-16 code units of one bundle given by its content. A self-contained bundle has 0.6 MiB. */
  bundleCharsMax: 32 * MiB,
  /** UTF-16 code units of a configuration fetched by URL, with the bundles that it carries. */
  configCharsMax: 64 * MiB,
  /** Milliseconds until a server that does not give its configuration is given up. */
  configFetchTimeoutMs: 30_000,

  /** Times that the delivery of one message is begun. What is lost with its vat twice may be what kills it. */
  deliveryAttemptsMax: 2,
  /** Failed incarnations in a row, after which a vat is quarantined. */
  vatFailuresMax: 5,
  /** Settled promises in one notification; those beyond it follow when the vat asks for them. */
  notifyBatchMax: 100,
  /** Deliveries after which a vat collects by force and reports: forced collection takes milliseconds. */
  deliveriesPerReap: 10_000,
  /** References that a vat is told to drop or retire before these tellings come ahead of its messages. */
  collectBatch: 64,
  /** Milliseconds that stop() waits for deliveries in flight. */
  stopTimeoutMs: 5_000,
  /** Milliseconds, of a host that is awake, that a vat's worker may leave a ping unanswered. */
  vatUnresponsiveMs: 10_000,
  /** Milliseconds that a call waits for a service that has not been registered since the kernel's start. */
  serviceWaitMs: 10_000,
  /** MiB of JavaScript heap of one vat's worker, on Node. */
  vatHeapMiB: 512,
  /** Milliseconds until a server that does not give a bundle is given up. */
  bundleFetchTimeoutMs: 30_000,

  /** Parsed bundles that a host keeps in memory; the others are read from the store when a vat starts. */
  parsedBundlesMax: 16,
  /** Answers that one commit lets go at most: enough to share its cost, few enough to keep each waiting briefly. */
  commitOutputsMax: 64,
  /** Milliseconds that an answer waits for others to share its commit. */
  commitDelayMs: 2,
  /** Rows of one commit, after which it no longer waits: a commit blocks its host for about 2 µs a row. */
  commitRowsMax: 20_000,
} as const;

/** The names of {@link limits} with other numbers: what a kernel's `limits` option may set. */
export type Limits = { readonly [Name in keyof typeof limits]: number };
