/** A relay on Node, with a key of its own that it makes at its first start and keeps. */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { dirname } from 'node:path';
import type { RelayInfo, RelayLimits } from '../../comms/libp2p/relay.js';
import type { PeerId } from '../../comms/transport.js';

export type StartRelayOptions = {
  /** The file of the relay's key, readable by its owner only, which is made where there is none. */
  keyFile?: string;
  /** 32 bytes, in place of a file. */
  keySeed?: Uint8Array;
  /** Multiaddrs to listen at. Default: `/ip4/0.0.0.0/tcp/9001/ws` and `/ip4/0.0.0.0/tcp/9002`. */
  listen?: readonly string[];
  /** Multiaddrs by which others reach it, where those differ: behind a proxy that speaks TLS, or a translated address. */
  announce?: readonly string[];
  limits?: Partial<RelayLimits>;
  /** May this kernel hold a reservation and open circuits? Default: every kernel. */
  isAllowed?: (peerId: PeerId) => boolean;
  /** Serves `GET /metrics` (Prometheus' text form) and `GET /status` (JSON) over plain http. Default host: 127.0.0.1. */
  metrics?: { port: number; host?: string };
};

export type Relay = {
  readonly peerId: PeerId;
  /** Each with the peer id: what kernels take as `relays`. */
  readonly addresses: readonly string[];
  /** Where the metrics are served, if they are. */
  readonly metricsUrl: string | undefined;
  status: () => RelayInfo;
  /** Closes every circuit, connection and listener. Always resolves. */
  stop: () => Promise<void>;
};

const defaultListen = ['/ip4/0.0.0.0/tcp/9001/ws', '/ip4/0.0.0.0/tcp/9002'];
const keyText = /^[\da-f]{64}\n?$/;

/**
 * Starts a relay over which kernels reach one another that cannot dial each other.
 *
 * @throws TypeError for options that cannot be used; Error where an address cannot be listened at, or a key not be read.
 */
export async function startRelay(options: StartRelayOptions = {}): Promise<Relay> {
  if ((options.keyFile === undefined) === (options.keySeed === undefined)) {
    throw new TypeError('A relay needs either keyFile or keySeed: its address holds its key');
  }
  const { providePlatform } = await import('../../comms/libp2p/polyfills.js');
  providePlatform();
  const { checkRelayLimits, startRelayNode } = await import('../../comms/libp2p/relay.js');
  const limits = checkRelayLimits(options.limits);
  const node = await startRelayNode({
    keySeed: options.keySeed ?? (await provideKey(options.keyFile as string)),
    listen: options.listen ?? defaultListen,
    announce: options.announce ?? [],
    limits,
    isAllowed: options.isAllowed ?? (() => true),
  });
  const { peerId, addresses } = node.info();
  let metrics: Server | undefined;
  try {
    metrics = options.metrics && (await serveMetrics(options.metrics, node.info));
  } catch (thrown) {
    await node.stop();
    throw thrown;
  }
  return {
    peerId,
    addresses,
    metricsUrl: metrics && urlOf(metrics),
    status: node.info,
    stop: async () => {
      metrics?.close();
      metrics?.closeAllConnections();
      await node.stop();
    },
  };
}

/** The key in this file, or a new one in a new file. */
async function provideKey(file: string): Promise<Uint8Array> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  try {
    const created = await open(file, 'wx', 0o600);
    const seed = randomBytes(32);
    try {
      await created.writeFile(`${seed.toString('hex')}\n`);
      await created.sync();
    } finally {
      await created.close();
    }
    return seed;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
  }
  if (((await stat(file)).mode & 0o077) !== 0) await chmod(file, 0o600);
  const text = await readFile(file, 'utf8');
  if (!keyText.test(text)) {
    throw new Error(`Cannot use ${file} as a relay's key: it is not 64 hexadecimal digits`);
  }
  return Buffer.from(text.trim(), 'hex');
}

type Count = { [Name in keyof RelayInfo]: RelayInfo[Name] extends number ? Name : never };

const names: [Count[keyof RelayInfo], 'gauge' | 'counter', string][] = [
  ['connections', 'gauge', 'Open connections.'],
  ['reservations', 'gauge', 'Kernels that can be reached over this relay.'],
  ['circuits', 'gauge', 'Open circuits.'],
  ['circuitsOpened', 'counter', 'Circuits opened since the start.'],
  ['circuitsRefused', 'counter', 'Circuits refused by a limit or by a list since the start.'],
  ['bytesRelayed', 'counter', 'Bytes carried since the start.'],
];

function metricsText(info: RelayInfo): string {
  const lines = names.flatMap(([name, type, help]) => {
    const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const full = `vatkit_relay_${snake}${type === 'counter' ? '_total' : ''}`;
    return [`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`, `${full} ${info[name]}`];
  });
  return `${lines.join('\n')}\n`;
}

async function serveMetrics(
  { port, host = '127.0.0.1' }: { port: number; host?: string },
  info: () => RelayInfo,
): Promise<Server> {
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    const path = request.method === 'GET' ? request.url : undefined;
    if (path === '/metrics') {
      response.setHeader('content-type', 'text/plain; version=0.0.4').end(metricsText(info()));
    } else if (path === '/status') {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(info()));
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  return server;
}

function urlOf(server: Server): string {
  const found = server.address();
  if (typeof found !== 'object' || found === null) throw new Error('The metrics have no address');
  const host = found.family === 'IPv6' ? `[${found.address}]` : found.address;
  return `http://${host}:${found.port}/metrics`;
}
