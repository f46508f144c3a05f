/** Peers that break, hang, flood and lie, on real sockets: what they do costs themselves and nobody else. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { identify } from '@libp2p/identify';
import type { Connection, Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p } from 'libp2p';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { encodeFrame } from '../../src/comms/libp2p/frames.js';
import { limits } from '../../src/limits.js';
import {
  bytes,
  onStopAll,
  startParty,
  startTestRelay,
  stopAll,
  tcpAddress,
  text,
  wsAddress,
  type Party,
} from './harness.js';

afterEach(async () => {
  vi.restoreAllMocks();
  await stopAll();
});

vi.setConfig({ testTimeout: 40_000 });

const patience = { timeout: 20_000, interval: 20 };
const protocol = '/vatkit/1';

/** libp2p as anybody may have it, with none of our manners. */
async function startStranger(): Promise<Libp2p> {
  const node = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify() },
  });
  onStopAll(async () => node.stop());
  return node;
}

async function startHost(options = {}): Promise<Party> {
  return startParty({ directListenAddresses: [tcpAddress], ...options });
}

const visit = async (host: Party, stranger: Libp2p): Promise<Connection> =>
  stranger.dial(multiaddr(host.transport.addresses()[0]));

const isOver = (stream: Stream): boolean => stream.status !== 'open';

const hello = encodeFrame('hello', Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));

/** Somebody honest is served all the while. */
async function expectService(host: Party): Promise<void> {
  const guest = await startParty();
  const link = await guest.dial(host);
  const before = host.got.length;
  link.send(bytes('honest'));
  await vi.waitFor(() => expect(host.got.slice(before).map(text)).toContain('honest'), patience);
  link.close('bye');
}

