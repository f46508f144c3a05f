import { describe, expect, it } from 'vitest';
import { peerIdOf, randomSeed } from './identity.js';
import { formatOcapUrl, parseOcapUrl, randomNumber } from './ocap-url.js';

const peerId = peerIdOf(randomSeed());
const number = randomNumber();

describe('ocap URL', () => {
  it('carries its number, its kernel and hints, and is a URL', () => {
    const hints = [`/dns4/relay.example/tcp/443/wss/p2p/${peerId}`, '/odd,one@/%2C'];
    const url = formatOcapUrl({ number, peerId, hints });
    expect(new URL(url).protocol).toBe('ocap:');
    expect(parseOcapUrl(url)).toStrictEqual({ number, peerId, hints });
    expect(parseOcapUrl(formatOcapUrl({ number, peerId, hints: [] })).hints).toStrictEqual([]);
  });

  it.each([
    ['', /unparseable URL/],
    [undefined, /unparseable URL/],
    ['https://example.com', /not an ocap URL/],
    ['ocap:v1.x', /bad ocap URL/],
    ['ocap:a@b@c', /bad ocap URL/],
    [`ocap:v1.x@${'Q'.repeat(40)}`, /no peer id/],
    [`ocap:v1.short@${peerId}`, /bad object reference/],
    [`ocap:v2.${'A'.repeat(22)}@${peerId}`, /bad object reference/],
    [`ocap:z${'2'.repeat(82)}@${peerId}`, /a kernel of MetaMask issued it/],
    [`ocap:${'x'.repeat(10_000)}@${peerId}`, /at most 8192 characters/],
  ])('of the form %j is refused by name', (url, why) => {
    expect(() => parseOcapUrl(url)).toThrow(why);
  });

  it('is never repeated by an error', () => {
    const secret = formatOcapUrl({ number, peerId, hints: [] }).slice('ocap:'.length, 30);
    expect(() => parseOcapUrl(`ocap:${secret}@nobody`)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining(secret) }),
    );
  });
});
