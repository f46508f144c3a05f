import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { startRelay } from '../../src/host/node/relay.js';
import {
  bytes,
  onStopAll,
  startParty,
  startTestRelay,
  stopAll,
  text,
  wsAddress,
  type Party,
} from './harness.js';

afterEach(stopAll);

const isReserved = ({ transport }: Party): boolean =>
  transport.relays().every(({ state }) => state === 'reserved');

const reserved = (...parties: Party[]): Promise<void> =>
  vi.waitFor(() => expect(parties.map(isReserved)).toStrictEqual(parties.map(() => true)), 10_000);

describe('a relay', () => {
  test('brings kernels together of which neither can be dialled', async () => {
    const relay = await startTestRelay();
    const relays = relay.addresses;
    const [a, b] = [await startParty({ relays }), await startParty({ relays })];
    await reserved(a, b);
    expect(a.transport.addresses()).toStrictEqual(relays);
    const link = await a.dial(b);
    // More than strangers' relays give, in frames of the greatest size.
    const frame = randomBytes(64 * 1024);
    for (let count = 0; count < 64; count += 1) link.send(frame);
    b.links[0]?.send(bytes('back'));
    await vi.waitFor(() => expect(b.got).toHaveLength(64), 10_000);
    expect(b.got.every((got) => frame.equals(got))).toBe(true);
    await vi.waitFor(() => expect(a.got.map(text)).toStrictEqual(['back']));
    const { circuits, circuitsOpened, reservations, bytesRelayed } = relay.status();
    expect({ circuits, circuitsOpened, reservations }).toStrictEqual({
      circuits: 1,
      circuitsOpened: 1,
      reservations: 2,
    });
    expect(bytesRelayed).toBeGreaterThan(4 * 1024 * 1024);
    link.close('done');
    await vi.waitFor(() => expect(relay.status().circuits).toBe(0), 5_000);
  });

  test('is found again by its kernels after its end, and they find each other', async () => {
    const keySeed = randomBytes(32);
    const first = await startRelay({ keySeed, listen: [wsAddress] });
    const relays = first.addresses;
    const options = { relays, reconnectionBaseDelayMs: 50, reconnectionMaxDelayMs: 200 };
    const [a, b] = [await startParty(options), await startParty(options)];
    await reserved(a, b);
    await a.dial(b);
    await first.stop();
    await vi.waitFor(() => expect([a.ended.length, b.ended.length]).toStrictEqual([1, 1]), 5_000);
    await vi.waitFor(
      () => expect([isReserved(a), isReserved(b)]).toStrictEqual([false, false]),
      5_000,
    );
    expect(a.transport.addresses()).toStrictEqual([]);
    await expect(a.dial(b, relays)).rejects.toThrow(/Cannot dial .*p2p-circuit/);
    const port = /tcp\/(\d+)/.exec(relays[0] as string)?.[1];
    const second = await startTestRelay({ keySeed, listen: [`/ip4/127.0.0.1/tcp/${port}/ws`] });
    expect(second.addresses).toStrictEqual(relays);
    await reserved(a, b);
    const link = await a.dial(b);
    link.send(bytes('again'));
    await vi.waitFor(() => expect(b.got.map(text)).toStrictEqual(['again']));
  });

  test('ends a circuit at its limits, and kernels make another one', async () => {
    const relay = await startTestRelay({ limits: { circuitBytesMax: 256 * 1024 } });
    const { addresses: relays } = relay;
    const [a, b] = [await startParty({ relays }), await startParty({ relays })];
    await reserved(a, b);
    const link = await a.dial(b);
    for (let count = 0; count < 16; count += 1) link.send(randomBytes(32 * 1024));
    await vi.waitFor(() => expect([a.ended.length, b.ended.length]).toStrictEqual([1, 1]), 5_000);
    const next = await b.dial(a);
    next.send(bytes('anew'));
    await vi.waitFor(() => expect(a.got.map(text)).toContain('anew'));
  });

  test('serves only whom it is told to, and refuses circuits beyond its limit', async () => {
    const denied = new Set<string>();
    const relay = await startTestRelay({
      isAllowed: (peerId) => !denied.has(peerId),
      limits: { circuitsMax: 1 },
    });
    const { addresses: relays } = relay;
    const parties = await Promise.all([1, 2, 3].map(() => startParty({ relays })));
    const [a, b, c] = parties as [Party, Party, Party];
    await reserved(a, b, c);
    await a.dial(b);
    await expect(c.dial(b)).rejects.toThrow(/PERMISSION_DENIED/);
    expect(relay.status().circuitsRefused).toBe(1);
    const keySeed = randomBytes(32);
    const stranger = await startParty({ keySeed });
    denied.add(stranger.transport.peerId);
    await stranger.transport.stop();
    const again = await startParty({ keySeed, relays });
    await vi.waitFor(() =>
      expect(again.transport.relays()[0]).toMatchObject({
        state: 'waiting',
        why: expect.stringContaining('PERMISSION_DENIED'),
      }),
    );
  });

  test('keeps its key in a file of its own, and tells its numbers over http', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vatkit-relay-'));
    onStopAll(() => rm(folder, { recursive: true }));
    const keyFile = join(folder, 'deep', 'relay.key');
    const first = await startRelay({ keyFile, listen: [wsAddress], metrics: { port: 0 } });
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
    expect(await readFile(keyFile, 'utf8')).toMatch(/^[\da-f]{64}\n$/);
    const url = first.metricsUrl as string;
    expect(await (await fetch(url)).text()).toContain('\nvatkit_relay_circuits_opened_total 0\n');
    const status = await (await fetch(url.replace('metrics', 'status'))).json();
    expect(status).toMatchObject({ peerId: first.peerId, addresses: first.addresses });
    expect((await fetch(url.replace('metrics', ''))).status).toBe(404);
    await first.stop();
    await expect(fetch(url)).rejects.toThrow('fetch failed');
    const second = await startRelay({ keyFile, listen: [wsAddress] });
    expect(second.peerId).toBe(first.peerId);
    await second.stop();
    await writeFile(keyFile, 'no key');
    await expect(startRelay({ keyFile })).rejects.toThrow(/relay.key as a relay's key/);
  });

  test('refuses options that it does not know', async () => {
    await expect(startRelay()).rejects.toThrow('either keyFile or keySeed');
    const keySeed = randomBytes(32);
    const limits = { circuitMax: 1 } as object;
    await expect(startRelay({ keySeed, limits })).rejects.toThrow(
      "Unknown limit of a relay 'circuitMax'",
    );
    await expect(startRelay({ keySeed, limits: { circuitsMax: 0 } })).rejects.toThrow(
      'Invalid circuitsMax: found 0',
    );
    await expect(startRelay({ keySeed, listen: ['/ip4/127.0.0.1/udp/1/quic-v1'] })).rejects.toThrow(
      /Unsupported direct listen address/,
    );
  });
});
