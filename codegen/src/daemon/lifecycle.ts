/** Starting, stopping and deleting a daemon from another process. */
import { spawnBackground, type BackgroundReport } from './background.js';
import { bounds } from './bounds.js';
import { askWhoIsThere, type DaemonInfo } from './handshake.js';
import { DaemonError, deleteFiles, type DaemonHome } from './home.js';
import type { LogLevel } from './log-file.js';
import { isAlive, readPidFile, signal, waitUntil, type ProcessName } from './processes.js';
import { callDaemon } from './rpc-client.js';

/** What a daemon that was spawned tells its parent, once. */
export type StartReport = BackgroundReport<DaemonInfo>;

/** Spawns a daemon that outlives this process, and waits until it answers or says why it cannot. */
export async function spawnDaemon(
  home: DaemonHome,
  logLevel: LogLevel | undefined,
): Promise<Exclude<StartReport, { type: 'failed' }>> {
  const found = await askWhoIsThere(home);
  if (found.state === 'running') return { type: 'already-running', info: found.info };
  const args = ['daemon', 'start', '--foreground', '--home', home.folder];
  if (logLevel !== undefined) args.push('--log-level', logLevel);
  return spawnBackground<DaemonInfo>('The daemon', args);
}

export type StopOptions = {
  /** Kill it where nothing else ends it. */
  force: boolean;
  shutdownMs?: number;
  signalMs?: number;
};

/**
 * Ends the daemon: by asking, then by SIGTERM, then, with `force`, by SIGKILL. Signals go only to a process that is
 * proved to be the daemon, by its own word over the socket or by the file that it wrote, and by when it began.
 *
 * @returns false where none was running.
 * @throws DaemonError where it does not end.
 */
export async function stopDaemon(
  home: DaemonHome,
  { force, shutdownMs = bounds.shutdownMs, signalMs = bounds.signalMs }: StopOptions,
): Promise<boolean> {
  const found = await askWhoIsThere(home);
  const name = provedProcess(found.state === 'running' ? found.info : readPidFile(home.pidFile));
  if (name === undefined && found.state === 'absent') return false;
  const isGone = async (): Promise<boolean> =>
    name === undefined ? (await askWhoIsThere(home)).state === 'absent' : !isAlive(name);
  if (found.state === 'running') {
    const asked = callDaemon(home.socket, 'shutdown', undefined, bounds.handshakeMs);
    // It may have ended in the midst of the answer, or hang: what follows shows.
    await asked.catch(() => undefined);
    if (await waitUntil(isGone, shutdownMs)) return true;
  }
  if (name === undefined) {
    // It may be about to end by somebody else's hand.
    if (await waitUntil(isGone, signalMs)) return true;
    throw new DaemonError(
      `What listens at ${home.socket} does not end, and no process of this machine is proved to be it`,
    );
  }
  signal(name, 'SIGTERM');
  if (await waitUntil(isGone, signalMs)) return true;
  if (!force) {
    const advice = 'Kill it with: vatkit daemon stop --force';
    throw new DaemonError(`Daemon (PID ${name.pid}) does not end. ${advice}`);
  }
  signal(name, 'SIGKILL');
  if (await waitUntil(isGone, signalMs)) return true;
  throw new DaemonError(`Daemon (PID ${name.pid}) does not end, not even when killed`);
}

const provedProcess = (name: ProcessName | undefined): ProcessName | undefined =>
  name !== undefined && isAlive(name) ? name : undefined;

/** Stops the daemon, by force if need be, and deletes its files. Returns whether there was anything. */
export async function purgeDaemon(home: DaemonHome): Promise<boolean> {
  const stopped = await stopDaemon(home, { force: true });
  return (await deleteFiles(home)) || stopped;
}
