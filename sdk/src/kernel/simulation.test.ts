import { describe, expect, it } from 'vitest';
import { makeWorld, type WorldOptions } from './simulation/world.js';

const seeds = Number(process.env.VATKIT_SEEDS ?? 300);
const only = process.env.VATKIT_SEED;

/** Runs a world for each seed. One that fails runs again with a trace, of which the end is shown. */
function simulate(options: Omit<WorldOptions, 'seed'>, steps: number): void {
  const range = only === undefined ? Array.from({ length: seeds }, (_, at) => at + 1) : [Number(only)];
  for (const seed of range) {
    try {
      makeWorld({ ...options, seed, checkEvery: only !== undefined ? 1 : seed % 8 === 0 ? 1 : 7 }).run(steps);
    } catch {
      const trace: string[] = [];
      let thrown: unknown;
      try {
        makeWorld({ ...options, seed, checkEvery: 1, trace: (line) => trace.push(line) }).run(steps);
      } catch (again) {
        thrown = again;
      }
      const tail = trace.slice(-40).map((line) => line.slice(0, 600)).join('\n');
      expect.fail(`seed ${seed}: ${thrown instanceof Error ? thrown.stack : String(thrown)}\n\n${tail}`);
    }
  }
}

describe('kernel simulation', () => {
  it('calm vats are all served, in order, and leave nothing', { timeout: 120_000 }, () => {
    simulate({ vats: 3 }, 120);
  });
  it('crashes, restarts and ends leave nothing undecided', { timeout: 120_000 }, () => {
    simulate({ vats: 4, chaos: true }, 160);
  });
  it('vats that lie harm nobody', { timeout: 120_000 }, () => {
    simulate({ vats: 4, liars: 2 }, 120);
  });
  it('vats that lie harm nobody while all else goes wrong, too', { timeout: 120_000 }, () => {
    simulate({ vats: 5, liars: 2, chaos: true }, 160);
  });
});
