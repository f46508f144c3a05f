/**
 * Node's channels: the console, TCP servers and clients, files, and Unix sockets.
 *
 * Nothing here is gathered without bound. What arrives unasked stops its sender at `ioAheadCharsMax`; what is written
 * waits for the other side, and the service in front of a channel bounds how much may wait.
 */
import { chmodSync, constants } from 'node:fs';
import { lstat, open, unlink, type FileHandle } from 'node:fs/promises';
import {
  connect,
  createServer,
  isIPv6,
  type ListenOptions,
  type Server,
  type Socket,
} from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { KernelError } from '../../errors.js';
import { limits } from '../../limits.js';
import type { IOConfig, IOOptions } from '../../protocol/config.js';
import {
  closedError,
  makeInbox,
  unitBytes,
  type Inbox,
  type IOChannel,
  type IOChannelFactory,
} from '../io-channel.js';

export type IOChannelPowers = {
  /** The console's input and output, asked for at their first use. Default: the process's. */
  stdin?: () => Readable;
  stdout?: () => Writable;
};

/**
 * Opens every type of channel. A subcluster's configuration that asks for one uses this process's authority: its
 * network, and its files by any path. A `listen` channel takes whoever can reach its port, without asking who it is.
 *
 * The factory rejects with KernelError BAD_CONFIG for an address that is none, and with an Error that says why a
 * file, port or path cannot be opened. A `network` channel connects at its first use, so it is always opened.
 */
export function makeIOChannelFactory(powers: IOChannelPowers = {}): IOChannelFactory {
  return async (name, config: IOConfig) => {
    switch (config.type) {
      case 'console':
        return makeConsoleChannel(name, config, powers);
      case 'listen':
        return makeListenChannel(name, parseHostport(name, config.hostport, 0), config);
      case 'network':
        return makeNetworkChannel(name, parseHostport(name, config.hostport, 1), config);
      case 'file':
        return makeFileChannel(name, config.path, config);
      case 'socket':
        return makeSocketIOChannel(name, config.path, config);
      default: {
        const { type } = config as { type: unknown };
        throw new KernelError(
          'BAD_CONFIG',
          `Unsupported IO channel type "${String(type)}" for channel "${name}"`,
        );
      }
    }
  };
}

type Address = { host: string; port: number };

/** `127.0.0.1:8000`, `localhost:0`, `[::1]:80`. */
function parseHostport(name: string, hostport: string, portMin: number): Address {
  const [, ipv6, other, digits] =
    /^(?:\[([^\]]+)\]|([a-z\d._-]+)):(0|[1-9]\d{0,4})$/i.exec(hostport) ?? [];
  const host = ipv6 ?? other ?? '';
  const port = Number(digits ?? -1);
  // The resolver reads `1.2` as 1.0.0.2, and so does the URL parser, which tells.
  const isHost =
    ipv6 === undefined
      ? URL.canParse(`http://${host}`) && new URL(`http://${host}`).hostname === host.toLowerCase()
      : isIPv6(host);
  if (!isHost || port < portMin || port > 65_535) {
    const wanted = 'is not a host and port like "127.0.0.1:8000" or "[::1]:80"';
    throw new KernelError(
      'BAD_CONFIG',
      `IO channel "${name}": ${JSON.stringify(hostport)} ${wanted}`,
    );
  }
  return { host, port };
}

const formatHostport = (host: string, port: number): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** The system's word for what went wrong, `EADDRINUSE`, or else the message. */
const codeOf = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : String(error));

const failedTo = (name: string, what: string, cause: unknown): Error =>
  new Error(`IO channel "${name}" cannot ${what}: ${codeOf(cause)}`, { cause });

/**
 * Lets a stream's input into the inbox as fast as that wants it. Without an inbox it is read and dropped, because an
 * unread end is never seen.
 */
function pour(stream: Readable, inbox: Inbox | undefined, onEnd: () => void): () => void {
  let isOver = false;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    onEnd();
  };
  const take = (chunk: Buffer | string): void => {
    if (inbox === undefined || isOver) return;
    inbox.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    if (!inbox.wants()) stream.pause();
  };
  // An error is followed by the close, and its reason is nobody's here.
  const listeners = { error: () => {}, end, close: end, data: take };
  for (const [event, listener] of Object.entries(listeners)) stream.on(event, listener);
  if (inbox !== undefined && !inbox.wants()) stream.pause();
  return () => {
    isOver = true;
    for (const [event, listener] of Object.entries(listeners)) stream.off(event, listener);
  };
}

