/** Asks a daemon, over its socket. */
import { connect } from 'node:net';
import type { RpcResponse } from '@vatkit/sdk/kernel';
import { bounds } from './bounds.js';
import { DaemonError } from './home.js';

/** `absent`: nobody listens. `silent`: somebody does, and does not answer. */
export class NoAnswer extends DaemonError {
  readonly why: 'absent' | 'silent';

  constructor(why: NoAnswer['why'], message: string) {
    super(message);
    this.why = why;
  }
}

/**
 * One call.
 *
 * @param timeoutMs - without it a call may take as long as it likes.
 * @throws NoAnswer, and DaemonError where what listens is no daemon.
 */
export async function callDaemon(
  socketPath: string,
  method: string,
  params: unknown,
  timeoutMs?: number,
): Promise<RpcResponse> {
  const request = { jsonrpc: '2.0', id: 1, method, ...(params !== undefined && { params }) };
  return responseOf(await exchange(socketPath, `${JSON.stringify(request)}\n`, timeoutMs));
}

function exchange(socketPath: string, line: string, timeoutMs: number | undefined) {
  return new Promise<string>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const socket = connect(socketPath);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
      socket.destroy();
    };
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            const hint = 'What was asked may still be done';
            fail(new NoAnswer('silent', `No answer came in ${timeoutMs / 1000} s. ${hint}`));
          }, timeoutMs);
    socket.on('connect', () => socket.write(line));
    socket.on('error', (error: NodeJS.ErrnoException) => fail(problemOf(error, socketPath)));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > bounds.answerBytesMax) {
        fail(new DaemonError(`The answer is longer than ${bounds.answerBytesMax} bytes`));
      }
    });
    socket.on('end', () => {
      clearTimeout(timer);
      if (bytes > 0) resolve(Buffer.concat(chunks).toString());
    });
    // After all of the above; then it changes nothing.
    socket.on('close', () => {
      fail(new NoAnswer('silent', 'The daemon ended the connection without an answer'));
    });
  });
}

function problemOf({ code, message }: NodeJS.ErrnoException, socketPath: string): DaemonError {
  switch (code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
    case 'ENOTSOCK':
      return new NoAnswer('absent', 'Daemon is not running. Start it with: vatkit daemon start');
    case 'EACCES':
      return new DaemonError(`Only its owner may use ${socketPath}`);
    case 'ECONNRESET':
    case 'EPIPE':
      return new NoAnswer('silent', 'The daemon broke the connection off');
    default:
      return new NoAnswer('silent', `Cannot ask at ${socketPath}: ${message}`);
  }
}

function responseOf(text: string): RpcResponse {
  try {
    const response = JSON.parse(text) as Partial<Record<'jsonrpc' | 'result' | 'error', unknown>>;
    if (response.jsonrpc === '2.0' && ('result' in response || 'error' in response)) {
      return response as RpcResponse;
    }
  } catch {
    // Told below.
  }
  throw new DaemonError('What came as the answer is no JSON-RPC response');
}
