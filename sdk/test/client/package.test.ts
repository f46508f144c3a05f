/** What a page loads: one file, with everything that it needs. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';

const file = fileURLToPath(import.meta.resolve('@vatkit/sdk'));
const text = readFileSync(file, 'utf8');

/** What it has at present, with little room; tabs, export and the sandbox are 3,600 of it. The aim is 10,000. */
const GZIP_BYTES_MAX = 15_000;

it('is no larger than it may be', () => {
  expect(gzipSync(text, { level: 9 }).length).toBeLessThanOrEqual(GZIP_BYTES_MAX);
});

it('imports nothing, and needs nothing of Node', () => {
  expect(text).not.toMatch(/(?<!-)\bimport\b|\brequire\(|\bprocess\b|\bBuffer\b|\bfrom\s*["']/);
});

it('changes nothing global', () => {
  const program = `
    const everything = () => JSON.stringify(
      [globalThis, Object, Object.prototype, Promise, Promise.prototype, Symbol, Array.prototype, Function.prototype]
        .map((object) => Reflect.ownKeys(object).map(String)),
    );
    const before = everything();
    await import(${JSON.stringify(file)});
    console.log(before === everything());`;
  const args = ['--input-type=module', '-e', program];
  expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toBe('true\n');
});
