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
  failuresMax: 5,
  /** Settled promises in one notification; those beyond it follow when the vat asks for them. */
  notifyBatchMax: 100,
  /** Messages that wait in one queue, of a vat or an open promise. Each is a row of the store and some memory. */
  queueMax: 10_000,
  /** Messages of one vat or client that wait at promises, or went on from there: promises are many, and settled together. */
  chargedMessagesMax: 100_000,
  /** Deliveries after which a vat collects by force and reports: forced collection takes milliseconds. */
  deliveriesPerReap: 10_000,
  /** UTF-16 code units of all that waits in one queue: it stands in the store, and some of it in memory. */
  queueCharsMax: 256 * MiB,
  /** Milliseconds for which a vat has had nothing to do before it collects by force and reports. */
  reapIdleMs: 5_000,
  /** Vats whose workers run, of which each takes some megabytes; beyond it those that allow it are put to sleep. */
  vatsLiveMax: 100,
  /** References that a vat is told to drop or retire before these tellings come ahead of its messages. */
  collectBatch: 64,
  /** Deliveries that a vat is given before it has ended the first: enough to share a thread's wake-up. */
  deliveriesAheadMax: 32,
  /** Numbers of promises that are taken from the store at once: each commit would else write the next one. */
  promiseBlock: 64,
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

  /** UTF-16 code units of one line that a channel receives. The rest of a longer one is dropped, not gathered. */
  ioLineCharsMax: MiB,
  /** UTF-16 code units, or bytes, that a channel receives before they are asked for; then its sender has to wait. */
  ioAheadCharsMax: 256 * KiB,
  /** Reads of one channel that wait, and as many writes. A vat that calls in a loop must not fill the host's memory. */
  ioCallsMax: 1_000,
  /** UTF-16 code units, or bytes, of all writes that a channel has not got rid of: the other side may take nothing. */
  ioWritesCharsMax: 16 * MiB,
  /** Milliseconds until a server that does not accept a channel's connection is given up. */
  ioConnectTimeoutMs: 10_000,
  /** Milliseconds from one attempt to connect to the next. A vat's loop must not become a flood of connections. */
  ioReconnectMs: 100,
  /** Milliseconds of silence after which a channel asks whether the other side is still there: it holds the one place. */
  ioKeepAliveMs: 60_000,

  /** Bytes of the body of one fetched response, decompressed, and of one request. Each is in memory as a whole. */
  fetchBodyBytesMax: 16 * MiB,
  /** UTF-16 code units of a request's URL, and of all of its headers. Servers take less. */
  fetchHeadCharsMax: 64 * KiB,
  /** Redirects of one fetch: the fetch standard's number. */
  fetchRedirectsMax: 20,
  /** Milliseconds of one fetch with all of its redirects, to the last byte of the body. */
  fetchTimeoutMs: 300_000,
  /** Fetches that one vat may have under way; each holds its whole body in memory, in its worker and in the host. */
  vatAsksMax: 64,

  /** Answers that one client session waits for. */
  sessionCallsMax: 100_000,
  /** UTF-16 code units of the messages of one client session that its kernel has not taken yet: they are kept to be sent again. */
  sessionUnsentCharsMax: 64 * MiB,
  /** Milliseconds until a kernel's worker that has not answered its first message is given up. */
  workerStartTimeoutMs: 30_000,
  /** Milliseconds until a frame for vats that does not say that it is there is given up. */
  sandboxStartMs: 15_000,
  /** Milliseconds that a kernel which owes answers may be silent, pings included, before its worker is given up. */
  kernelSilenceMs: 60_000,
  /** Milliseconds that a kernel's worker waits for the files of one that is on its way out. */
  storeHeldMs: 20_000,
  /** Milliseconds that a tab seeks a kernel of which another tab says that it has it. */
  leaderSilenceMs: 15_000,

  /** Frames that a client session may leave unacknowledged, and UTF-16 code units of their bodies; what it is still to be told waits in the kernel. */
  sessionFramesMax: 1_000,
  sessionFrameCharsMax: 64 * MiB,
  /** Client sessions of one kernel, those that wait to be resumed included. */
  sessionsMax: 1_000,
  /** Objects and promises of its own that one client session may have named. Each is three rows of the store. */
  sessionRefsMax: 1_000_000,
  /** Milliseconds that a session whose client is gone waits to be resumed. */
  sessionGraceMs: 60_000,
  /** Frames that a client may leave unacknowledged, and UTF-16 code units of their bodies. The host holds them until it has taken them. */
  sessionWindowFrames: 1_000,
  sessionWindowChars: 64 * MiB,
  /** Milliseconds between two tellings of the kernel's status to a client. */
  sessionStatusMs: 50,
  /** Peers of which that status tells. */
  statusPeersMax: 256,
  /** Channels within the channel of one client. */
  sessionChannelsMax: 100,

  /** Frames that a peer may leave unacknowledged, and UTF-16 code units of their bodies; more waits in the kernel. */
  peerFramesMax: 256,
  peerFrameCharsMax: 8 * MiB,
  /** Objects and promises of its own that one peer may have named. Each is three rows of the store. */
  peerRefsMax: 100_000,
  /** Objects and promises of this kernel that one peer may have been given and not let go of. Each is three rows, too. */
  peerGivenMax: 100_000,
  /** Peers that a store remembers. One that holds nothing makes room for another. */
  peersMax: 10_000,
  /** Messages that wait for one peer. Each is a row of the store. */
  peerQueueMax: 10_000,
  /** UTF-16 code units of all that waits for one peer: calls to it, and answers to its own. It stands in the store. */
  peerQueueCharsMax: 64 * MiB,
  /** Milliseconds that a call waits for a peer that is away. */
  peerTimeoutMs: 60_000,
  /** Milliseconds between two tellings of one peer that what it has read has changed. */
  peerChangedMs: 20,
  /** Bytes of one frame between kernels: a message of the largest size, as UTF-8. */
  peerMessageBytesMax: 128 * MiB,
  /** Milliseconds after which a link whose other side acknowledges nothing is given up. */
  peerAckMs: 10_000,
  /** Milliseconds before the first new attempt to reach a peer, and before any: they double in between. */
  peerRetryMs: 500,
  peerRetryMaxMs: 10_000,
  /** Relays that one ocap URL names, and that a kernel remembers. */
  urlHintsMax: 3,
  relaysKnownMax: 20,

  /** Ocap URLs that are issued and neither revoked nor out of date. Each is a row, and holds an object. */
  ocapUrlsMax: 100_000,
  /** Rounds of the hash that makes a key of an identity's passphrase: about 0.3 s for each guess. */
  passphraseRounds: 600_000,

  /** Bytes of one frame between kernels. Strangers' relays give a connection 128 KiB in all, and a frame must get through it. */
  linkFrameBytesMax: 64 * KiB,
  /** Links to other kernels at the same time. Each is a socket and some buffers. */
  linksMax: 100,
  /** Links that one peer may try to open in a minute, and that may be dialled to it. */
  linkAttemptsPerMinute: 60,
  /** Frames that are taken from one peer in a second; beyond it the peer waits. */
  linkFramesPerSecond: 20_000,
  /** Bytes that a link holds of what it cannot send yet. Who sends is told to wait long before. */
  linkBufferBytesMax: 16 * MiB,
  /** Bytes that a peer may send ahead on one stream. With 50 ms there and back it is 80 MB a second. */
  linkWindowBytes: 4 * MiB,
  /** Milliseconds until a dial with all of its addresses is given up, and until a peer that connects must have opened its link. */
  linkHandshakeMs: 10_000,
  /** Milliseconds that a link may take nothing of what it was sent. */
  linkWriteTimeoutMs: 10_000,
  /** Milliseconds that a link may be silent, though it is asked meanwhile. */
  linkSilenceMs: 30_000,
  /** The same when this computer was asleep or its network has changed: most links are dead then. */
  linkProbeMs: 5_000,
  /** Milliseconds that one address has a lead before the next one is dialled beside it. */
  dialLeadMs: 500,
  /** Addresses at which one peer is dialled. They come from URLs that anybody may write. */
  dialAddressesMax: 16,
  /** Connections of one peer, of which its link uses one. */
  peerConnectionsMax: 4,
  /** New connections from one host in a second. Many kernels may be behind one address. */
  hostConnectionsPerSecond: 50,
  /** Milliseconds until what is known about peers that have gone is removed, and how long they must be gone. */
  peerCleanupMs: 15 * 60_000,
  peerStaleMs: 60 * 60_000,
  /** Milliseconds until a relay that was lost is tried again, doubled with each failure up to the second, by chance fewer. */
  relayRetryMs: 500,
  relayRetryMaxMs: 30_000,

  /** Messages that a message log remembers. Each is some hundred bytes in memory. */
  loggedMessagesMax: 1_000,
  /** UTF-16 code units of the arguments, and of the result, of one message in the log. */
  previewCharsMax: 300,
  /** Milliseconds for which nobody has asked for the message log before it ends and is forgotten. */
  messageLogIdleMs: 10_000,
  /** Milliseconds for which `awaitActivity` waits at most: less than half of what the message log lives. */
  activityWaitMs: 4_000,
  /** Rows that a query of the store gives to a client, and UTF-16 code units of one text in them. */
  queryRowsMax: 1_000,
  /** Milliseconds that a statement of `executeQuery` may take: the kernel stands still meanwhile. */
  storeQueryMs: 10_000,
  /** Rows that it may give: all of them are in memory at once. */
  storeQueryRowsMax: 1_000_000,
  queryTextCharsMax: 10_000,
  /** Objects that one page of the object registry has. */
  objectsPageMax: 200,
  /** Kernels that may be reached over one relay, and its connections: those of kernels that only dial come on top. */
  relayReservationsMax: 5_000,
  relayConnectionsMax: 10_000,
  /** Milliseconds of a reservation at a relay. It ends with its connection in any case. */
  relayReservationMs: 60 * 60_000,
  /** Circuits over one relay at the same time, and those of one kernel. */
  relayCircuitsMax: 10_000,
  relayCircuitsPerPeerMax: 128,
  /** Bytes of one circuit, both ways together, and milliseconds that it lasts: a relay is no tunnel for whatever people like. */
  relayCircuitBytesMax: 1024 * MiB,
  relayCircuitMs: 24 * 60 * 60_000,
  /** Bytes that a kernel may send ahead on one circuit: a relay may hold twice as many for each. */
  relayWindowBytes: MiB,

  /** Parsed bundles that a host keeps in memory; the others are read from the store when a vat starts. */
  parsedBundlesMax: 16,
  /** Answers that one commit lets go at most: enough to share its cost, few enough to keep each waiting briefly. */
  commitOutputsMax: 64,
  /** Milliseconds that an answer waits for others to share its commit. */
  commitDelayMs: 2,
  /** The same once commits wait for the disk, because peers are told of them: as long as the last one took, and no longer than this. */
  commitSyncDelayMs: 50,
  /** Rows of one commit, after which it no longer waits: a commit blocks its host for about 2 µs a row. */
  commitRowsMax: 20_000,
} as const;

/** The names of {@link limits} with other numbers: what a kernel's `limits` option may set. */
export type Limits = { readonly [Name in keyof typeof limits]: number };
