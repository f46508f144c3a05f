/** Processes told apart by more than their number, which the system gives to another one after their end. */
import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export type ProcessName = {
  pid: number;
  /** When it began, in the system's own terms: of two processes with one number it differs. */
  began: string;
};

/** When the process with this number began, as text without spaces; undefined where there is none or it has ended. */
export function beganAt(pid: number): string | undefined {
  try {
    return process.platform === 'linux' ? beganOnLinux(pid) : beganByPs(pid);
  } catch {
    return undefined;
  }
}

function beganOnLinux(pid: number): string | undefined {
  // `4242 (its name) S …`: the name may hold anything, so count from behind it (proc(5)).
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Ended, and waits only for its parent to take notice.
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return `${boot}:${fields[19]}`;
}

/** Elsewhere. Exported for tests, since it works on Linux, too. */
export function beganByPs(pid: number): string | undefined {
  // It complains where there is no such process.
  const stdio = ['ignore', 'pipe', 'ignore'];
  const env = { LC_ALL: 'C', TZ: 'UTC', PATH: process.env['PATH'] };
  const options = { encoding: 'utf8', stdio, env };
  const args = ['-o', 'stat=', '-o', 'lstart=', '-p', String(pid)];
  const [state, ...began] = execFileSync('ps', args, options as { encoding: 'utf8' })
    .trim()
    .split(/\s+/);
  return state === undefined || state.startsWith('Z') ? undefined : began.join('_');
}

export const thisProcess = (): ProcessName => ({
  pid: process.pid,
  began: beganAt(process.pid) ?? 'unknown',
});

export const isAlive = ({ pid, began }: ProcessName): boolean => beganAt(pid) === began;

/** Sends a signal to that process and no other; returns whether there was one to send it to. */
export function signal(name: ProcessName, which: 'SIGTERM' | 'SIGKILL'): boolean {
  if (!isAlive(name)) return false;
  try {
    return process.kill(name.pid, which);
  } catch {
    return false;
  }
}

/** Resolves to whether `condition` came true in time. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<boolean> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    if (await condition()) return true;
    if (Date.now() >= end) return false;
    await delay(25);
  }
}

/**
 * The first line is the number alone; the second one keeps `kill $(cat daemon.pid)` from hitting anything else, for it
 * is no number.
 */
export function writePidFile(file: string, { pid, began }: ProcessName): void {
  const partial = `${file}.${pid}`;
  writeFileSync(partial, `${pid}\nbegan=${began}\n`, { mode: 0o600 });
  renameSync(partial, file);
}

export function readPidFile(file: string): ProcessName | undefined {
  try {
    const [, pid, began] = /^(\d+)\nbegan=(\S+)\n$/.exec(readFileSync(file, 'utf8')) ?? [];
    return pid === undefined || began === undefined ? undefined : { pid: Number(pid), began };
  } catch {
    return undefined;
  }
}

export function removePidFile(file: string, { pid, began }: ProcessName): void {
  const found = readPidFile(file);
  if (found?.pid === pid && found.began === began) rmSync(file, { force: true });
}
