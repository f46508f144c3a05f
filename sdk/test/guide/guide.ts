/** A working directory in which the paths that the guide writes exist. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { bundleOf, makeFolder } from '../harness.js';

const nodeEntry = createRequire(import.meta.url).resolve('@vatkit/sdk/node');
const workerFile = join(nodeEntry, '../../vat/worker-node.js');

/** Goes to a new folder for the length of a test, with the guide's worker, bundle and configuration in it. */
export async function enterGuideFolder(): Promise<string> {
  const folder = makeFolder();
  mkdirSync(join(folder, 'path/to'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  cpSync(workerFile, join(folder, 'path/to/vat-worker.js'));
  const bundleSpec = `file://${folder}/path/to/sample-vat.bundle`;
  writeFileSync(join(folder, 'path/to/sample-vat.bundle'), await bundleOf('guide/sample-vat.js'));
  writeFileSync(join(folder, 'path/to/test-vat.bundle'), await bundleOf('guide/test-vat.js'));
  writeFileSync(
    join(folder, 'path/to/cluster-config.json'),
    JSON.stringify(guideConfig(bundleSpec)),
  );
  const before = process.cwd();
  process.chdir(folder);
  leave = () => process.chdir(before);
  return folder;
}

let leave = (): void => {};
afterEach(() => {
  leave();
  leave = () => {};
});

/** The guide's example, with the bundle where it is. */
export const guideConfig = (bundleSpec: string) => ({
  bootstrap: 'alice',
  forceReset: true,
  vats: {
    alice: {
      bundleSpec,
      parameters: {
        name: 'Alice',
      },
    },
    bob: {
      bundleSpec,
      parameters: {
        name: 'Bob',
      },
    },
  },
});
