/** `vatkit daemon` as its users have it: the program, its processes, their folders. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Kernel } from '@vatkit/sdk/kernel';
import { makeSQLKernelDatabase, NodejsPlatformServices } from '@vatkit/sdk/node';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { print } from '../src/cli/daemon-calls.js';
import { olderLog, prepareHome, resolveHome } from '../src/daemon/home.js';
import { stopDaemon } from '../src/daemon/lifecycle.js';
import { openLogFile } from '../src/daemon/log-file.js';
import { beganAt, isAlive, readPidFile, waitUntil } from '../src/daemon/processes.js';
import { callDaemon } from '../src/daemon/rpc-client.js';
import { runDaemon, serve } from '../src/daemon/run-daemon.js';
import { makeFixture } from './fixture.js';

const program = fileURLToPath(new URL('../bin/vatkit.mjs', import.meta.url));

// Each test starts several processes, on a machine that may do much else.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

const homes = new Set<string>();
const children = new Set<ChildProcess>();

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
  const quick = { force: true, shutdownMs: 5_000, signalMs: 5_000 };
  for (const home of homes) await stopDaemon(resolveHome(home), quick);
  homes.clear();
});

/** A folder for a daemon, which need not exist. Whatever runs there is ended after the test. */
function makeHome(name = 'home'): string {
  const home = makeFixture({})(name);
  homes.add(home);
  return home;
}

const environment = (): NodeJS.ProcessEnv => {
  const { VATKIT_HOME: _, ...env } = process.env;
  return env;
};

type Run = { cwd?: string; env?: NodeJS.ProcessEnv };

function begin(args: readonly string[], { cwd = '/', env = {} }: Run = {}) {
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env: { ...environment(), ...env },
  });
  children.add(child);
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  const ended = once(child, 'close').then(([code]) => {
    children.delete(child);
    return { code: code as number | null, ...said };
  });
  return { child, said, ended };
}

async function vatkit(args: readonly string[], run?: Run) {
  const result = await begin(args, run).ended;
  // No fault of a user shows where in our code it was found.
  expect(result.err).not.toMatch(/^\s+at /m);
  return result;
}

/** With a daemon that runs there. */
async function startedHome(...options: string[]) {
  const home = makeHome();
  const { code, err } = await vatkit(['daemon', 'start', '--home', home, ...options]);
  expect([code, err]).toStrictEqual([0, '']);
  const daemon = (...args: string[]) => vatkit(['daemon', ...args, '--home', home]);
  return { home, daemon, socket: join(home, 'daemon.sock') };
}

const pidOf = (home: string): number => readPidFile(join(home, 'daemon.pid'))?.pid as number;

const vatSource = `
  import { makeDefaultExo } from '@vatkit/sdk/vat';
  export function buildRootObject(powers: unknown, { word }: { word: string }, baggage: any) {
    const purse = makeDefaultExo('purse', { amount: () => 5n });
    return makeDefaultExo('root', {
      bootstrap: () => word,
      say(text: string) { console.log('a vat says', text); },
      odd: () => [purse, 5n, undefined, new Error('m')],
      isPurse: (x: unknown) => x === purse,
      keep(x: string) { baggage.has('x') ? baggage.set('x', x) : baggage.init('x', x); },
      kept: () => baggage.get('x'),
      fail() { throw new Error('first\\nsecond'); },
      never: () => new Promise(() => {}),
    });
  }`;

const sources = { 'a.vat.ts': vatSource, 'cluster.json': '' };

/** A daemon with the vat above; its root is ko4. */
async function launched(...options: string[]) {
  const started = await startedHome(...options);
  const at = makeFixture(sources);
  const config = {
    bootstrap: 'a',
    vats: { a: { sourceSpec: './a.vat.ts', parameters: { word: 'up' } } },
  };
  const args = ['exec', 'launchSubcluster', JSON.stringify({ config }), '--home', started.home];
  const { code, out, err } = await vatkit(['daemon', ...args], { cwd: at() });
  expect([code, err]).toStrictEqual([0, '']);
  return { ...started, at, launchOutput: out };
}

const ask = (socket: string, line: string) =>
  new Promise<string>((resolve, reject) => {
    let text = '';
    const connection = connect(socket, () => connection.write(line));
    connection.setEncoding('utf8').on('data', (part: string) => (text += part));
    connection.on('end', () => resolve(text)).on('error', reject);
  });

