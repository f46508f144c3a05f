/** Every option of remote comms, as `vatkit daemon exec initRemoteComms` gives it to a daemon, which is one process for all. */
import { execFile } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { identify } from '@libp2p/identify';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import type { KRef, RemoteCommsOptions } from '@vatkit/sdk/kernel';
import { makeSQLKernelDatabase, NodejsPlatformServices } from '@vatkit/sdk/node';
import { createLibp2p } from 'libp2p';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { resolveHome } from '../../../codegen/src/daemon/home.js';
import { stopDaemon } from '../../../codegen/src/daemon/lifecycle.js';
import { readPidFile } from '../../../codegen/src/daemon/processes.js';
import { callDaemon } from '../../../codegen/src/daemon/rpc-client.js';
import { mnemonicToSeed, peerIdOf, randomSeed } from '../../src/comms/identity.js';
import { encodeFrame } from '../../src/comms/libp2p/frames.js';
import { toPieces } from '../../src/comms/pieces.js';
import type { Link, StartTransport } from '../../src/comms/transport.js';
import { Kernel } from '../../src/host/kernel.js';
import type { CommsStatus } from '../../src/host/peers/peer-server.js';
import { onStopAll, startParty, startTestRelay, stopAll, tcpAddress } from './harness.js';

const program = fileURLToPath(new URL('../../../codegen/bin/vatkit.mjs', import.meta.url));
const patience = { timeout: 8_000, interval: 20 };
vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

const vat = JSON.stringify({
  moduleFormat: 'vatkit',
  abi: 1,
  code: `const __vatExports__ = (() => {
    const { E, makeDefaultExo } = $vatkit['@vatkit/sdk/vat'];
    return { buildRootObject: () => makeDefaultExo('root', {
      greet(name) { return 'Hello, ' + name; },
      async flood(it, count) {
        const sent = Array.from({ length: count }, () => E(it).greet('x'));
        return (await Promise.allSettled(sent)).map(({ reason }) => reason.message.split(']')[0]);
      },
    }) };
  })();`,
});
const config = { bootstrap: 'main', vats: { main: { bundleSpec: vat } } };

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'vatkit-daemon-')));
const home = resolveHome(join(folder, 'home'));
const vatkit = (...args: string[]) =>
  promisify(execFile)(process.execPath, [program, 'daemon', ...args, '--home', home.folder], {
    env: { ...process.env, NODE_OPTIONS: `--import=${clock}` },
  });

/** Three quarters of an hour pass for a process, when it is told so. */
const clock = `data:text/javascript,${encodeURIComponent(`
  const { now } = Date;
  let passed = 0;
  Date.now = () => now() + passed;
  process.on('SIGUSR2', () => { passed += 45 * 60_000; });`)}`;

const ask = async (method: string, params: unknown = {}): Promise<unknown> => {
  const response = await callDaemon(home.socket, method, params);
  if ('result' in response) return response.result;
  throw new Error(response.error.message);
};

const comms = async (): Promise<CommsStatus> =>
  ((await ask('getStatus')) as { remoteComms: CommsStatus }).remoteComms;

const reasonOf = async (peerId: string): Promise<string | undefined> =>
  (await comms()).peers?.find((peer) => peer.peerId === peerId)?.reason;

const greet = (kref: KRef, name: string): Promise<unknown> =>
  ask('queueMessage', [kref, 'greet', [name]]).then((data) => (data as { body: string }).body);

/** A kernel of this process, of which the daemon holds an object. */
let friend: { kernel: Kernel; peerId: string; url: string; isMute: boolean };
let root: KRef;
let remote: KRef;

async function startFriend(): Promise<typeof friend> {
  const started = { isMute: false } as typeof friend;
  const platform = new NodejsPlatformServices();
  const begin = platform.startTransport.bind(platform);
  const quietly = (link: Link): Link => ({
    peerId: link.peerId,
    send: (frame) => started.isMute || link.send(frame),
    close: (why) => link.close(why),
  });
  const startTransport: StartTransport = async (options, events) => {
    const transport = await begin(options, {
      ...events,
      onLink: (link) => events.onLink(quietly(link)),
    });
    const dial: typeof transport.dial = async (...args) => quietly(await transport.dial(...args));
    return { ...transport, dial };
  };
  Object.defineProperty(platform, 'startTransport', { value: startTransport });
  const database = await makeSQLKernelDatabase({ dbFilename: ':memory:' });
  const kernel = await Kernel.make(platform, database);
  const { rootKref } = await kernel.launchSubcluster(config);
  await kernel.initRemoteComms({
    directListenAddresses: [tcpAddress],
    reconnectionBaseDelayMs: 5,
    reconnectionMaxDelayMs: 20,
  });
  const { peerId = '' } = (await kernel.getStatus()).remoteComms;
  return Object.assign(started, { kernel, peerId, url: await kernel.issueOcapURL(rootKref) });
}

