/**
 * Runs the subjects of a group in turn, A B C, C B A, A B C …, so that what disturbs the machine disturbs all of
 * them alike, and compares each with its floor only within one such round.
 *
 * A group is `{ name, title, unit, rows, subjects, rounds, perSecond?, coldStart? }`: `rows` as rows.mjs makes them, in
 * the order in which they are printed; `subjects` functions that set something up and return `{ sample(meter, effort),
 * close() }`; `rounds` `{ quick, full }`. With `coldStart` the first round counts, too.
 *
 * A sample calls `meter.start()`, works, and calls `meter.mark(key, units)` for what has been reached since; or
 * `meter.record(key, value, cpuMs)` for what is no time, or was timed in another process. One subject may fill several rows.
 */
import { quantiles } from './quantiles.mjs';

export async function measure(group, effort, say) {
  const samples = new Map(group.rows.map(({ key }) => [key, []]));
  const opened = [];
  try {
    for (const subject of group.subjects) opened.push(await subject(effort));
    const rounds = group.rounds[effort];
    // The first round warms up, and is not counted.
    for (let round = group.coldStart ? 0 : -1; round < rounds; round += 1) {
      const order = round % 2 === 0 ? opened : opened.toReversed();
      for (const { sample } of order) {
        say(`${group.name}: round ${round + 1} of ${rounds}`);
        await sample(makeMeter(round < 0 ? new Map() : samples), effort);
      }
    }
  } finally {
    for (const { close } of opened.toReversed()) await close?.();
  }
  const rows = group.rows.map((row) => ({ ...row, ...summary(row, samples) }));
  const { name, title, unit, perSecond = false } = group;
  return { name, title, unit, perSecond, rows };
}

function makeMeter(samples) {
  let startedAt = 0;
  let cpuBefore;
  const push = (key, sample) => samples.get(key)?.push(sample);
  return {
    start() {
      cpuBefore = process.cpuUsage();
      startedAt = performance.now();
    },
    mark(key, units = 1) {
      const wallMs = performance.now() - startedAt;
      const { user, system } = process.cpuUsage(cpuBefore);
      push(key, { value: wallMs / units, cpuMs: (user + system) / 1000 / units });
    },
    record: (key, value, cpuMs) => push(key, { value, ...(cpuMs !== undefined && { cpuMs }) }),
  };
}

function summary({ key, floor }, samples) {
  const own = samples.get(key);
  const of = floor === undefined ? undefined : samples.get(floor);
  const ratiosOf = (part) =>
    of && own[0]?.[part] !== undefined
      ? quantiles(own.map((sample, round) => sample[part] / of[round][part]))
      : undefined;
  return {
    value: quantiles(own.map(({ value }) => value)),
    cpuMs: own[0]?.cpuMs === undefined ? undefined : quantiles(own.map(({ cpuMs }) => cpuMs)),
    ratio: ratiosOf('value'),
    cpuRatio: ratiosOf('cpuMs'),
  };
}
