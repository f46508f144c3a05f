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

/** @param delayMs - how long a frame takes. */
export function makeMemoryNetwork({ delayMs = 0 }: { delayMs?: number } = {}): MemoryNetwork {
  const parties = new Map<PeerId, Party>();
  const unreachable = new Set<PeerId>();
  let frames = 0;

  const later = (act: () => void): void => {
    if (delayMs === 0) queueMicrotask(act);
    else setTimeout(act, delayMs);
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
    const end = (peerId: PeerId, target: () => LinkEvents | undefined): Link => ({
      peerId,
      send(frame) {
        frames += 1;
        const copy = frame.slice();
        later(() => {
          if (isOpen) target()?.onFrame(copy);
        });
        return true;
      },
      close,
    });
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
