// Goes on from the store that first-run.mjs left. It launches nothing and needs no bundle.
import { kunser } from '@vatkit/sdk/kernel';
import { makeKernel } from '@vatkit/sdk/node';

const [dbFilename] = process.argv.slice(2);

const kernel = await makeKernel({ dbFilename });

const call = async (kref, method, ...args) => kunser(await kernel.queueMessage(kref, method, args));

const vats = Object.assign({}, ...kernel.getSubclusters().map((subcluster) => subcluster.vats));
console.log(`  found in the store: ${Object.keys(vats).join(', ')}`);
const root = (name) => kernel.getRootObject(vats[name]);

console.log(`  alice: ${await call(root('alice'), 'greet')}`);
console.log(`  bob:   ${await call(root('bob'), 'greet')}`);
console.log(`  greeter: ${await call(root('greeter'), 'greet', 'Erin')}`);

const { starts, bootstraps, greetings } = await call(root('greeter'), 'memory');
console.log(`  greeter: ${greetings} guests, ${starts} starts, ${bootstraps} bootstrap`);

await kernel.stop();

if (greetings !== 3 || starts !== 2 || bootstraps !== 1) {
  console.error('  That is not what the first run left: 3 guests, 2 starts, 1 bootstrap expected.');
  process.exitCode = 1;
}
