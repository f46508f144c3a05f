/**
 * The other side: a raw stream's echo, and kernels each with a vat that answers; with `--only PLACE` one of these. Ends with
 * its standard input.
 */
import { parseArgs } from 'node:util';
import { cluster, openKernel } from '../kernels.mjs';
import { cleanScratch } from '../scratch.mjs';
import { startRawEcho } from './links-raw.mjs';

const {
  values: { only },
  positionals: relays,
} = parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } });
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

const kinds = {
  raw: startRawEcho,
  memory: () => serve('memory', { directListenAddresses }),
  file: () => serve('normal', { directListenAddresses }),
  relayed: () => serve('normal', { relays }),
};
const places = {};
for (const [place, open] of Object.entries(kinds)) {
  if (only === undefined || place === only) places[place] = await open();
}
console.log(JSON.stringify(places));
process.stdin.resume().once('end', async () => {
  await Promise.all(kernels.map((kernel) => kernel.stop()));
  cleanScratch();
  process.exit();
});
