/**
 * `npm test`: set-up, the checks, then vitest; the last line is always `N passed, N failed`.
 *
 *     npm test                        everything
 *     npm test -- sdk/src/kernel      only the tests whose path matches, and no checks
 *
 * A check (types, lint, format, API reference) counts as one test.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const filter = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };

/** Runs a script of ours or a package's bin with this Node. Resolves to its exit status and its output, if kept. */
function run(script, args, { keep = false, env = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script, ...args], {
      stdio: keep ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
    });
    let output = '';
    child.stdout?.on('data', (text) => (output += text));
    child.stderr?.on('data', (text) => (output += text));
    child.on('close', (status, signal) => resolve({ status: status ?? signal, output }));
  });
}

function fault(text) {
  console.log(`✗ ${text}`);
  total.failed += 1;
}

async function checks() {
  const check = async (name, script, ...args) => {
    const { status, output } = await run(`node_modules/${script}`, args, { keep: true });
    if (status !== 0) return fault(`${name}\n${output}`);
    console.log(`✓ ${name}`);
    total.passed += 1;
  };
  await Promise.all([
    check('types', 'typescript/bin/tsc', '-p', '.', '--noEmit'),
    check('format', 'prettier/bin/prettier.cjs', '--check', '.'),
    check('lint', 'eslint/bin/eslint.js', '.', '--max-warnings', '0'),
    check('reference', 'typedoc/bin/typedoc', '--emit', 'none'),
  ]);
}

async function tests() {
  const folder = mkdtempSync(join(tmpdir(), 'vatkit-test-'));
  const countsFile = join(folder, 'counts.json');
  const reporters = ['--reporter=default', '--reporter=./scripts/counts-reporter.mjs'];
  const { status } = await run('node_modules/vitest/vitest.mjs', ['run', ...reporters, ...filter], {
    env: { VATKIT_COUNTS: countsFile, VATKIT_NO_SETUP: '1' },
  });
  let counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    counts = JSON.parse(readFileSync(countsFile, 'utf8'));
  } catch {
    // Vitest broke off: its status says so below.
  }
  rmSync(folder, { recursive: true });
  for (const kind of Object.keys(total)) total[kind] += counts[kind];
  if (counts.passed + counts.failed === 0) fault('no test ran');
  else if (status !== 0 && counts.failed === 0) fault(`vitest ended with ${status}`);
}

async function everything() {
  const setup = async (...args) => (await run('scripts/setup.mjs', args)).status === 0;
  if (!(await setup('--install'))) return fault('install');
  const built = await setup();
  // A build that fails names one fault; the checks name them all.
  if (filter.length === 0) await checks();
  else console.log('filtered: types, lint and format are not checked');
  if (built) {
    const { installChromium } = await import('./chromium.mjs');
    installChromium((text) => console.log(`setup: ${text}`));
    await tests();
  } else fault('build; the tests need it and were not run');
}

await everything();
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed > 0 ? 1 : 0;
