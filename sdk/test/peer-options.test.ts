/** Every option of remote comms: it is taken, held to what it may be, and does what it says. */
import { MessageChannel } from 'node:worker_threads';
import { createKernel } from '@vatkit/sdk';
import { kslot, type KRef, type RemoteCommsOptions, type RpcResponse } from '@vatkit/sdk/kernel';
import {
  makeKernel,
  makeSQLKernelDatabase,
  NodejsPlatformServices,
  startKernelWorker,
} from '@vatkit/sdk/node';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  createCommsQueryString,
  parseCommsQueryString,
  parseUrlOptions,
} from '../src/host/browser/url-options.js';
import { Kernel } from '../src/host/kernel.js';
import { mnemonicToSeed, peerIdOf } from '../src/comms/identity.js';
import { makeMemoryNetwork, type MemoryNetwork } from '../src/comms/memory-transport.js';
import type { Link, LinkEvents, StartTransport, TransportOptions } from '../src/comms/transport.js';
import { commsLists, commsNumbers, mostOf } from '../src/protocol/comms-options.js';
import { providePlatform } from '../src/comms/libp2p/polyfills.js';
import {
  bundleOfRoot,
  call,
  clusterOf,
  makeLogRecorder,
  makeStoreFile,
  patience,
  rejectionOf,
  stopKernel,
  track,
} from './harness.js';
import { startParty, stopAll, tcpAddress } from './net/harness.js';

/** A transport that is told of, and whose frames may be lost without a word. */
function overhear(start: StartTransport) {
  const seen = {
    options: undefined as TransportOptions | undefined,
    dials: [] as { to: string; hints: readonly string[]; at: number }[],
    isMute: false,
    ended: [] as string[],
  };
  const quietly = (link: Link): Link => ({
    peerId: link.peerId,
    send: (frame) => seen.isMute || link.send(frame),
    close: (why) => link.close(why),
  });
  const telling = (events: LinkEvents): LinkEvents => ({
    ...events,
    onClosed(why) {
      seen.ended.push(why);
      events.onClosed(why);
    },
  });
  const startTransport: StartTransport = async (options, events) => {
    seen.options = options;
    const transport = await start(options, {
      ...events,
      onLink(link) {
        const taken = events.onLink(quietly(link));
        return taken && telling(taken);
      },
    });
    return {
      ...transport,
      async dial(to, hints, linkEvents, signal) {
        seen.dials.push({ to, hints, at: performance.now() });
        return quietly(await transport.dial(to, hints, telling(linkEvents), signal));
      },
    };
  };
  return { seen, startTransport };
}

const vat = bundleOfRoot(`
  greet(name) { return 'Hello, ' + name; },
  wait() { return new Promise(() => {}); },
  keep(it) { baggage.has('it') ? baggage.set('it', it) : baggage.init('it', it); },
  useKept(name) { return far.E(baggage.get('it')).greet(name); },
  async flood(it, count) {
    const sent = Array.from({ length: count }, () => far.E(it).greet('x'));
    return (await Promise.allSettled(sent)).filter(({ status }) => status === 'rejected').length;
  }`);

async function start(
  startWith: StartTransport,
  options: RemoteCommsOptions = {},
  dbFilename = ':memory:',
) {
  const { seen, startTransport } = overhear(startWith);
  const platform = new NodejsPlatformServices();
  Object.defineProperty(platform, 'startTransport', { value: startTransport });
  const database = await makeSQLKernelDatabase({ dbFilename });
  const kernel = track(await Kernel.make(platform, database, { logger: makeLogRecorder() }));
  const root: KRef =
    kernel.getVatIds().length > 0
      ? kernel.getRootObject('v1')
      : (await kernel.launchSubcluster(clusterOf(vat))).rootKref;
  await kernel.initRemoteComms({
    reconnectionBaseDelayMs: 5,
    reconnectionMaxDelayMs: 20,
    ...options,
  });
  const peerId = (await kernel.getStatus()).remoteComms.peerId as string;
  return { kernel, root, peerId, seen, database };
}

type Started = Awaited<ReturnType<typeof start>>;

const redeem = async (from: Started, to: Started): Promise<KRef> =>
  to.kernel.redeemOcapURL(await from.kernel.issueOcapURL(from.root));

/** Two kernels in memory, of which the first has the options and a reference to the second one's object. */
async function pair(options: RemoteCommsOptions, network: MemoryNetwork = makeMemoryNetwork()) {
  const there = await start(network.startTransport);
  const here = await start(network.startTransport, options);
  const remote = await redeem(there, here);
  return { network, here, there, remote };
}

