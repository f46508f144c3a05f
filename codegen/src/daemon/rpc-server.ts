/**
 * A Unix socket on which each connection asks once: one line of JSON-RPC 2.0 in, one line out, and the end. It knows
 * no method.
 */
import { lstatSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { rpcErrors, type RpcId, type RpcResponse } from '@vatkit/sdk/kernel';
import { bounds } from './bounds.js';
import { DaemonError } from './home.js';

export type RpcServerOptions = {
  /** In a folder that only its owner may enter. What is there of an earlier server is removed. */
  socketPath: string;
  /** Never rejects; undefined where no answer is wanted. */
  answer: (request: unknown) => Promise<RpcResponse | undefined>;
  requestBytesMax?: number;
  idleMs?: number;
  connectionsMax?: number;
};

export type RpcServer = {
  /** Takes no more connections and removes the socket. Those that are there get their answers. */
  refuseMore(): void;
  /** Ends the connections, as soon as their clients have read what they were sent, or at `lingerMs`. */
  end(lingerMs: number): Promise<void>;
};

/** @throws DaemonError where the socket cannot be made. */
export async function startRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  const { socketPath, connectionsMax = bounds.connectionsMax } = options;
  const connections = new Set<Socket>();
  // A client may close its side when it has asked: `echo '…' | nc -U daemon.sock`.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
    serveOnce(socket, options);
  });
  server.maxConnections = connectionsMax;
  await listen(server, socketPath);
  return {
    refuseMore: () => void server.close(),
    async end(lingerMs) {
      const timer = new AbortController();
      const ended = Promise.all(
        [...connections].map((socket) => new Promise((done) => socket.once('close', done))),
      );
      const late = delay(lingerMs, undefined, { signal: timer.signal }).catch(() => {});
      await Promise.race([ended, late]);
      timer.abort();
      for (const socket of connections) socket.destroy();
    },
  };
}

async function listen(server: Server, socketPath: string): Promise<void> {
  const found = lstatSync(socketPath, { throwIfNoEntry: false });
  if (found !== undefined && !found.isSocket()) {
    throw new DaemonError(`Cannot listen at ${socketPath}: something is there that is no socket`);
  }
  rmSync(socketPath, { force: true });
  await new Promise<void>((done, failed) => {
    server.once('error', (error) => {
      failed(new DaemonError(`Cannot listen at ${socketPath}: ${error.message}`));
    });
    // The socket comes to be within this call, and nobody else could ever open it.
    const before = process.umask(0o177);
    try {
      server.listen(socketPath, done);
    } finally {
      process.umask(before);
    }
  });
}

const refusal = (code: number, message: string, id: RpcId = null): RpcResponse => ({
  jsonrpc: '2.0',
  id,
  error: { code, message },
});

function serveOnce(socket: Socket, options: RpcServerOptions): void {
  const { answer, requestBytesMax = bounds.requestBytesMax, idleMs = bounds.idleMs } = options;
  const chunks: Buffer[] = [];
  let bytes = 0;
  let asked = false;

  const reply = (response: RpcResponse | undefined): void => {
    clearTimeout(idle);
    // For the reading of the answer.
    if (!socket.destroyed) idle = setTimeout(() => socket.destroy(), idleMs);
    socket.end(response === undefined ? '' : lineOf(response));
  };

  const refuse = (message: string): void => {
    asked = true;
    chunks.length = 0;
    reply(refusal(rpcErrors.invalidRequest, message));
  };

  const ask = (line: string): void => {
    asked = true;
    chunks.length = 0;
    let request: unknown;
    try {
      request = JSON.parse(line);
    } catch (error) {
      reply(refusal(rpcErrors.parse, `Parse error: ${(error as Error).message.split('\n')[0]}`));
      return;
    }
    clearTimeout(idle);
    answer(request)
      .catch((): RpcResponse => refusal(rpcErrors.internal, 'Internal error'))
      .then(reply)
      .catch(() => socket.destroy());
  };

  const take = (chunk: Buffer): void => {
    // What comes after the request is of no interest, but must be read for the end to be seen.
    if (asked) return;
    const end = chunk.indexOf('\n');
    bytes += end < 0 ? chunk.length : end;
    if (bytes > requestBytesMax) {
      refuse(`Invalid request: longer than ${requestBytesMax} bytes`);
    } else if (end < 0) {
      chunks.push(chunk);
    } else if (
      chunk
        .subarray(end + 1)
        .toString()
        .trim() !== ''
    ) {
      refuse('Only one request per connection is allowed');
    } else {
      ask(Buffer.concat([...chunks, chunk.subarray(0, end)]).toString());
    }
  };

  // For the request; the call itself may take as long as it likes.
  let idle = setTimeout(() => refuse(`Invalid request: none came in ${idleMs} ms`), idleMs);

  socket.on('data', take);
  socket.on('end', () => {
    if (asked) return;
    if (bytes > 0) ask(Buffer.concat(chunks).toString());
    // Somebody looked whether we are here.
    else socket.end();
  });
  socket.on('close', () => clearTimeout(idle));
  // A client that went away; its 'close' follows.
  socket.on('error', () => {});
}

function lineOf(response: RpcResponse): string {
  try {
    return `${JSON.stringify(response)}\n`;
  } catch (error) {
    const why = `the answer cannot be written as JSON: ${(error as Error).message}`;
    return `${JSON.stringify(refusal(rpcErrors.internal, why, response.id))}\n`;
  }
}
