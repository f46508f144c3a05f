/** SQLite's WebAssembly build in memory, as Node runs it too; on files in sdk/test/browser/store.test.ts. */
import { describe, expect, it } from 'vitest';
import { describeKVStore } from './kv-store.contract.js';
import { fillUp } from './sqlite-store.contract.js';
import type { SqliteDatabase } from './sqlite-store.js';
import { makeSQLKernelDatabase } from './sqlite-wasm.js';

describeKVStore('SQLite in WebAssembly, in memory', async () => {
  let connection: SqliteDatabase | undefined;
  const store = await makeSQLKernelDatabase({ onOpen: (opened) => (connection = opened) });
  return { store, breakCommits: () => fillUp(connection as SqliteDatabase) };
});

describe('names of stores', () => {
  it.each(['', ' ', '.', '..', 'a/b', 'a\\b', 'a\0'])('%j is refused', async (dbFilename) => {
    await expect(makeSQLKernelDatabase({ dbFilename })).rejects.toThrow(TypeError);
  });

  it('without private files it is in memory, and says so', async () => {
    const store = await makeSQLKernelDatabase({ dbFilename: 'store.db' });
    expect([store.storage, store.filename]).toStrictEqual(['memory', ':memory:']);
    store.close();
  });
});
