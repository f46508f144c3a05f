/** The service, in a process of its own, killed and started again. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('service.mjs', import.meta.url));

async function start(file: string) {
  const child = spawn(process.execPath, [script, '0', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  const end = async (signal: NodeJS.Signals): Promise<unknown> => {
    child.kill(signal);
    return (await once(child, 'exit'))[0];
  };
  return { url: String(said).trim(), end };
}

it('keeps links over a kill, and stops when it is told to', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vatkit-service-'));
  const file = join(folder, 'links.db');
  try {
    const first = await start(file);
    const post = (body: string) => fetch(first.url, { method: 'POST', body });
    const made = await post('https://example.org/a/long/way');
    expect([made.status, await made.text()]).toStrictEqual([201, '1\n']);
    const bad = await post('no address');
    expect([bad.status, await bad.text()]).toStrictEqual([400, 'send an address, as http://…\n']);
    expect((await post('https://example.org/'.padEnd(3_000, 'x'))).status).toBe(400);
    await first.end('SIGKILL');

    const second = await start(file);
    const visit = (name: string) => fetch(`${second.url}${name}`, { redirect: 'manual' });
    const found = await visit('1');
    expect([found.status, found.headers.get('location')]).toStrictEqual([
      302,
      'https://example.org/a/long/way',
    ]);
    expect((await visit('2')).status).toBe(404);
    expect(await second.end('SIGTERM')).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