describe('a kernel', () => {
  test('ends streams that say nothing, nonsense, or too much', async () => {
    const host = await startHost({ handshakeTimeoutMs: 500, frameBytesMax: 1_024 });
    const connection = await visit(host, await startStranger());
    const streams = await Promise.all([1, 2, 3].map(() => connection.newStream(protocol)));
    const [silent, nonsense, wordy] = streams as [Stream, Stream, Stream];
    nonsense.send(randomBytes(5_000));
    wordy.send(hello);
    wordy.send(encodeFrame('data', new Uint8Array(1_025)));
    await vi.waitFor(
      () => expect([silent, nonsense, wordy].map(isOver)).toStrictEqual([true, true, true]),
      patience,
    );
    expect(host.ended).toStrictEqual([
      'a data frame of 1025 bytes exceeds the limit of 1024 bytes',
    ]);
    expect(host.got).toStrictEqual([]);
    await expectService(host);
    // A connection without a link is not kept for long.
    await vi.waitFor(() => expect(connection.status).not.toBe('open'), patience);
  });

  test('keeps a handful of the thousand streams that somebody opens', async () => {
    const host = await startHost();
    const connection = await visit(host, await startStranger());
    const opened = await Promise.allSettled(
      Array.from({ length: 1_000 }, () =>
        connection.newStream(protocol, {
          maxOutboundStreams: 2_000,
          signal: AbortSignal.timeout(5_000),
        }),
      ),
    );
    const open = (): number =>
      opened.filter((result) => result.status === 'fulfilled' && !isOver(result.value)).length;
    await vi.waitFor(() => expect(open()).toBeLessThanOrEqual(4), patience);
    await expectService(host);
  });

  test('takes no relay that it has not chosen, and no bytes that are no libp2p', async () => {
    const host = await startHost();
    const connection = await visit(host, await startStranger());
    const before = host.transport.addresses();
    const circuits = await Promise.allSettled(
      Array.from({ length: 20 }, () => connection.newStream('/libp2p/circuit/relay/0.2.0/stop')),
    );
    const isRefused = (circuit: PromiseSettledResult<Stream>): boolean =>
      circuit.status === 'rejected' || isOver(circuit.value);
    await vi.waitFor(() => expect(circuits.every(isRefused)).toBe(true), patience);
    expect(host.transport.addresses()).toStrictEqual(before);
    const port = Number(/tcp\/(\d+)/.exec(before[0] as string)?.[1]);
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    socket.write(randomBytes(100_000));
    await new Promise((done) => socket.once('close', done));
    await expectService(host);
  });

  test('lets a flood wait, and loses nothing of it', async () => {
    const host = await startHost({ maxMessagesPerSecond: 500 });
    const guest = await startParty();
    const link = await guest.dial(host);
    const frame = new Uint8Array(5_000);
    let isFull = false;
    const began = performance.now();
    for (let count = 0; count < 2_000; count += 1) isFull = !link.send(frame);
    expect(isFull).toBe(true);
    await new Promise((done) => setTimeout(done, 300));
    // What each second that it touched may bring.
    const seconds = Math.ceil((performance.now() - began) / 1_000) + 1;
    expect(host.got.length).toBeLessThanOrEqual(500 * seconds);
    await vi.waitFor(() => expect(host.got).toHaveLength(2_000), patience);
    expect(guest.ended).toStrictEqual([]);
  });

  test('closes to those whom it does not allow', async () => {
    const allowed = new Set<string>();
    const host = await startHost({ isAllowed: (peerId: string) => allowed.has(peerId) });
    const guest = await startParty();
    await expect(guest.dial(host)).rejects.toThrow(/^Cannot dial/);
    allowed.add(guest.transport.peerId);
    await expect(guest.dial(host)).resolves.toMatchObject({ peerId: host.transport.peerId });
  });

  test('notices a peer that hangs, and one that dies', async () => {
    const program = fileURLToPath(new URL('./echo-child.mjs', import.meta.url));
    const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
    onStopAll(async () => child.kill('SIGKILL'));
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const [peerId = '', address = ''] = line.toString().trim().split(' ');
    const guest = await startParty({ streamInactivityTimeoutMs: 5_000 });
    const dial = () =>
      guest.transport.dial(peerId, [address], guest.events, new AbortController().signal);
    const link = await dial();
    link.send(bytes('echo'));
    await vi.waitFor(() => expect(guest.got.map(text)).toStrictEqual(['echo']), patience);
    child.kill('SIGSTOP');
    await vi.waitFor(() => expect(guest.ended).toHaveLength(1), patience);
    child.kill('SIGCONT');
    await vi.waitFor(dial, patience);
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await vi.waitFor(() => expect(guest.ended).toHaveLength(2), patience);
    await gone;
    await expect(dial()).rejects.toThrow(/ECONNREFUSED/);
  });

  describe('is not ended', () => {
    const uncaught = vi.fn();
    beforeEach(() => void process.on('uncaughtException', uncaught.mockClear()));
    afterEach(() => void process.off('uncaughtException', uncaught));

    const aLittle = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

    const upgrade = (): string => `GET / HTTP/1.1\r
Host: a\r
Connection: Upgrade\r
Upgrade: websocket\r
Sec-WebSocket-Version: 13\r
Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r
\r
`;

    const multistream = Buffer.concat([Buffer.from([19]), Buffer.from('/multistream/1.0.0\n')]);

    test.each(['/ws', ''])('by those that it dials and that break: %s', async (path) => {
      const given: Promise<unknown>[] = [];
      const silent: Socket[] = [];
      const server = createServer((socket) => {
        socket.on('error', () => {});
        const said = given.length;
        if (said === 1) silent.push(socket);
        else if (said === 2) socket.write(path === '' ? multistream : 'HTTP/1.1 200 OK\r\n\r\n');
        else if (said === 3) socket.write(randomBytes(500));
        if (said > 1) setTimeout(() => socket.resetAndDestroy(), 20);
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      onStopAll(async () => server.close());
      const { port } = server.address() as AddressInfo;
      const [{ transport, events }, { transport: other }] = [
        await startParty(),
        await startParty(),
      ];
      for (let times = 0; times < 4; times += 1) {
        const dialled = transport.dial(
          other.peerId,
          [`/ip4/127.0.0.1/tcp/${port}${path}`],
          events,
          AbortSignal.timeout(300),
        );
        given.push(dialled);
        await expect(dialled).rejects.toThrow();
      }
      // Nobody waits for this one any more.
      silent[0]?.resetAndDestroy();
      await aLittle();
      expect(silent).toHaveLength(1);
      expect(uncaught).not.toHaveBeenCalled();
    });

    test.each([
      ['a kernel', wsAddress],
      ['a kernel', tcpAddress],
      ['a relay', wsAddress],
      ['a relay', tcpAddress],
    ])('by nonsense and broken connections: %s at %s', async (what, address) => {
      const listening =
        what === 'a relay'
          ? (await startTestRelay({ listen: [address] })).addresses
          : (await startHost({ directListenAddresses: [address] })).transport.addresses();
      const port = Number(/\/tcp\/([1-9]\d*)/.exec(listening.join())?.[1]);
      const frames = ['f0', 'c1', '0102', '8101', '89ff', 'ff'.repeat(10), '8800', '828180'];
      for (const [index, frame] of ['', '00', ...frames].entries()) {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => {});
        const over = new Promise((resolve) => socket.resume().once('close', resolve));
        if (address === wsAddress) {
          socket.write(upgrade());
          const [answer] = (await once(socket, 'data')) as [Buffer];
          expect(answer.toString()).toContain('101 Switching Protocols');
        } else if (index % 2 === 0) {
          socket.write(multistream);
        }
        socket.write(Buffer.from(frame, 'hex'));
        if (index % 3 === 0) setTimeout(() => socket.resetAndDestroy(), 5);
        else socket.end();
        await over;
      }
      await aLittle();
      expect(uncaught).not.toHaveBeenCalled();
    });
  });

  test('tells that the computer was asleep, by the clock', async () => {
    const party = await startHost();
    const now = Date.now.bind(Date);
    vi.spyOn(Date, 'now').mockImplementation(() => now() + 60_000);
    await vi.waitFor(() => expect(party.awakened).toBe(1), patience);
  });
});

/** A message of the circuit protocol of libp2p: its length, and fields of protobuf. */
const message = (...fields: number[]): Uint8Array => Uint8Array.of(fields.length, ...fields);
const reserve = message(8, 0);
const connectTo = (id: Uint8Array): Uint8Array =>
  message(8, 1, 18, id.length + 2, 10, id.length, ...id);
const agreed = message(8, 1, 32, 100);

describe('a relay', () => {
  const hop = '/libp2p/circuit/relay/0.2.0/hop';
  const stop = '/libp2p/circuit/relay/0.2.0/stop';

  /** Asks the relay, and waits for its answer. */
  const askRelay = async (asker: Libp2p, address: string, what: Uint8Array): Promise<Stream> => {
    const stream = await (await asker.dial(multiaddr(address))).newStream(hop);
    let isAnswered = false;
    stream.addEventListener('message', () => (isAnswered = true), { once: true });
    stream.send(what);
    await vi.waitFor(() => expect(isAnswered).toBe(true), patience);
    return stream;
  };

  test('holds no more than a window for who does not read, and loses nothing of it', async () => {
    const relay = await startTestRelay({ listen: [tcpAddress] });
    const address = relay.addresses[0] as string;
    const [sender, receiver] = [await startStranger(), await startStranger()];
    let end: Stream | undefined;
    await receiver.handle(stop, (stream: Stream) => {
      const agree = (): void => {
        end = stream;
        stream.pause();
        stream.send(agreed);
      };
      stream.addEventListener('message', agree, { once: true });
    });
    await askRelay(receiver, address, reserve);
    const flood = await askRelay(sender, address, connectTo(receiver.peerId.toMultihash().bytes));
    const sent = randomBytes(16 * 1024 * 1024);
    flood.send(sent);
    // Nothing moves any more, whoever waits for whom.
    let before = -1;
    await vi.waitFor(
      () => {
        const relayed = relay.status().bytesRelayed;
        const isStill = relayed > 0 && relayed === before;
        before = relayed;
        expect(isStill).toBe(true);
      },
      { timeout: 20_000, interval: 300 },
    );
    const left = sent.length - flood.writeBufferLength;
    expect(left).toBeLessThanOrEqual(2 * limits.relayWindowBytes);

    const got = createHash('sha256');
    let gotBytes = 0;
    end?.addEventListener('message', ({ data }) => {
      got.update(data.subarray());
      gotBytes += data.byteLength;
    });
    end?.resume();
    await vi.waitFor(() => expect(gotBytes).toBe(sent.length), patience);
    expect(got.digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'));
  });
});
