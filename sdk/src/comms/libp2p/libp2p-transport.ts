/** Links between kernels over libp2p. The platform gives what differs: the transports, and news of its network. */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { identify } from '@libp2p/identify';
import type { Connection, ConnectionGater, Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { peerIdFromString } from '@libp2p/peer-id';
import { yamux } from '@libp2p/yamux';
import type { Multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2pOptions } from 'libp2p';
import { limits } from '../../limits.js';
import type {
  PeerId,
  StartTransport,
  Transport,
  TransportEvents,
  TransportOptions,
} from '../transport.js';
import {
  addressesOf,
  insistListenAddress,
  objectionToDial,
  parseAddress,
  plainWsHosts,
  ranked,
  relayIdOf,
} from './addresses.js';
import { makeCircuit } from './circuit.js';
import { inOneWrite, sparingOfWindowUpdates } from './fewer-writes.js';
import { openFrameStream, type FrameStream } from './frame-stream.js';
import { makeMeetings } from './meetings.js';
import { openFirst, type Try } from './open-first.js';
import { makeReservations } from './reservations.js';

export const protocol = '/vatkit/1';
/** Streams that keep a connection in use though it carries no link of its own: circuits over it. */
const circuitProtocol = /^\/libp2p\/circuit\/relay\//;

export type Libp2pPlatform = {
  transports: NonNullable<Libp2pOptions['transports']>;
  canListen: boolean;
  /** Calls when the computer has a network again, and gives what ends that. */
  onOnline: (listener: () => void) => () => void;
};

const keySeedBytes = 32;
const tickMs = 5_000;
/** A tick that is so late comes after sleep. */
const sleptMs = 15_000;
const stopMs = 2_000;

type Parts = {
  transportManager: {
    dial: (address: Multiaddr, options: { signal: AbortSignal }) => Promise<Connection>;
  };
};

type Numbers = {
  [
    Name in keyof TransportOptions as TransportOptions[Name] extends number | undefined
      ? Name
      : never
  ]-?: number;
};

const defaults: Numbers = {
  maxConcurrentConnections: limits.linksMax,
  maxConnectionAttemptsPerMinute: limits.linkAttemptsPerMinute,
  maxMessagesPerSecond: limits.linkFramesPerSecond,
  frameBytesMax: limits.linkFrameBytesMax,
  handshakeTimeoutMs: limits.linkHandshakeMs,
  writeTimeoutMs: limits.linkWriteTimeoutMs,
  streamInactivityTimeoutMs: limits.linkSilenceMs,
  cleanupIntervalMs: limits.peerCleanupMs,
  stalePeerTimeoutMs: limits.peerStaleMs,
  reconnectionBaseDelayMs: limits.relayRetryMs,
  reconnectionMaxDelayMs: limits.relayRetryMaxMs,
};

const atLeast: Partial<Numbers> = { streamInactivityTimeoutMs: 5_000, frameBytesMax: 1_024 };
/** The length of a frame has three bytes, and a timer takes no more. */
const atMost: Partial<Numbers> = { frameBytesMax: 2 ** 24 - 1 };
const timerMax = 2 ** 31 - 1;

function numbersOf(options: TransportOptions): Numbers {
  const numbers = { ...defaults };
  for (const name of Object.keys(defaults) as (keyof Numbers)[]) {
    const value: unknown = options[name];
    if (value === undefined) continue;
    const [min, max] = [atLeast[name] ?? 1, atMost[name] ?? timerMax];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      const found = typeof value === 'number' ? value : typeof value;
      throw new TypeError(`Invalid ${name}: found ${found}, want an integer from ${min} to ${max}`);
    }
    numbers[name] = value;
  }
  return numbers;
}

export const makeStartTransport =
  (platform: Libp2pPlatform): StartTransport =>
  async (options, events) => {
    if (options.keySeed.length !== keySeedBytes) {
      throw new TypeError(
        `Invalid keySeed: found ${options.keySeed.length} bytes, want ${keySeedBytes}`,
      );
    }
    const listen = options.directListenAddresses ?? [];
    if (listen.length > 0 && !platform.canListen) {
      throw new TypeError('directListenAddresses cannot be used in a browser: give it relays');
    }
    return startTransport(platform, {
      ...numbersOf(options),
      keySeed: options.keySeed,
      listen: listen.map(insistListenAddress),
      relays: (options.relays ?? []).map((relay) => parseAddress('relay', relay)),
      wsHosts: options.allowedWsHosts ?? [],
      isAllowed: options.isAllowed ?? (() => true),
      events,
    });
  };

