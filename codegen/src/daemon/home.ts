/**
 * Where a daemon lives: one folder that only its owner may enter, with the kernel's store, the socket and the log.
 *
 * The daemon that holds the store's lock, which the system frees when its process ends, is the daemon of the
 * folder. Only it touches the socket and the process file: whoever else removed a "stale" one could remove that of a
 * daemon which has just started.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { isKernelError } from '@vatkit/sdk/kernel';
import { makeSQLKernelDatabase } from '@vatkit/sdk/node';

/** What the user is told in one line, without a stack. */
export class DaemonError extends Error {
  override readonly name = 'DaemonError';
}

/** Absolute paths. */
export type DaemonHome = {
  folder: string;
  store: string;
  socket: string;
  pidFile: string;
  log: string;
};

/** Of `sun_path`, without the zero at its end. */
const socketPathBytesMax = process.platform === 'linux' ? 107 : 103;

/**
 * The folder of `--home`, else of `$VATKIT_HOME`, else `~/.vatkit`. It need not exist.
 *
 * @throws DaemonError where no socket can be in it, or where it is another user's.
 */
export function resolveHome(option: string | undefined): DaemonHome {
  if (process.platform === 'win32') {
    throw new DaemonError('The daemon needs Unix sockets, which this system has not');
  }
  if (option === '') throw new DaemonError("'--home' names no folder");
  const folder = resolve(option ?? (process.env['VATKIT_HOME'] || join(homedir(), '.vatkit')));
  const socket = join(folder, 'daemon.sock');
  const bytes = Buffer.byteLength(socket);
  if (bytes > socketPathBytesMax) {
    const limit = `a socket's path has at most ${socketPathBytesMax} bytes, and this has ${bytes}`;
    throw new DaemonError(`Cannot use ${socket}: ${limit}. Choose a shorter folder with --home`);
  }
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found !== undefined) {
    if (!found.isDirectory()) throw new DaemonError(`Cannot use ${folder}: it is not a folder`);
    // Another user's daemon would read what it is sent, and name any process of ours as its own.
    if (found.uid !== process.getuid?.()) {
      throw new DaemonError(`Cannot use ${folder}: it belongs to another user`);
    }
  }
  return {
    folder,
    socket,
    store: join(folder, 'kernel.sqlite'),
    pidFile: join(folder, 'daemon.pid'),
    log: join(folder, 'daemon.log'),
  };
}

/** The log that was full before the present one. */
export const olderLog = ({ log }: DaemonHome) => `${log}.1`;

const filesOf = (home: DaemonHome): string[] => [
  ...['', '-wal', '-shm', '-journal'].map((end) => `${home.store}${end}`),
  home.socket,
  home.pidFile,
  home.log,
  olderLog(home),
];

/** Makes the folder, or closes it to others. */
export function prepareHome(home: DaemonHome): void {
  const { folder } = home;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const mode = statSync(folder).mode & 0o777;
  const ours = filesOf(home);
  if ((mode & 0o077) !== 0) {
    // A folder in use for other things is not ours to close.
    if (readdirSync(folder).some((name) => !ours.includes(join(folder, name)))) {
      const found = `others may enter it (mode ${mode.toString(8)}), and it has files of others`;
      const advice = `Run \`chmod 700 ${folder}\`, or choose another folder with --home`;
      throw new DaemonError(`Cannot use ${folder}: ${found}. ${advice}`);
    }
    chmodSync(folder, 0o700);
  }
  for (const file of ours) {
    if (statSync(file, { throwIfNoEntry: false })?.isFile()) chmodSync(file, 0o600);
  }
}

/** Did the store not open because another process has it? */
export const isStoreHeld = (thrown: unknown): boolean =>
  isKernelError(thrown, 'STORE_FAILED') && (thrown.data as { held?: boolean }).held === true;

/** Deletes what a daemon left in its folder, and nothing else. Returns whether there was anything. */
export async function deleteFiles(home: DaemonHome): Promise<boolean> {
  if (!filesOf(home).some((file) => existsSync(file))) return false;
  // Held meanwhile, so that no daemon starts on a file that is about to go. What is no store can go unheld.
  const store = await makeSQLKernelDatabase({ dbFilename: home.store }).catch((thrown: unknown) => {
    if (isStoreHeld(thrown)) throw thrown;
    return undefined;
  });
  for (const file of filesOf(home)) rmSync(file, { force: true });
  store?.close();
  return true;
}
