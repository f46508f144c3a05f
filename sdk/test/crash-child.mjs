/**
 * A kernel under load, until it is killed: calls to several vats, and from one to the other, each with an id of its
 * own, and subclusters that come and go. A line on stdout for each: `?` and the id before it, the id alone
 * once it was answered.
 *
 *     node crash-child.mjs STORE BUNDLE FIRST_ID
 */
import { readFileSync } from 'node:fs';
import { makeKernel } from '@vatkit/sdk/node';

const [, , dbFilename, bundleFile, firstId] = process.argv;
const say = (line) => void process.stdout.write(`${line}\n`);

const kernel = await makeKernel({ dbFilename });
if (kernel.getVats().length === 0) {
  const bundleSpec = readFileSync(bundleFile, 'utf8');
  const vats = Object.fromEntries(['a', 'b', 'c'].map((name) => [name, { bundleSpec }]));
  await kernel.launchSubcluster({ bootstrap: 'a', vats });
}
const roots = ['v1', 'v2', 'v3'].map((vatId) => kernel.getRootObject(vatId));
say('ready');

let id = Number(firstId);
const callForEver = async (target, method, ...args) => {
  for (;;) {
    id += 1;
    const mine = `${method}${id}`;
    say(`?${mine}`);
    await kernel.queueMessage(target, method, [mine, ...args]);
    say(mine);
  }
};
for (const root of roots) {
  for (let n = 0; n < 8; n += 1)
    callForEver(root, 'count').catch((error) => say(`!${error.message}`));
}
// Only the bootstrap vat knows the others.
for (let n = 0; n < 8; n += 1) {
  callForEver(roots[0], 'relay', n % 2 === 0 ? 'b' : 'c').catch((error) =>
    say(`!${error.message}`),
  );
}

const comeAndGo = async () => {
  const bundleSpec = readFileSync(bundleFile, 'utf8');
  for (;;) {
    const { subclusterId } = await kernel.launchSubcluster({
      bootstrap: 'x',
      vats: { x: { bundleSpec }, y: { bundleSpec } },
    });
    say(`launch ${subclusterId}`);
    say(`?end ${subclusterId}`);
    await kernel.terminateSubcluster(subclusterId);
    say(`end ${subclusterId}`);
  }
};
comeAndGo().catch((error) => say(`!${error.message}`));
