import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  beganAt,
  beganByPs,
  isAlive,
  readPidFile,
  removePidFile,
  signal,
  thisProcess,
  waitUntil,
  writePidFile,
} from './processes.js';

const children: ChildProcess[] = [];
const folders: string[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function startIdle() {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)']);
  children.push(child);
  await once(child, 'spawn');
  const pid = child.pid as number;
  return { child, name: { pid, began: beganAt(pid) as string } };
}

function makePidFile() {
  const folder = mkdtempSync(join(tmpdir(), 'vatkit-pid-'));
  folders.push(folder);
  return join(folder, 'daemon.pid');
}

describe('a process', () => {
  it('is known by its number and its beginning', async () => {
    const { child, name } = await startIdle();
    expect(name.began).toMatch(/^\S+$/);
    expect(beganAt(name.pid)).toBe(name.began);
    expect(isAlive(name)).toBe(true);
    expect(isAlive({ ...name, began: `${name.began}0` })).toBe(false);
    expect(isAlive(thisProcess())).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await waitUntil(() => !isAlive(name), 5_000)).toBe(true);
    expect(beganAt(name.pid)).toBeUndefined();
  });

  it.runIf(['/bin/ps', '/usr/bin/ps'].some((file) => existsSync(file)))(
    'is known by what ps says, where there is no /proc',
    async () => {
      const { child, name } = await startIdle();
      const began = beganByPs(name.pid);
      expect(began).toMatch(/^[A-Z][a-z]{2}_[A-Z][a-z]{2}_\d+_\d\d:\d\d:\d\d_\d{4}$/);
      expect(beganByPs(name.pid)).toBe(began);
      child.kill('SIGKILL');
      await once(child, 'exit');
      expect(() => beganByPs(name.pid)).toThrow();
    },
  );

  it('that has the number of another gets no signal of its', async () => {
    const { child, name } = await startIdle();
    expect(signal({ ...name, began: 'long-ago:1' }, 'SIGKILL')).toBe(false);
    expect(isAlive(name)).toBe(true);
    expect(signal(name, 'SIGTERM')).toBe(true);
    expect(await once(child, 'exit')).toStrictEqual([null, 'SIGTERM']);
    expect(signal(name, 'SIGTERM')).toBe(false);
  });
});

describe('the process file', () => {
  it('tells the process on its first line, to its owner alone', () => {
    const file = makePidFile();
    const name = thisProcess();
    writePidFile(file, name);
    expect(readFileSync(file, 'utf8').split('\n')[0]).toBe(String(process.pid));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readPidFile(file)).toStrictEqual(name);
  });

  it('is removed by the process that wrote it, and by no other', () => {
    const file = makePidFile();
    const name = thisProcess();
    writePidFile(file, name);
    removePidFile(file, { ...name, began: 'before' });
    expect(existsSync(file)).toBe(true);
    removePidFile(file, name);
    expect(existsSync(file)).toBe(false);
    removePidFile(file, name);
  });

  it.each(['', '12', '12\n', '12\n13\n', 'x\nbegan=1\n', '-1\nbegan=1\n', '12\nbegan=\n'])(
    'tells nothing where it holds %j',
    (text) => {
      const file = makePidFile();
      writeFileSync(file, text);
      expect(readPidFile(file)).toBeUndefined();
    },
  );
});
