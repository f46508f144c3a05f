/** A process of this program that outlives the one that started it, and tells it how that went. */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { bounds } from './bounds.js';
import { DaemonError } from './home.js';

/** What it tells its parent, once. */
export type BackgroundReport<Info> =
  | { type: 'started'; info: Info }
  | { type: 'already-running'; info: Info }
  | { type: 'failed'; message: string };

const program = fileURLToPath(new URL('../../bin/vatkit.mjs', import.meta.url));

/**
 * Spawns `vatkit <args>` and waits until it reports.
 *
 * @param what - `The daemon`, in errors.
 * @throws DaemonError where it fails, ends or says nothing.
 */
export async function spawnBackground<Info>(
  what: string,
  args: readonly string[],
): Promise<Exclude<BackgroundReport<Info>, { type: 'failed' }>> {
  const child = spawn(process.execPath, [program, ...args], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const report = await reportOf<Info>(what, child);
  if (child.connected) child.disconnect();
  child.stderr?.destroy();
  child.unref();
  if (report.type === 'failed') throw new DaemonError(report.message);
  return report;
}

function reportOf<Info>(what: string, child: ChildProcess): Promise<BackgroundReport<Info>> {
  return new Promise((resolve) => {
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < 10_000) said += text;
    });
    const settle = (report: BackgroundReport<Info>): void => {
      clearTimeout(timer);
      resolve(report);
    };
    const fail = (message: string): void => settle({ type: 'failed', message });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`${what} was not ready in ${bounds.startMs / 1000} s`);
    }, bounds.startMs);
    child.once('message', (report) => settle(report as BackgroundReport<Info>));
    child.once('error', (error) => fail(`${what} could not be started: ${error.message}`));
    child.once('close', (code, killer) => {
      const how = killer === null ? `with code ${code}` : `by ${killer}`;
      const lines = said.trim().split('\n');
      const why = lines.find((line) => /^\w*Error\b/.test(line)) ?? lines[0] ?? '';
      fail(`${what} ended ${how} before it was ready${why === '' ? '' : `: ${why}`}`);
    });
  });
}

/** In the spawned process. It goes on also when its parent has gone. */
export async function reportToParent<Info>(report: BackgroundReport<Info>): Promise<void> {
  await new Promise<void>((done) => process.send?.(report, undefined, undefined, () => done()));
  if (process.connected) process.disconnect();
}
