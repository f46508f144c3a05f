/** The process that calls: warms up, tells its parent `{ ms, cpuMs }` for each call, and ends. */
import { openKernel } from '../kernels.mjs';
import { cleanScratch } from '../scratch.mjs';
import { openRaw, shareProcess } from './two-processes.mjs';

const [place, how, effort] = process.argv.slice(2);
const warmUp = 3_000;
const counted = { quick: 3_000, full: 6_000 }[effort];

const shared = shareProcess('peers-child.mjs', ['--only', place]);
const world = await shared.enter();

async function openRemote() {
  const kernel = await openKernel(place === 'memory' ? 'memory' : 'normal');
  await kernel.initRemoteComms({});
  const target = await kernel.redeemOcapURL(world.places[place]);
  return { call: () => kernel.queueMessage(target, 'answer', []), close: () => kernel.stop() };
}

const { call, close } = await (place === 'raw' ? openRaw(world) : openRemote());
async function work(calls) {
  for (let made = 0; made < calls; made += how === 'at-once' ? 1_000 : 1) {
    await (how === 'at-once' ? Promise.all(Array.from({ length: 1_000 }, call)) : call());
  }
}

await work(warmUp);
const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
await work(counted);
const ms = (performance.now() - startedAt) / counted;
const { user, system } = process.cpuUsage(cpuBefore);
process.send({ ms, cpuMs: (user + system) / 1000 / counted });
await close();
await shared.leave();
cleanScratch();
process.exit();