const libp2p: StartTransport = async (options, events) => {
  providePlatform();
  const { startTransport } = await import('../src/comms/libp2p/node.js');
  return startTransport(options, events);
};

/** Hours pass for the kernels of this process, between two of their timers' turns. */
const { now } = Date;
let passed = 0;
const passHours = (hours: number): void => {
  passed += hours * 3_600_000;
  vi.spyOn(Date, 'now').mockImplementation(() => now() + passed);
};

afterEach(async () => {
  vi.restoreAllMocks();
  passed = 0;
  await stopAll();
});

const relay = (host: string): string =>
  `/dns4/${host}/tcp/443/wss/p2p/12D3KooWJBDqsyHQF2MWiCdU4kdqx4zTsSTLRdShg7Ui6CRWB4uc`;
const nobody = peerIdOf('11'.repeat(32));

const effects = {
  async relays() {
    const { here } = await pair({ relays: [relay('a'), relay('b')] });
    expect(here.seen.options?.relays).toStrictEqual([relay('a'), relay('b')]);
    // They are in its URLs, and peers are looked for over them.
    expect(await here.kernel.issueOcapURL(here.root)).toContain(`,${relay('a')},${relay('b')}`);
    expect(here.seen.dials[0]?.hints).toStrictEqual(expect.arrayContaining([relay('a')]));
  },
  async allowedWsHosts() {
    const hint = `/ip4/192.0.2.1/tcp/9/ws/p2p/${nobody}`;
    const reasonOf = async (options: RemoteCommsOptions): Promise<string> => {
      const { kernel } = await start(libp2p, { ...options, handshakeTimeoutMs: 100 });
      await kernel.registerLocationHints(nobody, [hint]);
      kernel.redeemOcapURL(`ocap:v1.${'A'.repeat(22)}@${nobody}`).catch(() => undefined);
      return vi.waitFor(() => {
        const { reason } = kernel.getPeerStatus(nobody);
        expect(reason).toContain('192.0.2.1');
        return reason as string;
      }, patience);
    };
    expect(await reasonOf({})).toContain('ws without TLS');
    expect(await reasonOf({ allowedWsHosts: ['192.0.2.1'] })).not.toContain('ws without TLS');
  },
  async directListenAddresses() {
    const { kernel } = await start(libp2p, { directListenAddresses: [tcpAddress] });
    const { listenAddresses } = (await kernel.getStatus()).remoteComms;
    expect(listenAddresses?.[0]).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/[1-9]\d*\/p2p\//);
  },
  async allowedPeers() {
    const { startTransport } = makeMemoryNetwork();
    const there = await start(startTransport);
    const here = await start(startTransport, { allowedPeers: [nobody] });
    await expect(redeem(there, here)).rejects.toThrow('may not talk to peer');
    await here.kernel.initRemoteComms({ allowedPeers: [there.peerId] });
    expect(await call(here.kernel, await redeem(there, here), 'greet', 'you')).toBe('Hello, you');
  },
  async deniedPeers() {
    const { here, there, remote } = await pair({});
    await here.kernel.initRemoteComms({ deniedPeers: [there.peerId], peerTimeoutMs: 100 });
    expect(await rejectionOf(call(here.kernel, remote, 'greet', 'you'))).toMatchObject({
      code: 'CONNECTION_LOST',
    });
    expect(here.kernel.getPeerStatus(there.peerId).state).toBe('refused');
  },
  async mnemonic() {
    const mnemonic = 'legal winner thank year wave sausage worth useful legal winner thank yellow';
    const { peerId } = await start(makeMemoryNetwork().startTransport, { mnemonic });
    expect(peerId).toBe(peerIdOf(await mnemonicToSeed(mnemonic)));
  },
  async maxRetryAttempts() {
    const { network, here, there, remote } = await pair({ maxRetryAttempts: 3 });
    network.setReachable(there.peerId, false);
    const dialled = here.seen.dials.length;
    const first = call(here.kernel, remote, 'greet', 'first');
    await vi.waitFor(() => expect(here.seen.dials.length).toBe(dialled + 4), patience);
    await new Promise((done) => setTimeout(done, 100));
    expect(here.seen.dials.length).toBe(dialled + 4);
    network.setReachable(there.peerId, true);
    // What is sent next finds it, for all that waits.
    expect(await call(here.kernel, remote, 'greet', 'again')).toBe('Hello, again');
    expect(await first).toBe('Hello, first');
  },
  async maxQueue() {
    const { network, here, there, remote } = await pair({ maxQueue: 7 });
    network.setReachable(there.peerId, false);
    await vi.waitFor(() =>
      expect(here.kernel.getPeerStatus(there.peerId).state).not.toBe('connected'),
    );
    const refused = call(here.kernel, here.root, 'flood', kslot(remote), 20);
    await vi.waitFor(() => expect(here.database.keys('q.r1.').length).toBe(7), patience);
    network.setReachable(there.peerId, true);
    expect(await refused).toBe(13);
  },
  async maxConcurrentConnections() {
    const options = { directListenAddresses: [tcpAddress], maxConcurrentConnections: 1 };
    const there = await start(libp2p, options);
    await redeem(there, await start(libp2p));
    const second = await start(libp2p, { peerTimeoutMs: 500 });
    await expect(redeem(there, second)).rejects.toThrow('CONNECTION_LOST');
    expect(second.kernel.getPeerStatus(there.peerId).reason).toContain('Connection limit reached');
  },
  async maxMessageSizeBytes() {
    const { here, remote } = await pair({ maxMessageSizeBytes: 20_000 });
    const large = rejectionOf(call(here.kernel, remote, 'greet', 'x'.repeat(20_000)));
    expect((await large).message).toContain('exceeds limit of 20000 bytes');
  },
  async maxMessagesPerSecond() {
    const { here } = await pair({ maxMessagesPerSecond: 5 });
    expect(here.seen.options?.maxMessagesPerSecond).toBe(5);
    await here.kernel.initRemoteComms({ maxMessagesPerSecond: 0 });
    expect(here.seen.options?.maxMessagesPerSecond).toBe(2 ** 31 - 1);
    // What a transport does with it: `net/hostile.test.ts`.
  },
  async maxConnectionAttemptsPerMinute() {
    const { here } = await pair({ maxConnectionAttemptsPerMinute: 2 });
    const there = await startParty({ directListenAddresses: [tcpAddress] });
    const guest = await startParty({
      maxConnectionAttemptsPerMinute: here.seen.options?.maxConnectionAttemptsPerMinute,
    });
    for (let count = 0; count < 2; count += 1) (await guest.dial(there)).close('enough');
    await expect(guest.dial(there)).rejects.toThrow('2 connections were tried in this minute');
  },
  async reconnectionBaseDelayMs() {
    const { network, here, there, remote } = await pair({
      reconnectionBaseDelayMs: 100,
      reconnectionMaxDelayMs: 100,
    });
    network.setReachable(there.peerId, false);
    const dialled = here.seen.dials.length;
    void call(here.kernel, remote, 'greet', 'you').catch(() => undefined);
    await vi.waitFor(() => expect(here.seen.dials.length).toBe(dialled + 4), patience);
    const times = here.seen.dials.slice(dialled).map(({ at }) => at);
    // By chance down to half of it.
    for (let index = 2; index < times.length; index += 1)
      expect((times[index] as number) - (times[index - 1] as number)).toBeGreaterThan(48);
  },
  async reconnectionMaxDelayMs() {
    const { network, here, there, remote } = await pair({
      reconnectionBaseDelayMs: 20,
      reconnectionMaxDelayMs: 40,
    });
    network.setReachable(there.peerId, false);
    const dialled = here.seen.dials.length;
    void call(here.kernel, remote, 'greet', 'you').catch(() => undefined);
    // Without a bound the 14 pauses would be of 20 ms to 160 s.
    await vi.waitFor(() => expect(here.seen.dials.length).toBeGreaterThan(dialled + 14), patience);
  },
  async handshakeTimeoutMs() {
    const { network, here, there, remote } = await pair({ handshakeTimeoutMs: 50 });
    network.setReachable(there.peerId, false);
    here.seen.isMute = there.seen.isMute = true;
    const answer = call(here.kernel, remote, 'greet', 'you');
    network.setReachable(there.peerId, true);
    await vi.waitFor(() => expect(here.seen.ended).toContain('it did not greet in time'), patience);
    here.seen.isMute = there.seen.isMute = false;
    expect(await answer).toBe('Hello, you');
  },
  async writeTimeoutMs() {
    const { here } = await pair({ writeTimeoutMs: 100 });
    const { writeTimeoutMs } = here.seen.options as TransportOptions;
    // It takes one frame a second, and its window fills.
    const slow = await startParty({ directListenAddresses: [tcpAddress], maxMessagesPerSecond: 1 });
    const guest = await startParty({ writeTimeoutMs });
    const link = await guest.dial(slow);
    for (let count = 0; count < 200; count += 1) link.send(new Uint8Array(60_000));
    await vi.waitFor(
      () => expect(guest.ended[0]).toContain('it took nothing of what it was sent in 100 ms'),
      patience,
    );
  },
  async ackTimeoutMs() {
    const { here, remote } = await pair({ ackTimeoutMs: 200, handshakeTimeoutMs: 500 });
    here.seen.isMute = true;
    const answer = call(here.kernel, remote, 'greet', 'you');
    await vi.waitFor(() => expect(here.seen.ended.at(-1)).toMatch(/^it was silent for/), patience);
    here.seen.isMute = false;
    expect(await answer).toBe('Hello, you');
  },
  async streamInactivityTimeoutMs() {
    const { here } = await pair({ streamInactivityTimeoutMs: 6_000 });
    expect(here.seen.options?.streamInactivityTimeoutMs).toBe(6_000);
    // What a transport does with it: `net/hostile.test.ts`.
  },
  async cleanupIntervalMs() {
    const here = await meet({ cleanupIntervalMs: 7_200_000, stalePeerTimeoutMs: 1 });
    passHours(1.5);
    await new Promise((done) => setTimeout(done, 250));
    expect(here.database.keys('j.')).toHaveLength(1);
    passHours(1);
    await vi.waitFor(() => expect(here.database.keys('j.')).toHaveLength(0), patience);
  },
  async stalePeerTimeoutMs() {
    const here = await meet({ cleanupIntervalMs: 50, stalePeerTimeoutMs: 1_800_000 });
    passHours(0.4);
    await new Promise((done) => setTimeout(done, 250));
    expect(here.database.keys('j.')).toHaveLength(1);
    passHours(0.2);
    await vi.waitFor(() => expect(here.database.keys('j.')).toHaveLength(0), patience);
  },
  async peerTimeoutMs() {
    const { network, here, there, remote } = await pair({ peerTimeoutMs: 3_600_000 });
    network.setReachable(there.peerId, false);
    const stateOf = (): string => here.kernel.getPeerStatus(there.peerId).state;
    await vi.waitFor(() => expect(stateOf()).not.toBe('connected'), patience);
    const lost = rejectionOf(call(here.kernel, remote, 'greet', 'you'));
    const isOver = vi.fn();
    void lost.then(isOver);
    passHours(0.9);
    await new Promise((done) => setTimeout(done, 250));
    expect(isOver).not.toHaveBeenCalled();
    passHours(0.3);
    expect(await lost).toMatchObject({ code: 'CONNECTION_LOST' });
  },
  async maxUrlRelayHints() {
    const { here } = await pair({ relays: ['a', 'b', 'c'].map(relay), maxUrlRelayHints: 2 });
    const url = await here.kernel.issueOcapURL(here.root);
    expect(url.split(',').slice(1)).toStrictEqual(['a', 'b'].map(relay));
  },
  async maxKnownRelays() {
    const { here } = await pair({ relays: ['a', 'b', 'c'].map(relay), maxKnownRelays: 2 });
    expect(here.seen.options?.relays).toStrictEqual(['a', 'b'].map(relay));
    expect(here.seen.dials[0]?.hints).not.toContain(relay('c'));
  },
} satisfies { [Name in keyof Required<RemoteCommsOptions>]: () => Promise<void> };

