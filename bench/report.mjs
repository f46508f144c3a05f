/** One table for people, or JSON. */
import { cpus, loadavg } from 'node:os';

const columns = [
  '',
  'median',
  'min–max',
  'CPU',
  '× floor',
  'min–max',
  'CPU × floor',
  'peer, elsewhere',
];

export function formatReport(results, effort) {
  const lines = results.flatMap(({ title, rows, unit }) => [
    [title],
    ...rows.map((row) => cells(row, unit, rows)),
  ]);
  return [...head(effort), '', ...layOut([columns, ...lines]), '', ...foot].join('\n');
}

export const toJson = (results, effort) =>
  JSON.stringify({ effort, ...machine(), groups: results }, null, 2);

const machine = () => ({
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  cpus: cpus().length,
  load: loadavg()[0],
});

function head(effort) {
  const { node, platform, cpus: count, load } = machine();
  return [
    `vatkit bench${effort === 'quick' ? ' --quick' : ''}: Node ${node}, ${platform}, ${count} CPUs, load ${load.toFixed(1)}`,
  ];
}

const foot = [
  'Floors are measured in the same rounds as what stands on them. × floor: how many times the floor it costs, round',
  'by round; less is better, 1 is the floor itself. CPU: of all threads of the process together. "peer, elsewhere" was',
  'NOT measured in this run: figures of another system on a machine like this one.',
];

function cells({ label, ours, floor, value, cpuMs, ratio, cpuRatio, perSecond, peer }, unit, rows) {
  const floorLabel = floor && rows.find(({ key }) => key === floor).label;
  const show = perSecond ? rate : unit === 'MB' ? megabytes : duration;
  // The least time is the highest rate.
  const range = [value.min, value.max].map(show);
  return [
    `  ${ours ? '' : 'floor: '}${label}`,
    show(value.median),
    (perSecond ? range.toReversed() : range).join(' – '),
    cpuMs === undefined ? '' : duration(cpuMs.median),
    ratio === undefined ? '' : ratio.median.toFixed(2),
    ratio === undefined ? '' : `${ratio.min.toFixed(2)} – ${ratio.max.toFixed(2)}`,
    cpuRatio === undefined ? '' : cpuRatio.median.toFixed(2),
    peer ?? '',
    floorLabel === undefined ? '' : `floor: ${floorLabel}`,
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
          .map((cell, i) => (i === 0 || i > 6 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
          .join('  ')
          .trimEnd(),
  );
}
