/**
 * A kernel in a worker thread of its own, so that an app never runs one on its main thread:
 *
 *     const kernel = createKernel({ worker: () => startKernelWorker({ dbFilename: 'app.db' }) });
 *
 * The worker's messages are those of its first client. It ends by itself when that client says that it is done and no
 * other is left.
 */
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import type { MakeKernelOptions } from './make-kernel.js';

/** What of {@link MakeKernelOptions} can be sent to a worker. */
export type KernelWorkerOptions = Pick<
  MakeKernelOptions,
  | 'dbFilename'
  | 'durability'
  | 'workerFilePath'
  | 'resetStorage'
  | 'systemSubclusters'
  | 'allowedGlobalNames'
  | 'limits'
>;

export type ToKernelWorker = { type: 'client'; port: MessagePort } | { type: 'stop' };
export type KernelWorkerData = { options: KernelWorkerOptions; control: MessagePort };

const program = new URL('./kernel-worker-main.js', import.meta.url);

/** A worker thread that runs a kernel; its messages are a client session's. */
export class KernelWorker extends Worker {
  readonly #control: MessagePort;

  constructor(options: KernelWorkerOptions = {}) {
    const { port1, port2 } = new MessageChannel();
    const workerData: KernelWorkerData = { options, control: port2 };
    super(program, {
      name: 'vatkit-kernel',
      argv: [],
      execArgv: [],
      workerData,
      transferList: [port2],
    });
    this.#control = port1;
    port1.unref();
  }

  /** A port for a further client, with the kernel's whole authority. */
  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    const message: ToKernelWorker = { type: 'client', port: port2 };
    this.#control.postMessage(message, [port2]);
    return port1;
  }

  /** Waits for deliveries in flight, closes the store and ends the worker. `terminate()` does not wait. */
  async stop(): Promise<void> {
    const isGone = new Promise<void>((resolve) => {
      this.once('exit', () => resolve());
    });
    // Of a worker that has ended: there is nobody to tell.
    if (this.threadId === -1) return;
    const message: ToKernelWorker = { type: 'stop' };
    this.#control.postMessage(message);
    await isGone;
  }
}

/** Starts a kernel in a worker thread. What keeps it from starting, its clients hear: a store that is in use, … */
export const startKernelWorker = (options: KernelWorkerOptions = {}): KernelWorker =>
  new KernelWorker(options);