/** One that has met a kernel which is gone again, and of which it has nothing. */
async function meet(options: RemoteCommsOptions): Promise<Started> {
  const { startTransport } = makeMemoryNetwork();
  const [there, here] = [await start(startTransport), await start(startTransport, options)];
  await here.kernel.reconnectPeer(there.peerId);
  const stateOf = (): string => here.kernel.getPeerStatus(there.peerId).state;
  await vi.waitFor(() => expect(stateOf()).toBe('connected'), patience);
  await stopKernel(there.kernel);
  await vi.waitFor(() => expect(stateOf()).toBe('idle'), patience);
  return here;
}

describe('an option of remote comms', () => {
  test.each(Object.entries(effects))('does what it says: %s', (_name, effect) => effect());

  const bad: [string, unknown][] = [
    ...Object.entries(commsNumbers).flatMap(([name, least]): [string, unknown][] => [
      [name, least - 1],
      [name, least + 0.5],
      [name, `${least}`],
      [name, Infinity],
      ...(mostOf(name as keyof typeof commsNumbers) < 2 ** 40
        ? [[name, 2 ** 40] as [string, unknown]]
        : []),
    ]),
    ...commsLists.flatMap((name): [string, unknown][] => [
      [name, 'one'],
      [name, [7]],
    ]),
    ['mnemonic', 7],
    ['nonsense', 1],
  ];

  test('that cannot be is refused by its name, by every host', async () => {
    const { startTransport } = makeMemoryNetwork();
    const { kernel } = await start(startTransport);
    for (const [name, value] of bad) {
      const options = { [name]: value };
      const refusal = await rejectionOf(kernel.initRemoteComms(options));
      expect(refusal, name).toMatchObject({ code: 'BAD_CONFIG' });
      expect(refusal.message).toContain(name);
      expect(() => createCommsQueryString(options as object), name).toThrow(name);
      if (name === 'nonsense') continue;
      const query = new URLSearchParams({
        [name]: typeof value === 'string' ? `"${value}"` : JSON.stringify(value),
      });
      expect(() => parseCommsQueryString(query), name).toThrow(name);
    }
    // It goes on as it was.
    expect((await kernel.getStatus()).remoteComms.state).toBe('connected');
  });
});

