/** Node's workers and files for a kernel's host. */
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { url as inspectorUrl } from 'node:inspector';
import { availableParallelism } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Transport, TransportEvents, TransportOptions } from '../../comms/transport.js';
import { limits } from '../../limits.js';
import type { VatId } from '../../protocol/refs.js';
import type { FromVat } from '../../protocol/vat-wire.js';
import { makeHostFetch } from '../host-fetch.js';
import type { PlatformServices, VatWorker, VatWorkerEvents } from '../platform-services.js';
import { bundleSource } from './bundle-source.js';

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
  readonly hmacSha256 = (key: string, text: string): Uint8Array =>
    createHmac('sha256', key).update(text).digest();
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

  bundleSource(spec: string): Promise<string> {
    return bundleSource(spec);
  }

  async startTransport(options: TransportOptions, events: TransportEvents): Promise<Transport> {
    const { providePlatform } = await import('../../comms/libp2p/polyfills.js');
    providePlatform();
    const { startTransport } = await import('../../comms/libp2p/node.js');
    return startTransport(options, events);
  }

  isDebugged(): boolean {
    return inspectorUrl() !== undefined;
  }
}
