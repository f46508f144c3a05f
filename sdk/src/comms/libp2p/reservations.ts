/** Keeps a place at each of the relays: made anew whenever it is lost, without end, ever more slowly, by chance apart. */
import type { Multiaddr } from '@multiformats/multiaddr';
import type { PeerId, RelayStatus } from '../transport.js';
import { backoffMs } from '../backoff.js';
import { relayIdOf, withPeer } from './addresses.js';

export type ReservationOptions = {
  relays: readonly Multiaddr[];
  /** Connects to the relay and makes a reservation there. Gives its peer id. */
  reserve: (relay: Multiaddr) => Promise<PeerId>;
  baseDelayMs: number;
  maxDelayMs: number;
  /** `addresses` or `statuses` may have changed. */
  onChange: () => void;
};

export type Reservations = {
  statuses: () => readonly RelayStatus[];
  /** Of the relays that are reserved, each with its peer id. */
  addresses: () => readonly Multiaddr[];
  /** Of all relays whose peer ids are known, reserved or not: others may be reached over them. */
  known: () => readonly Multiaddr[];
  /** Tries those again of which `isHeld` knows nothing any more. */
  check: (isHeld: (relay: PeerId) => boolean) => void;
  /** Those that wait for their turn have it now. */
  wake: () => void;
  stop: () => void;
};

type Relay = RelayStatus & {
  at: Multiaddr;
  peerId: PeerId | undefined;
  failures: number;
  timer: ReturnType<typeof setTimeout> | undefined;
};

const addressOf = ({ at, peerId }: Relay): Multiaddr[] =>
  peerId === undefined ? [] : [withPeer(at, peerId)];

export function makeReservations({
  relays,
  reserve,
  baseDelayMs,
  maxDelayMs,
  onChange,
}: ReservationOptions): Reservations {
  let stopped = false;
  const all = relays.map<Relay>((at) => ({
    address: at.toString(),
    at,
    peerId: relayIdOf(at),
    state: 'waiting',
    why: undefined,
    failures: 0,
    timer: undefined,
  }));

  const wait = (relay: Relay, why: string): void => {
    relay.state = 'waiting';
    relay.why = why;
    const pace = { baseMs: baseDelayMs, maxMs: maxDelayMs };
    relay.timer = setTimeout(
      () => void attempt(relay),
      backoffMs(relay.failures, pace, Math.random()),
    );
    relay.failures += 1;
    onChange();
  };

  const attempt = async (relay: Relay): Promise<void> => {
    clearTimeout(relay.timer);
    if (stopped) return;
    relay.state = 'connecting';
    try {
      relay.peerId = await reserve(relay.at);
    } catch (thrown) {
      if (!stopped) wait(relay, (thrown as Error).message);
      return;
    }
    relay.state = 'reserved';
    relay.why = undefined;
    relay.failures = 0;
    onChange();
  };

  for (const relay of all) void attempt(relay);

  return {
    statuses: () => all.map(({ address, state, why }) => ({ address, state, why })),
    addresses: () => all.filter(({ state }) => state === 'reserved').flatMap(addressOf),
    known: () => all.flatMap(addressOf),
    check: (isHeld) => {
      for (const relay of all) {
        if (stopped || relay.state !== 'reserved' || relay.peerId === undefined) continue;
        if (!isHeld(relay.peerId)) wait(relay, 'its connection was lost');
      }
    },
    wake: () => {
      for (const relay of all) {
        if (relay.state !== 'waiting') continue;
        relay.failures = 0;
        void attempt(relay);
      }
    },
    stop: () => {
      stopped = true;
      for (const { timer } of all) clearTimeout(timer);
    },
  };
}