describe('the options of remote comms are the same', () => {
  const good = { maxQueue: 1, maxUrlRelayHints: 2 };
  const bad = [{ maxQueue: 0 }, { relays: [7] }];

  const ends: (() => unknown)[] = [];
  afterEach(() => Promise.all(ends.splice(0).map((end) => end())));

  /** What takes options there. */
  const hosts: [string, () => Promise<(options: object) => unknown>][] = [
    [
      'for a client of a kernel in a worker thread',
      async () => {
        const client = createKernel({ worker: () => startKernelWorker() });
        ends.push(() => client.close());
        await client.ready();
        return (options) => client.admin.initRemoteComms(options);
      },
    ],
    [
      'as a control request',
      async () => {
        const { port1, port2 } = new MessageChannel();
        ends.push(() => port2.close());
        track(await makeKernel({ port: port1, logger: makeLogRecorder() }));
        return async (params) => {
          const answer = new Promise<RpcResponse>((done) => port2.once('message', done));
          port2.postMessage({ jsonrpc: '2.0', id: 1, method: 'initRemoteComms', params });
          const response = await answer;
          if ('error' in response) throw new Error(response.error.message);
          return response.result;
        };
      },
    ],
    [
      "in a browser, by the worker's URL",
      async () => (options) => {
        const query = new URLSearchParams(
          Object.entries(options).map(([name, value]) => [name, JSON.stringify(value)]),
        );
        return parseUrlOptions(query.toString());
      },
    ],
  ];

  test.each(hosts)('%s', async (_where, open) => {
    const { kernel } = await start(makeMemoryNetwork().startTransport);
    const take = await open();
    await take(good);
    for (const options of bad) {
      const { message } = await rejectionOf(kernel.initRemoteComms(options as object));
      const refusal = await rejectionOf((async () => take(options))());
      expect(refusal.message).toContain(message.replace(/^\[.*?\] /, ''));
    }
  });
});

