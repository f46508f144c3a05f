/**
 * Random worlds, one for each seed: `simulation/world.ts`.
 *
 *     VATKIT_SEEDS=10000 npx vitest run sdk/src/kernel/simulation.test.ts     more of them
 *     VATKIT_SEED=17 npx vitest run sdk/src/kernel/simulation.test.ts        that one alone, checked at each step
 */
import { describe, expect, it } from 'vitest';
import { makeWorld, type WorldOptions } from './simulation/world.js';

const seeds = Number(process.env.VATKIT_SEEDS ?? 250);
const only = process.env.VATKIT_SEED;

/** Runs a world for each seed. One that fails runs again with a trace, of which the end is shown. */
function simulate(options: Omit<WorldOptions, 'seed'>, steps: number): void {
  const range =
    only === undefined ? Array.from({ length: seeds }, (_, at) => at + 1) : [Number(only)];
  for (const seed of range) {
    try {
      makeWorld({
        ...options,
        seed,
        checkEvery: only !== undefined || seed % 8 === 0 ? 1 : 13,
      }).run(steps);
    } catch (first) {
      const trace: string[] = [];
      let thrown = first;
      try {
        makeWorld({ ...options, seed, checkEvery: 1, trace: (line) => trace.push(line) }).run(
          steps,
        );
      } catch (again) {
        thrown = again;
      }
      const tail = trace
        .slice(-40)
        .map((line) => line.slice(0, 600))
        .join('\n');
      expect.fail(
        `seed ${seed}: ${thrown instanceof Error ? thrown.stack : String(thrown)}\n\n${tail}`,
      );
    }
  }
}

describe('kernel simulation', () => {
  it('calm vats are all served, in order, and leave nothing', { timeout: 120_000 }, () => {
    simulate({ vats: 3 }, 70);
  });
  it('crashes, restarts and ends leave nothing undecided', { timeout: 120_000 }, () => {
    simulate({ vats: 4, chaos: true }, 90);
  });
  it('vats that lie harm nobody', { timeout: 120_000 }, () => {
    simulate({ vats: 4, liars: 2 }, 70);
  });
  it('vats that lie harm nobody while all else goes wrong, too', { timeout: 120_000 }, () => {
    simulate({ vats: 5, liars: 2, chaos: true }, 90);
  });
  it('clients are served, and leave nothing', { timeout: 120_000 }, () => {
    simulate({ vats: 3, clients: 2 }, 140);
  });
  it('clients come and go while all else goes wrong, too', { timeout: 120_000 }, () => {
    simulate({ vats: 4, clients: 3, chaos: true }, 160);
  });
  it('clients that lie harm nobody', { timeout: 120_000 }, () => {
    simulate({ vats: 4, liars: 1, clients: 4, lyingClients: 2, chaos: true }, 160);
  });
});
