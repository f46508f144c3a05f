/** Where a relay lives: one folder that only its owner may enter, with its key, its process and its addresses. */
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { DaemonError } from '../daemon/home.js';

/** Absolute paths. */
export type RelayHome = { folder: string; keyFile: string; pidFile: string; infoFile: string };

/** What is told of a relay that runs. */
export type RelayProcess = {
  pid: number;
  /** Multiaddrs with its peer id: what kernels take as `relays`. */
  addresses: readonly string[];
  metricsUrl?: string | undefined;
};

/**
 * The folder of `--home`, else of `$VATKIT_RELAY_HOME`, else `~/.vatkit-relay`. It need not exist.
 *
 * @throws DaemonError where it cannot be used.
 */
export function resolveRelayHome(option: string | undefined): RelayHome {
  if (option === '') throw new DaemonError("'--home' names no folder");
  const variable = process.env['VATKIT_RELAY_HOME'];
  const folder = resolve(option ?? (variable || join(homedir(), '.vatkit-relay')));
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found !== undefined && !found.isDirectory()) {
    throw new DaemonError(`Cannot use ${folder}: it is not a folder`);
  }
  // Another user could put a key of his own there, or name any process of ours as the relay.
  if (found !== undefined && process.getuid !== undefined && found.uid !== process.getuid()) {
    throw new DaemonError(`Cannot use ${folder}: it belongs to another user`);
  }
  return {
    folder,
    keyFile: join(folder, 'relay.key'),
    pidFile: join(folder, 'relay.pid'),
    infoFile: join(folder, 'relay.json'),
  };
}

/** Makes the folder; one that others may enter is refused, since it may be in use for other things. */
export function prepareRelayHome({ folder }: RelayHome): void {
  const isNew = mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined;
  if (isNew) chmodSync(folder, 0o700);
  const mode = statSync(folder).mode & 0o777;
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    const found = `others may enter it (mode ${mode.toString(8)})`;
    throw new DaemonError(
      `Cannot use ${folder}: ${found}. Run \`chmod 700 ${folder}\`, or choose another folder with --home`,
    );
  }
}

export function writeInfo({ infoFile }: RelayHome, info: RelayProcess): void {
  writeFileSync(infoFile, `${JSON.stringify(info, undefined, 2)}\n`, { mode: 0o600 });
}

export function readInfo({ infoFile }: RelayHome): RelayProcess | undefined {
  try {
    return JSON.parse(readFileSync(infoFile, 'utf8')) as RelayProcess;
  } catch {
    return undefined;
  }
}

export const removeInfo = ({ infoFile }: RelayHome): void => rmSync(infoFile, { force: true });
