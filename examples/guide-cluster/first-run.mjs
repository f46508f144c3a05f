// Launches the two subclusters on an empty store. Started by quickstart.mjs: `first-run.mjs <store> <url>`.
import { readFile } from 'node:fs/promises';
import { ClusterConfigStruct, kunser } from '@vatkit/sdk/kernel';
import { makeKernel } from '@vatkit/sdk/node';

const [dbFilename, bundlesUrl] = process.argv.slice(2);

/** The configuration as it stands in its file, but with the address at which the bundles are served now. */
async function readConfig(name) {
  const text = await readFile(new URL(name, import.meta.url), 'utf8');
  return ClusterConfigStruct.check(
    JSON.parse(text.replaceAll('http://localhost:3000', bundlesUrl)),
  );
}

const kernel = await makeKernel({ dbFilename });

const call = async (kref, method, ...args) => kunser(await kernel.queueMessage(kref, method, args));

const guide = await kernel.launchSubcluster(await readConfig('cluster-config.json'));
const { alice, bob } = kernel.getSubcluster(guide.subclusterId).vats;
console.log(`  launched ${guide.subclusterId}: alice is ${alice}, bob is ${bob}`);
console.log(`  alice: ${await call(guide.rootKref, 'greet')}`);
console.log(`  bob:   ${await call(kernel.getRootObject(bob), 'greet')}`);

const memory = await kernel.launchSubcluster(await readConfig('greeter-config.json'));
console.log(`  launched ${memory.subclusterId}: a greeter that counts its guests`);
console.log(`  greeter: ${await call(memory.rootKref, 'greet', 'Carol')}`);
console.log(`  greeter: ${await call(memory.rootKref, 'greet', 'Dave')}`);

await kernel.stop();
