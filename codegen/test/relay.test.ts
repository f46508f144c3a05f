/** `vatkit relay` as its users have it: the program, its process, its folder. */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isAlive, readPidFile, signal } from '../src/daemon/processes.js';
import { makeFixture } from './fixture.js';

const program = fileURLToPath(new URL('../bin/vatkit.mjs', import.meta.url));
const listen = ['--listen', '/ip4/127.0.0.1/tcp/0/ws'];

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

const homes = new Set<string>();

afterEach(() => {
  for (const home of homes) {
    const name = readPidFile(`${home}/relay.pid`);
    if (name !== undefined) signal(name, 'SIGKILL');
  }
  homes.clear();
});

function makeHome(): string {
  const home = makeFixture({})('relay');
  homes.add(home);
  return home;
}

type Result = { code: number; out: string; err: string };

const vatkit = (...args: string[]): Promise<Result> =>
  new Promise((resolve) => {
    execFile(process.execPath, [program, 'relay', ...args], (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    );
  });

describe('vatkit relay', () => {
  it('runs in the background until it is stopped, and comes back as the same peer', async () => {
    const home = makeHome();
    const started = await vatkit('start', '--home', home, ...listen, '--metrics', '0');
    expect(started).toMatchObject({ code: 0, err: '' });
    expect(started.out).toMatch(
      /^Relay started \(PID \d+\)\.\nAddress: \/ip4\/127\.0\.0\.1\/tcp\//,
    );
    const peer = /\/p2p\/(12D3\w+)/.exec(started.out)?.[1];
    for (const file of ['relay.key', 'relay.pid', 'relay.json']) {
      expect(statSync(`${home}/${file}`).mode & 0o777).toBe(0o600);
    }
    expect(statSync(home).mode & 0o777).toBe(0o700);

    const again = await vatkit('start', '--home', home, ...listen);
    expect(again.out).toContain('Relay is already running');
    const told = await vatkit('status', '--json', '--home', home);
    expect(JSON.parse(told.out)).toMatchObject({
      running: true,
      addresses: [expect.stringContaining(`/p2p/${peer}`)],
    });
    const status = await vatkit('status', '--home', home);
    expect(status).toMatchObject({ code: 0, err: '' });
    expect(status.out).toContain(`/p2p/${peer}\n`);
    expect(status.out).toContain('Reservations: 0 of 5000\n');

    expect(await vatkit('stop', '--home', home)).toMatchObject({
      code: 0,
      out: 'Relay stopped.\n',
    });
    expect([existsSync(`${home}/relay.pid`), existsSync(`${home}/relay.json`)]).toStrictEqual([
      false,
      false,
    ]);
    const gone = await vatkit('status', '--home', home);
    expect(gone).toMatchObject({ code: 1, out: 'Relay is not running.\n' });
    expect(await vatkit('stop', '--home', home)).toMatchObject({
      code: 0,
      out: 'Relay is not running.\n',
    });

    const second = await vatkit('start', '--home', home, ...listen);
    expect(second.out).toContain(`/p2p/${peer}\n`);
    const name = readPidFile(`${home}/relay.pid`);
    // Ended without a word: what it left is not taken for a relay.
    if (name !== undefined) signal(name, 'SIGKILL');
    await vi.waitFor(() => expect(name && isAlive(name)).toBe(false), 5_000);
    expect((await vatkit('status', '--home', home)).code).toBe(1);
    expect(readFileSync(`${home}/relay.pid`, 'utf8')).toContain(String(name?.pid));
  });

  it('says in one line what stands in its way', async () => {
    const home = makeHome();
    const failed = await vatkit('start', '--home', home, '--listen', '/ip4/127.0.0.1/udp/1');
    expect(failed).toMatchObject({ code: 1, out: '' });
    expect(failed.err).toMatch(
      /^Unsupported direct listen address: \/ip4\/127\.0\.0\.1\/udp\/1\. [^\n]+\n$/,
    );
    chmodSync(home, 0o755);
    expect((await vatkit('start', '--home', home)).err).toMatch(
      /^Cannot use .*others may enter it \(mode 755\)/,
    );
    expect(await vatkit('stat')).toMatchObject({ code: 2 });
    expect(await vatkit('stop', '--metrics', '1')).toMatchObject({ code: 2 });
    expect(await vatkit('start', '--metrics', 'x')).toMatchObject({ code: 2 });
  });
});