type Settings = Numbers & {
  keySeed: Uint8Array;
  listen: string[];
  relays: Multiaddr[];
  wsHosts: readonly string[];
  isAllowed: (peerId: PeerId) => boolean;
  events: TransportEvents;
};

async function startTransport(platform: Libp2pPlatform, settings: Settings): Promise<Transport> {
  const { relays, events, handshakeTimeoutMs } = settings;
  const wsHosts = plainWsHosts(settings.wsHosts, relays);
  const relayIds = new Set(relays.flatMap((relay) => relayIdOf(relay) ?? []));
  const isRelay = (peerId: PeerId): boolean => relayIds.has(peerId);

  const gater: ConnectionGater = {
    denyDialMultiaddr: (address) => objectionToDial(address, wsHosts) !== undefined,
    denyInboundEncryptedConnection: (peerId) => {
      const id = peerId.toString();
      return !isRelay(id) && !settings.isAllowed(id);
    },
    denyInboundRelayedConnection: (_relay, peerId) => !settings.isAllowed(peerId.toString()),
  };

  const circuit = makeCircuit(handshakeTimeoutMs, () => reservations.check(isHeld));
  const isHeld = (relay: PeerId): boolean => circuit.has(peerIdFromString(relay));
  const node = await createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', settings.keySeed),
    nodeInfo: { name: 'vatkit', version: '1', userAgent: 'vatkit/1' },
    addresses: { listen: settings.listen },
    transports: [...platform.transports, circuit.transport],
    connectionEncrypters: [inOneWrite(noise())],
    streamMuxers: [
      yamux({
        streamOptions: {
          maxStreamWindowSize: limits.linkWindowBytes,
          // A stream that is paused holds what its window let through.
          maxReadBufferLength: 2 * limits.linkWindowBytes,
        },
      }),
    ],
    connectionGater: gater,
    connectionManager: {
      // Links are counted elsewhere; connections come before them, and relays have theirs.
      maxConnections: 2 * settings.maxConcurrentConnections + relays.length,
      maxIncomingPendingConnections: settings.maxConcurrentConnections,
      inboundConnectionThreshold: limits.hostConnectionsPerSecond,
      dialTimeout: handshakeTimeoutMs,
      addressDialTimeout: handshakeTimeoutMs,
      reconnectRetries: 0,
    },
    connectionMonitor: {
      pingInterval: settings.streamInactivityTimeoutMs,
      pingTimeout: { minTimeout: settings.streamInactivityTimeoutMs },
    },
    services: {
      identify: identify(),
      /** Dials one address, without libp2p's queue, which would take them one after the other. */
      addresses: (parts: Parts) => ({
        dial: (address: Multiaddr, signal: AbortSignal) =>
          parts.transportManager.dial(address, { signal }),
      }),
    },
    start: false,
  });
  const ownId = node.peerId.toString();

  const meetings = makeMeetings({
    ownId,
    isAllowed: settings.isAllowed,
    linksMax: settings.maxConcurrentConnections,
    attemptsPerMinute: settings.maxConnectionAttemptsPerMinute,
    handshakeMs: handshakeTimeoutMs,
    framesPerSecond: settings.maxMessagesPerSecond,
    frameBytesMax: settings.frameBytesMax,
    silenceMs: settings.streamInactivityTimeoutMs,
    onLink: events.onLink,
  });

  const isInUse = (connection: Connection): boolean =>
    isRelay(connection.remotePeer.toString()) ||
    connection.streams.some(
      (stream) => stream.protocol === protocol || circuitProtocol.test(stream.protocol),
    );

  const drop = (connection: Connection, why: string): void => {
    const abort = (): void => connection.abort(new Error(why));
    connection.close({ signal: AbortSignal.timeout(stopMs) }).catch(abort);
  };

  const framesOver = (stream: Stream, connection: Connection): FrameStream => {
    stream.addEventListener('close', () => {
      if (!isInUse(connection)) drop(connection, 'its link has ended');
    });
    return openFrameStream(sparingOfWindowUpdates(stream), settings);
  };

  await node.handle(
    protocol,
    (stream, connection) =>
      meetings.answer(connection.remotePeer.toString(), framesOver(stream, connection)),
    {
      maxInboundStreams: limits.peerConnectionsMax,
      maxOutboundStreams: limits.peerConnectionsMax,
      runOnLimitedConnection: true,
    },
  );

  node.addEventListener('connection:open', ({ detail: connection }) => {
    const siblings = node.getConnections(connection.remotePeer);
    if (siblings.length <= limits.peerConnectionsMax) return;
    const spare = siblings.find((sibling) => !isInUse(sibling)) ?? siblings[0];
    if (spare !== undefined) drop(spare, 'the peer has too many connections');
  });
  node.addEventListener('peer:disconnect', ({ detail: peerId }) => {
    // Its addresses, which libp2p would keep for a stranger as well. None of them is used: hints are.
    if (!isRelay(peerId.toString())) void node.peerStore.delete(peerId).catch(() => undefined);
  });

  await node.start();

  const reservations = makeReservations({
    relays,
    baseDelayMs: settings.reconnectionBaseDelayMs,
    maxDelayMs: settings.reconnectionMaxDelayMs,
    onChange: events.onAddresses,
    reserve: async (relay) => {
      const why = objectionToDial(relay, wsHosts);
      if (why !== undefined) throw new Error(why);
      const signal = AbortSignal.timeout(handshakeTimeoutMs);
      const { remotePeer } = await node.dial(relay, { signal });
      relayIds.add(remotePeer.toString());
      await circuit.reserve(remotePeer);
      return remotePeer.toString();
    },
  });

  const openOn = async (connection: Connection, signal: AbortSignal): Promise<FrameStream> => {
    const stream = await connection.newStream(protocol, { signal, runOnLimitedConnection: true });
    return framesOver(stream, connection);
  };

  const open = (
    peerId: PeerId,
    hints: readonly string[],
    signal: AbortSignal,
  ): Promise<FrameStream> => {
    const tries: Try<FrameStream>[] = [];
    for (const connection of node.getConnections(peerIdFromString(peerId))) {
      if (connection.status !== 'open') continue;
      tries.push({
        name: 'its open connection',
        run: (ended) => openOn(connection, ended),
      });
    }
    for (const address of addressesOf(peerId, hints, reservations.known())) {
      tries.push({
        name: address.toString(),
        run: async (ended) => {
          const why = objectionToDial(address, wsHosts);
          if (why !== undefined) throw new Error(why);
          const connection = await node.services.addresses.dial(address, ended);
          if (ended.aborted) drop(connection, 'another address was faster');
          return openOn(connection, ended);
        },
      });
    }
    return openFirst(tries, limits.dialLeadMs, signal, (late) =>
      late.end('close', new Uint8Array(), 'another address was faster'),
    );
  };

  const awake = (): void => {
    for (const link of meetings.links()) link.probe();
    reservations.wake();
    events.onAwake();
  };

  let lastTick = Date.now();
  const ticks = setInterval(() => {
    const now = Date.now();
    const wasAsleep = now - lastTick > sleptMs;
    lastTick = now;
    reservations.check(isHeld);
    for (const connection of node.getConnections()) {
      const isLate = now - connection.timeline.open > handshakeTimeoutMs;
      if (isLate && !isInUse(connection)) drop(connection, 'it carries no link');
    }
    if (wasAsleep) awake();
  }, tickMs);
  const cleanup = setInterval(
    () => meetings.forget(settings.stalePeerTimeoutMs),
    settings.cleanupIntervalMs,
  );
  const ignoreOnline = platform.onOnline(awake);

  return {
    peerId: ownId,
    addresses: () => ranked(node.getMultiaddrs(), reservations.addresses()),
    relays: reservations.statuses,
    dial: (peerId, hints, linkEvents, signal) =>
      meetings.dial(peerId, (ended) => open(peerId, hints, ended), linkEvents, signal),
    stop: async () => {
      clearInterval(ticks);
      clearInterval(cleanup);
      ignoreOnline();
      reservations.stop();
      meetings.stop('this kernel has stopped its remote communication');
      await new Promise<void>((done) => {
        const timer = setTimeout(done, stopMs);
        void Promise.resolve(node.stop())
          .catch(() => undefined)
          .then(() => {
            clearTimeout(timer);
            done();
          });
      });
    },
  };
}
