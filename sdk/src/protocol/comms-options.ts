/** What `initRemoteComms` takes, on every host, and its check. One table: who adds an option adds it everywhere. */
import { limits } from '../limits.js';
import { listOf, makeStruct, object, text, type Shape, type Struct } from './schema.js';

/**
 * How a kernel reaches others and is reached. All may be left out; the defaults of numbers stand in LIMITS.md. An address
 * is a multiaddr: `/dns4/relay.example/tcp/443/wss/p2p/12D3KooW…`.
 */
export type RemoteCommsOptions = {
  /** Relays, by addresses that end with the relay's `/p2p/` id: through them kernels behind routers are reached. */
  relays?: string[];
  /** Hosts to which an unencrypted `ws://` may be opened, besides relays given so, and hosts of a private network. */
  allowedWsHosts?: string[];
  /** Node only: addresses to listen at, `/ip4/0.0.0.0/tcp/4001` or `/ip4/0.0.0.0/tcp/4002/ws`. */
  directListenAddresses?: string[];
  /** Peers that may connect and be connected to, and nobody else. */
  allowedPeers?: string[];
  /** Peers that may not. */
  deniedPeers?: string[];
  /** A BIP39 phrase for this kernel's identity, in place of that of `Kernel.make`. */
  mnemonic?: string;
  /** Attempts to reach a peer again, after which it is given up until something is sent to it. 0: no end. */
  maxRetryAttempts?: number;
  /** Messages that may wait for one peer; then senders wait, or hear QUEUE_FULL. */
  maxQueue?: number;
  /** Links at the same time. */
  maxConcurrentConnections?: number;
  /** Bytes of one message between kernels. */
  maxMessageSizeBytes?: number;
  /** Messages that are taken from one peer in a second; it has to wait with more. 0: as many as are served. */
  maxMessagesPerSecond?: number;
  /** Links that one peer may open in a minute. */
  maxConnectionAttemptsPerMinute?: number;
  /** Milliseconds to the first new attempt to reach a peer; they double with each, and vary at random. */
  reconnectionBaseDelayMs?: number;
  reconnectionMaxDelayMs?: number;
  handshakeTimeoutMs?: number;
  writeTimeoutMs?: number;
  /** Milliseconds after which a link that acknowledges nothing is given up. */
  ackTimeoutMs?: number;
  /** Milliseconds of silence after which a link is given up, from 5,000. */
  streamInactivityTimeoutMs?: number;
  /** Milliseconds from one forgetting of peers that are long gone to the next, and how long is long. */
  cleanupIntervalMs?: number;
  stalePeerTimeoutMs?: number;
  /** Milliseconds that a call waits for a peer that is away. */
  peerTimeoutMs?: number;
  /** Relays and addresses that an ocap URL names. */
  maxUrlRelayHints?: number;
  /** Of `relays`, so many are used: the first ones. */
  maxKnownRelays?: number;
};

/** The options that are numbers, and the least that each may be. */
export const commsNumbers = {
  maxRetryAttempts: 0,
  maxQueue: 1,
  maxConcurrentConnections: 1,
  maxMessageSizeBytes: 1024,
  maxMessagesPerSecond: 0,
  maxConnectionAttemptsPerMinute: 1,
  reconnectionBaseDelayMs: 1,
  reconnectionMaxDelayMs: 1,
  handshakeTimeoutMs: 1,
  writeTimeoutMs: 1,
  ackTimeoutMs: 1,
  streamInactivityTimeoutMs: 5_000,
  cleanupIntervalMs: 1,
  stalePeerTimeoutMs: 1,
  peerTimeoutMs: 1,
  maxUrlRelayHints: 1,
  maxKnownRelays: 1,
} as const satisfies { [Name in keyof RemoteCommsOptions]: number };

/** What a timer takes: 24 days. */
const timerMax = 2 ** 31 - 1;

/** The most that an option may be: the clock's, and not timers', have no bound. */
export const mostOf = (name: keyof typeof commsNumbers): number =>
  name.endsWith('Ms') && name !== 'peerTimeoutMs' && name !== 'ackTimeoutMs'
    ? timerMax
    : Number.MAX_SAFE_INTEGER;

/** The options that are lists of text. */
export const commsLists = [
  'relays',
  'allowedWsHosts',
  'directListenAddresses',
  'allowedPeers',
  'deniedPeers',
] as const satisfies readonly (keyof RemoteCommsOptions)[];

export type CommsNumber = keyof typeof commsNumbers;
export type CommsList = (typeof commsLists)[number];

const wholeFrom =
  (least: number, most: number): Shape<number> =>
  (value, path, report) => {
    if (!Number.isSafeInteger(value) || (value as number) < least) {
      const wanted =
        least === 0 ? 'needs a non-negative integer' : `must be a positive integer, from ${least}`;
      return report(path, `${wanted}; found ${String(value)}`);
    }
    return (value as number) <= most
      ? (value as number)
      : report(path, `must be at most ${most}; found ${String(value)}`);
  };

const peerIdText = text('a peer id like "12D3KooW…"', 100);
const address = text('a multiaddr like "/dns4/relay.example/tcp/443/wss/p2p/12D3KooW…"');

const numberShapes = Object.fromEntries(
  Object.entries(commsNumbers).map(([name, least]) => [
    name,
    wholeFrom(least, mostOf(name as CommsNumber)),
  ]),
) as { [Name in CommsNumber]: Shape<number> };

/** @throws KernelError BAD_CONFIG that names each option that there is not, or that has a value that it cannot have. */
export const RemoteCommsOptionsStruct: Struct<RemoteCommsOptions> = makeStruct(
  'invalid options of remote comms',
  object<RemoteCommsOptions>({
    relays: listOf(address),
    allowedWsHosts: listOf(text('a host name', limits.configNameCharsMax * 3)),
    directListenAddresses: listOf(address),
    allowedPeers: listOf(peerIdText),
    deniedPeers: listOf(peerIdText),
    mnemonic: text('a BIP39 phrase', 1000),
    ...numberShapes,
  }),
);
