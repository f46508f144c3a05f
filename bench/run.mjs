/**
 * npm run bench [-- NAME…] [--quick] [--json]
 *
 * NAME is part of a group's name; without one all groups run. How to read the table: README.md.
 */
import { parseArgs } from 'node:util';
import { cleanScratch } from './scratch.mjs';
import { measure } from './measure.mjs';
import { formatReport, toJson } from './report.mjs';
import { browserGroups } from './scenarios/browser.mjs';
import { callGroups } from './scenarios/calls.mjs';
import { clientGroups } from './scenarios/client.mjs';
import { hopGroup } from './scenarios/hops.mjs';
import { launchGroup } from './scenarios/launch.mjs';
import { linkGroup } from './scenarios/links.mjs';
import { memoryGroup } from './scenarios/memory.mjs';
import { peerGroup } from './scenarios/peers.mjs';
import { steadyPeerGroup } from './scenarios/peers-steady.mjs';
import { restartGroup } from './scenarios/restart.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean' }, json: { type: 'boolean' } },
});
const effort = values.quick ? 'quick' : 'full';

const all = [
  ...callGroups,
  ...clientGroups,
  hopGroup,
  launchGroup,
  linkGroup,
  memoryGroup,
  peerGroup,
  steadyPeerGroup,
  restartGroup,
  ...browserGroups,
];
const chosen = all.filter(
  ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
);
if (chosen.length === 0) {
  const names = all.map(({ name }) => name).join(', ');
  console.error(`bench: no group is called ${positionals.join(' or ')}; there are ${names}`);
  process.exit(1);
}

const say = (text) => process.stderr.isTTY && process.stderr.write(`\r\u001b[K${text}`);
try {
  const results = [];
  for (const group of chosen) results.push(await measure(group, effort, say));
  say('');
  console.log(values.json ? toJson(results, effort) : formatReport(results, effort));
} finally {
  cleanScratch();
}
