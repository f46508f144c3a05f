import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it(
  'the quickstart greets in one process and remembers in another',
  { timeout: 60_000 },
  async () => {
    const script = fileURLToPath(new URL('quickstart.mjs', import.meta.url));
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [script]);
    const [, first, second] = stdout.split(/^\w+ run, on .*$/m);
    expect(first).toContain('alice: Greeting from Alice\n  bob:   Greeting from Bob\n');
    expect(first).toContain('Dave! You are guest number 2.');
    expect(second).toContain('alice: Greeting from Alice\n  bob:   Greeting from Bob\n');
    expect(second).toContain('Erin! You are guest number 3.');
    expect(second).toContain('3 guests, 2 starts, 1 bootstrap');
    expect(stderr).toBe('');
  },
);
