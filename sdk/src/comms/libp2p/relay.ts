/**
 * A relay: kernels that nobody can dial hold a reservation with it, and others reach them over it. It carries what is
 * encrypted from kernel to kernel, and can neither read nor change it.
 */
import { circuitRelayServer } from '@libp2p/circuit-relay-v2';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { identify } from '@libp2p/identify';
import type { ConnectionGater, Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { listeningWebSockets } from './listening-web-sockets.js';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { limits } from '../../limits.js';
import type { PeerId } from '../transport.js';
import { insistListenAddress, parseAddress } from './addresses.js';
import { inOneWrite, sparingOfWindowUpdates } from './fewer-writes.js';

export type RelayLimits = {
  /** Kernels that may be reached over this relay at the same time. */
  reservationsMax: number;
  /** Milliseconds of a reservation, which kernels renew in time. */
  reservationMs: number;
  /** Circuits at the same time, of all kernels, and of one. */
  circuitsMax: number;
  circuitsPerPeerMax: number;
  /** Bytes of one circuit, both ways together, and milliseconds that it lasts. Kernels make another one after it. */
  circuitBytesMax: number;
  circuitMs: number;
  connectionsMax: number;
  /** New connections from one host in a second. */
  hostConnectionsPerSecond: number;
};

export type RelaySettings = {
  /** 32 bytes: the seed of the relay's own ed25519 key. */
  keySeed: Uint8Array;
  /** Multiaddrs to listen at. */
  listen: readonly string[];
  /** Multiaddrs by which others reach it, in place of those that it listens at: behind a proxy or a translated address. */
  announce: readonly string[];
  limits: RelayLimits;
  /** May this kernel hold a reservation, and open circuits? */
  isAllowed: (peerId: PeerId) => boolean;
};

/** What a relay does, as plain data. Counts are since its start. */
export type RelayInfo = {
  peerId: PeerId;
  /** Each with the peer id: what kernels take as `relays`. */
  addresses: string[];
  /** ISO 8601. */
  since: string;
  connections: number;
  reservations: number;
  circuits: number;
  circuitsOpened: number;
  circuitsRefused: number;
  bytesRelayed: number;
  limits: RelayLimits;
};

export type RelayNode = {
  info: () => RelayInfo;
  /** Closes every circuit, connection and listener. Always resolves. */
  stop: () => Promise<void>;
};

const keySeedBytes = 32;
const uint32Max = 2 ** 32 - 1;
const stopMs = 2_000;

type Server = ReturnType<ReturnType<typeof circuitRelayServer>>;

type Hop = { stream: { unwrap: () => Stream } };

/** What of version 4.2.13 is used beside its types: how a circuit begins, and its second half. */
type Inner = Server & {
  handleHopProtocol: (hop: Hop, options: object) => Promise<void>;
  stopHop: (stop: unknown, options: object) => Promise<Stream | undefined>;
};

export function checkRelayLimits(given: Partial<RelayLimits> = {}): RelayLimits {
  const checked: RelayLimits = {
    reservationsMax: limits.relayReservationsMax,
    reservationMs: limits.relayReservationMs,
    circuitsMax: limits.relayCircuitsMax,
    circuitsPerPeerMax: limits.relayCircuitsPerPeerMax,
    circuitBytesMax: limits.relayCircuitBytesMax,
    circuitMs: limits.relayCircuitMs,
    connectionsMax: limits.relayConnectionsMax,
    hostConnectionsPerSecond: limits.hostConnectionsPerSecond,
  };
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(checked, name)) {
      const known = Object.keys(checked).join(', ');
      throw new TypeError(`Unknown limit of a relay '${name}': it is one of ${known}`);
    }
    if (value === undefined) continue;
    const max = name === 'circuitBytesMax' ? Number.MAX_SAFE_INTEGER : uint32Max;
    if (!Number.isInteger(value) || value < 1 || value > max) {
      throw new TypeError(`Invalid ${name}: found ${value}, want an integer from 1 to ${max}`);
    }
    checked[name as keyof RelayLimits] = value;
  }
  return checked;
}

