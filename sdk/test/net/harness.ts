/** Transports and relays over real sockets of this machine, which a test ends with `stopAll`. */
import { randomBytes } from 'node:crypto';
import { startRelay, type Relay, type StartRelayOptions } from '../../src/host/node/relay.js';
import { providePlatform } from '../../src/comms/libp2p/polyfills.js';
import type { Link, LinkEvents, Transport, TransportOptions } from '../../src/comms/transport.js';

export const tcpAddress = '/ip4/127.0.0.1/tcp/0';
export const wsAddress = '/ip4/127.0.0.1/tcp/0/ws';

export type Party = {
  transport: Transport;
  /** Links that others opened to it, in order. */
  links: Link[];
  got: Uint8Array[];
  /** Why links ended, in order. */
  ended: string[];
  awakened: number;
  events: LinkEvents;
  dial: (to: Party, hints?: readonly string[], signal?: AbortSignal) => Promise<Link>;
};

const stops: (() => Promise<unknown>)[] = [];

export const onStopAll = (stop: () => Promise<unknown>): void => {
  stops.push(stop);
};

export async function stopAll(): Promise<void> {
  await Promise.all(stops.splice(0).map((stop) => stop()));
}

export async function startParty(options: Partial<TransportOptions> = {}): Promise<Party> {
  providePlatform();
  const { startTransport } = await import('../../src/comms/libp2p/node.js');
  const events: LinkEvents = {
    onFrame: (frame) => party.got.push(frame),
    onDrain: () => {},
    onClosed: (why) => party.ended.push(why),
  };
  const transport = await startTransport(
    { keySeed: randomBytes(32), ...options },
    {
      onLink: (link) => {
        party.links.push(link);
        return party.events;
      },
      onAddresses: () => {},
      onAwake: () => {
        party.awakened += 1;
      },
    },
  );
  const party: Party = {
    transport,
    links: [],
    got: [],
    ended: [],
    awakened: 0,
    events,
    dial: (to, hints = to.transport.addresses(), signal = new AbortController().signal) =>
      transport.dial(to.transport.peerId, hints, party.events, signal),
  };
  onStopAll(transport.stop);
  return party;
}

export async function startTestRelay(options: Partial<StartRelayOptions> = {}): Promise<Relay> {
  const relay = await startRelay({ keySeed: randomBytes(32), listen: [wsAddress], ...options });
  onStopAll(relay.stop);
  return relay;
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (frame: Uint8Array): string => new TextDecoder().decode(frame);
