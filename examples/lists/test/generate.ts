import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Makes the bundles, as the app's build does. What git keeps beside them has to be up to date. */
export async function generate(): Promise<void> {
  const args = ['codegen/bin/vatkit.mjs', 'generate', 'examples/lists'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  expect(stdout.match(/\S+\.gen\.(?:js|d\.ts)\b/g) ?? []).toStrictEqual([]);
}
