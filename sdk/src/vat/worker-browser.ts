/** A vat's worker in a browser: a classic dedicated worker, started from one Blob of this text. */
import { isLockedDown } from './lockdown.js';
import type { FromVat, ToVat } from '../protocol/vat-wire.js';
import { removeAmbientGlobals } from './ambient-globals.js';
import { hideRuntimeFrames } from './stacks.js';
import { makeVatRuntime } from './vat-runtime.js';

/** What of a dedicated worker's global object is used; the page's own types know only a window. */
type WorkerScope = {
  postMessage(message: FromVat): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<ToVat>) => void): void;
  addEventListener(
    type: 'unhandledrejection' | 'rejectionhandled',
    listener: (event: PromiseRejectionEvent) => void,
  ): void;
};

if (!isLockedDown) throw Error('worker-browser.js is the entry of a worker');
const scope = globalThis as unknown as WorkerScope;
const postToHost = scope.postMessage.bind(scope);
const post = (message: FromVat): void => postToHost(message);

const { setTimeout, clearTimeout, performance } = globalThis;
const { URL, URLSearchParams, crypto, atob, btoa } = globalThis;

// Timers of 0 ms wait for 4 once they are nested.
const { port1, port2 } = new MessageChannel();
const turns: (() => void)[] = [];
port1.onmessage = () => turns.shift()?.();

const runtime = makeVatRuntime({
  post,
  nextMacrotask(callback) {
    turns.push(callback);
    port2.postMessage(null);
  },
  now: () => performance.now(),
  after: (ms, callback) => void setTimeout(callback, ms),
  platform: {
    timers: {
      setTimeout: (callback: () => void, ms?: number) => setTimeout(callback, ms),
      clearTimeout: (handle) => clearTimeout(handle as number),
    },
    URL,
    URLSearchParams,
    crypto: () => crypto,
    atob: (text: string) => atob(text),
    btoa: (text: string) => btoa(text),
  },
});

hideRuntimeFrames(Error as Parameters<typeof hideRuntimeFrames>[0]);
scope.addEventListener('unhandledrejection', (event) => {
  event.preventDefault();
  runtime.uncaught(event.reason, event.promise);
});
scope.addEventListener('rejectionhandled', ({ promise }) => runtime.caught(promise));
scope.addEventListener('message', ({ data }) => runtime.handle(data));
removeAmbientGlobals();
post({ type: 'ready' });