/** Hands bytes to the system. A stream that is destroyed before it could rejects with what `lost` makes. */
const send = (stream: Writable, bytes: Uint8Array, lost: () => Error): Promise<void> =>
  new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(lost()) : resolve()));
  });

function prepareSocket(socket: Socket): void {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, limits.ioKeepAliveMs);
}

/**
 * A server with one client at a time; a second one is hung up on. When a client has gone, a read gets what it sent
 * last, then null, and then waits for the next client. What was not read when that one comes is dropped.
 */
async function serveOne(
  name: string,
  { direction, unit }: IOOptions,
  place: string,
  listen: (server: Server) => void,
): Promise<{ channel: IOChannel; server: Server }> {
  let client: Socket | undefined;
  let closing: Promise<void> | undefined;
  const inbox = makeInbox({
    name,
    ...(unit && { unit }),
    aheadMax: limits.ioAheadCharsMax,
    onWant: () => client?.resume(),
  });

  const accept = (socket: Socket): void => {
    client = socket;
    inbox.begin();
    prepareSocket(socket);
    pour(socket, direction === 'out' ? undefined : inbox, () => {
      if (client === socket) client = undefined;
      inbox.end();
    });
  };

  const server = createServer((socket) => {
    socket.on('error', () => {});
    if (closing) socket.destroy();
    else if (client === undefined) accept(socket);
    // The client may have gone already, and this server be told of it in the same turn of Node's loop.
    else {
      setImmediate(() => {
        if (client === undefined && !closing && !socket.destroyed) accept(socket);
        else socket.destroy();
      });
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', resolve);
    listen(server);
  }).catch((cause: unknown) => {
    server.close();
    throw failedTo(name, `listen at ${place}`, cause);
  });
  // A connection that the system cannot accept (it has no file left) is the loss of who made it.
  server.on('error', () => {});

  const channel: IOChannel = {
    read: () => inbox.read(),
    async write(data) {
      if (closing) throw closedError(name);
      const lost = () =>
        closing ? closedError(name) : new Error(`IO channel "${name}" has no connected client`);
      if (client === undefined) throw lost();
      await send(client, unitBytes(unit, data), lost);
    },
    close() {
      closing ??= new Promise((resolve) => {
        // Node removes the path of a Unix socket.
        server.close(() => resolve());
      });
      inbox.close();
      client?.destroy();
      return closing;
    },
  };
  return { channel, server };
}

async function makeListenChannel(
  name: string,
  { host, port }: Address,
  options: IOOptions,
): Promise<IOChannel> {
  // Without ipv6Only `[::]` takes all of IPv4, too.
  const address: ListenOptions = { host, port, ipv6Only: isIPv6(host), exclusive: true };
  const { channel, server } = await serveOne(name, options, formatHostport(host, port), (it) =>
    it.listen(address),
  );
  const bound = server.address();
  const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port;
  return { ...channel, hostport: formatHostport(host, boundPort) };
}

/**
 * A server at a Unix socket that only this process's user may connect to. Without `options`: lines, both ways.
 *
 * A socket that a dead process left there is removed; one that is in use, and what is no socket, is not.
 */
export async function makeSocketIOChannel(
  name: string,
  socketPath: string,
  options: IOOptions = {},
): Promise<IOChannel> {
  await removeStaleSocket(name, socketPath);
  const { channel } = await serveOne(name, options, socketPath, (server) => {
    server.listen(socketPath);
    // `listen` has made the path or failed. At once, because until then the process's umask decides who may connect;
    // changing that one would reach files that others are making at this moment.
    if (server.listening) chmodSync(socketPath, 0o600);
  });
  return channel;
}

/** Bytes of a Unix socket's path. Node cuts a longer one off without a word, and would listen elsewhere. */
const socketPathBytesMax = process.platform === 'linux' ? 107 : 103;

async function removeStaleSocket(name: string, path: string): Promise<void> {
  const refuse = (why: string): Error =>
    new Error(`IO channel "${name}" cannot listen at ${path}: ${why}`);
  if (Buffer.byteLength(path) > socketPathBytesMax) {
    throw refuse(`the path is longer than ${socketPathBytesMax} bytes`);
  }
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw refuse('it exists and is not a socket');
  const isLive = await new Promise<boolean>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    // Only that nobody listens makes it stale: one that may not be connected to is somebody else's.
    probe.on('error', (error) => resolve(codeOf(error) !== 'ECONNREFUSED'));
  });
  if (isLive) throw refuse('it is in use');
  await unlink(path).catch((cause: unknown) => {
    if (codeOf(cause) !== 'ENOENT') throw failedTo(name, `remove the stale socket ${path}`, cause);
  });
}