const mnemonic = 'legal winner thank year wave sausage worth useful legal winner thank yellow';

beforeAll(async () => {
  friend = await startFriend();
  await vatkit('start');
  root = ((await ask('launchSubcluster', { config })) as { rootKref: KRef }).rootKref;
  await vatkit('exec', 'initRemoteComms', JSON.stringify({ mnemonic }));
  remote = (await ask('redeemOcapURL', { url: friend.url })) as KRef;
});

afterEach(stopAll);

afterAll(async () => {
  await stopDaemon(home, { force: true });
  await friend.kernel.stop();
  rmSync(folder, { recursive: true });
});

/** Remote comms with these options: without the friend, who would otherwise be reached at once. */
const alone = (options: RemoteCommsOptions = {}): Promise<unknown> =>
  ask('initRemoteComms', { deniedPeers: [friend.peerId], ...options });
const together = (options: RemoteCommsOptions = {}): Promise<unknown> =>
  ask('initRemoteComms', options);

const quick = { reconnectionBaseDelayMs: 5, reconnectionMaxDelayMs: 10 };

/** The daemon looks for somebody at an address where nobody is. */
async function lookFor(address = '/ip4/127.0.0.1/tcp/9'): Promise<string> {
  const nobody = peerIdOf(randomSeed());
  ask('redeemOcapURL', { url: `ocap:v1.${'A'.repeat(22)}@${nobody},${address}` }).catch(
    () => undefined,
  );
  await vi.waitFor(async () => expect(await reasonOf(nobody)).toBeDefined(), patience);
  return nobody;
}

const attemptsAt = async (peerId: string): Promise<number> =>
  (await comms()).peers?.find((peer) => peer.peerId === peerId)?.attempts ?? 0;

/** Somebody without a kernel has a link to the daemon. */
async function visit() {
  const party = await startParty();
  const { peerId = '', listenAddresses = [] } = await comms();
  const { signal } = new AbortController();
  const link = await party.transport.dial(peerId, listenAddresses, party.events, signal);
  const ping = (count: number): void => {
    for (let at = 0; at < count; at += 1) link.send(pingPiece);
  };
  return { party, link, peerId: party.transport.peerId, ping };
}

/** Somebody who has a link, and does nothing of what one does with it. */
async function knock() {
  const stranger = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    // A window that does not grow as it is used.
    streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: 256 * 1024 } })],
    services: { identify: identify() },
  });
  onStopAll(async () => stranger.stop());
  const [address] = (await comms()).listenAddresses ?? [];
  const stream = await (await stranger.dial(multiaddr(address))).newStream('/vatkit/1');
  stream.send(encodeFrame('hello', new Uint8Array(8).fill(1)));
  return { stream, peerId: stranger.peerId.toString() };
}

const [pingPiece] = toPieces({ type: 'ping' }, 1_024) as [Uint8Array];

const listening = { directListenAddresses: [tcpAddress] };
const relay = (name: string): string =>
  `/dns4/${name}.invalid/tcp/443/wss/p2p/12D3KooWJBDqsyHQF2MWiCdU4kdqx4zTsSTLRdShg7Ui6CRWB4uc`;
const relaysOf = async (): Promise<string[]> =>
  ((await ask('issueOcapURL', { kref: root })) as string).split(',').slice(1);

