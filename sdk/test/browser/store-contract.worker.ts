/** The contract of stores, on the origin-private file system. */
import { describeKVStore } from '../../src/store/kv-store.contract.js';
import { fillUp } from '../../src/store/sqlite-store.contract.js';
import type { SqliteDatabase } from '../../src/store/sqlite-store.js';
import { makeSQLKernelDatabase } from '../../src/store/sqlite-wasm.js';
import { serveSuite } from './suite-in-worker.js';

let stores = 0;

serveSuite((kit) =>
  describeKVStore(
    'SQLite on OPFS',
    async () => {
      const dbFilename = `contract-${(stores += 1)}`;
      let connection: SqliteDatabase | undefined;
      const open = () =>
        makeSQLKernelDatabase({ dbFilename, onOpen: (opened) => (connection = opened) });
      const store = await open();
      if (store.storage !== 'file') throw new Error(`its storage is ${store.storage}`);
      return { store, reopen: open, breakCommits: () => fillUp(connection as SqliteDatabase) };
    },
    kit,
  ),
);