/**
 * A client of a TCP server. The first use connects, and so does the next one after a loss, which a read tells by null
 * once. What was not read of a lost connection is dropped when the next is made.
 */
function makeNetworkChannel(
  name: string,
  address: Address,
  { direction, unit }: IOOptions,
): IOChannel {
  const place = formatHostport(address.host, address.port);
  let socket: Socket | undefined;
  let connecting: Promise<Socket> | undefined;
  let attemptedAt = -Infinity;
  /** Ends the attempt that is being made. */
  let giveUp: ((reason: Error) => void) | undefined;
  let closed = false;
  const inbox = makeInbox({
    name,
    ...(unit && { unit }),
    aheadMax: limits.ioAheadCharsMax,
    onWant: () => socket?.resume(),
  });

  const attempt = (): Promise<Socket> =>
    new Promise<Socket>((resolve, reject) => {
      let made: Socket | undefined;
      let deadline: NodeJS.Timeout | undefined;
      const fail = (reason: Error): void => {
        clearTimeout(pause);
        clearTimeout(deadline);
        made?.destroy();
        reject(reason);
      };
      giveUp = fail;
      const begin = (): void => {
        attemptedAt = performance.now();
        const opened = connect(address);
        made = opened;
        deadline = setTimeout(
          () => fail(failedTo(name, `connect to ${place}`, { code: 'ETIMEDOUT' })),
          limits.ioConnectTimeoutMs,
        );
        opened.once('error', (cause) => fail(failedTo(name, `connect to ${place}`, cause)));
        opened.once('connect', () => {
          clearTimeout(deadline);
          socket = opened;
          inbox.begin();
          prepareSocket(opened);
          pour(opened, direction === 'out' ? undefined : inbox, () => {
            if (socket === opened) socket = undefined;
            inbox.end();
          });
          resolve(opened);
        });
      };
      const pause = setTimeout(
        begin,
        Math.max(0, attemptedAt + limits.ioReconnectMs - performance.now()),
      );
    }).finally(() => {
      connecting = giveUp = undefined;
    });

  return {
    async read() {
      if (socket === undefined && !inbox.isReady()) {
        try {
          await (connecting ??= attempt());
        } catch (reason) {
          if (!closed) throw reason;
        }
      }
      return inbox.read();
    },
    async write(data) {
      if (closed) throw closedError(name);
      const opened = socket ?? (await (connecting ??= attempt()));
      const lost = () =>
        closed ? closedError(name) : new Error(`IO channel "${name}" has lost its connection`);
      await send(opened, unitBytes(unit, data), lost);
    },
    async close() {
      closed = true;
      inbox.close();
      giveUp?.(closedError(name));
      const open = socket;
      if (open === undefined || open.closed) return;
      await new Promise<void>((resolve) => {
        open.once('close', resolve);
        open.destroy();
      });
    },
  };
}

const fileChunkBytes = 64 * 1024;

/**
 * A regular file, read from its beginning on and written at its end. At its end a read gives null once; the next one
 * looks whether it has grown. A file that is written to is made if there is none, for this process's user alone.
 *
 * A channel that is opened again, as at a kernel's restart, reads from the beginning.
 */
