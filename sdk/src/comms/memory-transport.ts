/** A network within one process, for tests: links that take time, are cut, and reach nobody while a kernel is off it. */
import { toHex } from '../protocol/hex.js';
import { peerIdOf } from './identity.js';
import type {
  Link,
  LinkEvents,
  PeerId,
  StartTransport,
  Transport,
  TransportEvents,
  TransportOptions,
} from './transport.js';

export type MemoryNetwork = {
  startTransport: StartTransport;
  /** Breaks all links of a peer, or all there are. */
  cut: (peerId?: PeerId) => void;
  /** Nobody reaches the peer, nor does it reach anybody, until it is `true` again. */
  setReachable: (peerId: PeerId, reachable: boolean) => void;
  /** Frames that were sent so far. */
  frames: () => number;
};

type Party = { options: TransportOptions; events: TransportEvents; links: Set<() => void> };

export type MemoryNetworkOptions = {
  /** Milliseconds that a frame takes at least. Default: 0. */
  delayMs?: number;
  /** Milliseconds that it may take more, by chance. Frames of a link stay in order. Default: 0. */
  jitterMs?: number;
  /** How likely a frame breaks its link and is lost with it, from 0 to 1. Default: 0. */
  cutChance?: number;
  /** Where chance begins: the same at each run. Default: 1. */
  seed?: number;
};

/** mulberry32: numbers from 0 to 1, the same for each seed. */
function makeChance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A network between the kernels of one process, which a test slows, cuts and divides.
 *
 *     const network = makeMemoryNetwork({ delayMs: 5, jitterMs: 20, cutChance: 0.05, seed: 7 });
 */
export function makeMemoryNetwork({
  delayMs = 0,
  jitterMs = 0,
  cutChance = 0,
  seed = 1,
}: MemoryNetworkOptions = {}): MemoryNetwork {
  const parties = new Map<PeerId, Party>();
  const unreachable = new Set<PeerId>();
  const chance = makeChance(seed);
  let frames = 0;

  /** What is given to it happens in its order. */
  const makeLater = () => {
    let last = Promise.resolve();
    return (act: () => void): void => {
      const ms = delayMs + jitterMs * chance();
      if (ms === 0) return queueMicrotask(act);
      const arrival = new Promise<void>((resolve) => setTimeout(resolve, ms));
      last = last.then(() => arrival).then(act);
    };
  };

  /** Two ends that are one link. */
  const connect = (
    from: { peerId: PeerId; party: Party; events: LinkEvents },
    to: { peerId: PeerId; party: Party; accept: (link: Link) => LinkEvents | undefined },
  ): Link | undefined => {
    let isOpen = true;
    const close = (why: string): void => {
      if (!isOpen) return;
      isOpen = false;
      from.party.links.delete(cut);
      to.party.links.delete(cut);
      queueMicrotask(() => {
        from.events.onClosed(why);
        theirs?.onClosed(why);
      });
    };
    const cut = (): void => close('the network was cut');
    const end = (peerId: PeerId, target: () => LinkEvents | undefined): Link => {
      const later = makeLater();
      return {
        peerId,
        send(frame) {
          frames += 1;
          if (chance() < cutChance) cut();
          const copy = frame.slice();
          later(() => {
            if (isOpen) target()?.onFrame(copy);
          });
          return true;
        },
        close,
      };
    };
    const theirs = to.accept(end(from.peerId, () => from.events));
    if (theirs === undefined) return undefined;
    from.party.links.add(cut);
    to.party.links.add(cut);
    return end(to.peerId, () => theirs);
  };

  return {
    async startTransport(options, events): Promise<Transport> {
      const peerId = peerIdOf(toHex(options.keySeed));
      const party: Party = { options, events, links: new Set() };
      parties.set(peerId, party);
      return {
        peerId,
        addresses: () => [`/memory/${peerId}`],
        relays: () => [],
        async dial(to, _hints, linkEvents, signal) {
          signal.throwIfAborted();
          await Promise.resolve();
          const other = parties.get(to);
          const isOff = unreachable.has(peerId) || unreachable.has(to) || other === undefined;
          if (isOff || options.isAllowed?.(to) === false) throw new Error(`cannot reach ${to}`);
          const link = connect(
            { peerId, party, events: linkEvents },
            {
              peerId: to,
              party: other,
              accept: (arriving) =>
                other.options.isAllowed?.(peerId) === false
                  ? undefined
                  : other.events.onLink(arriving),
            },
          );
          if (link === undefined) throw new Error(`${to} refuses the link`);
          return link;
        },
        async stop() {
          if (parties.get(peerId) === party) parties.delete(peerId);
          for (const cut of [...party.links]) cut();
        },
      };
    },
    cut(peerId) {
      const cutting = peerId === undefined ? [...parties.values()] : [parties.get(peerId)];
      for (const party of cutting) for (const cut of [...(party?.links ?? [])]) cut();
    },
    setReachable(peerId, reachable) {
      if (reachable) unreachable.delete(peerId);
      else {
        unreachable.add(peerId);
        for (const cut of [...(parties.get(peerId)?.links ?? [])]) cut();
      }
    },
    frames: () => frames,
  };
}