describe('vatkit daemon start', () => {
  it('leaves a daemon behind and tells its process and its socket', async () => {
    const home = makeHome();
    const { code, out, err } = await vatkit(['daemon', 'start', '--home', home]);
    const pid = pidOf(home);
    expect([code, err]).toStrictEqual([0, '']);
    expect(out).toBe(`Daemon started (PID ${pid})\nSocket: ${home}/daemon.sock\n`);
    expect(beganAt(pid)).toBeDefined();
    expect(readdirSync(home).sort()).toStrictEqual(
      ['daemon.log', 'daemon.pid', 'daemon.sock', 'kernel.sqlite', 'kernel.sqlite-wal'].sort(),
    );
  });

  it('is what `vatkit daemon` means, in the folder that the environment names', async () => {
    const home = makeHome();
    const first = await vatkit(['daemon'], { env: { VATKIT_HOME: home } });
    expect(first.out).toContain(`Socket: ${home}/daemon.sock`);
    const again = await vatkit(['--home', home, 'daemon', 'start'], {
      env: { VATKIT_HOME: '/nowhere' },
    });
    expect(again).toStrictEqual({
      code: 0,
      out: `Daemon is already running (PID ${pidOf(home)})\nSocket: ${home}/daemon.sock\n`,
      err: '',
    });
    const told = await vatkit([`--home=${home}`, 'daemon', 'status', '--json']);
    expect(JSON.parse(told.out)).toMatchObject({ running: true, pid: pidOf(home) });
    const status = await vatkit([`--home=${home}`, 'daemon', 'status']);
    expect(status.out).toContain(`Daemon is running (PID ${pidOf(home)}).\n`);
  });

  it('is in ~/.vatkit where nothing else is said', async () => {
    const user = makeFixture({})();
    homes.add(join(user, '.vatkit'));
    const { out } = await vatkit(['daemon', 'start'], { env: { HOME: user } });
    expect(out).toContain(`Socket: ${user}/.vatkit/daemon.sock`);
  });

  it('gives nobody but its owner any of its files, whatever the umask', async () => {
    const home = makeHome();
    const before = process.umask(0);
    try {
      await vatkit(['daemon', 'start', '--home', home]);
    } finally {
      process.umask(before);
    }
    expect(statSync(home).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(home)) {
      expect([name, statSync(join(home, name)).mode & 0o777]).toStrictEqual([name, 0o600]);
    }
  });

  // Only root can be somebody else.
  it.runIf(process.getuid?.() === 0)('lets no other user in, folder open or not', async () => {
    const { home, socket } = await startedHome();
    const knock = async () => {
      const code = `require('net').connect(${JSON.stringify(socket)})
        .on('connect', () => console.log('in')).on('error', (e) => console.log(e.code))`;
      const child = spawn(process.execPath, ['-e', code], { uid: 65534, gid: 65534, cwd: '/' });
      children.add(child);
      let out = '';
      child.stdout.on('data', (text) => {
        out += text;
        child.kill();
      });
      await once(child, 'close');
      return out.trim();
    };
    expect(await knock()).toBe('EACCES');
    chmodSync(home, 0o755);
    chmodSync(join(home, '..'), 0o755);
    expect(await knock()).toBe('EACCES');
  });

  it('happens once, when several are made at once', async () => {
    const home = makeHome();
    const all = await Promise.all(
      Array.from({ length: 4 }, () => vatkit(['daemon', 'start', '--home', home])),
    );
    const pid = pidOf(home);
    expect(all.map(({ code, err }) => [code, err])).toStrictEqual(all.map(() => [0, '']));
    const first = all.map(({ out }) => out.split('\n')[0]).sort();
    const running = `Daemon is already running (PID ${pid})`;
    expect(first).toStrictEqual([running, running, running, `Daemon started (PID ${pid})`]);
    expect(await callDaemon(join(home, 'daemon.sock'), 'daemonStatus', [])).toMatchObject({
      result: { pid },
    });
  });

  it('finds state, and cleans up, after a daemon that was killed', async () => {
    const { home, daemon } = await launched();
    await daemon('queueMessage', 'ko4', 'keep', '["kept"]');
    const killed = pidOf(home);
    process.kill(killed, 'SIGKILL');
    expect(await waitUntil(() => beganAt(killed) === undefined, 10_000)).toBe(true);
    expect(existsSync(join(home, 'daemon.sock'))).toBe(true);
    expect(await daemon('status')).toMatchObject({ code: 1, out: 'Daemon is not running.\n' });
    expect(await daemon('status', '--json')).toMatchObject({ code: 1, out: '{"running":false}\n' });
    expect(await daemon('start')).toMatchObject({ code: 0 });
    expect(pidOf(home)).not.toBe(killed);
    expect(await daemon('queueMessage', 'ko4', 'kept')).toMatchObject({ code: 0, out: '"kept"\n' });
  });

  it('closes a folder that is its own and open to others, and refuses one with other things', async () => {
    const home = makeHome();
    mkdirSync(home);
    chmodSync(home, 0o755);
    expect(await vatkit(['daemon', 'start', '--home', home])).toMatchObject({ code: 0 });
    expect(statSync(home).mode & 0o777).toBe(0o700);

    const shared = makeHome();
    mkdirSync(shared);
    chmodSync(shared, 0o755);
    writeFileSync(join(shared, 'index.html'), '');
    expect(await vatkit(['daemon', 'start', '--home', shared])).toStrictEqual({
      code: 1,
      out: '',
      err: `Cannot use ${shared}: others may enter it (mode 755), and it has files of others. Run \`chmod 700 ${shared}\`, or choose another folder with --home\n`,
    });
    expect(readdirSync(shared)).toStrictEqual(['index.html']);
  });

  it('says in one line why it cannot be', async () => {
    const at = makeFixture({ file: '', 'bad/kernel.sqlite': 'x'.repeat(5_000) });
    const long = at('x'.repeat(100));
    chmodSync(at('bad'), 0o700);
    const cases: [string, RegExp][] = [
      [at('file'), /^Cannot use .*file: it is not a folder\n$/],
      [long, /^Cannot use .*: a socket's path has at most \d+ bytes, and this has \d+\. Choose a/],
      [at('file/below'), /^E[A-Z]+: /],
      [at('bad'), /^\[KERNEL:STORE_FAILED\] Cannot open store .*: it is not a SQLite database/],
      ['', /^'--home' names no folder\n$/],
    ];
    for (const [home, message] of cases) {
      const { code, out, err } = await vatkit(['daemon', 'start', '--home', home]);
      expect([code, out]).toStrictEqual([1, '']);
      expect(err).toMatch(message);
      expect(err.split('\n')).toHaveLength(2);
    }
    expect(existsSync(long)).toBe(false);
  });

  it('does not take a store that another program has open', async () => {
    const home = makeHome();
    mkdirSync(home, { mode: 0o700 });
    const store = await makeSQLKernelDatabase({ dbFilename: join(home, 'kernel.sqlite') });
    try {
      await expect(runDaemon({ home: resolveHome(home), storeWaitMs: 100 })).rejects.toThrow(
        /another kernel or program holds it/,
      );
      expect(readdirSync(home)).not.toContain('daemon.sock');
    } finally {
      store.close();
    }
  });

  it('--foreground stays, logs where it is seen, and ends by a signal', async () => {
    const home = makeHome();
    const { child, said, ended } = begin(['daemon', 'start', '--foreground', '--home', home]);
    await expect.poll(() => said.out, { timeout: 15_000 }).toContain('Socket:');
    expect(said.out).toBe(`Daemon started (PID ${child.pid})\nSocket: ${home}/daemon.sock\n`);
    const again = await vatkit(['daemon', 'start', '--foreground', '--home', home]);
    expect(again).toMatchObject({ code: 0, err: '' });
    expect(again.out).toContain(`Daemon is already running (PID ${child.pid})`);
    child.kill('SIGTERM');
    const { code, err } = await ended;
    expect(code).toBe(0);
    expect(err).toBe(readFileSync(join(home, 'daemon.log'), 'utf8'));
    expect(readdirSync(home).sort()).toStrictEqual(['daemon.log', 'kernel.sqlite']);
  });
});

it('a daemon ends when its kernel gives up, and says why', async () => {
  const home = resolveHome(makeHome());
  prepareHome(home);
  const database = await makeSQLKernelDatabase({ dbFilename: home.store });
  const log = openLogFile({ file: home.log, older: olderLog(home), level: 'info' });
  const kernel = await Kernel.make(new NodejsPlatformServices(), database, { logger: log });
  const daemon = await serve(home, kernel, log);
  expect(await callDaemon(home.socket, 'ping', undefined, 5_000)).toMatchObject({ result: 'pong' });
  // The store goes, and somebody else has it when the kernel opens it again.
  database.close();
  const other = await makeSQLKernelDatabase({ dbFilename: home.store });
  expect(() => kernel.registerKernelServiceObject('x', { y: () => 1 })).toThrow('STORE_FAILED');
  expect(await daemon.ended).toMatchObject({ code: 'STORE_FAILED' });
  other.close();
  await expect(callDaemon(home.socket, 'ping', undefined, 5_000)).rejects.toThrow();
  expect(readFileSync(home.log, 'utf8')).toContain('stopping: the kernel gave up');
});

describe('vatkit daemon stop', () => {
  it('ends it and leaves its state', async () => {
    const { home, daemon } = await launched();
    const pid = pidOf(home);
    await daemon('queueMessage', 'ko4', 'keep', '["kept"]');
    expect(await daemon('stop')).toStrictEqual({ code: 0, out: 'Daemon stopped.\n', err: '' });
    expect(beganAt(pid)).toBeUndefined();
    expect(readdirSync(home).sort()).toStrictEqual(['daemon.log', 'kernel.sqlite']);
    const again = { code: 0, out: 'Daemon is not running.\n', err: '' };
    expect(await daemon('stop')).toStrictEqual(again);
    expect(await daemon('status')).toStrictEqual({ ...again, code: 1 });
    await daemon('start');
    expect((await daemon('queueMessage', 'ko4', 'kept')).out).toBe('"kept"\n');
  });

  it('is asked for over the socket, too, and answers who still waits', async () => {
    const { home, socket } = await launched();
    const name = readPidFile(join(home, 'daemon.pid'))!;
    const waiting = callDaemon(socket, 'queueMessage', ['ko4', 'never', []]);
    // What was sent later has been answered: so the other has been taken.
    await callDaemon(socket, 'queueMessage', ['ko4', 'odd', []]);
    const shutdown = '{"jsonrpc":"2.0","id":"x","method":"shutdown"}\n';
    expect(JSON.parse(await ask(socket, shutdown))).toStrictEqual({
      jsonrpc: '2.0',
      id: 'x',
      result: { status: 'shutting down' },
    });
    expect(await waiting).toMatchObject({
      error: { code: -32603, data: { code: expect.stringMatching(/STOPPED|RESTARTED/) as string } },
    });
    expect(await waitUntil(() => !isAlive(name), 10_000)).toBe(true);
  });

  it('leaves alone a process that has got the number of a daemon', async () => {
    const home = makeHome();
    mkdirSync(home, { mode: 0o700 });
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)']);
    children.add(other);
    await once(other, 'spawn');
    for (const text of [`${other.pid}\nbegan=before\n`, `${other.pid}\n`]) {
      writeFileSync(join(home, 'daemon.pid'), text);
      const { code, out } = await vatkit(['daemon', 'stop', '--force', '--home', home]);
      expect([code, out]).toStrictEqual([0, 'Daemon is not running.\n']);
    }
    expect(beganAt(other.pid as number)).toBeDefined();
    expect(await vatkit(['daemon', 'start', '--home', home])).toMatchObject({ code: 0 });
    expect(pidOf(home)).not.toBe(other.pid);
  });

  it('waits for one that is about to end, and says so of one that stays', async () => {
    const home = makeHome();
    mkdirSync(home, { mode: 0o700 });
    // Takes every call and answers none, and no process file proves whose it is.
    const dying = createServer((connection) => connection.resume());
    await once(dying.listen(join(home, 'daemon.sock')), 'listening');
    const stop = (signalMs: number) => stopDaemon(resolveHome(home), { force: true, signalMs });
    await expect(stop(100)).rejects.toThrow('does not end, and no process of this machine');
    const stopped = stop(20_000);
    dying.close();
    expect(await stopped).toBe(true);
  });

  it('of one that hangs needs force', async () => {
    const { home, daemon } = await startedHome();
    const name = readPidFile(join(home, 'daemon.pid'))!;
    process.kill(name.pid, 'SIGSTOP');
    const hanging = { code: 1, out: `Daemon (PID ${name.pid}) does not answer.\n` };
    expect(await daemon('status')).toMatchObject(hanging);
    const stop = (force: boolean) => stopDaemon(resolveHome(home), { force, signalMs: 200 });
    await expect(stop(false)).rejects.toThrow(
      `Daemon (PID ${name.pid}) does not end. Kill it with: vatkit daemon stop --force`,
    );
    expect(isAlive(name)).toBe(true);
    expect(await stopDaemon(resolveHome(home), { force: true, signalMs: 5_000 })).toBe(true);
    expect(isAlive(name)).toBe(false);
  });
});

