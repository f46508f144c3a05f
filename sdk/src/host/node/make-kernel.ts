/** A kernel on Node with everything that it needs, in one call. */
import type { Durability } from '../../store/kv-store.js';
import { makeSQLKernelDatabase } from '../../store/sqlite-node.js';
import { Kernel, type KernelOptions } from '../kernel.js';
import { NodejsPlatformServices } from './platform-services.js';

export type MakeKernelOptions = KernelOptions & {
  /** The store's file, made where there is none; `:memory:` (the default) keeps it in memory. */
  dbFilename?: string;
  /** `normal`: what is acknowledged survives the process. `full`: a power failure, too. Default `normal`. */
  durability?: Durability;
  /** The vat worker's program, in place of the one that vatkit ships. */
  workerFilePath?: string;
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
  ...options
}: MakeKernelOptions = {}): Promise<Kernel> {
  const database = await makeSQLKernelDatabase({
    ...(dbFilename !== undefined && { dbFilename }),
    ...(durability !== undefined && { durability }),
  });
  try {
    return await Kernel.make(new NodejsPlatformServices({ workerFilePath }), database, options);
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}
