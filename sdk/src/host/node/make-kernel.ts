/** A kernel on Node with everything that it needs, in one call. */
import type { MessagePort } from 'node:worker_threads';
import type { Durability } from '../../store/kv-store.js';
import { makeSQLKernelDatabase } from '../../store/sqlite-node.js';
import { serveControlRpc } from '../control-rpc.js';
import type { KernelOptions } from '../kernel-types.js';
import { Kernel } from '../kernel.js';
import { makeIOChannelFactory } from './io-channels.js';
import { NodejsPlatformServices } from './platform-services.js';

export type MakeKernelOptions = KernelOptions & {
  /** The store's file, made where there is none; `:memory:` (the default) keeps it in memory. */
  dbFilename?: string;
  /** `normal`: what is acknowledged survives the process. `full`: a power failure, too. Default `normal`. */
  durability?: Durability;
  /** The vat worker's program, in place of the one that vatkit ships. */
  workerFilePath?: string;
  /**
   * Serves a client session, for `createKernel({ worker: () => otherPort })`; or control requests, where the first message
   * is one (JSON-RPC 2.0). Who holds its other end has the kernel's whole authority.
   */
  port?: MessagePort;
};

/**
 * Opens the store and starts a kernel on it.
 *
 *     const kernel = await makeKernel({ dbFilename: 'store.db' });
 *     const { rootKref } = await kernel.launchSubcluster(config);
 *
 * @throws KernelError STORE_FAILED where the store cannot be used: held by another kernel, newer than this code, no
 * SQLite file; or where better-sqlite3 is missing.
 */
export async function makeKernel({
  dbFilename,
  durability,
  workerFilePath,
  port,
  ...options
}: MakeKernelOptions = {}): Promise<Kernel> {
  const database = await makeSQLKernelDatabase({
    ...(dbFilename !== undefined && { dbFilename }),
    ...(durability !== undefined && { durability }),
  });
  try {
    const kernel = await Kernel.make(new NodejsPlatformServices({ workerFilePath }), database, {
      ioChannelFactory: makeIOChannelFactory(),
      ...options,
    });
    if (port !== undefined) {
      servePort(kernel, port);
      // Waiting for requests alone is no reason to keep the process.
      port.unref();
    }
    return kernel;
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

/** Serves what the first message asks for. */
function servePort(kernel: Kernel, port: MessagePort): void {
  let listener: ((message: unknown) => void) | undefined;
  const send = (message: unknown): void => port.postMessage(message);
  const listen = (added: (message: unknown) => void): void => void (listener = added);
  port.on('message', (message: unknown) => {
    const isControl = typeof message === 'object' && message !== null && 'jsonrpc' in message;
    if (listener === undefined && isControl) serveControlRpc(kernel, { send, listen });
    else if (listener === undefined) {
      kernel.serveClient({
        postMessage: send,
        on: (type: string, added: (value: unknown) => void) =>
          type === 'message' ? listen(added) : port.on(type, added),
        close: () => port.close(),
      });
    }
    listener?.(message);
  });
}
