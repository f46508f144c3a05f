import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const exec = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));

/** A tool of node_modules/.bin, run in a package. Rejects with its output when it finds a fault. */
const check = async (dir: string, tool: string, ...args: string[]) =>
  exec(`${root}node_modules/.bin/${tool}`, args, { cwd: `${root}${dir}` }).then(
    () => 'clean',
    (error: { stdout?: string; stderr?: string }) => `${error.stdout}${error.stderr}`,
  );

describe.each(['sdk', 'codegen', 'react'])('package %s', (dir) => {
  it('has a manifest that fits its files', { timeout: 60_000 }, async () => {
    expect(await check(dir, 'publint', '--strict')).toBe('clean');
  });

  it('has types that every ESM resolver finds', { timeout: 60_000 }, async () => {
    // A page is no module and has no types.
    const args = [
      '--pack',
      '.',
      '--profile',
      'esm-only',
      '--exclude-entrypoints',
      'vat-sandbox.html',
    ];
    expect(await check(dir, 'attw', ...args)).toBe('clean');
  });
});

it('the lockfile names no registry', () => {
  const text = readFileSync(`${root}package-lock.json`, 'utf8');
  const lock = JSON.parse(text) as { packages: Record<string, { resolved?: string }> };
  const hosts = Object.values(lock.packages).filter(({ resolved }) => resolved?.includes(':'));
  expect(hosts).toStrictEqual([]);
});
