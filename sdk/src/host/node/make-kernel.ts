/** A kernel on Node with everything that it needs, in one call. */
import type { MessagePort } from 'node:worker_threads';
import type { Durability } from '../../store/kv-store.js';
import { makeSQLKernelDatabase } from '../../store/sqlite-node.js';
import { serveControlRpc } from '../control-rpc.js';
import { Kernel, type KernelOptions } from '../kernel.js';
import { makeIOChannelFactory } from './io-channels.js';
import { NodejsPlatformServices } from './platform-services.js';

export type MakeKernelOptions = KernelOptions & {
  /** The store's file, made where there is none; `:memory:` (the default) keeps it in memory. */
  dbFilename?: string;
  /** `normal`: what is acknowledged survives the process. `full`: a power failure, too. Default `normal`. */
  durability?: Durability;
  /** The vat worker's program, in place of the one that vatkit ships. */
  workerFilePath?: string;
  /** A port on which the kernel answers control requests (JSON-RPC 2.0); who holds its other end has its whole authority. */
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
      serveControlRpc(kernel, {
        send: (message) => port.postMessage(message),
        listen: (listener) => port.on('message', listener),
      });
      // Waiting for requests alone is no reason to keep the process.
      port.unref();
    }
    return kernel;
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}
