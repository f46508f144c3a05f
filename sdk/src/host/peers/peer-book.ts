/** The peers that this kernel has met in this process: where each is, and why it is not there. All that must last is the kernel's. */
import { isPeerId } from '../../comms/identity.js';
import type { PeerId, Transport } from '../../comms/transport.js';
import type { PeerLife } from '../../kernel/remote-rows.js';
import { limits } from '../../limits.js';
import { describeOrQuote } from '../../protocol/describe.js';
import type { PeerState, PeerStatus } from '../../protocol/peer-status.js';
import type { EventLoop } from '../event-loop.js';
import type { Identity } from '../identity.js';
import type { Log } from '../logger.js';
import type { LiveLink } from './live-link.js';
import type { PeerSettings } from './peer-settings.js';

export type Peer = {
  peerId: PeerId;
  link?: LiveLink;
  isDialling?: AbortController;
  attempts: number;
  retryTimer?: ReturnType<typeof setTimeout>;
  reason?: string;
  isRefused: boolean;
  /** This kernel or the peer closed it on purpose: only something new that waits for the other, or a caller, opens it again. */
  isClosed: boolean;
  hints: Set<string>;
};

/** Remote comms as they run now. */
export type CommsRun = {
  transport?: Transport | undefined;
  identity?: Identity;
  settings?: PeerSettings;
  /** Absent while a new epoch begins. */
  life?: PeerLife | undefined;
  /** Why remote comms have ended. */
  ended?: string | undefined;
  readonly relays: Set<string>;
};

const hintsMax = 16;
const hintCharsMax = 500;

const newPeer = (peerId: PeerId): Peer => ({
  peerId,
  attempts: 0,
  isRefused: false,
  isClosed: false,
  hints: new Set(),
});

export type PeerBookPowers = {
  loop: EventLoop;
  log: Log;
  run: CommsRun;
  /** It may stand otherwise with a peer than it did. */
  onChange: () => void;
};

export function makePeerBook({ loop, log, run, onChange }: PeerBookPowers) {
  const peers = new Map<PeerId, Peer>();
  /** Peers that callers of this kernel have named, the last of them last. */
  const named = new Set<PeerId>();

  const isAllowed = (peerId: PeerId): boolean => {
    const { allowedPeers, deniedPeers = [] } = run.settings ?? {};
    return !deniedPeers.includes(peerId) && (allowedPeers?.includes(peerId) ?? true);
  };

  const stateOf = (peer: Peer): PeerState => {
    const { peerId, link, isDialling, retryTimer, isRefused, isClosed } = peer;
    if (link?.phase === 'open') return 'connected';
    if (link !== undefined || isDialling !== undefined) return 'connecting';
    if (isRefused || (run.settings !== undefined && !isAllowed(peerId))) return 'refused';
    if (isClosed) return 'closed';
    return retryTimer !== undefined || loop.isPeerWanted(peerId) ? 'waiting' : 'idle';
  };

  const statusOf = (peer: Peer): PeerStatus => {
    const { peerId, attempts, reason } = peer;
    const state = stateOf(peer);
    const isShown = reason !== undefined && state !== 'connected';
    return { peerId, state, attempts, ...(isShown && { reason }) };
  };

  const book = {
    all: (): Iterable<Peer> => peers.values(),
    isAllowed,

    changed: onChange,

    find: (peerId: PeerId): Peer | undefined => peers.get(peerId),

    provide(peerId: PeerId): Peer {
      const known = peers.get(peerId);
      if (known !== undefined) return known;
      if (peers.size >= limits.peersMax) book.forgetIdle();
      const peer = newPeer(peerId);
      peers.set(peerId, peer);
      return peer;
    },

    /** A caller of this kernel has named the peer: clients are told from now on how it stands with it. */
    name(peerId: PeerId): Peer {
      named.delete(peerId);
      named.add(peerId);
      const [first] = named;
      if (named.size > limits.statusPeersMax && first !== undefined) named.delete(first);
      onChange();
      return book.provide(peerId);
    },

    /** Strangers come and go; what became of them need not be known for ever. */
    forgetIdle(): void {
      for (const [peerId, peer] of peers) {
        const isIdle = peer.link === undefined && peer.isDialling === undefined;
        if (isIdle && !peer.retryTimer && !named.has(peerId) && !loop.isPeerWanted(peerId))
          peers.delete(peerId);
      }
    },

    note(peer: Peer, reason: string): void {
      if (peer.reason !== reason) log('debug', ['kernel', 'peer', peer.peerId], [reason]);
      peer.reason = reason;
      onChange();
    },

    addHints(peer: Peer, hints: readonly string[]): void {
      const all = [...hints, ...peer.hints].filter((hint) => hint.length <= hintCharsMax);
      peer.hints = new Set(all.slice(0, hintsMax));
    },

    /** How it stands with those that were named. */
    namedStates: (): { [peerId: PeerId]: PeerState } =>
      Object.fromEntries([...named].map((peerId) => [peerId, stateOf(book.provide(peerId))])),

    statuses: (): PeerStatus[] => [...peers.values()].map(statusOf),
    statusOf: (peerId: PeerId): PeerStatus => statusOf(peers.get(peerId) ?? newPeer(peerId)),
  };
  return book;
}

export type PeerBook = ReturnType<typeof makePeerBook>;

/** @throws TypeError for what is no peer id. */
export function insistPeer(peerId: unknown): PeerId {
  if (isPeerId(peerId)) return peerId;
  throw new TypeError(`a peer id is text like "12D3KooW…"; found ${describeOrQuote(peerId)}`);
}

/** Neither a dial that is under way nor one that is planned goes on. */
export function endDialling(peer: Peer, why: string): void {
  clearTimeout(peer.retryTimer);
  delete peer.retryTimer;
  peer.isDialling?.abort(new Error(why));
  delete peer.isDialling;
}