async function makeFileChannel(
  name: string,
  path: string,
  { direction, unit }: IOOptions,
): Promise<IOChannel> {
  const access = {
    in: constants.O_RDONLY,
    out: constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT,
    inout: constants.O_RDWR | constants.O_APPEND | constants.O_CREAT,
  }[direction ?? 'inout'];
  // Opening a pipe that nobody holds at its other end would block a thread for ever. Windows has neither.
  const file = await open(path, access | (constants.O_NONBLOCK ?? 0), 0o600).catch(
    (cause: unknown) => {
      throw failedTo(name, `open ${path}`, cause);
    },
  );
  if (!(await file.stat()).isFile()) {
    await file.close();
    throw failedTo(name, `open ${path}`, { code: 'it is not a regular file' });
  }
  let position = 0;
  let isReading = false;
  let closing: Promise<void> | undefined;
  let written: Promise<void> = Promise.resolve();

  const readOn = async (): Promise<void> => {
    if (isReading) return;
    isReading = true;
    const buffer = Buffer.allocUnsafe(fileChunkBytes);
    try {
      while (inbox.wants()) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
        position += bytesRead;
        if (bytesRead > 0) inbox.push(buffer.subarray(0, bytesRead));
        else inbox.end();
      }
    } catch (cause) {
      inbox.fail(failedTo(name, `read ${path}`, cause));
    } finally {
      isReading = false;
    }
  };
  const inbox = makeInbox({
    name,
    ...(unit && { unit }),
    aheadMax: 0,
    onWant: () => void readOn(),
  });

  return {
    read: () => inbox.read(),
    write(data) {
      if (closing) return Promise.reject(closedError(name));
      const bytes = unitBytes(unit, data);
      const done = written.then(() => append(file, bytes));
      written = done.catch(() => {});
      return done.catch((cause: unknown) => {
        throw failedTo(name, `write to ${path}`, cause);
      });
    },
    close() {
      inbox.close();
      closing ??= written.then(() => file.close());
      return closing;
    },
  };
}

/** The system may take less than it was given. */
async function append(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at);
    at += bytesWritten;
  }
}

/** Inputs that a channel reads. Two of them would each get every line. */
const readers = new WeakSet<Readable>();

/**
 * The process's console. Input is taken in, and keeps the process alive, only while a read waits. One channel at a time
 * may read it; what that one took in and did not use is lost when it is closed.
 */
function makeConsoleChannel(
  name: string,
  { unit }: IOOptions,
  { stdin = () => process.stdin, stdout = () => process.stdout }: IOChannelPowers,
): IOChannel {
  let input: (Readable & Partial<Pick<Socket, 'ref' | 'unref'>>) | undefined;
  let output: Writable | undefined;
  let release = (): void => {};
  let closed = false;
  const unsent = new Set<() => void>();
  // Without a listener a broken pipe would end the process; the write that met it is told.
  const ignore = (): void => {};

  const inbox = makeInbox({
    name,
    ...(unit && { unit }),
    aheadMax: 0,
    onWant: () => {
      if (input === undefined || input.readableEnded || input.destroyed) {
        inbox.end();
      } else {
        input.ref?.();
        input.resume();
      }
    },
  });

  return {
    async read() {
      if (closed) return null;
      if (input === undefined) {
        const stream = stdin();
        if (readers.has(stream)) {
          throw new Error(`IO channel "${name}" cannot read the console: another channel does`);
        }
        readers.add(stream);
        input = stream;
        const stop = pour(stream, inbox, () => inbox.end());
        release = () => {
          stop();
          stream.pause();
          readers.delete(stream);
        };
      }
      try {
        return await inbox.read();
      } finally {
        // A paused pipe is read all the same, as far as Node's own buffer goes.
        if (!inbox.wants()) input.unref?.();
      }
    },
    write(data) {
      if (closed) return Promise.reject(closedError(name));
      if (output === undefined) {
        output = stdout();
        output.on('error', ignore);
      }
      const stream = output;
      return new Promise((resolve, reject) => {
        const abandon = () => reject(closedError(name));
        unsent.add(abandon);
        stream.write(unitBytes(unit, data), (error) => {
          unsent.delete(abandon);
          if (error) reject(failedTo(name, 'write to the console', error));
          else resolve();
        });
      });
    },
    async close() {
      if (closed) return;
      closed = true;
      inbox.close();
      release();
      for (const abandon of unsent) abandon();
      // A write under way may still fail, and the listener is what keeps that from ending the process.
      if (unsent.size === 0) output?.off('error', ignore);
    },
  };
}
