import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { limits } from '../../limits.js';
import type { IOConfig, IOOptions } from '../../protocol/config.js';
import { makeIOService, type IOChannel } from '../io-channel.js';
import { makeIOChannelFactory, makeSocketIOChannel } from './io-channels.js';

let directory: string;
const channels: IOChannel[] = [];
const sockets: Socket[] = [];
const servers: Server[] = [];

beforeAll(async () => {
  directory = await fs.mkdtemp(join(tmpdir(), 'vatkit-io-'));
});
afterAll(() => fs.rm(directory, { recursive: true }));
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(channels.splice(0).map((channel) => channel.close()));
  for (const server of servers.splice(0)) server.close();
});

let lastPath = 0;
const newPath = () => join(directory, `f${(lastPath += 1)}`);

const openChannel = async (config: IOConfig, factory = makeIOChannelFactory()) => {
  const channel = await factory('n', config);
  channels.push(channel);
  return channel;
};
const listenChannel = (options: IOOptions = {}, host = '127.0.0.1') =>
  openChannel({ type: 'listen', hostport: `${host}:0`, ...options });
const failureOf = async (promise: Promise<unknown>) =>
  promise.then(
    (value) => `no failure but ${String(value)}`,
    (reason: unknown) => (reason instanceof Error ? reason.message : reason),
  );

const portOf = (channel: IOChannel) => Number(/\d+$/.exec(channel.hostport ?? '')?.[0]);

/** A client that is connected, with all that it receives. */
async function clientOf(where: IOChannel | string) {
  const socket = typeof where === 'string' ? connect(where) : connect(portOf(where), '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {});
  let received = '';
  socket.on('data', (chunk) => (received += chunk.toString('latin1')));
  await once(socket, 'connect');
  return {
    socket,
    received: () => received,
    send: (data: string | Uint8Array) =>
      new Promise<void>((resolve) => socket.write(data, () => resolve())),
  };
}

/** A server for one client at a time, which records its connections. */
async function serverOf(onConnection: (socket: Socket) => void = () => {}, port = 0) {
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  servers.push(server);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as { port: number }).port };
}
const networkChannel = (port: number, options: IOOptions = {}) =>
  openChannel({ type: 'network', hostport: `127.0.0.1:${port}`, ...options });

