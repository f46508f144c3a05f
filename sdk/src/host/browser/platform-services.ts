/** A browser's workers and network for a kernel's host, which itself runs in a dedicated worker. */
import loadLibp2p from 'vatkit:libp2p';
import vatWorkerText from 'vatkit:vat-worker';
import type { Transport, TransportEvents, TransportOptions } from '../../comms/transport.js';
import { limits } from '../../limits.js';
import type { VatId } from '../../protocol/refs.js';
import type { FromVat } from '../../protocol/vat-wire.js';
import { makeHostFetch } from '../host-fetch.js';
import type { PlatformServices, VatWorker, VatWorkerEvents } from '../platform-services.js';
import { hmacSha256 } from './hmac.js';
import { makeSandboxedWorkers } from './sandboxed-workers.js';

/** What of a worker's global object is needed; `globalThis` has it. */
export type BrowserScope = {
  readonly Worker: typeof Worker;
  readonly Blob: typeof Blob;
  readonly URL: typeof URL;
  readonly fetch: typeof fetch;
  readonly origin?: string;
  readonly navigator?: { readonly hardwareConcurrency?: number };
};

export type PlatformServicesClientOptions = {
  /** The way to a page of `vat-sandbox.html`, in which vats' workers are started then. */
  sandbox?: MessagePort | undefined;
};

/** Evaluated at its first use: a kernel that talks to no other one pays nothing for it. */
let libp2p: ReturnType<typeof loadLibp2p> | undefined;

export class PlatformServicesClient implements PlatformServices {
  readonly workersLoadingMax: number;
  readonly fetchForVats: PlatformServices['fetchForVats'];
  readonly hmacSha256 = hmacSha256;
  readonly #scope: BrowserScope;
  /** One Blob for all vats: each worker's program is the same. */
  readonly #workerUrl: string;
  readonly #sandboxed: PlatformServices['startVatWorker'] | undefined;

  private constructor(scope: BrowserScope, { sandbox }: PlatformServicesClientOptions) {
    this.#scope = scope;
    this.workersLoadingMax = scope.navigator?.hardwareConcurrency ?? 2;
    // Browsers do not show where a redirect leads, so that it cannot be checked: it is refused.
    this.fetchForVats = makeHostFetch({
      fetch: scope.fetch.bind(scope),
      isRedirectVisible: false,
    });
    this.#sandboxed = sandbox && makeSandboxedWorkers(sandbox, vatWorkerText);
    const blob = new scope.Blob([vatWorkerText], { type: 'text/javascript' });
    this.#workerUrl = scope.URL.createObjectURL(blob);
  }

  /**
   * @param scope - the worker's `globalThis`.
   * @throws TypeError where the scope can start no workers of its own.
   */
  static async make(
    scope: BrowserScope = globalThis,
    options: PlatformServicesClientOptions = {},
  ): Promise<PlatformServicesClient> {
    if (typeof scope.Worker !== 'function') {
      throw new TypeError(
        'PlatformServicesClient needs a scope that can start workers, as pages and dedicated workers can; ' +
          'found one without Worker',
      );
    }
    return new PlatformServicesClient(scope, options);
  }

  startVatWorker(vatId: VatId, events: VatWorkerEvents): VatWorker {
    if (this.#sandboxed !== undefined) return this.#sandboxed(vatId, events);
    const { onMessage, onLost } = events;
    const worker = new this.#scope.Worker(this.#workerUrl, { name: vatId });
    let ended = false;
    const lost = (why: string): void => {
      if (ended) return;
      ended = true;
      worker.terminate();
      onLost(why);
    };
    worker.onmessage = ({ data }: MessageEvent<FromVat>) => {
      if (!ended) onMessage(data);
    };
    worker.onmessageerror = () => lost('its worker sent what cannot be read');
    worker.onerror = (event) => {
      event.preventDefault();
      lost(`its worker failed: ${event.message || 'its program could not be loaded'}`);
    };
    return {
      send: (message) => worker.postMessage(message),
      async terminate() {
        ended = true;
        worker.terminate();
      },
    };
  }

  async fetchText(asked: string): Promise<string> {
    // Next gives the path of an asset where others give its URL.
    const url = /^\/(?!\/)/.test(asked) ? `${this.#scope.origin ?? ''}${asked}` : asked;
    if (!/^(?:https?|data|blob):/i.test(url)) {
      throw new Error(
        `${url.slice(0, 100)} is no http, https, data or blob URL, and no path from /`,
      );
    }
    const signal = AbortSignal.timeout(limits.bundleFetchTimeoutMs);
    const response = await this.#scope.fetch(url, { signal });
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`.trim());
    return response.text();
  }

  async startTransport(options: TransportOptions, events: TransportEvents): Promise<Transport> {
    libp2p ??= loadLibp2p();
    return libp2p.startTransport(options, events);
  }

  /** No page can see that a debugger holds one of its workers. */
  isDebugged(): boolean {
    return false;
  }
}