describe('vatkit daemon exec', () => {
  it('calls getStatus where no method is named', async () => {
    const { daemon } = await launched();
    const { code, out, err } = await daemon('exec');
    expect([code, err]).toStrictEqual([0, '']);
    expect(out.split('\n')).toHaveLength(2);
    expect(JSON.parse(out)).toMatchObject({ vats: [{ id: 'v1' }], subclusters: [{ id: 's1' }] });
    expect((await daemon('exec', 'getStatus')).out).toBe(out);
    expect((await daemon('exec', 'pingVat', '{"id":"v1"}')).out).toBe('"pong"\n');
    expect((await daemon('exec', 'terminateVat', '{"id":"v1"}')).out).toBe('null\n');
  });

  it("takes a configuration's relative paths from the user's folder", async () => {
    const { home, at, launchOutput } = await launched();
    expect(JSON.parse(launchOutput)).toStrictEqual({
      subclusterId: 's1',
      rootKref: 'ko4',
      bootstrapResult: { body: '#"up"', slots: [] },
    });
    expect(await vatkit(['bundle', 'a.vat.ts', '-o', 'b c.bundle'], { cwd: at() })).toMatchObject({
      code: 0,
    });
    const config = {
      bootstrap: 'a',
      vats: {
        a: { bundleSpec: 'b c.bundle', parameters: { word: 'bundle' } },
        b: { bundleName: 'shared', parameters: {} },
        c: { bundleSpec: readFileSync(at('b c.bundle'), 'utf8'), parameters: {} },
        d: { bundleSpec: new URL(`file://${at('b c.bundle')}`).href, parameters: {} },
      },
      bundles: { shared: { sourceSpec: 'a.vat.ts' } },
    };
    const args = ['exec', 'launchSubcluster', JSON.stringify({ config }), '--home', home];
    const { code, out, err } = await vatkit(['daemon', ...args], { cwd: at() });
    expect([code, err]).toStrictEqual([0, '']);
    expect(JSON.parse(out)).toMatchObject({ bootstrapResult: { body: '#"bundle"' } });
  });

  it('tells errors in one line', async () => {
    const { daemon } = await launched();
    const config = '{"config":{"bootstrap":"a","vats":{"a":{"sourceSpec":"/no/such/vat.js"}}}}';
    const cases: [string[], RegExp][] = [
      [['noSuch'], /^Error: there is no method "noSuch" \(code -32601\)\n$/],
      [['pingVat', '{"vatId":"v1"}'], /^Error: Invalid params: .*"id".* \(code -32602\)\n$/],
      [['pingVat', '{"id":"v9"}'], /^Error: \[KERNEL:NOT_FOUND\] .*v9.* \(code -32603\)\n$/],
      [['launchSubcluster', '{}'], /^Error: Invalid params: .*\(code -32602\)\n$/],
      [['launchSubcluster', '{"config":{"vats":{}}}'], /^Error: Invalid params: .*bootstrap.*\n$/],
      [
        ['launchSubcluster', config],
        /^Error: \[KERNEL:BAD_CONFIG\] Failed to launch vat v\d+ \(a\): bundling of user code file:\/\/\/no\/such\/vat\.js failed: Cannot bundle \/no\/such\/vat\.js: .*no such file \(code -32603\)\n$/,
      ],
    ];
    for (const [args, message] of cases) {
      const { code, out, err } = await daemon('exec', ...args);
      expect([code, out]).toStrictEqual([1, '']);
      expect(err).toMatch(message);
    }
  });

  it('reads the store, and cannot write to it', async () => {
    const { home, socket, daemon } = await launched();
    const before = readdirSync(home);
    const query = (sql: string) => callDaemon(socket, 'executeDBQuery', { sql });
    const { out } = await daemon('exec', 'executeDBQuery', '{"sql":"SELECT count(*) n FROM kv"}');
    const count = JSON.parse(out) as unknown;
    for (const sql of [
      'DELETE FROM kv',
      "INSERT INTO kv VALUES ('a', 'b')",
      "UPDATE kv SET value = '' RETURNING key",
      'WITH x AS (SELECT 1) DELETE FROM kv',
      'DROP TABLE kv',
      'SELECT 1; DELETE FROM kv',
      `ATTACH '${home}/attached.sqlite' AS other`,
      'PRAGMA user_version = 7',
      'PRAGMA journal_mode(DELETE)',
      'VACUUM',
      `VACUUM INTO '${home}/copy.sqlite'`,
      'REINDEX',
      'BEGIN',
    ]) {
      expect(await query(sql)).toMatchObject({ error: { code: expect.any(Number) as number } });
    }
    expect(await query('SELECT count(*) n FROM kv')).toMatchObject({ result: count });
    expect(readdirSync(home)).toStrictEqual(before);
  });
});

