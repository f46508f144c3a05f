/** One table for people, or JSON for programs. */
import { cpus, loadavg } from 'node:os';

const columns = ['', 'median', 'least – most', 'CPU', '× floor', 'least – most', 'CPU ×', 'floor'];
const lastColumn = 'peer, elsewhere';
/** From here on columns hold text. */
const firstText = 7;

export function formatReport(results, effort) {
  const lines = results.flatMap((group) => [
    [group.title],
    ...group.rows.map((row) => cells(row, group)),
  ]);
  return [head(effort), '', ...layOut([[...columns, lastColumn], ...lines]), '', ...foot].join(
    '\n',
  );
}

export const toJson = (results, effort) =>
  JSON.stringify({ effort, ...machine, groups: results }, null, 2);

const machine = {
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  cpus: cpus().length,
  /** Of others: read before the first round. */
  load: loadavg()[0],
};

function head(effort) {
  const { node, platform, cpus: count, load } = machine;
  const quick = effort === 'quick' ? ' --quick' : '';
  return `vatkit bench${quick}: Node ${node}, ${platform}, ${count} CPUs, load before ${load.toFixed(1)}`;
}

const foot = [
  'Floors were measured in the same rounds as what stands on them. × floor: how many times the floor it costs, round',
  'by round; 1 is the floor itself. CPU: of all threads of the process. "peer, elsewhere" was NOT measured in this run:',
  "it is another system's figure from a machine like this one. More in bench/README.md.",
];

function cells(
  { label, ours, floor, value, cpuMs, ratio, cpuRatio, peer },
  { unit, perSecond, rows },
) {
  const show = perSecond ? rate : unit === 'MB' ? megabytes : duration;
  // The least time is the highest rate.
  const ends = perSecond ? [value.max, value.min] : [value.min, value.max];
  const times = (number) => number.toFixed(number < 10 ? 2 : 1);
  return [
    ours ? `  ${label}` : `  floor: ${label}`,
    show(value.median),
    ends.map(show).join(' – '),
    cpuMs ? duration(cpuMs.median) : '',
    ratio ? times(ratio.median) : '',
    ratio ? `${times(ratio.min)} – ${times(ratio.max)}` : '',
    cpuRatio ? times(cpuRatio.median) : '',
    floor ? rows.find(({ key }) => key === floor).label : '',
    peer ?? '',
  ];
}

const rate = (ms) => `${Math.round(1000 / ms).toLocaleString('en-US')}/s`;
const megabytes = (mb) => `${mb.toFixed(1)} MB`;
const duration = (ms) =>
  ms < 1
    ? `${(ms * 1000).toFixed(0)} µs`
    : ms < 100
      ? `${ms.toFixed(1)} ms`
      : `${ms.toFixed(0)} ms`;

function layOut(table) {
  const widths = [];
  for (const line of table) {
    if (line.length === 1) continue;
    line.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  }
  return table.map((line) =>
    line.length === 1
      ? `\n${line[0]}`
      : line
          .map((cell, i) =>
            i === 0 || i >= firstText ? cell.padEnd(widths[i]) : cell.padStart(widths[i]),
          )
          .join('  ')
          .trimEnd(),
  );
}
