/** A vat's worker on Node. */
import { isLockedDown } from './lockdown.js';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort } from 'node:worker_threads';
import type { FromVat, ToVat } from '../protocol/vat-wire.js';
import { hideRuntimeFrames } from './stacks.js';
import { makeVatRuntime } from './vat-runtime.js';

if (!isLockedDown || parentPort === null) throw Error('worker-node.js is the entry of a worker');
const port = parentPort;
const post = (message: FromVat): void => port.postMessage(message);

// Set here, because a context that is made afterwards has it; the context is made at the first reap only.
setFlagsFromString('--expose-gc');
let gc: (() => void) | undefined;

const runtime = makeVatRuntime({
  post,
  nextMacrotask: callback => setImmediate(callback),
  after: (ms, callback) => void setTimeout(callback, ms).unref(),
  gc: () => {
    gc ??= runInNewContext('gc') as () => void;
    gc();
  },
});

hideRuntimeFrames(Error as Parameters<typeof hideRuntimeFrames>[0]);
process.on('unhandledRejection', reason => runtime.uncaught(reason));
port.on('message', (message: ToVat) => runtime.handle(message));
post({ type: 'ready' });
