/**
 * libp2p's circuit relay transport, with a hand on its reservations. By itself it makes a listener for each reservation and
 * never lets go of it, does not come back to a relay that was lost, avoids for ever one that once did not answer, and takes
 * any peer that asks for its relay. So reservations are made here one by one, and only a relay of ours may bring others.
 */
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import type { Connection, PeerId, Stream, Transport } from '@libp2p/interface';

type Components = Parameters<ReturnType<typeof circuitRelayTransport>>[0];

/** What of version 4.2.13 is used beside its types. */
type Inner = Transport & {
  reservationStore: {
    addRelay: (peerId: PeerId, type: 'configured') => Promise<unknown>;
    hasReservation: (peerId: PeerId) => boolean;
    relayFilter: { remove: (bytes: Uint8Array) => unknown };
    addEventListener: (type: 'relay:removed', listener: () => void) => void;
  };
  onStop: (stream: Stream, connection: Connection) => Promise<void>;
};

export type Circuit = {
  /** For libp2p's list of transports. */
  transport: (components: Components) => Transport;
  /** Asks a relay that is connected for a place, or to keep it. */
  reserve: (relay: PeerId) => Promise<void>;
  has: (relay: PeerId) => boolean;
};

const insistInner = (made: Transport): Inner => {
  const { reservationStore: store, onStop } = made as Partial<Inner>;
  if (typeof store?.addRelay !== 'function' || typeof onStop !== 'function') {
    throw new Error(
      '@libp2p/circuit-relay-v2 has another form than the one that vatkit was made for',
    );
  }
  return made as Inner;
};

/** @param onLost - a reservation has ended: its relay is gone, or does not renew it. */
export function makeCircuit(reserveMs: number, onLost: () => void): Circuit {
  const factory = circuitRelayTransport({ reservationCompletionTimeout: reserveMs });
  let inner: Inner | undefined;
  const store = (): Inner['reservationStore'] => {
    if (inner === undefined) throw new Error('The transport has not been started');
    return inner.reservationStore;
  };
  return {
    transport: (components) => {
      const made = insistInner(factory(components));
      const { onStop } = made;
      made.onStop = async (stream, connection) => {
        if (made.reservationStore.hasReservation(connection.remotePeer)) {
          return onStop(stream, connection);
        }
        stream.abort(new Error('no reservation was made with this peer'));
      };
      made.reservationStore.addEventListener('relay:removed', onLost);
      inner = made;
      return made;
    },
    reserve: async (relay) => {
      try {
        await store().addRelay(relay, 'configured');
      } catch (thrown) {
        // It would not be tried again.
        store().relayFilter.remove(relay.toMultihash().bytes);
        throw thrown;
      }
    },
    has: (relay) => inner?.reservationStore.hasReservation(relay) ?? false,
  };
}
