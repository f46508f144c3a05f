import { Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { bytes, onStopAll, startParty, stopAll, tcpAddress, text, wsAddress } from './harness.js';

afterEach(stopAll);

describe.each([
  ['TCP', tcpAddress],
  ['WebSockets', wsAddress],
])('kernels on Node over %s', (_name, address) => {
  test('frames go both ways, in order and whole', async () => {
    const host = await startParty({ directListenAddresses: [address] });
    const guest = await startParty();
    const link = await guest.dial(host);
    expect(link.peerId).toBe(host.transport.peerId);
    expect(host.links[0]?.peerId).toBe(guest.transport.peerId);
    for (let count = 0; count < 100; count += 1) link.send(bytes(`to ${count}`));
    host.links[0]?.send(bytes('back'));
    await vi.waitFor(() => expect(host.got).toHaveLength(100));
    await vi.waitFor(() => expect(guest.got.map(text)).toStrictEqual(['back']));
    expect(host.got.map(text)).toStrictEqual(
      Array.from({ length: 100 }, (_, count) => `to ${count}`),
    );
    link.close('enough said');
    await vi.waitFor(() =>
      expect(host.ended).toStrictEqual(['the other side has closed it: enough said']),
    );
    expect(guest.ended).toStrictEqual(['enough said']);
  });
});

test('a frame is one write to the socket, and so is its answer, and to read it takes no error', async () => {
  const host = await startParty({ directListenAddresses: [tcpAddress] });
  const guest = await startParty();
  const link = await guest.dial(host);
  const frames = 50;
  const exchange = async (): Promise<void> => {
    for (let count = 1; count <= frames; count += 1) {
      const before = guest.got.length;
      link.send(bytes('ask'));
      await vi.waitFor(() => expect(host.got.length).toBeGreaterThan(before), { interval: 1 });
      host.links[0]?.send(bytes('answer'));
      await vi.waitFor(() => expect(guest.got.length).toBeGreaterThan(before), { interval: 1 });
    }
  };
  const write = vi.spyOn(Socket.prototype, 'write');
  onStopAll(async () => write.mockRestore());
  let errors = 0;
  const counted = new Proxy(RangeError, {
    apply: (made, self, args) => {
      errors += 1;
      return Reflect.apply(made, self, args) as unknown;
    },
  });
  vi.stubGlobal('RangeError', counted);
  onStopAll(async () => void vi.unstubAllGlobals());
  await exchange();
  expect(errors).toBe(0);
  // Identify and pings are written meanwhile, too.
  expect(write.mock.calls.length).toBeGreaterThanOrEqual(2 * frames);
  expect(write.mock.calls.length).toBeLessThan(3 * frames);
});
