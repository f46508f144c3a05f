/**
 * What a kernel's host needs of the platform it runs on: workers for vats, and the content behind a URL.
 * `NodejsPlatformServices` and the browser's `PlatformServicesClient` implement it.
 */
import type { StartTransport } from '../comms/transport.js';
import type { VatId } from '../protocol/refs.js';
import type { FromVat, ToVat } from '../protocol/vat-wire.js';
import type { HostFetch } from './host-fetch.js';

/** A vat's worker, as the host sees it. */
export type VatWorker = {
  send: (message: ToVat) => void;
  /** Kills it, whatever it is doing. Resolves when it is gone; no event of its comes after the call. */
  terminate: () => Promise<void>;
};

export type VatWorkerEvents = {
  onMessage: (message: FromVat) => void;
  /** It is gone without having been terminated; `why` is for people. */
  onLost: (why: string) => void;
};

export type PlatformServices = {
  /** Workers that may load their runtime at the same time: about as many as there are cores. Default 2. */
  readonly workersLoadingMax?: number;
  startVatWorker: (vatId: VatId, events: VatWorkerEvents) => VatWorker;
  /**
   * The text behind an http(s), data or (where there are files) file URL.
   *
   * @throws Error that says what was asked and what came instead.
   */
  fetchText: (url: string) => Promise<string>;
  /**
   * The content of the bundle of a source file: what a configuration's `sourceSpec` asks for. Absent where there
   * are no files or no bundler.
   *
   * @param spec - a path, seen from the working directory, or a file URL.
   * @throws Error that says what stands in the way, in the source or of the bundler.
   */
  bundleSource?: (spec: string) => Promise<string>;
  /** Performs the `fetch` of vats that were granted it. Absent where the platform has none. */
  readonly fetchForVats?: HostFetch;
  /**
   * HMAC-SHA-256 of a text under a key, both as UTF-8: what names objects to clients and keeps their secrets. Without it
   * a kernel serves no client sessions.
   */
  readonly hmacSha256?: (key: string, text: string) => Uint8Array;
  /**
   * Starts what carries frames to other kernels. Absent where a platform has no network.
   *
   * @throws Error that says what could not be started: an address that cannot be listened at, no such transport. A relay that
   * does not answer is no reason: it is tried again.
   */
  readonly startTransport?: StartTransport;
  /** Can a worker be held up for good reason, by a debugger? Then no deadline is enforced. */
  isDebugged: () => boolean;
};
