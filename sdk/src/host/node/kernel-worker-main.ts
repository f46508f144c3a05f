/** The program of a kernel's worker thread: one kernel, a client on the worker's own messages, more on request. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { KernelError, isKernelError } from '../../errors.js';
import { sessionProtocol, type RefusedMessage } from '../../protocol/session-wire.js';
import { messageOf } from '../bundles.js';
import type { Kernel } from '../kernel.js';
import type { KernelWorkerData, ToKernelWorker } from './kernel-worker.js';
import { makeKernel } from './make-kernel.js';

const { options, control } = workerData as KernelWorkerData;
const clients = new Set<MessagePort>();

/** Whatever a client says hears why there is no kernel. */
const refuseAll = (thrown: unknown): void => {
  const error = isKernelError(thrown)
    ? thrown
    : new KernelError('INTERNAL_ERROR', `the kernel did not start: ${messageOf(thrown)}`);
  const { code, message, data } = error;
  const refused: RefusedMessage = {
    type: 'refused',
    error: { code, message, ...(data !== undefined && { data }) },
    protocol: { ...sessionProtocol },
  };
  for (const port of clients) port.on('message', () => port.postMessage(refused));
};

const serve = (kernel: Kernel, port: MessagePort): void =>
  kernel.serveClient(port, {
    onEnd(wasBye) {
      clients.delete(port);
      // One that only lost its port may come back.
      if (wasBye && clients.size === 0) void end(kernel);
    },
  });

const end = async (kernel: Kernel): Promise<void> => {
  await kernel.stop();
  process.exit(0);
};

if (parentPort !== null) clients.add(parentPort);
const starting = makeKernel(options).then(
  (kernel) => {
    for (const port of clients) serve(kernel, port);
    return kernel;
  },
  (thrown: unknown) => {
    refuseAll(thrown);
    return undefined;
  },
);

control.on('message', (message: ToKernelWorker) => {
  void starting.then((kernel) => {
    if (message.type === 'stop') return kernel === undefined ? process.exit(0) : end(kernel);
    clients.add(message.port);
    if (kernel !== undefined) serve(kernel, message.port);
    return undefined;
  });
});