/** @throws TypeError for settings that cannot be used; Error where an address cannot be listened at. */
export async function startRelayNode(settings: RelaySettings): Promise<RelayNode> {
  const { keySeed, limits: bounds, isAllowed } = settings;
  if (keySeed.length !== keySeedBytes) {
    throw new TypeError(`Invalid keySeed: found ${keySeed.length} bytes, want ${keySeedBytes}`);
  }
  const listen = settings.listen.map(insistListenAddress);
  const announce = settings.announce.map((text) => parseAddress('announce', text).toString());
  const counts = { circuits: 0, circuitsOpened: 0, circuitsRefused: 0, bytesRelayed: 0 };
  const since = new Date().toISOString();

  const gater: ConnectionGater = {
    denyInboundRelayReservation: (peerId) => !isAllowed(peerId.toString()),
    denyOutboundRelayedConnection: (source) => {
      const isDenied = counts.circuits >= bounds.circuitsMax || !isAllowed(source.toString());
      if (isDenied) counts.circuitsRefused += 1;
      return isDenied;
    },
  };

  const makeServer = circuitRelayServer({
    hopTimeout: limits.linkHandshakeMs,
    maxInboundHopStreams: bounds.circuitsPerPeerMax,
    maxOutboundStopStreams: bounds.circuitsPerPeerMax,
    reservations: {
      maxReservations: bounds.reservationsMax,
      reservationTtl: bounds.reservationMs,
      defaultDataLimit: BigInt(bounds.circuitBytesMax),
      defaultDurationLimit: bounds.circuitMs,
    },
  });

  const count = (source: Stream, target: Stream): void => {
    counts.circuits += 1;
    counts.circuitsOpened += 1;
    target.addEventListener('close', () => {
      counts.circuits -= 1;
    });
    const onBytes = (bytes: number): void => {
      counts.bytesRelayed += bytes;
    };
    holdBack(sparingOfWindowUpdates(source), target, onBytes);
    holdBack(sparingOfWindowUpdates(target), source, onBytes);
  };

  const countedServer: typeof makeServer = (components) => {
    const server = makeServer(components) as Inner;
    const handleHopProtocol = server.handleHopProtocol.bind(server);
    const stopHop = server.stopHop.bind(server);
    // By the options of a hop, which are those of its stop and of no other. Async context would tell it too, and make every
    // promise of the process dearer.
    const targets = new WeakMap<object, Stream>();
    server.handleHopProtocol = ({ stream, ...hop }, options) => {
      // The server unwraps the source when it joins the two.
      const unwrap = (): Stream => {
        const source = stream.unwrap();
        const target = targets.get(options);
        if (target !== undefined) count(source, target);
        return source;
      };
      return handleHopProtocol({ ...hop, stream: { ...stream, unwrap } }, options);
    };
    server.stopHop = async (stop, options) => {
      const target = await stopHop(stop, options);
      if (target !== undefined) targets.set(options, target);
      return target;
    };
    return server;
  };

  const node = await createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', keySeed),
    nodeInfo: { name: 'vatkit-relay', version: '1', userAgent: 'vatkit-relay/1' },
    addresses: { listen, announce },
    transports: [tcp(), listeningWebSockets()],
    connectionEncrypters: [inOneWrite(noise())],
    streamMuxers: [
      yamux({
        streamOptions: {
          maxStreamWindowSize: limits.relayWindowBytes,
          // A stream that is held back keeps what its window let through.
          maxReadBufferLength: 2 * limits.relayWindowBytes,
        },
      }),
    ],
    connectionGater: gater,
    connectionManager: {
      maxConnections: bounds.connectionsMax,
      maxIncomingPendingConnections: bounds.connectionsMax,
      inboundConnectionThreshold: bounds.hostConnectionsPerSecond,
      reconnectRetries: 0,
    },
    connectionMonitor: {
      pingInterval: limits.linkSilenceMs,
      pingTimeout: { minTimeout: limits.linkSilenceMs },
    },
    services: { identify: identify(), relay: countedServer },
    start: false,
  });
  node.addEventListener('connection:open', ({ detail: { remotePeer } }) => {
    const siblings = node.getConnections(remotePeer);
    if (siblings.length > limits.peerConnectionsMax) siblings[0]?.abort(new Error('too many'));
  });
  node.addEventListener('peer:disconnect', ({ detail }) => {
    void node.peerStore.delete(detail).catch(() => undefined);
  });
  await node.start();

  return {
    info: () => ({
      peerId: node.peerId.toString(),
      addresses: node.getMultiaddrs().map(String),
      since,
      connections: node.getConnections().length,
      reservations: node.services.relay.reservations.size,
      ...counts,
      limits: bounds,
    }),
    stop: () =>
      new Promise((done) => {
        const timer = setTimeout(done, stopMs);
        void Promise.resolve(node.stop())
          .catch(() => undefined)
          .then(() => {
            clearTimeout(timer);
            done();
          });
      }),
  };
}

/**
 * Reads no more from one stream while the other one is full: libp2p would hold in memory whatever a fast kernel sends to one
 * that does not read.
 */
function holdBack(from: Stream, to: Stream, onBytes: (bytes: number) => void): void {
  const send = to.send.bind(to);
  to.send = (data) => {
    onBytes(data.byteLength);
    const hasRoom = send(data);
    if (!hasRoom && from.readStatus === 'readable') from.pause();
    return hasRoom;
  };
  to.addEventListener('drain', () => {
    queueMicrotask(() => {
      if (!to.writableNeedsDrain && from.readStatus === 'paused') from.resume();
    });
  });
}
