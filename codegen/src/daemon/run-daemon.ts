/** The daemon itself: a kernel on the store of its folder, with its control methods on a socket. */
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  answerControlRpc,
  Kernel,
  type KernelDatabase,
  type RpcResponse,
} from '@vatkit/sdk/kernel';
import { makeSQLKernelDatabase, NodejsPlatformServices } from '@vatkit/sdk/node';
import { bounds } from './bounds.js';
import { askWhoIsThere, type DaemonInfo } from './handshake.js';
import { DaemonError, isStoreHeld, olderLog, prepareHome, type DaemonHome } from './home.js';
import { openLogFile, type LogFile, type LogLevel } from './log-file.js';
import { removePidFile, thisProcess, writePidFile } from './processes.js';
import { startRpcServer } from './rpc-server.js';

export type DaemonOptions = {
  home: DaemonHome;
  /** Default `info`. */
  logLevel?: LogLevel;
  /** Gets the lines of the log, too. */
  echo?: (line: string) => void;
  /** Milliseconds to wait for a store that another process holds. */
  storeWaitMs?: number;
};

export type Daemon = {
  info: DaemonInfo;
  log: LogFile;
  /** Resolves when all has ended, whoever asked for it; to an error where the kernel gave up. */
  ended: Promise<Error | undefined>;
  /** Lets deliveries in flight end, within the kernel's bound, and answers who still waits. */
  stop(why: string): Promise<void>;
};

/** There is one already. */
export class AlreadyRunning extends DaemonError {
  readonly info: DaemonInfo;

  constructor(info: DaemonInfo) {
    super(`Daemon is already running (PID ${info.pid}) at ${info.socket}`);
    this.info = info;
  }
}

/**
 * Starts a daemon in this process. When it resolves the socket answers.
 *
 * @throws AlreadyRunning, and DaemonError or KernelError where the folder or the store cannot be used.
 */
export async function runDaemon(options: DaemonOptions): Promise<Daemon> {
  const { home, logLevel = 'info', echo, storeWaitMs = bounds.storeWaitMs } = options;
  // Of every file from here on: the store's log of changes, the worker's crash reports.
  process.umask(0o077);
  prepareHome(home);
  await insistNobodyAnswers(home);
  const database = await takeStore(home, storeWaitMs);
  let log: LogFile | undefined;
  try {
    log = openLogFile({
      file: home.log,
      older: olderLog(home),
      level: logLevel,
      ...(echo && { echo }),
    });
    const kernel = await Kernel.make(new NodejsPlatformServices(), database, { logger: log });
    return await serve(home, kernel, log);
  } catch (thrown) {
    // Closing again what the kernel has closed does nothing.
    database.close();
    log?.close();
    throw thrown;
  }
}

/** Puts a kernel on the socket of a folder that is prepared. The kernel ends with the daemon, and the daemon with it. */
export async function serve(home: DaemonHome, kernel: Kernel, log: LogFile): Promise<Daemon> {
  const ours = log.subLogger?.({ tags: ['daemon'] }) ?? log;
  const name = thisProcess();
  const info: DaemonInfo = {
    ...name,
    socket: home.socket,
    home: home.folder,
    since: new Date().toISOString(),
  };

  const answer = async (request: unknown): Promise<RpcResponse | undefined> => {
    const { method, id } = (request ?? {}) as { method?: unknown; id?: unknown };
    const respond = (result: unknown): RpcResponse | undefined =>
      id === undefined
        ? undefined
        : {
            jsonrpc: '2.0',
            id: typeof id === 'string' || typeof id === 'number' ? id : null,
            result,
          };
    if (method === 'daemonStatus') return respond(info);
    if (method === 'shutdown') {
      // Once the answer is on its way.
      setImmediate(() => void stop('a client asked for it'));
      return respond({ status: 'shutting down' });
    }
    const begun = Date.now();
    const response = await answerControlRpc(kernel, request);
    // Never the parameters, the result or an error's text: they are what the callers tell one another.
    const code = response !== undefined && 'error' in response ? response.error.code : 'ok';
    const called = typeof method === 'string' && /^[A-Za-z]{1,40}$/.test(method) ? method : '?';
    ours.debug(`${called}: ${code} in ${Date.now() - begun} ms`);
    return response;
  };

  let server: Awaited<ReturnType<typeof startRpcServer>>;
  try {
    server = await startRpcServer({ socketPath: home.socket, answer });
    writePidFile(home.pidFile, name);
  } catch (thrown) {
    await kernel.stop();
    throw thrown;
  }
  ours.info(`started, process ${name.pid}`);

  let stopping: Promise<void> | undefined;
  let ended: (failure: Error | undefined) => void;
  let failure: Error | undefined;
  const end = async (why: string): Promise<void> => {
    ours.info(`stopping: ${why}`);
    try {
      server.refuseMore();
      await kernel.stop();
      await server.end(lingerMs);
    } catch (thrown) {
      ours.error('the kernel did not stop as it should', thrown);
    }
    ours.info('stopped');
    log.close();
    removePidFile(home.pidFile, name);
    ended(failure);
  };
  const stop = (why: string): Promise<void> => (stopping ??= end(why));
  void kernel.ended.then((error) => {
    failure = error;
    if (error !== undefined) void stop('the kernel gave up');
  });

  return { info, log, stop, ended: new Promise((resolve) => (ended = resolve)) };
}

/** For a client to read its last answer. */
const lingerMs = 1_000;

async function insistNobodyAnswers(home: DaemonHome): Promise<void> {
  const found = await askWhoIsThere(home);
  if (found.state === 'running') throw new AlreadyRunning(found.info);
}

/** The store's lock makes this process the daemon of its folder. One that is just ending is waited for. */
async function takeStore(home: DaemonHome, waitMs: number): Promise<KernelDatabase> {
  const end = Date.now() + waitMs;
  for (;;) {
    try {
      const store = await makeSQLKernelDatabase({ dbFilename: home.store, lockWaitMs: 100 });
      // A purge may have deleted it between its opening and its lock.
      if (existsSync(home.store)) return store;
      store.close();
    } catch (thrown) {
      if (!isStoreHeld(thrown)) throw thrown;
      await insistNobodyAnswers(home);
      if (Date.now() >= end) throw thrown;
      await delay(50);
    }
  }
}
