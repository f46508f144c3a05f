/** Resident memory of a vat that has done nothing yet. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { floor, ours } from '../rows.mjs';

const child = fileURLToPath(new URL('memory-child.mjs', import.meta.url));

const memory = (key, what) => async () => ({
  async sample(meter) {
    const args = ['--expose-gc', child, what, '10'];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    meter.record(key, Number(stdout) / 1e6);
  },
});

export const memoryGroup = {
  name: 'memory',
  title: 'resident memory, each of 10 more',
  unit: 'MB',
  rounds: { quick: 1, full: 3 },
  coldStart: true,
  rows: [floor('worker', 'a bare worker'), ours('vat', 'a vat', 'worker', { peer: '136 MB' })],
  subjects: [memory('worker', 'worker'), memory('vat', 'vat')],
};