describe('vatkit daemon queueMessage', () => {
  it("shows the answer for people's eyes, or raw", async () => {
    const { daemon } = await launched();
    const shown = '["<ko5> (Alleged: purse)","5n","[undefined]","[Error: m]"]\n';
    expect(await daemon('queueMessage', 'ko4', 'odd')).toStrictEqual({
      code: 0,
      out: shown,
      err: '',
    });
    const raw = await daemon('queueMessage', 'ko4', 'odd', '[]', '--raw');
    expect(JSON.parse(raw.out)).toMatchObject({ slots: ['ko5'] });
    expect((await daemon('queueMessage', 'ko4', 'isPurse', '["ko5"]')).out).toBe('true\n');
    expect((await daemon('queueMessage', 'ko5', 'amount')).out).toBe('"5n"\n');
  });

  it('tells what the method threw, in one line', async () => {
    const { daemon } = await launched();
    expect(await daemon('queueMessage', 'ko4', 'fail')).toStrictEqual({
      code: 1,
      out: '',
      err: 'Error: first second (code -32603)\n',
    });
  });

  it('gives up after its timeout', async () => {
    const { daemon } = await launched();
    expect(await daemon('queueMessage', 'ko4', 'never', '--timeout', '1')).toStrictEqual({
      code: 1,
      out: '',
      err: 'No answer came in 1 s. What was asked may still be done\n',
    });
  });
});

