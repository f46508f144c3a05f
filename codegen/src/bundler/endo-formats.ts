/** @endo/bundle-source's formats. It works only in a locked-down realm, so it gets a worker of its own. */
import { Worker } from 'node:worker_threads';
import { BundleError } from './problems.js';

export type EndoFormat = 'endoScript' | 'getExport' | 'nestedEvaluate';

/** A plain file of the package, since a worker loads neither TypeScript nor what a test runner has in memory. */
const workerFile = new URL('../../bin/bundle-source.mjs', import.meta.url);

export type EndoAnswer = { source: string } | { failure: string };

/** The self-contained program text of a vat. */
export async function endoSource(entry: string, format: EndoFormat): Promise<string> {
  const worker = new Worker(workerFile, { workerData: { entry, format } });
  const answer = await new Promise<EndoAnswer>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (status) =>
      reject(new Error(`@endo/bundle-source ended with status ${status} and no answer`)),
    );
  }).finally(() => worker.terminate());
  if ('source' in answer) return answer.source;
  throw new BundleError(entry, [
    {
      file: entry,
      message: `${answer.failure} (format ${format} takes packages by the 'dependencies' of the vat's package.json)`,
    },
  ]);
}
