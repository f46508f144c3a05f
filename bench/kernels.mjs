/** Kernels to measure, and the bundles of `vats/`, made from their sources when they are first asked for. */
import { bundleVat, formatBundle } from '@vatkit/codegen';
import { Kernel } from '@vatkit/sdk/kernel';
import { NodejsPlatformServices, makeKernel, makeSQLKernelDatabase } from '@vatkit/sdk/node';
import { fileURLToPath } from 'node:url';
import { newFile } from './scratch.mjs';

const specs = new Map();

/** A vat's configuration. The bundle is in a data URL: what a server takes to answer is not ours to measure. */
export async function vat(name, parameters) {
  if (!specs.has(name)) {
    const bundle = await bundleVat(fileURLToPath(new URL(`vats/${name}.vat.js`, import.meta.url)));
    const text = encodeURIComponent(formatBundle(bundle));
    specs.set(name, `data:application/json,${text}`);
  }
  return { bundleSpec: specs.get(name), ...(parameters && { parameters }) };
}

export async function cluster(name, count, parameters) {
  const vats = {};
  for (let i = 0; i < count; i += 1) vats[`${name}${i}`] = await vat(name, parameters);
  return { bootstrap: `${name}0`, vats };
}

/** @param store - 'memory', or 'normal' or 'full' for a file. */
export const openKernel = (store, dbFilename = newFile()) =>
  makeKernel(store === 'memory' ? {} : { dbFilename, durability: store });

/** What the kernel commits while `work(rootKref)` runs on a counter: a list of commits, each a list of rows. */
export async function recordCommits(work) {
  const database = await makeSQLKernelDatabase();
  let commits = [];
  const recording = {
    ...database,
    commit(changes, options) {
      const rows = [...changes];
      commits.push(rows);
      database.commit(rows, options);
    },
  };
  const kernel = await Kernel.make(new NodejsPlatformServices(), recording);
  try {
    const { rootKref } = await kernel.launchSubcluster(await cluster('counter', 1));
    await work(kernel, rootKref);
    commits = [];
    await work(kernel, rootKref);
    return commits;
  } finally {
    await kernel.stop();
  }
}