it('vatkit daemon redeem-url gives the object of a URL, and tells what is wrong with another', async () => {
  const { daemon, launchOutput } = await launched();
  const { rootKref } = JSON.parse(launchOutput) as { rootKref: string };
  const issued = await daemon('exec', 'issueOcapURL', JSON.stringify({ kref: rootKref }));
  expect(issued).toMatchObject({ code: 0, err: '' });
  const url = JSON.parse(issued.out) as string;
  expect(url).toMatch(/^ocap:/);
  const redeemed = await daemon('redeem-url', url);
  expect(redeemed).toMatchObject({ code: 0, err: '' });
  expect(redeemed.out).toContain(rootKref);
  const { code, out, err } = await daemon('redeem-url', 'ocap:secret@12D3KooW');
  expect([code, out]).toStrictEqual([1, '']);
  expect(err).toMatch(/^Error: .* \(code -\d+\)\n$/);
  expect(err).not.toContain('secret');
});

it('vatkit daemon exec issues URLs within limits, takes them back, and sees to peers', async () => {
  const { daemon, launchOutput } = await launched();
  const { rootKref: kref } = JSON.parse(launchOutput) as { rootKref: string };
  const exec = async (method: string, params: object): Promise<unknown> => {
    const { code, out, err } = await daemon('exec', method, JSON.stringify(params));
    return code === 0 ? JSON.parse(out) : err;
  };
  const issue = (limits: object) => exec('issueOcapURL', { kref, ...limits }) as Promise<string>;
  const once = await issue({ uses: 1, expiresInMs: 3_600_000 });
  expect(await exec('redeemOcapURL', { url: once })).toBe(kref);
  expect(await exec('redeemOcapURL', { url: once })).toContain('[KERNEL:OBJECT_DELETED]');
  const other = await issue({});
  expect(await exec('revokeOcapURL', { url: other })).toBe(true);
  expect(await exec('redeemOcapURL', { url: other })).toContain('[KERNEL:OBJECT_DELETED]');
  expect(await issue({ uses: 0 })).toContain('Invalid params: uses takes a whole number from 1');
  expect(await issue({ use: 1 })).toContain('Invalid params: an ocap URL has no option "use"');

  await exec('initRemoteComms', { directListenAddresses: ['/ip4/127.0.0.1/tcp/0'] });
  const peerId = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA';
  await exec('reconnectPeer', { peerId, hints: ['/ip4/127.0.0.1/tcp/9'] });
  expect(await exec('getPeerStatus', { peerId })).toMatchObject({ peerId });
  expect(await exec('closeConnection', { peerId })).toBeNull();
  expect(await exec('getPeerStatus', { peerId })).toMatchObject({ state: 'closed' });
  expect(await exec('closeConnection', { peerId: 'me' })).toContain('Invalid params: a peer id is');
});