const effects = {
  async mnemonic() {
    expect((await comms()).peerId).toBe(peerIdOf(await mnemonicToSeed(mnemonic)));
  },
  async relays() {
    const relays = [...(await startTestRelay()).addresses];
    await alone({ relays });
    const addresses = async () => (await comms()).listenAddresses;
    await vi.waitFor(async () => expect(await addresses()).toStrictEqual(relays), patience);
  },
  async maxKnownRelays() {
    await alone({ relays: ['a', 'b', 'c'].map(relay), maxKnownRelays: 2 });
    expect(await relaysOf()).toStrictEqual(['a', 'b'].map(relay));
  },
  async maxUrlRelayHints() {
    await alone({ relays: ['a', 'b', 'c'].map(relay), maxUrlRelayHints: 1 });
    expect(await relaysOf()).toStrictEqual([relay('a')]);
  },
  async allowedWsHosts() {
    const address = '/dns4/nobody.invalid/tcp/9/ws';
    await alone();
    expect(await reasonOf(await lookFor(address))).toContain('ws without TLS');
    await alone({ allowedWsHosts: ['nobody.invalid'] });
    expect(await reasonOf(await lookFor(address))).not.toContain('ws without TLS');
  },
  async directListenAddresses() {
    await alone(listening);
    expect((await comms()).listenAddresses?.[0]).toMatch(
      /^\/ip4\/127\.0\.0\.1\/tcp\/[1-9]\d*\/p2p\//,
    );
  },
  async allowedPeers() {
    await together({ allowedPeers: [peerIdOf(randomSeed())] });
    const { url } = friend;
    await expect(ask('redeemOcapURL', { url })).rejects.toThrow('may not talk to peer');
    await together({ allowedPeers: [friend.peerId] });
    expect(await greet(remote, 'you')).toContain('Hello, you');
  },
  async deniedPeers() {
    await together({ deniedPeers: [friend.peerId] });
    const { url } = friend;
    await expect(ask('redeemOcapURL', { url })).rejects.toThrow('may not talk to peer');
  },
  async maxRetryAttempts() {
    await alone({ ...quick, maxRetryAttempts: 2 });
    const nobody = await lookFor();
    await vi.waitFor(async () => expect(await attemptsAt(nobody)).toBe(3), patience);
    await new Promise((done) => setTimeout(done, 100));
    expect(await attemptsAt(nobody)).toBe(3);
  },
  async reconnectionBaseDelayMs() {
    await alone({ reconnectionBaseDelayMs: 5 });
    const nobody = await lookFor();
    // By itself it would be half a minute.
    await vi.waitFor(async () => expect(await attemptsAt(nobody)).toBeGreaterThan(6), patience);
  },
  async reconnectionMaxDelayMs() {
    await alone({ reconnectionBaseDelayMs: 20, reconnectionMaxDelayMs: 40 });
    const nobody = await lookFor();
    // By itself it would be over a minute.
    await vi.waitFor(async () => expect(await attemptsAt(nobody)).toBeGreaterThan(13), patience);
  },
  async maxConnectionAttemptsPerMinute() {
    await alone({ ...quick, maxConnectionAttemptsPerMinute: 2 });
    const nobody = await lookFor();
    await vi.waitFor(
      async () => expect(await reasonOf(nobody)).toContain('2 connections were tried'),
      patience,
    );
  },
  async maxQueue() {
    await alone({ maxQueue: 7, peerTimeoutMs: 200 });
    const data = await ask('queueMessage', [root, 'flood', [remote, 20]]);
    const codes = JSON.parse((data as { body: string }).body.slice(1)) as string[];
    const fulls = codes.filter((code) => code === '[KERNEL:QUEUE_FULL');
    expect([fulls.length, codes.length]).toStrictEqual([13, 20]);
  },
  async peerTimeoutMs() {
    await alone({ peerTimeoutMs: 200 });
    await expect(greet(remote, 'you')).rejects.toThrow('CONNECTION_LOST');
  },
  async maxMessageSizeBytes() {
    await together({ maxMessageSizeBytes: 20_000 });
    await expect(greet(remote, 'x'.repeat(20_000))).rejects.toThrow('limit of 20000 bytes');
  },
  async maxConcurrentConnections() {
    await alone({ ...listening, maxConcurrentConnections: 1 });
    await visit();
    await expect(visit()).rejects.toThrow('Connection limit reached: 1/1');
  },
  async maxMessagesPerSecond() {
    await alone({ ...listening, maxMessagesPerSecond: 10 });
    const { party, ping } = await visit();
    const began = performance.now();
    ping(25);
    await vi.waitFor(() => expect(party.got.length).toBeGreaterThanOrEqual(25), patience);
    // There is a whole second between the first of them and the last.
    expect(performance.now() - began).toBeGreaterThan(900);
  },
  async handshakeTimeoutMs() {
    await alone({ ...listening, handshakeTimeoutMs: 50 });
    const { peerId } = await visit();
    await vi.waitFor(
      async () => expect(await reasonOf(peerId)).toBe('it did not greet in time'),
      patience,
    );
  },
  async writeTimeoutMs() {
    await alone({ ...listening, writeTimeoutMs: 100, maxMessagesPerSecond: 0 });
    const { stream, peerId } = await knock();
    stream.pause();
    // The answers have no room in its window.
    const ping = encodeFrame('data', pingPiece);
    const pings = new Uint8Array(30_000 * ping.length);
    for (let at = 0; at < pings.length; at += ping.length) pings.set(ping, at);
    stream.send(pings);
    await vi.waitFor(
      async () =>
        expect(await reasonOf(peerId)).toBe('it took nothing of what it was sent in 100 ms'),
      patience,
    );
  },
  async ackTimeoutMs() {
    await together({ ...quick, ackTimeoutMs: 200 });
    expect(await greet(remote, 'you')).toContain('Hello, you');
    friend.isMute = true;
    const answer = greet(remote, 'again');
    await vi.waitFor(
      async () => expect(await reasonOf(friend.peerId)).toMatch(/^it was silent for/),
      patience,
    );
    friend.isMute = false;
    await together(quick);
    expect(await answer).toContain('Hello, again');
  },
  async streamInactivityTimeoutMs() {
    await alone({ ...listening, streamInactivityTimeoutMs: 5_000 });
    const { stream } = await knock();
    const heard: number[] = [];
    stream.addEventListener('message', ({ data }) => heard.push(...data.subarray()));
    // It is asked after a third of it whether it is there; by itself it would be after 10 s.
    const question = [...encodeFrame('ping')].join();
    await vi.waitFor(() => expect(heard.join()).toContain(question), patience);
  },
  async cleanupIntervalMs() {
    await alone({ ...listening, cleanupIntervalMs: 50 });
    const { peerId, link } = await visit();
    const isKnown = async (): Promise<boolean> =>
      (await comms()).peers?.some((peer) => peer.peerId === peerId) === true;
    expect(await isKnown()).toBe(true);
    link.close('enough');
    // By itself it would be a quarter of an hour.
    await vi.waitFor(async () => expect(await isKnown()).toBe(false), patience);
  },
  async stalePeerTimeoutMs() {
    await alone({ ...listening, cleanupIntervalMs: 50, stalePeerTimeoutMs: 30 * 60_000 });
    const { peerId = '', listenAddresses } = await comms();
    const guest = await startFriend();
    onStopAll(() => guest.kernel.stop());
    await guest.kernel.reconnectPeer(peerId, listenAddresses);
    const isRemembered = async (): Promise<boolean> => {
      const sql = `SELECT key FROM kv WHERE key LIKE 'j.%' AND value LIKE '%${guest.peerId}%'`;
      return ((await ask('executeDBQuery', { sql })) as unknown[]).length > 0;
    };
    await vi.waitFor(async () => expect(await isRemembered()).toBe(true), patience);
    await guest.kernel.stop();
    process.kill(readPidFile(home.pidFile)?.pid as number, 'SIGUSR2');
    // By itself it would be an hour.
    await vi.waitFor(async () => expect(await isRemembered()).toBe(false), patience);
  },
} satisfies { [Name in keyof Required<RemoteCommsOptions>]: () => Promise<void> };

describe('a daemon', () => {
  test.each(Object.entries(effects))('does what the option says: %s', (_name, effect) => effect());

  test('refuses what no option can be, and goes on as it was', async () => {
    await alone(listening);
    for (const options of [{ maxQueue: 0 }, { relays: [7] }, { nonsense: 1 }, [listening]]) {
      const refusal = vatkit('exec', 'initRemoteComms', JSON.stringify(options));
      await expect(refusal).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^Error: Invalid params: .+ \(code -32602\)\n$/) as string,
      });
    }
    expect((await comms()).listenAddresses).toHaveLength(1);
  });
});
