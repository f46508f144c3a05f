import { expect, it } from 'vitest';
import { isLoopback, isPrivate, objectionToDial, parseAddress } from './addresses.js';

const address = (text: string) => parseAddress('address', text);

it('takes no name of the public net for a private address', () => {
  const names = [
    'localhost.example',
    '127.0.0.1.example',
    '10.example',
    '192.168.example',
    '172.16.example',
  ];
  for (const name of [...names, '169.254.example']) {
    const found = address(`/dns4/${name}/tcp/80/ws`);
    expect(isPrivate(found), name).toBe(false);
    expect(isLoopback(found), name).toBe(false);
    expect(objectionToDial(found, new Set()), name).toContain('ws without TLS');
  }
  for (const text of ['/ip4/127.0.0.1', '/ip6/::1', '/dns4/localhost', '/dns4/a.localhost']) {
    const found = address(`${text}/tcp/80/ws`);
    expect([isLoopback(found), isPrivate(found)], text).toStrictEqual([true, true]);
  }
  for (const text of ['10.1.2.3', '172.31.0.1', '192.168.0.1', '169.254.1.1'])
    expect(isPrivate(address(`/ip4/${text}/tcp/80`)), text).toBe(true);
});
