import loadLibp2p from 'vatkit:libp2p';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { commands } from 'vitest/browser';
import type { Link, LinkEvents, Transport } from '../../src/comms/transport.js';

declare module 'vitest/browser' {
  // An interface, since it is merged with vitest's own.
  // eslint-disable-next-line @typescript-eslint/consistent-type-definitions
  interface BrowserCommands {
    startNetwork: () => Promise<{ relays: string[]; echo: string }>;
    startPeer: (relays: string[]) => Promise<string>;
    stopNetwork: () => Promise<void>;
  }
}

type Party = { transport: Transport; links: Link[]; got: Uint8Array[]; awakened: number };

const parties: Party[] = [];

const eventsOf = (party: Party): LinkEvents => ({
  onFrame: (frame) => party.got.push(frame),
  onDrain: () => {},
  onClosed: () => {},
});

async function startParty(relays: string[]): Promise<Party> {
  const { startTransport } = loadLibp2p();
  const party: Party = { transport: undefined as never, links: [], got: [], awakened: 0 };
  party.transport = await startTransport(
    { keySeed: crypto.getRandomValues(new Uint8Array(32)), relays },
    {
      onLink: (link) => {
        party.links.push(link);
        return eventsOf(party);
      },
      onAddresses: () => {},
      onAwake: () => {
        party.awakened += 1;
      },
    },
  );
  parties.push(party);
  await vi.waitFor(() => expect(party.transport.addresses()).toStrictEqual(relays), 10_000);
  return party;
}

afterEach(async () => {
  await Promise.all(parties.splice(0).map(({ transport }) => transport.stop()));
  await commands.stopNetwork();
});

const dial = (from: Party, to: string): Promise<Link> =>
  from.transport.dial(to, [], eventsOf(from), new AbortController().signal);

describe('kernels in a browser', () => {
  test('reach one on Node, and each other, over a relay', async () => {
    const { relays, echo } = await commands.startNetwork();
    const a = await startParty(relays);
    const link = await vi.waitFor(() => dial(a, echo), 10_000);
    const frame = crypto.getRandomValues(new Uint8Array(60_000));
    for (let count = 0; count < 20; count += 1) link.send(frame);
    await vi.waitFor(() => expect(a.got).toHaveLength(20), 10_000);
    expect(a.got.every((got) => got.every((byte, at) => byte === frame[at]))).toBe(true);

    const b = await startParty(relays);
    const between = await dial(b, a.transport.peerId);
    between.send(Uint8Array.of(1, 2, 3));
    await vi.waitFor(() => expect(a.got[20]).toStrictEqual(Uint8Array.of(1, 2, 3)), 5_000);
    expect(a.links[0]?.peerId).toBe(b.transport.peerId);

    globalThis.dispatchEvent(new Event('online'));
    expect([a.awakened, b.awakened]).toStrictEqual([1, 1]);
  });

  test('cannot listen, and say so', async () => {
    const { startTransport } = loadLibp2p();
    const events = { onLink: () => undefined, onAddresses: () => {}, onAwake: () => {} };
    const keySeed = new Uint8Array(32);
    const directListenAddresses = ['/ip4/127.0.0.1/tcp/0/ws'];
    await expect(startTransport({ keySeed, directListenAddresses }, events)).rejects.toThrow(
      'directListenAddresses cannot be used in a browser',
    );
  });
});
