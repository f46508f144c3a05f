/** The options of remote comms as peers are held to them, with defaults where nothing was said. */
import { limits } from '../../limits.js';
import type { RemoteCommsOptions } from '../../protocol/comms-options.js';

export type PeerSettings = Required<
  Pick<
    RemoteCommsOptions,
    | 'maxRetryAttempts'
    | 'maxQueue'
    | 'maxMessageSizeBytes'
    | 'reconnectionBaseDelayMs'
    | 'reconnectionMaxDelayMs'
    | 'handshakeTimeoutMs'
    | 'ackTimeoutMs'
    | 'cleanupIntervalMs'
    | 'stalePeerTimeoutMs'
    | 'peerTimeoutMs'
    | 'maxUrlRelayHints'
    | 'maxKnownRelays'
  >
> &
  RemoteCommsOptions;

export function withDefaults(given: RemoteCommsOptions): PeerSettings {
  return {
    ...given,
    maxRetryAttempts: given.maxRetryAttempts ?? 0,
    maxQueue: given.maxQueue ?? limits.peerQueueMax,
    maxMessageSizeBytes: given.maxMessageSizeBytes ?? limits.peerMessageBytesMax,
    reconnectionBaseDelayMs: given.reconnectionBaseDelayMs ?? limits.peerRetryMs,
    reconnectionMaxDelayMs: given.reconnectionMaxDelayMs ?? limits.peerRetryMaxMs,
    handshakeTimeoutMs: given.handshakeTimeoutMs ?? limits.linkHandshakeMs,
    ackTimeoutMs: given.ackTimeoutMs ?? limits.peerAckMs,
    cleanupIntervalMs: given.cleanupIntervalMs ?? limits.peerCleanupMs,
    stalePeerTimeoutMs: given.stalePeerTimeoutMs ?? limits.peerStaleMs,
    peerTimeoutMs: given.peerTimeoutMs ?? limits.peerTimeoutMs,
    maxUrlRelayHints: given.maxUrlRelayHints ?? limits.urlHintsMax,
    maxKnownRelays: given.maxKnownRelays ?? limits.relaysKnownMax,
  };
}
