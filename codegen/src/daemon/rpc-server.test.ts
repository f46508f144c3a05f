import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RpcResponse } from '@vatkit/sdk/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callDaemon } from './rpc-client.js';
import { startRpcServer, type RpcServer, type RpcServerOptions } from './rpc-server.js';

let folder: string;
let socketPath: string;
const servers: RpcServer[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vatkit-rpc-'));
  socketPath = join(folder, 'daemon.sock');
});
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.refuseMore();
    await server.end(0);
  }
  rmSync(folder, { recursive: true });
});

type Request = { id?: number; method?: string; params?: unknown };

/** Answers with what it was asked, and remembers it. */
async function start(options: Partial<RpcServerOptions> = {}) {
  const requests: unknown[] = [];
  const answer = async (request: unknown): Promise<RpcResponse | undefined> => {
    requests.push(request);
    const { id, params } = request as Request;
    return id === undefined ? undefined : { jsonrpc: '2.0', id, result: params ?? null };
  };
  const server = await startRpcServer({ socketPath, answer, ...options });
  servers.push(server);
  return { server, requests };
}

/** Sends the chunks and reads until the end. */
const exchange = (chunks: (string | Buffer)[], { halfClose = false } = {}) =>
  new Promise<string>((resolve, reject) => {
    let text = '';
    const socket = connect({ path: socketPath, allowHalfOpen: true });
    socket.on('error', reject);
    socket.setEncoding('utf8').on('data', (part: string) => (text += part));
    socket.on('end', () => {
      socket.destroy();
      resolve(text);
    });
    socket.on('connect', () => {
      const next = (index: number): void => {
        const chunk = chunks[index];
        if (chunk !== undefined) socket.write(chunk, () => setImmediate(next, index + 1));
        else if (halfClose) socket.end();
      };
      next(0);
    });
  });

const request = JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'echo', params: ['olá', '\n'] });
const answered = '{"jsonrpc":"2.0","id":7,"result":["olá","\\n"]}\n';
const refused = (message: unknown, code = -32600) => ({
  jsonrpc: '2.0',
  id: null,
  error: { code, message },
});

