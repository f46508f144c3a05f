/** A vat's worker on Node. */
import { isLockedDown } from './lockdown.js';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort } from 'node:worker_threads';
import type { FromVat, ToVat } from '../protocol/vat-wire.js';
import { removeAmbientGlobals } from './ambient-globals.js';
import { hideRuntimeFrames } from './stacks.js';
import { makeVatRuntime } from './vat-runtime.js';

if (!isLockedDown || parentPort === null) throw Error('worker-node.js is the entry of a worker');
const port = parentPort;
const post = (message: FromVat): void => port.postMessage(message);

// Set now, because only a context that is made later has `gc`. The context is made at the first reap.
setFlagsFromString('--expose-gc');
let gc: (() => void) | undefined;

const { setTimeout, clearTimeout, setImmediate, performance } = globalThis;
const { URL, URLSearchParams, atob, btoa } = globalThis;
const { getBuiltinModule } = process;

const runtime = makeVatRuntime({
  post,
  nextMacrotask: (callback) => setImmediate(callback),
  now: () => performance.now(),
  after: (ms, callback) => void setTimeout(callback, ms).unref(),
  gc: () => {
    gc ??= runInNewContext('gc') as () => void;
    gc();
  },
  platform: {
    timers: { setTimeout, clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout) },
    URL,
    URLSearchParams,
    crypto: () => getBuiltinModule('node:crypto').webcrypto as Crypto,
    atob,
    btoa,
    fs: () => {
      const { existsSync, lstatSync, promises } = getBuiltinModule('node:fs');
      const { readFile, access } = promises;
      return {
        existsSync,
        lstatSync,
        readFile,
        access,
        path: getBuiltinModule('node:path'),
      };
    },
  },
});

hideRuntimeFrames(Error as Parameters<typeof hideRuntimeFrames>[0]);
process.on('unhandledRejection', (reason, promise) => runtime.uncaught(reason, promise));
// Without a listener Node would warn, on the host's stderr, of each rejection that a vat looks at late.
process.on('rejectionHandled', (promise) => runtime.caught(promise));
port.on('message', (message: ToVat) => runtime.handle(message));
removeAmbientGlobals();
post({ type: 'ready' });