describe('a factory', () => {
  test('refuses an unknown type', async () => {
    const config = { type: 'carrier-pigeon' } as unknown as IOConfig;
    expect(await failureOf(openChannel(config))).toBe(
      '[KERNEL:BAD_CONFIG] Unsupported IO channel type "carrier-pigeon" for channel "n"',
    );
  });

  test.each([
    ['listen', '127.0.0.1'],
    ['listen', ':80'],
    ['listen', '80'],
    ['listen', '127.0.0.1:'],
    ['listen', '127.0.0.1:65536'],
    ['listen', '127.0.0.1:080'],
    ['listen', '127.0.0.1:+80'],
    ['listen', '127.0.0.1:80 '],
    ['listen', '127.1:80'],
    ['listen', '1:80'],
    ['listen', '0x7f.0x1:80'],
    ['listen', '256.0.0.1:80'],
    ['listen', '::1:80'],
    ['listen', '[127.0.0.1]:80'],
    ['listen', '[::1]'],
    ['listen', 'a b:80'],
    ['listen', 'user@host:80'],
    ['listen', 'http://127.0.0.1:80'],
    ['network', '127.0.0.1:0'],
  ] as const)('of %s refuses the address %j', async (type, hostport) => {
    expect(await failureOf(openChannel({ type, hostport }))).toBe(
      `[KERNEL:BAD_CONFIG] IO channel "n": ${JSON.stringify(hostport)} is not a host and port like "127.0.0.1:8000" or "[::1]:80"`,
    );
  });

  test('listens at exactly the address that it is given, and tells it', async () => {
    const channel = await listenChannel();
    expect(channel.hostport).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
    // Loopback, too, but another address.
    const other = connect(portOf(channel), '127.0.0.2');
    const [error] = (await once(other, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    expect((await listenChannel({}, 'localhost')).hostport).toMatch(/^localhost:\d+$/);
    expect(await failureOf(openChannel({ type: 'listen', hostport: channel.hostport! }))).toBe(
      `IO channel "n" cannot listen at ${channel.hostport}: EADDRINUSE`,
    );
  });
});

describe.each(['listen', 'socket'] as const)('a %s channel', (type) => {
  const serve = async (options: IOOptions = {}) => {
    if (type === 'listen') {
      const channel = await listenChannel(options);
      return { channel, connectOne: () => clientOf(channel) };
    }
    const path = newPath();
    const channel = await openChannel({ type, path, ...options });
    return { channel, connectOne: () => clientOf(path) };
  };

  test('reads and writes lines', async () => {
    const { channel, connectOne } = await serve();
    const read = channel.read();
    const { send, received } = await connectOne();
    await send('hello\nwor');
    await send('ld\n');
    expect([await read, await channel.read()]).toStrictEqual(['hello', 'world']);
    await channel.write('é');
    await vi.waitFor(() => expect(received()).toBe('\u00c3\u00a9\n'));
  });

  test('puts together a character that was cut', async () => {
    const { channel, connectOne } = await serve();
    const { send } = await connectOne();
    const whole = Buffer.from('hello \u{1F600} world\n');
    for (const part of [whole.subarray(0, 8), whole.subarray(8, 9), whole.subarray(9)]) {
      await send(part);
      await sleep(10);
    }
    expect(await channel.read()).toBe('hello \u{1F600} world');
  });

  test('reads and writes bytes', async () => {
    const { channel, connectOne } = await serve({ unit: 'bytes' });
    const { send, received } = await connectOne();
    await send(Uint8Array.of(0, 255, 10));
    expect(await channel.read()).toStrictEqual(Uint8Array.of(0, 255, 10));
    await channel.write(Uint8Array.of(1, 254));
    await vi.waitFor(() => expect(received()).toBe('\x01\xfe'));
  });

  test('reads strings and code points, and adds nothing to what it writes', async () => {
    for (const unit of ['string', 'chars'] as const) {
      const { channel, connectOne } = await serve({ unit });
      const { send, received } = await connectOne();
      await send('a\u{1F600}');
      const read =
        unit === 'string' ? [await channel.read()] : [await channel.read(), await channel.read()];
      expect(read).toStrictEqual(unit === 'string' ? ['a\u{1F600}'] : ['a', '\u{1F600}']);
      await channel.write('out');
      await vi.waitFor(() => expect(received()).toBe('out'));
    }
  });

  test('has nobody to write to before a client comes and after it went', async () => {
    const { channel, connectOne } = await serve();
    expect(await failureOf(channel.write('x'))).toBe('IO channel "n" has no connected client');
    const { socket, send } = await connectOne();
    await send('up\n');
    await channel.read();
    const end = channel.read();
    socket.end();
    expect(await end).toBe(null);
    expect(await failureOf(channel.write('x'))).toBe('IO channel "n" has no connected client');
  });

  test('hangs up on a second client, and takes it when the first has gone', async () => {
    const { channel, connectOne } = await serve();
    const first = await connectOne();
    await first.send('1\n');
    expect(await channel.read()).toBe('1');
    const second = await connectOne();
    await second.send('2\n');
    await vi.waitFor(() => expect(second.socket.closed).toBe(true));
    await first.send('still here\n');
    expect(await channel.read()).toBe('still here');
    first.socket.destroy();
    const third = await connectOne();
    await third.send('3\n');
    expect([await channel.read(), await channel.read()]).toStrictEqual([null, '3']);
  });

  test('takes clients that follow one another closely', async () => {
    const { channel, connectOne } = await serve();
    for (let count = 0; count < 20; count += 1) {
      const { socket, send } = await connectOne();
      await send(`${count}\n`);
      expect(await channel.read()).toBe(String(count));
      socket.end();
      const end = channel.read();
      // Not waited for: the next one comes at once.
      await once(socket, 'finish');
      void end.then((unit) => expect(unit).toBe(null));
    }
  });

  test('keeps what a client sent before it went, until another comes', async () => {
    const { channel, connectOne } = await serve();
    const first = await connectOne();
    first.socket.end('one\ntwo');
    await once(first.socket, 'close');
    expect([await channel.read(), await channel.read(), await channel.read()]).toStrictEqual([
      'one',
      'two',
      null,
    ]);
    const second = await connectOne();
    second.socket.end('stale\n');
    await once(second.socket, 'close');
    const third = await connectOne();
    await third.send('fresh\n');
    await sleep(20);
    expect([await channel.read(), await channel.read()]).toStrictEqual([null, 'fresh']);
  });

  test('tells an end that nobody waited for', async () => {
    const { channel, connectOne } = await serve();
    const { socket } = await connectOne();
    socket.destroy();
    await sleep(20);
    expect(await channel.read()).toBe(null);
  });

  test('stops a client that sends faster than is read', async () => {
    const { channel, connectOne } = await serve();
    const { socket } = await connectOne();
    const line = 'x'.repeat(1_023) + '\n';
    const count = 32 * 1_024;
    socket.write(line.repeat(count));
    await sleep(100);
    const stopped = socket.bytesWritten - socket.writableLength;
    expect(socket.writableLength).toBeGreaterThan(0);
    await sleep(50);
    expect(socket.bytesWritten - socket.writableLength).toBe(stopped);
    let whole = 0;
    for (let read = 0; read < count; read += 1) {
      const unit = (await channel.read()) as string;
      if (unit.length === 1_023) whole += 1;
    }
    expect(whole).toBe(count);
  });

  test('drops what a client sends where it only writes, and sees it go', async () => {
    const { channel, connectOne } = await serve({ direction: 'out' });
    const { socket, received } = await connectOne();
    socket.end('x'.repeat(5_000_000));
    await vi.waitFor(() => channel.write('hi'));
    await once(socket, 'close');
    expect(received()).toContain('hi\n');
    await vi.waitFor(async () =>
      expect(await failureOf(channel.write('x'))).toContain('no connected client'),
    );
  });

  test('reads a huge line, and after one that is too long', async () => {
    const { channel, connectOne } = await serve();
    const { socket } = await connectOne();
    socket.write('x'.repeat(limits.ioLineCharsMax) + '\n');
    socket.write('y'.repeat(limits.ioLineCharsMax * 8) + '\nshort\n');
    expect(await channel.read()).toBe('x'.repeat(limits.ioLineCharsMax));
    expect(await failureOf(channel.read())).toMatch(/received a line of more than 1048576/);
    expect(await channel.read()).toBe('short');
  });

  test('makes writes wait for a client that takes nothing, and ends them when closed', async () => {
    const { channel, connectOne } = await serve();
    const { socket } = await connectOne();
    socket.pause();
    await vi.waitFor(() => channel.write('x'));
    const outcomes: string[] = [];
    const writes = Array.from({ length: 20 }, () =>
      failureOf(channel.write('x'.repeat(1_000_000))).then((outcome) => {
        outcomes.push(String(outcome));
      }),
    );
    await sleep(100);
    expect(outcomes.length).toBeLessThan(20);
    await channel.close();
    await Promise.all(writes);
    expect(outcomes.at(-1)).toBe('IO channel "n" is closed');
  });

  test('bounds what waits to be written through its service', async () => {
    const { channel, connectOne } = await serve();
    const { socket } = await connectOne();
    socket.pause();
    const service = makeIOService('n', { type: 'console' }, channel);
    await vi.waitFor(() => service.write('x'));
    const writes: Promise<unknown>[] = [];
    for (let count = 0; count < 40; count += 1) {
      writes.push(failureOf(service.write('x'.repeat(1_000_000))));
    }
    expect(await writes.at(-1)).toMatch(/QUEUE_FULL/);
    await channel.close();
    await Promise.all(writes);
  });

  test('closed, ends reads, its client, and its place', async () => {
    const { channel, connectOne } = await serve();
    const { socket } = await connectOne();
    const reads = [channel.read(), channel.read()];
    await vi.waitFor(() => channel.write('x'));
    const gone = once(socket, 'close');
    await Promise.all([channel.close(), channel.close()]);
    expect(await Promise.all(reads)).toStrictEqual([null, null]);
    await gone;
    expect(await channel.read()).toBe(null);
    expect(await failureOf(channel.write('x'))).toBe('IO channel "n" is closed');
    await expect(connectOne()).rejects.toThrow();
    await channel.close();
  });
});

describe('a socket channel', () => {
  test('is for its owner alone, and gone when it is closed', async () => {
    const path = newPath();
    const channel = await makeSocketIOChannel('n', path);
    const { mode } = await fs.stat(path);
    expect((mode & 0o777).toString(8)).toBe('600');
    await channel.close();
    await expect(fs.stat(path)).rejects.toThrow('ENOENT');
  });

  test('takes the place of a socket that nobody serves', async () => {
    const path = newPath();
    const old = createServer().listen(path);
    await once(old, 'listening');
    await fs.rename(path, `${path}.kept`);
    old.close();
    await fs.rename(`${path}.kept`, path);
    const channel = await openChannel({ type: 'socket', path });
    const { send } = await clientOf(path);
    await send('hi\n');
    expect(await channel.read()).toBe('hi');
  });

  test('removes nothing else', async () => {
    const path = newPath();
    await fs.writeFile(path, 'precious');
    expect(await failureOf(makeSocketIOChannel('n', path))).toBe(
      `IO channel "n" cannot listen at ${path}: it exists and is not a socket`,
    );
    expect(await fs.readFile(path, 'utf8')).toBe('precious');
    const link = newPath();
    await fs.symlink(path, link);
    expect(await failureOf(makeSocketIOChannel('n', link))).toContain('is not a socket');
    const live = newPath();
    const channel = await makeSocketIOChannel('first', live);
    channels.push(channel);
    expect(await failureOf(makeSocketIOChannel('n', live))).toBe(
      `IO channel "n" cannot listen at ${live}: it is in use`,
    );
    expect(await failureOf(makeSocketIOChannel('n', join(directory, 'none', 'x')))).toMatch(
      /cannot listen at .*: (?:EACCES|ENOENT)/,
    );
    expect(await failureOf(makeSocketIOChannel('n', join(directory, 'x'.repeat(150))))).toMatch(
      /^IO channel "n" cannot listen at .*: the path is longer than 10\d bytes$/,
    );
    expect((await fs.readdir(directory)).filter((name) => name.startsWith('x'))).toStrictEqual([]);
  });
});

describe('a network channel', () => {
  test('connects at its first use and speaks with a server', async () => {
    let connections = 0;
    const { port } = await serverOf((socket) => {
      connections += 1;
      socket.write('welcome\n');
      socket.on('data', (chunk) => socket.write(`you said ${chunk.toString()}`));
    });
    const channel = await networkChannel(port);
    await sleep(20);
    expect(connections).toBe(0);
    expect(await channel.read()).toBe('welcome');
    await channel.write('é');
    expect(await channel.read()).toBe('you said é');
    await Promise.all([channel.write('a'), channel.write('b')]);
    expect(connections).toBe(1);
  });

  test('connects once for uses at the same time', async () => {
    let connections = 0;
    const { port } = await serverOf((socket) => {
      connections += 1;
      socket.end('1\n2\n');
    });
    const channel = await networkChannel(port);
    const reads = [channel.read(), channel.read(), channel.read()];
    await channel.write('x').catch(() => {});
    expect(await Promise.all(reads)).toStrictEqual(['1', '2', null]);
    expect(connections).toBe(1);
  });

  test('connects again at the next use after a loss', async () => {
    let connections = 0;
    const { port } = await serverOf((socket) => {
      connections += 1;
      socket.end(`${connections}\n`);
    });
    const channel = await networkChannel(port, { direction: 'in' });
    const read = [];
    for (let count = 0; count < 6; count += 1) read.push(await channel.read());
    expect(read).toStrictEqual(['1', null, '2', null, '3', null]);
    expect(connections).toBe(3);
  });

  test('does not flood a server that always hangs up', async () => {
    let connections = 0;
    const { port } = await serverOf((socket) => {
      connections += 1;
      socket.destroy();
    });
    const channel = await networkChannel(port);
    const until = performance.now() + limits.ioReconnectMs * 5.5;
    while (performance.now() < until) expect(await channel.read().catch(() => null)).toBe(null);
    expect(connections).toBeLessThanOrEqual(8);
    expect(connections).toBeGreaterThan(2);
  });

  test('tells that it cannot connect, and connects when it can', async () => {
    const { server, port } = await serverOf();
    server.close();
    const channel = await networkChannel(port);
    const refused = `IO channel "n" cannot connect to 127.0.0.1:${port}: ECONNREFUSED`;
    expect(await failureOf(channel.read())).toBe(refused);
    expect(await failureOf(channel.write('x'))).toBe(refused);
    await serverOf((socket) => socket.write('back\n'), port);
    await channel.write('x');
    expect(await channel.read()).toBe('back');
  });

  test('stops a server that sends faster than is read', async () => {
    let server: Socket | undefined;
    const { port } = await serverOf((socket) => {
      server = socket;
      socket.end('x'.repeat(32 * 1_024 * 1_024));
    });
    const channel = await networkChannel(port, { unit: 'bytes' });
    let got = ((await channel.read()) as Uint8Array).length;
    await sleep(100);
    expect(server?.writableLength).toBeGreaterThan(0);
    for (let unit; (unit = await channel.read()) !== null;) got += unit.length;
    expect(got).toBe(32 * 1_024 * 1_024);
  });

  test('closed, gives up what it is about to do', async () => {
    const { server, port } = await serverOf();
    // A server whose queue of connections is full does not answer. Here, the pause before the next attempt.
    server.close();
    const channel = await networkChannel(port);
    await channel.read().catch(() => {});
    const read = channel.read();
    const write = failureOf(channel.write('x'));
    await channel.close();
    expect(await read).toBe(null);
    expect(await write).toBe('IO channel "n" is closed');
    expect(await channel.read()).toBe(null);

    const peers: Socket[] = [];
    const open = await serverOf((socket) => peers.push(socket));
    const connected = await networkChannel(open.port);
    await connected.write('x');
    await vi.waitFor(() => expect(peers).toHaveLength(1));
    const gone = once(peers[0] as Socket, 'close');
    peers[0]?.resume();
    const waiting = connected.read();
    await connected.close();
    expect(await waiting).toBe(null);
    await gone;
    expect(await failureOf(connected.write('x'))).toBe('IO channel "n" is closed');
  });
});

describe('a file channel', () => {
  const fileChannel = (path: string, options: IOOptions = {}) =>
    openChannel({ type: 'file', path, ...options });

  test('makes its file for its owner, appends, and reads from the beginning', async () => {
    const path = newPath();
    const channel = await fileChannel(path);
    expect(((await fs.stat(path)).mode & 0o777).toString(8)).toBe('600');
    expect(await channel.read()).toBe(null);
    await Promise.all([channel.write('one'), channel.write('twö')]);
    expect(await fs.readFile(path, 'utf8')).toBe('one\ntwö\n');
    expect([await channel.read(), await channel.read(), await channel.read()]).toStrictEqual([
      'one',
      'twö',
      null,
    ]);
    await channel.write('three');
    expect(await channel.read()).toBe('three');
    await channel.close();
    const again = await fileChannel(path);
    await again.write('four');
    expect(await again.read()).toBe('one');
    expect(await fs.readFile(path, 'utf8')).toBe('one\ntwö\nthree\nfour\n');
  });

  test.each(['line', 'string', 'chars'] as const)(
    'reads %s whole, however it is cut',
    async (unit) => {
      const path = newPath();
      // Three bytes each, so that chunks of 2^n bytes cut some.
      const text = '€'.repeat(50_000) + '\n' + 'ж'.repeat(10) + '\n';
      await fs.writeFile(path, text);
      const channel = await fileChannel(path, { direction: 'in', unit });
      let got = '';
      for (let read; (read = await channel.read()) !== null;) {
        if (unit === 'chars') expect(read).toHaveLength(1);
        got += unit === 'line' ? `${read as string}\n` : (read as string);
      }
      expect(got).toBe(text);
    },
  );

  test('reads bytes', async () => {
    const path = newPath();
    const content = Uint8Array.from({ length: 200_000 }, (_, index) => index % 251);
    await fs.writeFile(path, content);
    const channel = await fileChannel(path, { direction: 'in', unit: 'bytes' });
    const parts: Uint8Array[] = [];
    for (let part; (part = await channel.read()) !== null;) parts.push(part as Uint8Array);
    expect(parts.length).toBeGreaterThan(1);
    expect(Buffer.concat(parts).equals(content)).toBe(true);
  });

  test('skips a line that is too long', async () => {
    const path = newPath();
    await fs.writeFile(path, `${'x'.repeat(5_000_000)}\nnext\n`);
    const channel = await fileChannel(path, { direction: 'in' });
    expect(await failureOf(channel.read())).toMatch(/received a line of more than/);
    expect(await channel.read()).toBe('next');
  });

  test('keeps an existing mode, and makes nothing to read', async () => {
    const path = newPath();
    await fs.writeFile(path, 'a\n', { mode: 0o640 });
    await (await fileChannel(path, { direction: 'out' })).write('b');
    expect((await fs.stat(path)).mode & 0o777).toBe(0o640);
    expect(await fs.readFile(path, 'utf8')).toBe('a\nb\n');
    const none = newPath();
    expect(await failureOf(fileChannel(none, { direction: 'in' }))).toBe(
      `IO channel "n" cannot open ${none}: ENOENT`,
    );
    await expect(fs.stat(none)).rejects.toThrow('ENOENT');
  });

  test('opens regular files only', async () => {
    expect(await failureOf(fileChannel(directory, { direction: 'in' }))).toBe(
      `IO channel "n" cannot open ${directory}: it is not a regular file`,
    );
    expect(await failureOf(fileChannel('/dev/zero', { direction: 'in' }))).toContain(
      'not a regular',
    );
    const path = newPath();
    await makeSocketIOChannel('s', path).then((channel) => channels.push(channel));
    expect(await failureOf(fileChannel(path))).toMatch(/cannot open/);
  });

  test('closed, ends its reads and writes what it was given before', async () => {
    const path = newPath();
    const channel = await fileChannel(path);
    await channel.write('x'.repeat(1_000_000));
    const reads = [channel.read(), channel.read(), channel.read()];
    const write = channel.write('last');
    await Promise.all([channel.close(), channel.close()]);
    await write;
    for (const read of await Promise.all(reads)) expect(read).toBe(null);
    expect(await failureOf(channel.write('x'))).toBe('IO channel "n" is closed');
    expect(await channel.read()).toBe(null);
    expect((await fs.readFile(path, 'utf8')).endsWith('\nlast\n')).toBe(true);
  });
});

describe('a console channel', () => {
  const consoleOf = () => {
    const stdin = new PassThrough();
    const stdout = new PassThrough();
    const asked = { stdin: vi.fn(() => stdin), stdout: vi.fn(() => stdout) };
    const factory = makeIOChannelFactory(asked);
    const openOne = (options: IOOptions = {}) =>
      openChannel({ type: 'console', ...options }, factory);
    return { stdin, stdout, asked, openOne };
  };

  test('reads lines and writes them, and opens the input only when it is read', async () => {
    const { stdin, stdout, asked, openOne } = consoleOf();
    const channel = await openOne();
    await channel.write('what is your name?');
    expect(asked.stdin).not.toHaveBeenCalled();
    expect(String(stdout.read())).toBe('what is your name?\n');
    stdin.write('al');
    const read = channel.read();
    stdin.write('ice\nrest\n');
    expect([await read, await channel.read()]).toStrictEqual(['alice', 'rest']);
    expect(stdin.isPaused()).toBe(true);
    const end = [channel.read(), channel.read()];
    stdin.end();
    expect(await Promise.all(end)).toStrictEqual([null, null]);
    expect(await channel.read()).toBe(null);
  });

  test('takes nothing in that nobody waits for', async () => {
    const { stdin, openOne } = consoleOf();
    const channel = await openOne();
    const read = channel.read();
    stdin.write('1\n');
    await read;
    stdin.write('2\n');
    await sleep(10);
    expect(stdin.readableLength).toBe(2);
    await channel.close();
    const next = await openOne();
    expect(await next.read()).toBe('2');
  });

  test('keeps the process only while a read waits', async () => {
    const { stdin, openOne } = consoleOf();
    const refs: string[] = [];
    Object.assign(stdin, { ref: () => refs.push('ref'), unref: () => refs.push('unref') });
    const channel = await openOne();
    const reads = [channel.read(), channel.read()];
    await sleep(5);
    expect(refs.at(-1)).toBe('ref');
    stdin.write('1\n');
    await reads[0];
    await sleep(5);
    expect(refs.at(-1)).toBe('ref');
    stdin.write('2\n');
    await reads[1];
    expect(refs.at(-1)).toBe('unref');
    const read = channel.read();
    expect(refs.at(-1)).toBe('ref');
    await channel.close();
    await read;
    expect(refs.at(-1)).toBe('unref');
  });

  test('is read by one channel at a time', async () => {
    const { stdin, openOne } = consoleOf();
    const [first, second] = [await openOne(), await openOne()];
    const read = first.read();
    expect(await failureOf(second.read())).toBe(
      'IO channel "n" cannot read the console: another channel does',
    );
    await first.close();
    expect(await read).toBe(null);
    stdin.write('mine\n');
    expect(await second.read()).toBe('mine');
  });

  test('sees an input that ended before it was read', async () => {
    const { stdin, openOne } = consoleOf();
    stdin.resume();
    stdin.end();
    await once(stdin, 'end');
    const channel = await openOne();
    expect([await channel.read(), await channel.read()]).toStrictEqual([null, null]);
  });

  test('closed, ends writes that wait, and neither stream', async () => {
    const stdout = new Writable({ write: () => {}, highWaterMark: 1 });
    const { stdin } = consoleOf();
    const factory = makeIOChannelFactory({ stdin: () => stdin, stdout: () => stdout });
    const channel = await openChannel({ type: 'console' }, factory);
    const write = failureOf(channel.write('x'));
    const read = channel.read();
    await Promise.all([channel.close(), channel.close()]);
    expect(await write).toBe('IO channel "n" is closed');
    expect(await read).toBe(null);
    expect(await failureOf(channel.write('x'))).toBe('IO channel "n" is closed');
    expect(stdout.writableEnded || stdout.destroyed || stdin.destroyed).toBe(false);
    expect(stdin.listenerCount('data')).toBe(0);
  });

  test('tells a write that the output has broken', async () => {
    const stdout = new Writable({
      write: (_chunk, _encoding, done) =>
        done(Object.assign(new Error('broken'), { code: 'EPIPE' })),
    });
    const factory = makeIOChannelFactory({ stdout: () => stdout });
    const channel = await openChannel({ type: 'console' }, factory);
    expect(await failureOf(channel.write('x'))).toBe(
      'IO channel "n" cannot write to the console: EPIPE',
    );
  });
});
