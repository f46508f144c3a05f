/** The other side: a raw stream's echo, and kernels each with a vat that answers. Ends with its standard input. */
import { cluster, openKernel } from '../kernels.mjs';
import { cleanScratch } from '../scratch.mjs';
import { startRawEcho } from './links-raw.mjs';

const relays = process.argv.slice(2);
const directListenAddresses = ['/ip4/127.0.0.1/tcp/0'];
const kernels = [];

/** The root of a vat on a kernel of its own, as an ocap URL. */
async function serve(store, options) {
  const kernel = await openKernel(store);
  kernels.push(kernel);
  const { rootKref } = await kernel.launchSubcluster(await cluster('counter', 1));
  await kernel.initRemoteComms(options);
  return kernel.issueOcapURL(rootKref);
}

const places = {
  raw: await startRawEcho(),
  memory: await serve('memory', { directListenAddresses }),
  file: await serve('normal', { directListenAddresses }),
  relayed: await serve('normal', { relays }),
};
console.log(JSON.stringify(places));
process.stdin.resume().once('end', async () => {
  await Promise.all(kernels.map((kernel) => kernel.stop()));
  cleanScratch();
  process.exit();
});
