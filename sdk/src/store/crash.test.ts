/** The store against a process that is killed, as often as a test may take. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import ts from 'typescript';
import { afterAll, describe, expect, it } from 'vitest';
import { makeRandom } from './kv-store.contract.js';
import { makeSQLKernelDatabase } from './sqlite-node.js';

const directory = mkdtempSync(join(tmpdir(), 'vatkit-crash-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** How many rows batch `n` has, and how many batches are kept: each commit deletes the oldest. */
const rowsOf = (n: number): number => 1 + (n % 40);
const batchesKept = 5;

/** Commits batch after batch from where the store stands, and prints each number once it is committed. */
const child = `
import { makeSQLKernelDatabase } from './store/sqlite-node.js';
const rowsOf = ${rowsOf.toString()};
const store = await makeSQLKernelDatabase({ dbFilename: process.argv[2] });
process.stdout.write('ready\\n');
for (let n = Number(store.get('last') ?? 0) + 1; ; n += 1) {
  const changes = [['last', String(n)]];
  for (let i = 0; i < rowsOf(n); i += 1) changes.push([\`b.\${n}.\${i}\`, \`\${n} \`.repeat(10 ** (i % 4))]);
  const old = n - ${batchesKept};
  for (let i = 0; i < rowsOf(old); i += 1) changes.push([\`b.\${old}.\${i}\`, null]);
  store.commit(changes, { sync: n % 50 === 0 });
  process.stdout.write(n + '\\n');
}
`;

/** The store's sources as JavaScript that a plain Node can run, which sees our packages. */
function writeProgram(): string {
  const source = dirname(import.meta.dirname);
  const packages = join(
    dirname(createRequire(import.meta.url).resolve('better-sqlite3/package.json')),
    '..',
  );
  symlinkSync(packages, join(directory, 'node_modules'), 'junction');
  mkdirSync(join(directory, 'store'));
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  for (const name of [
    'errors',
    'limits',
    ...['kv-store', 'sorted-keys', 'sqlite-store', 'sqlite-node'].map((file) => `store/${file}`),
  ]) {
    const { outputText } = ts.transpileModule(readFileSync(join(source, `${name}.ts`), 'utf8'), {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    });
    writeFileSync(join(directory, `${name}.js`), outputText);
  }
  const program = join(directory, 'child.js');
  writeFileSync(program, child);
  return program;
}

/** Runs the child on the file and kills it `lifeMs` after it was ready. Gives the last number that it printed. */
async function runAndKill(program: string, file: string, lifeMs: number): Promise<number> {
  const running = spawn(process.execPath, [program, file], { stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  let complaint = '';
  running.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const ended = new Promise<NodeJS.Signals | null>((resolve) => {
    running.on('close', (_code, signal) => resolve(signal));
  });
  await new Promise<void>((resolve, reject) => {
    running.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      if (printed.startsWith('ready\n')) resolve();
    });
    void ended.then(() => reject(new Error(`the child ended by itself: ${complaint}`)));
  });
  await delay(lifeMs);
  running.kill('SIGKILL');
  expect(await ended).toBe('SIGKILL');
  // A line that was cut off was not acknowledged.
  const lines = printed.split('\n').slice(1, -1);
  return Number(lines.at(-1) ?? 0);
}

describe('SQLite store of a process that is killed', () => {
  it(
    'holds every batch that was acknowledged, and each one whole or not at all',
    { timeout: 60_000 },
    async () => {
      const program = writeProgram();
      const file = join(directory, 'store.db');
      const random = makeRandom(Date.now());
      let acknowledgedMax = 0;
      for (let round = 0; round < 20; round += 1) {
        const acknowledged = await runAndKill(program, file, random() * 120);
        acknowledgedMax = Math.max(acknowledgedMax, acknowledged);
        // The child of the next round must also find its way through what this one left behind.
        if (round % 2 === 0) continue;
        const store = await makeSQLKernelDatabase({ dbFilename: file });
        const last = Number(store.get('last') ?? 0);
        // The one that was being committed may be there too.
        expect(last).toBeGreaterThanOrEqual(acknowledgedMax);
        const expected = new Map<string, string>(last === 0 ? [] : [['last', `${last}`]]);
        for (let n = Math.max(1, last - batchesKept + 1); n <= last; n += 1) {
          for (let i = 0; i < rowsOf(n); i += 1) {
            expected.set(`b.${n}.${i}`, `${n} `.repeat(10 ** (i % 4)));
          }
        }
        expect(new Map(store.scan(''))).toEqual(expected);
        expect(store.executeQuery('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
        store.close();
      }
      // Else the test has tested nothing.
      expect(acknowledgedMax).toBeGreaterThan(100);
    },
  );
});
