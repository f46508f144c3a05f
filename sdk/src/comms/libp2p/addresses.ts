/** Multiaddrs: what is dialled to reach a peer, what may be dialled and listened at, and what is told to others. */
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr';
import { limits } from '../../limits.js';
import type { PeerId } from '../transport.js';

/** Longer than any real one, relay and peer included. */
const addressCharsMax = 500;

/** @throws TypeError that names `what`. */
export function parseAddress(what: string, text: unknown): Multiaddr {
  if (typeof text !== 'string') {
    throw new TypeError(`Invalid ${what}: found ${typeof text} in place of a multiaddr`);
  }
  if (text.length > addressCharsMax) {
    throw new TypeError(`Invalid ${what}: a multiaddr has at most ${addressCharsMax} characters`);
  }
  try {
    return multiaddr(text);
  } catch (thrown) {
    throw new TypeError(`Invalid ${what} '${text}': ${(thrown as Error).message}`, {
      cause: thrown,
    });
  }
}

const lastPeerOf = (address: Multiaddr): string | undefined =>
  address.getComponents().findLast(({ name }) => name === 'p2p')?.value;

const isRelayed = (address: Multiaddr): boolean =>
  address.getComponents().some(({ name }) => name === 'p2p-circuit');

export const withPeer = (address: Multiaddr, peerId: PeerId): Multiaddr =>
  lastPeerOf(address) === peerId ? address : address.encapsulate(`/p2p/${peerId}`);

/** The id of the relay in its address, if that tells it. */
export const relayIdOf = (address: Multiaddr): PeerId | undefined => lastPeerOf(address);

/** The peer by way of this relay, whose address tells its id. */
const over = (relay: Multiaddr, peerId: PeerId): Multiaddr =>
  relay.encapsulate(`/p2p-circuit/p2p/${peerId}`);

/**
 * The addresses at which a peer is dialled: first those that lead to it directly, then those over relays, each once.
 * A hint that cannot be read is left out, since others wrote it.
 *
 * @param hints - addresses of the peer, with its id, without any or over a relay; or of relays, with their id.
 * @param relays - those that this kernel uses itself: the peer may use the same.
 */
export function addressesOf(
  peerId: PeerId,
  hints: readonly string[],
  relays: readonly Multiaddr[],
): Multiaddr[] {
  const direct: Multiaddr[] = [];
  const relayed: Multiaddr[] = [];
  for (const hint of hints) {
    let address;
    try {
      address = parseAddress('hint', hint);
    } catch {
      continue;
    }
    const last = lastPeerOf(address);
    if (isRelayed(address)) {
      const target = address.toString().split('/p2p-circuit')[1];
      if (target === '' || target === `/p2p/${peerId}`) relayed.push(withPeer(address, peerId));
    } else if (last === undefined || last === peerId) {
      direct.push(withPeer(address, peerId));
    } else {
      relayed.push(over(address, peerId));
    }
  }
  for (const relay of relays) {
    if (relayIdOf(relay) !== peerId) relayed.push(over(relay, peerId));
  }
  const seen = new Map([...direct, ...relayed].map((address) => [address.toString(), address]));
  return [...seen.values()].slice(0, limits.dialAddressesMax);
}

type Host = { host: string; isPlainWs: boolean };

function hostOf(address: Multiaddr): Host | undefined {
  const [first] = address.getComponents();
  if (first?.value === undefined || !/^(?:ip[46]|dns[46]?|dnsaddr)$/.test(first.name)) {
    return undefined;
  }
  // Only as far as the connection itself goes: behind a relay all is within it.
  const [outer = ''] = address.toString().split('/p2p-circuit');
  const isPlainWs = /\/ws(?:\/|$)/.test(outer) && !/\/(?:tls|wss)(?:\/|$)/.test(outer);
  return { host: first.value.toLowerCase(), isPlainWs };
}

/** Whole: a name of the public net may begin like an address. */
const loopbackHosts = /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|::1)$/;
const privateHosts = [
  loopbackHosts,
  /^(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01])|169\.254)(?:\.\d{1,3}){2}$/,
  /^f[cd][\da-f]{2}:|^fe[89ab][\da-f]:/,
];

export const isLoopback = (address: Multiaddr): boolean =>
  loopbackHosts.test(hostOf(address)?.host ?? '');

export const isPrivate = (address: Multiaddr): boolean => {
  const host = hostOf(address)?.host;
  return host !== undefined && privateHosts.some((pattern) => pattern.test(host));
};

/** Those hosts that may be dialled by `ws:`, as text in small letters. */
export function plainWsHosts(
  allowed: readonly string[],
  relays: readonly Multiaddr[],
): Set<string> {
  const hosts = relays.flatMap((relay) => {
    const found = hostOf(relay);
    return found?.isPlainWs ? [found.host] : [];
  });
  return new Set([...hosts, ...allowed.map((host) => host.toLowerCase())]);
}

/** Why an address must not be dialled. */
export function objectionToDial(address: Multiaddr, wsHosts: Set<string>): string | undefined {
  const found = hostOf(address);
  if (found === undefined) return 'it begins with no host';
  const { host, isPlainWs } = found;
  if (!isPlainWs || isPrivate(address) || wsHosts.has(host)) return undefined;
  return `ws without TLS to ${host}, which is neither private nor among allowedWsHosts`;
}

/** @throws TypeError unless a kernel on Node can listen at it. */
export function insistListenAddress(text: unknown): string {
  const address = parseAddress('direct listen address', text).toString();
  if (/^\/(?:ip4|ip6)\/[^/]+\/tcp\/\d+(?:\/ws)?$/.test(address)) return address;
  throw new TypeError(
    `Unsupported direct listen address: ${address}. Only TCP (/ip4/…/tcp/…) and WebSocket (/ip4/…/tcp/…/ws) addresses are supported.`,
  );
}

/** Best first: what the whole world can reach, then relays, then what only near ones can. */
export function ranked(listening: readonly Multiaddr[], relays: readonly Multiaddr[]): string[] {
  const isPublic = (address: Multiaddr): boolean => !isPrivate(address);
  const isNear = (address: Multiaddr): boolean => isPrivate(address) && !isLoopback(address);
  const groups = [listening.filter(isPublic), relays];
  groups.push(listening.filter(isNear), listening.filter(isLoopback));
  return [...new Set(groups.flat().map(String))];
}
