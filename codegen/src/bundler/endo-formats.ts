/** @endo/bundle-source's formats. It works only in a locked-down realm, so it gets a worker of its own. */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

export type EndoFormat = 'endoScript' | 'getExport' | 'nestedEvaluate';

/** A plain file of the package, since a worker loads neither TypeScript nor what a test runner has in memory. */
const workerFile = new URL('../../bin/bundle-source.mjs', import.meta.url);

export type EndoAnswer = { source: string } | { failure: string };

/**
 * The program text of a self-contained module in one of bundle-source's formats.
 *
 * bundle-source is not given the vat's own sources: it would find packages only by the `dependencies` of the vat's
 * package.json (in two of its formats it leaves out what is not there, without a word) and would have no stand-ins.
 */
export async function endoSource(code: string, format: EndoFormat): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'vatkit-bundle-')));
  try {
    // The last folder's name goes into the bundle, so it is always the same.
    const entry = join(folder, 'vat', 'vat.js');
    await mkdir(join(folder, 'vat'));
    await writeFile(join(folder, 'vat', 'package.json'), '{"name":"vat","type":"module"}');
    await writeFile(entry, code);
    const answer = await ask({ entry, format });
    if ('failure' in answer) throw new Error(`@endo/bundle-source failed: ${answer.failure}`);
    return answer.source;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function ask(workerData: { entry: string; format: EndoFormat }): Promise<EndoAnswer> {
  const worker = new Worker(workerFile, { workerData });
  return new Promise<EndoAnswer>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (status) =>
      reject(new Error(`@endo/bundle-source ended with status ${status} and no answer`)),
    );
  }).finally(() => worker.terminate());
}
