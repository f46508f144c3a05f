/** Node's workers and files for a kernel's host. */
import { realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { url as inspectorUrl } from 'node:inspector';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { availableParallelism } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { limits } from '../../limits.js';
import type { VatId } from '../../protocol/refs.js';
import type { FromVat } from '../../protocol/vat-wire.js';
import { makeHostFetch } from '../host-fetch.js';
import type { PlatformServices, VatWorker, VatWorkerEvents } from '../platform-services.js';

export type NodejsPlatformServicesOptions = {
  /** The vat worker's program, in place of the one that vatkit ships. */
  workerFilePath?: string | undefined;
  /** MiB of JavaScript heap that one vat may use; at the limit its worker ends. Default 512. */
  vatHeapMiB?: number;
};

const shippedWorker = new URL('../../vat/worker-node.js', import.meta.url);

export class NodejsPlatformServices implements PlatformServices {
  readonly workersLoadingMax = availableParallelism();
  readonly fetchForVats = makeHostFetch({ fetch: globalThis.fetch, isRedirectVisible: true });
  readonly #workerUrl: URL;
  readonly #vatHeapMiB: number;

  constructor({
    workerFilePath,
    vatHeapMiB = limits.vatHeapMiB,
  }: NodejsPlatformServicesOptions = {}) {
    this.#workerUrl = workerFilePath === undefined ? shippedWorker : pathToFileURL(workerFilePath);
    this.#vatHeapMiB = vatHeapMiB;
  }

  startVatWorker(vatId: VatId, { onMessage, onLost }: VatWorkerEvents): VatWorker {
    const worker = new Worker(this.#workerUrl, {
      name: vatId,
      // Nothing of this process's environment or arguments is a vat's business.
      env: {},
      argv: [],
      execArgv: [],
      stdin: false,
      trackUnmanagedFds: false,
      resourceLimits: { maxOldGenerationSizeMb: this.#vatHeapMiB },
    });
    let ended = false;
    const lost = (why: string): void => {
      if (ended) return;
      ended = true;
      onLost(why);
    };
    worker.on('message', (message: FromVat) => {
      if (!ended) onMessage(message);
    });
    worker.on('messageerror', (error) =>
      lost(`its worker sent what cannot be read: ${error.message}`),
    );
    worker.on('error', (error: Error & { code?: string }) =>
      lost(`its worker failed: ${error.message}`),
    );
    worker.on('exit', (code) => lost(`its worker exited with code ${code}`));
    return {
      send: (message) => worker.postMessage(message),
      terminate: async () => {
        ended = true;
        await worker.terminate();
      },
    };
  }

  async fetchText(url: string): Promise<string> {
    if (/^file:/i.test(url)) return readFile(fileURLToPath(url), 'utf8');
    if (!/^(?:https?|data):/i.test(url)) {
      throw new Error(`${url.slice(0, 100)} is no http, https, file or data URL`);
    }
    const response = await fetch(url, { signal: AbortSignal.timeout(limits.bundleFetchTimeoutMs) });
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`.trim());
    return response.text();
  }

  /** Bundles with `@vatkit/codegen`, which the app has installed: this package does not depend on it. */
  async bundleSource(spec: string): Promise<string> {
    const file = sourceFile(spec);
    const { bundleVat, formatBundle } = await importBundler();
    return formatBundle(await bundleVat(file));
  }

  isDebugged(): boolean {
    return inspectorUrl() !== undefined;
  }
}

function sourceFile(spec: string): string {
  if (/^file:/i.test(spec)) return fileURLToPath(spec);
  // One letter is a drive.
  if (!/^[a-z][a-z\d+.-]+:/i.test(spec)) return resolve(spec);
  const shown = spec.slice(0, 100);
  throw new Error(`${shown} is no path or file URL. Bundle it where it is, and give bundleSpec`);
}

/** What we need of `@vatkit/codegen`. */
type Bundler = {
  bundleVat: (entry: string) => Promise<unknown>;
  formatBundle: (bundle: unknown) => string;
};

/**
 * The app's own bundler, else one beside this package, else one of the working directory. Not one that lies by the
 * source: who wrote a vat must not choose code that runs outside of it.
 */
async function importBundler(): Promise<Bundler> {
  const [, script] = process.argv;
  const places = [mainScript(script), import.meta.url, join(process.cwd(), 'app.js')];
  for (const place of places) {
    if (place === undefined) continue;
    let entry: string;
    try {
      entry = createRequire(place).resolve('@vatkit/codegen');
    } catch {
      continue;
    }
    return (await import(/* @vite-ignore */ pathToFileURL(entry).href)) as Bundler;
  }
  throw new Error(
    'sourceSpec needs the package @vatkit/codegen, which is not installed. ' +
      'Run `npm install @vatkit/codegen`, or bundle the vat before and give bundleSpec',
  );
}

/** A program in `node_modules/.bin` is a link to where its package is. */
function mainScript(script: string | undefined): string | undefined {
  try {
    return script && realpathSync(script);
  } catch {
    return undefined;
  }
}
