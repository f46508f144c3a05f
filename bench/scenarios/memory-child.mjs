/** In a process of its own: how much memory COUNT more of something take. Prints bytes for each. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startWorkers } from '../floors/worker-start.mjs';
import { cluster, openKernel } from '../kernels.mjs';
import { cleanScratch } from '../scratch.mjs';

const [, , what, countText] = process.argv;
const count = Number(countText);

const settled = async () => {
  globalThis.gc();
  await sleep(200);
  return process.memoryUsage.rss();
};

// The first pays for what all of them share.
let more;
if (what === 'worker') {
  await startWorkers(1);
  more = () => startWorkers(count);
} else {
  const kernel = await openKernel('normal');
  await kernel.launchSubcluster(await cluster('counter', 1));
  const config = await cluster('counter', count);
  more = () => kernel.launchSubcluster(config);
}
const before = await settled();
await more();
console.log(((await settled()) - before) / count);
cleanScratch();
process.exit(0);
