// `npm run quickstart`: the usage guide's cluster on Node, in two processes that have only a file in common.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleVatFile, startBundleServer } from '@vatkit/codegen';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

async function runInProcess(title, script, ...args) {
  const child = spawn(process.execPath, [here(script), ...args], { stdio: 'inherit' });
  console.log(`\n${title} (process ${child.pid}):`);
  const [status, signal] = await once(child, 'exit');
  if (status !== 0) throw new Error(`${script} ended with ${signal ?? `status ${status}`}`);
}

const folder = await mkdtemp(join(tmpdir(), 'vatkit-quickstart-'));
const store = join(folder, 'store.db');
try {
  console.log('Bundling the vats:');
  for (const [source, name] of [
    ['sample-vat.js', 'sample-vat.bundle'],
    ['greeter.vat.js', 'greeter.vat.bundle'],
  ]) {
    const { bytes } = await bundleVatFile(here(source), { output: join(folder, name) });
    console.log(`  ${source} → ${name}, ${bytes} bytes`);
  }

  const server = await startBundleServer({ dir: folder, port: 0 });
  await runInProcess('First run, on an empty store', 'first-run.mjs', store, server.url);
  await server.close();

  await runInProcess(
    'Second run, on the same store, with no bundle server',
    'second-run.mjs',
    store,
  );

  console.log('\nThe greeter remembered its guests, and no vat was bootstrapped again.');
  console.log('The sources are in examples/guide-cluster; ask the same of your own vats.');
} catch (error) {
  console.error(`\nThe quickstart failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
