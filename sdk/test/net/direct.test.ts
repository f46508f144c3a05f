import { afterEach, describe, expect, test, vi } from 'vitest';
import { bytes, startParty, stopAll, tcpAddress, text, wsAddress } from './harness.js';

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