describe('vatkit daemon purge', () => {
  it('deletes what a daemon keeps, and nothing else', async () => {
    const { home, daemon } = await launched();
    const pid = pidOf(home);
    writeFileSync(join(home, 'mine.txt'), '');
    writeFileSync(join(home, 'daemon.log.1'), '');
    expect(await daemon('purge')).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining(
        `This deletes all state in ${home}. Say so with --force.`,
      ) as string,
    });
    expect(beganAt(pid)).toBeDefined();
    const purged = await daemon('purge', '--force');
    expect(purged).toStrictEqual({ code: 0, out: 'All daemon state deleted.\n', err: '' });
    expect(beganAt(pid)).toBeUndefined();
    expect(readdirSync(home)).toStrictEqual(['mine.txt']);
    expect((await daemon('begone', '--force')).out).toBe('There is no daemon state.\n');
    await daemon('start');
    expect(JSON.parse((await daemon('exec')).out)).toMatchObject({ vats: [] });
  });

  it('deletes a store that cannot be read, and what a killed daemon left', async () => {
    const { home, daemon } = await startedHome();
    const pid = pidOf(home);
    process.kill(pid, 'SIGKILL');
    expect(await waitUntil(() => beganAt(pid) === undefined, 10_000)).toBe(true);
    writeFileSync(join(home, 'kernel.sqlite'), 'no store');
    expect(await daemon('purge', '--force')).toMatchObject({ code: 0 });
    expect(readdirSync(home)).toStrictEqual([]);
  });

  it('does not delete what another program has open', async () => {
    const home = makeHome();
    mkdirSync(home, { mode: 0o700 });
    const store = await makeSQLKernelDatabase({ dbFilename: join(home, 'kernel.sqlite') });
    try {
      const { code, err } = await vatkit(['daemon', 'purge', '--force', '--home', home]);
      expect(code).toBe(1);
      expect(err).toMatch(/another kernel or program holds it/);
      expect(existsSync(join(home, 'kernel.sqlite'))).toBe(true);
    } finally {
      store.close();
    }
  });

  it('finds nothing where nothing ever was', async () => {
    const home = makeHome();
    expect(await vatkit(['daemon', 'purge', '--force', '--home', home])).toMatchObject({
      code: 0,
      out: 'There is no daemon state.\n',
    });
    expect(existsSync(home)).toBe(false);
  });
});

