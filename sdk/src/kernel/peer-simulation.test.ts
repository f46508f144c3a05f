/**
 * Random worlds of several kernels, one for each seed: `simulation/peer-world.ts`.
 *
 *     VATKIT_SEEDS=10000 npx vitest run sdk/src/kernel/peer-simulation.test.ts     more of them
 *     VATKIT_SEED=17 npx vitest run sdk/src/kernel/peer-simulation.test.ts        that one alone
 */
import { describe, expect, it } from 'vitest';
import { makePeerWorld, type PeerWorldOptions } from './simulation/peer-world.js';

const seeds = Number(process.env.VATKIT_SEEDS ?? 150);
const only = process.env.VATKIT_SEED;

type Run = {
  count?: number;
  /** Seeds that have found a defect, and are run always. */
  found?: readonly number[];
};

function simulate(
  options: Omit<PeerWorldOptions, 'seed'>,
  steps: number,
  { count = seeds, found = [] }: Run = {},
): void {
  const range =
    only === undefined
      ? new Set([...found, ...Array.from({ length: count }, (_, at) => at + 1)])
      : [Number(only)];
  for (const seed of range) {
    try {
      makePeerWorld({ ...options, seed }).run(steps);
    } catch (first) {
      const trace: string[] = [];
      let thrown = first;
      try {
        makePeerWorld({ ...options, seed, trace: (line) => trace.push(line) }).run(steps);
      } catch (again) {
        thrown = again;
      }
      const tail = trace
        .slice(-60)
        .map((line) => line.slice(0, 500))
        .join('\n');
      expect.fail(
        `seed ${seed}: ${thrown instanceof Error ? thrown.stack : String(thrown)}\n\n${tail}`,
      );
    }
  }
}

describe('simulation of peers', () => {
  it('two kernels agree in the end', { timeout: 120_000 }, () => {
    simulate({ kernels: 2 }, 150);
  });
  it('a triangle agrees in the end', { timeout: 120_000 }, () => {
    simulate({ kernels: 3 }, 250);
  });
  it('cuts and restarts lose nothing and repeat nothing', { timeout: 120_000 }, () => {
    simulate({ kernels: 2, chaos: true }, 250);
  });
  it('cuts and restarts within a triangle', { timeout: 120_000 }, () => {
    simulate({ kernels: 3, chaos: true }, 300);
  });
  it(
    'who reads at peers is told when it is out of date, and comes to rest',
    { timeout: 120_000 },
    () => {
      simulate({ kernels: 3, reads: true }, 200, { count: seeds / 10 });
    },
  );
  it('and over cuts and restarts', { timeout: 120_000 }, () => {
    simulate({ kernels: 3, reads: true, chaos: true }, 300, { count: seeds / 5 });
  });
  it('a kernel that forgets is found out, and both begin anew', { timeout: 120_000 }, () => {
    simulate({ kernels: 3, chaos: true, restores: true }, 300, { found: [2994] });
  });
});
