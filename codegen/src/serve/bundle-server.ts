/** Serves the `.bundle` files of a folder to kernels under development. It shows nothing else of the disk. */
import { createHash } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve, sep } from 'node:path';

export type BundleServerOptions = {
  /** The folder whose bundles are served, those in folders below it included. */
  dir: string;
  /** 3000 by default; 0 takes a free one. */
  port?: number;
  /** `127.0.0.1` by default, which no other machine reaches. */
  host?: string;
};

export type BundleServer = {
  /** `http://127.0.0.1:3000` */
  url: string;
  /** Ends all connections and resolves when the port is free. */
  close(): Promise<void>;
};

/**
 * @throws an Error that says what to do where there is no such folder, or where the port is taken or not allowed.
 */
export async function startBundleServer(options: BundleServerOptions): Promise<BundleServer> {
  const { port = 3000, host = '127.0.0.1' } = options;
  const root = await insistFolder(resolve(options.dir));
  const server = createServer((request, response) => {
    answer(root, request, response).catch(() => {
      if (!response.headersSent) refuse(response, 500, 'The bundle could not be read');
      else response.destroy();
    });
  });
  await new Promise<void>((done, failed) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      failed(new Error(`Cannot serve at ${host}:${port}: ${listenProblem(error)}`));
    });
    server.listen(port, host, done);
  });
  const { address, family, port: actual } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

async function insistFolder(dir: string): Promise<string> {
  const found = await stat(dir).catch(() => undefined);
  if (found === undefined) throw new Error(`Cannot serve ${dir}: there is no such folder`);
  if (!found.isDirectory()) throw new Error(`Cannot serve ${dir}: it is not a folder`);
  return realpath(dir);
}

function listenProblem({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'EADDRINUSE':
      return 'another program has that port. Choose one with --port, or --port 0 for any that is free';
    case 'EACCES':
      return 'this user may not open that port. Choose one above 1023 with --port';
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'this machine has no such address';
    default:
      return message;
  }
}

async function answer(
  root: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.setHeader('Access-Control-Allow-Origin', '*');
  // A page with cross-origin isolation takes only what says so.
  response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Cache-Control', 'no-cache');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    refuse(response, 405, 'Only GET and HEAD');
    return;
  }
  const file = await bundleFileOf(root, request.url ?? '/');
  const content = file === undefined ? undefined : await readFile(file).catch(() => undefined);
  if (content === undefined) {
    refuse(response, 404, 'No such bundle');
    return;
  }
  const tag = `"${createHash('sha256').update(content).digest('base64url')}"`;
  response.setHeader('ETag', tag);
  if (namesTag(request.headers['if-none-match'], tag)) {
    response.writeHead(304).end();
    return;
  }
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', content.byteLength);
  response.writeHead(200).end(request.method === 'HEAD' ? undefined : content);
}

const namesTag = (header: string | undefined, tag: string) =>
  header !== undefined &&
  header.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === tag);

function refuse(response: ServerResponse, status: number, text: string): void {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.writeHead(status).end(`${text}\n`);
}

/**
 * The bundle that a request names, if there is one within the folder. What leads out of it does not exist:
 * neither by dots, encoded or not, nor by a link. A name that begins with a dot is somebody's secret.
 */
async function bundleFileOf(root: string, target: string): Promise<string | undefined> {
  let path: string;
  try {
    // Not the URL class, which would resolve the dots instead of showing them.
    path = decodeURIComponent(target.replace(/[?#].*$/s, '').replace(/^https?:\/\/[^/]*/i, ''));
  } catch {
    return undefined;
  }
  if (!path.startsWith('/') || /[\\\0:]/.test(path)) return undefined;
  const parts = path.slice(1).split('/');
  if (parts.some((part) => part === '' || part.startsWith('.'))) return undefined;
  if (!path.endsWith('.bundle')) return undefined;
  try {
    const file = await realpath(join(root, ...parts));
    const inside = file.startsWith(root.endsWith(sep) ? root : root + sep);
    return inside && file.endsWith('.bundle') && (await stat(file)).isFile() ? file : undefined;
  } catch {
    return undefined;
  }
}