describe('the log of a daemon', () => {
  it('has records, and none of what its users and vats tell one another', async () => {
    const { home, daemon, socket } = await launched('--log-level', 'debug');
    const url = 'ocap:secretNumber@12D3KooWpeer';
    await daemon('queueMessage', 'ko4', 'say', JSON.stringify([url]));
    await daemon('queueMessage', 'ko4', 'keep', '["body of a message"]');
    await daemon('queueMessage', 'ko4', 'kept');
    await daemon('queueMessage', 'ko4', 'body of a method');
    await daemon('redeem-url', url);
    await daemon('exec', 'initIdentity', '{"mnemonic":"abandon ability able"}');
    await ask(socket, '{"jsonrpc":"2.0","id":1,"method":"secret method"}\n');
    await ask(socket, 'secret line\n');
    await daemon('stop');
    const text = readFileSync(join(home, 'daemon.log'), 'utf8');
    expect(text).not.toMatch(/secret|12D3KooW|body of|abandon|parameters/);
    const records = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const record of records) {
      expect(Object.keys(record)).toStrictEqual(['time', 'level', 'tags', 'message']);
    }
    const seen = records.map(({ level, tags, message }) => ({ level, tags, message }));
    const said = 'a vat says ocap:[redacted]';
    expect(seen).toContainEqual({ level: 'log', tags: ['v1', 'console'], message: said });
    const called = expect.stringMatching(/^queueMessage: ok in \d+ ms$/) as string;
    expect(seen).toContainEqual({ level: 'debug', tags: ['daemon'], message: called });
    const stopped = { level: 'info', tags: ['daemon'], message: 'stopped' };
    expect(seen.at(-1)).toStrictEqual(stopped);
  });
});

