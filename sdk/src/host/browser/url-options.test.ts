import { describe, expect, it, vi } from 'vitest';
import { commsLists, commsNumbers } from '../../protocol/comms-options.js';
import {
  createCommsQueryString,
  getCommsParamsFromCurrentLocation,
  parseCommsQueryString,
  parseUrlOptions,
} from './url-options.js';

const relay = '/ip4/127.0.0.1/tcp/9001/ws/p2p/12D3KooWJBDqsyHQF2MWiCdU4kdqx4zTsSTLRdShg7Ui6CRWB4uc';

/** Every option that a kernel takes, but the secret. */
const everything = {
  ...Object.fromEntries(commsLists.map((name) => [name, name === 'relays' ? [relay] : ['a', 'b']])),
  ...Object.fromEntries(
    Object.entries(commsNumbers).map(([name, least], index) => [name, least + index]),
  ),
};

describe("options in a worker's URL", () => {
  it('come back as they went, every one', () => {
    const query = createCommsQueryString(everything);
    expect([...query.keys()].sort()).toStrictEqual(
      [...commsLists, ...Object.keys(commsNumbers)].sort(),
    );
    expect(parseCommsQueryString(query.toString())).toStrictEqual(everything);
    expect(parseCommsQueryString(`?${query.toString()}`)).toStrictEqual(everything);
    expect(createCommsQueryString({ maxQueue: undefined }).toString()).toBe('');
  });

  it("are read from the guide's URL, beside parameters of others", () => {
    const parameters = createCommsQueryString({ relays: [relay], allowedWsHosts: ['localhost'] });
    parameters.set('reset-storage', 'false');
    parameters.set('app', '1');
    vi.stubGlobal('location', { search: `?${parameters.toString()}` });
    try {
      expect(getCommsParamsFromCurrentLocation()).toStrictEqual({
        relays: [relay],
        allowedWsHosts: ['localhost'],
      });
    } finally {
      vi.unstubAllGlobals();
    }
    const system = { name: 'sys', config: { bootstrap: 'a', vats: { a: { bundleSpec: 'x:' } } } };
    parameters.set('system-subclusters', JSON.stringify([system]));
    expect(parseUrlOptions(parameters.toString())).toMatchObject({
      resetStorage: false,
      systemSubclusters: [{ name: 'sys' }],
      remoteComms: { relays: [relay] },
    });
    expect(parseUrlOptions('?app=1')).toStrictEqual({});
  });

  it.each([
    [{ maxQueue: -1 }, 'maxQueue must be an integer from 1, got -1'],
    [{ maxRetryAttempts: 1.5 }, 'maxRetryAttempts must be a non-negative integer, got 1.5'],
    [{ relays: 'one' }, 'relays must be an array of strings, got a string'],
    [{ relays: [1] }, 'relays must be an array of strings'],
    [{ nonsense: 1 }, 'there is no option nonsense'],
    [{ mnemonic: 'abandon ability' }, 'mnemonic is a secret'],
  ])('that cannot be are refused: %j', (options, text) => {
    expect(() => createCommsQueryString(options as object)).toThrow(text);
    expect(() => createCommsQueryString(options as object)).not.toThrow('ability');
  });

  it.each([
    ['relays=one', 'relays must be JSON'],
    ['relays=[1]', 'relays'],
    ['maxQueue=many', 'maxQueue must be an integer from 1, got many'],
    ['maxQueue=0', 'maxQueue'],
    ['mnemonic=a', 'mnemonic is a secret'],
    ['reset-storage=yes', 'reset-storage must be true or false, got yes'],
    ['system-subclusters={', 'system-subclusters must be JSON'],
    ['system-subclusters=[1]', 'system subclusters'],
  ])('that cannot be read are refused: %s', (query, text) => {
    expect(() => parseUrlOptions(query)).toThrow(text);
  });
});