describe('the socket', () => {
  it('is for its owner alone from its first moment', async () => {
    const before = process.umask(0);
    try {
      await start();
      expect(statSync(socketPath).mode & 0o777).toBe(0o600);
      // What the process makes after it is as before.
      expect(process.umask()).toBe(0);
    } finally {
      process.umask(before);
    }
  });

  it('answers one line with one line and ends the connection', async () => {
    await start();
    expect(await exchange([`${request}\n`])).toBe(answered);
    expect(await exchange([`${request}\r\n\n`])).toBe(answered);
  });

  it('takes a request in any pieces, and without its line end when the client closes its side', async () => {
    await start();
    const bytes = Buffer.from(`${request}\n`);
    expect(await exchange([...bytes].map((byte) => Buffer.from([byte])))).toBe(answered);
    expect(await exchange([request], { halfClose: true })).toBe(answered);
    expect(await exchange([`${request}\n`], { halfClose: true })).toBe(answered);
  });

  it('refuses a second request, and does neither', async () => {
    const { requests } = await start();
    const text = await exchange([`${request}\n${request}\n`]);
    expect(JSON.parse(text)).toStrictEqual(refused('Only one request per connection is allowed'));
    expect(requests).toStrictEqual([]);
  });

  it('refuses what is no JSON', async () => {
    const { requests } = await start();
    const text = await exchange(['{"jsonrpc":\n']);
    const message = expect.stringMatching(/^Parse error: .*JSON/) as string;
    expect(JSON.parse(text)).toStrictEqual(refused(message, -32700));
    expect(requests).toStrictEqual([]);
  });

  it('does not answer a notification', async () => {
    const { requests } = await start();
    expect(await exchange(['{"jsonrpc":"2.0","method":"note"}\n'])).toBe('');
    expect(requests).toStrictEqual([{ jsonrpc: '2.0', method: 'note' }]);
  });

  it('takes a request of its bound and refuses a longer one before it is all there', async () => {
    const { requests } = await start({ requestBytesMax: request.length + 1 });
    const bytes = Buffer.byteLength(request);
    expect(bytes).toBe(request.length + 1);
    expect(await exchange([`${request}\n`])).toBe(answered);
    const message = `Invalid request: longer than ${bytes} bytes`;
    expect(JSON.parse(await exchange([` ${request}\n`]))).toStrictEqual(refused(message));
    expect(JSON.parse(await exchange([request, '   ']))).toStrictEqual(refused(message));
    expect(requests).toHaveLength(1);
  });

  it('ends with a client that sends nothing, or never the end', async () => {
    const { requests } = await start({ idleMs: 20 });
    const message = 'Invalid request: none came in 20 ms';
    expect(JSON.parse(await exchange([]))).toStrictEqual(refused(message));
    expect(JSON.parse(await exchange(['{"jsonrpc"']))).toStrictEqual(refused(message));
    expect(requests).toStrictEqual([]);
  });

  it('waits for the call itself as long as it takes', async () => {
    let finish: (response: RpcResponse) => void = () => {};
    const called = new Promise<void>((begun) => {
      void start({
        idleMs: 20,
        answer: () => {
          begun();
          return new Promise((resolve) => (finish = resolve));
        },
      });
    });
    await new Promise((done) => setTimeout(done, 0));
    const text = exchange([`${request}\n`]);
    await called;
    // Longer than a client that is idle would be left.
    await new Promise((done) => setTimeout(done, 60));
    finish({ jsonrpc: '2.0', id: 7, result: 'late' });
    expect(JSON.parse(await text)).toMatchObject({ result: 'late' });
  });

  it('ends with a client that does not read its answer', async () => {
    const big = 'x'.repeat(4_000_000);
    let begin: () => void = () => {};
    const begun = new Promise<void>((done) => (begin = done));
    const { server } = await start({
      idleMs: 50,
      answer: async () => {
        begin();
        return { jsonrpc: '2.0', id: 1, result: big };
      },
    });
    const socket = connect(socketPath);
    socket.on('error', () => {});
    socket.pause();
    socket.write(`${request}\n`);
    await begun;
    // When all connections have ended, and before this would end them.
    await server.end(15_000);
    let bytes = 0;
    socket.on('data', (chunk) => (bytes += chunk.length)).resume();
    await new Promise((done) => socket.on('close', done));
    expect(bytes).toBeLessThan(big.length);
  });

  it('answers where the answer is no JSON, or none comes', async () => {
    await start({ answer: async () => ({ jsonrpc: '2.0', id: 7, result: 5n }) });
    expect(JSON.parse(await exchange([`${request}\n`]))).toMatchObject({
      id: 7,
      error: { code: -32603, message: expect.stringContaining('BigInt') as string },
    });
    await start({ answer: () => Promise.reject(new Error('secret')) });
    const text = await exchange([`${request}\n`]);
    expect(JSON.parse(text)).toStrictEqual(refused('Internal error', -32603));
  });

  it('takes the place of a socket that nobody serves, and of nothing else', async () => {
    const listen = 'require("net").createServer().listen(process.argv[1], () => console.log())';
    const killed = spawn(process.execPath, ['-e', listen, socketPath]);
    await once(killed.stdout, 'data');
    killed.kill('SIGKILL');
    await once(killed, 'close');
    expect(statSync(socketPath).isSocket()).toBe(true);
    await start();
    expect(await exchange([`${request}\n`])).toBe(answered);

    socketPath = join(folder, 'file');
    writeFileSync(socketPath, 'mine');
    await expect(start()).rejects.toThrow(/file: something is there that is no socket$/);
    expect(statSync(socketPath).size).toBe(4);
    socketPath = join(folder, 'no', 'such', 'folder.sock');
    await expect(start()).rejects.toThrow(/^Cannot listen at .*ENOENT|EACCES/);
  });

  it('is gone when no more is taken, and who waits is answered', async () => {
    let finish: (response: RpcResponse) => void = () => {};
    let begin: () => void = () => {};
    const begun = new Promise<void>((done) => (begin = done));
    const { server } = await start({
      answer: () => {
        begin();
        return new Promise((resolve) => (finish = resolve));
      },
    });
    const waiting = exchange([`${request}\n`]);
    await begun;
    server.refuseMore();
    await expect(exchange([`${request}\n`])).rejects.toThrow(/ENOENT/);
    finish({ jsonrpc: '2.0', id: 7, result: 'after all' });
    expect(JSON.parse(await waiting)).toMatchObject({ result: 'after all' });
    await server.end(5_000);
  });

  it('drops who comes beyond its bound, and takes them again later', async () => {
    const { requests } = await start({ connectionsMax: 2 });
    const idle: Socket[] = [connect(socketPath), connect(socketPath)];
    await Promise.all(idle.map((socket) => new Promise((done) => socket.once('connect', done))));
    await expect.poll(() => callDaemon(socketPath, 'x', []).catch(String)).toMatch(/daemon/);
    expect(requests).toStrictEqual([]);
    for (const socket of idle) socket.destroy();
    await expect
      .poll(() => callDaemon(socketPath, 'x', []).catch(String))
      .toMatchObject({ result: [] });
  });
});

describe('the client', () => {
  it('says that nobody listens', async () => {
    const advice = 'Daemon is not running. Start it with: vatkit daemon start';
    await expect(callDaemon(socketPath, 'x', [])).rejects.toMatchObject({ message: advice });
    writeFileSync(socketPath, '');
    await expect(callDaemon(socketPath, 'x', [])).rejects.toMatchObject({ why: 'absent' });
  });

  it('gives up in the time that it was given, and says that the call may go on', async () => {
    await start({ answer: () => new Promise(() => {}) });
    await expect(callDaemon(socketPath, 'x', [], 20)).rejects.toMatchObject({
      message: 'No answer came in 0.02 s. What was asked may still be done',
      why: 'silent',
    });
  });

  it('says that what came is no answer', async () => {
    await start({ answer: async () => undefined });
    const nothing = 'The daemon ended the connection without an answer';
    await expect(callDaemon(socketPath, 'x', [])).rejects.toThrow(nothing);
    await start({ answer: async () => ({ hello: 1 }) as never });
    await expect(callDaemon(socketPath, 'x', [])).rejects.toThrow('no JSON-RPC response');
  });

  it('carries values of any length', async () => {
    await start();
    const text = 'ü'.repeat(3_000_000);
    expect(await callDaemon(socketPath, 'x', [text])).toMatchObject({ result: [text] });
  });
});