describe('a wrong command line', () => {
  it.each([
    [['strat'], "Unknown command 'daemon strat'. Did you mean 'start'?"],
    [['start', '--raw'], "'daemon start' has no option '--raw'."],
    [['start', '--foregroud'], "Unknown option '--foregroud'. Did you mean '--foreground'?"],
    [['start', '--log-level', 'loud'], "Unknown log level 'loud': it is one of debug, info, log"],
    [['start', 'x'], "'daemon start' does not know what to do with 'x'."],
    [['exec', 'pingVat', '{'], 'params-json must be JSON'],
    [['exec', 'pingVat', '"v1"'], 'params-json must be a JSON object or array.'],
    [['exec', 'a', '{}', 'b'], "'daemon exec' does not know what to do with 'b'."],
    [['exec', '--timeout', 'x'], '--timeout must be a positive integer, got: x'],
    [['exec', '--timeout', '0'], '--timeout must be a positive integer, got: 0'],
    [['exec', '--timeout', '1.5'], '--timeout must be a positive integer, got: 1.5'],
    [['exec', '--timeout', '9999999'], '--timeout must be a positive integer, got: 9999999'],
    [['queueMessage'], "'daemon queueMessage' needs target, which was not given."],
    [['queueMessage', 'ko4'], "'daemon queueMessage' needs method, which was not given."],
    [['queueMessage', 'ko4', 'm', '{}'], 'args-json must be a JSON array.'],
    [['queueMessage', 'ko4', 'm', '['], 'args-json must be JSON'],
    [['redeem-url'], "'daemon redeem-url' needs url, which was not given."],
  ])('%j is told', async (args, message) => {
    const { code, out, err } = await vatkit(['daemon', ...args, '--home', makeHome()]);
    expect(err).toContain(message);
    expect([code, out]).toStrictEqual([2, '']);
  });
});

it.each([['status'], ['exec'], ['queueMessage', 'ko4', 'greet'], ['redeem-url', 'ocap:x@y']])(
  'no daemon is an error in one line for %s',
  async (...args) => {
    const home = makeHome();
    const { code, out, err } = await vatkit(['daemon', ...args, '--home', home]);
    expect(code).toBe(1);
    expect(`${out}${err}`).toMatch(/^Daemon is not running\.[^\n]*\n$/);
    expect(existsSync(home)).toBe(false);
  },
);

it('a folder may be a link', async () => {
  const at = makeFixture({});
  mkdirSync(at('real'), { mode: 0o700 });
  symlinkSync(at('real'), at('link'));
  homes.add(at('link'));
  expect(await vatkit(['daemon', 'start', '--home', at('link')])).toMatchObject({ code: 0 });
  expect((await vatkit(['daemon', 'start', '--home', at('real')])).out).toContain(
    'already running',
  );
});

it('prints for people on a screen, in one line otherwise', () => {
  const lines: string[] = [];
  const terminal = {
    out: (line: string) => void lines.push(line),
    err: () => {},
    untilInterrupted: async () => {},
  };
  print({ ...terminal, isScreen: true }, { a: [1] });
  print({ ...terminal, isScreen: false }, { a: [1] });
  expect(lines).toStrictEqual(['{\n  "a": [\n    1\n  ]\n}', '{"a":[1]}']);
});