describe('where a peer was last said to be', () => {
  test('is remembered with its URL, after a restart and beyond what a stranger says', async () => {
    const network = makeMemoryNetwork();
    const there = await start(network.startTransport);
    const dbFilename = makeStoreFile();
    const here = await start(network.startTransport, {}, dbFilename);
    const url = await there.kernel.issueOcapURL(there.root);
    const hints = Array.from({ length: 30 }, (_, at) => relay(`relay${at}`));
    const [who] = url.split(',');
    const kref = await here.kernel.redeemOcapURL([who, ...hints].join(','));
    await call(here.kernel, here.root, 'keep', kslot(kref));
    await stopKernel(here.kernel);
    const again = await start(network.startTransport, {}, dbFilename);
    expect(await call(again.kernel, again.root, 'useKept', 'you')).toBe('Hello, you');
    const dialled = again.seen.dials[0]?.hints ?? [];
    // As many as are kept, the newest first: what the peer itself says of it came last.
    expect(dialled).toHaveLength(16);
    expect(dialled.slice(0, 3)).toStrictEqual([`/memory/${there.peerId}`, hints[0], hints[1]]);
  });
});

test('remote comms that are started twice at once, or end meanwhile, leave nothing running', async () => {
  const network = makeMemoryNetwork();
  let running = 0;
  const slowly: StartTransport = async (options, events) => {
    await new Promise((done) => setTimeout(done, 20));
    const transport = await network.startTransport(options, events);
    running += 1;
    return {
      ...transport,
      stop() {
        running -= 1;
        return transport.stop();
      },
    };
  };
  const { kernel } = await start(slowly);
  await Promise.all([1, 2, 3].map((maxQueue) => kernel.initRemoteComms({ maxQueue })));
  expect(running).toBe(1);
  const starting = rejectionOf(kernel.initRemoteComms());
  await stopKernel(kernel);
  expect(await starting).toMatchObject({ code: 'KERNEL_STOPPED' });
  expect(running).toBe(0);
});
