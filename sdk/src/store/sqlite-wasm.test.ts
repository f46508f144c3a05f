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

it('a statement that gives no row for ever is ended', async () => {
  const store = await makeSQLKernelDatabase({ queryBounds: { ms: 20, rowsMax: 100 } });
  const endless = 'WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n)';
  expect(() => store.executeQuery(`${endless} SELECT i FROM n WHERE i < 0`)).toThrow(
    expect.objectContaining({
      code: 'STORE_FAILED',
      message: expect.stringContaining('the statement took longer than 20 ms'),
    }),
  );
  store.commit([['a', '1']]);
  expect(store.executeQuery('SELECT value FROM kv')).toStrictEqual([{ value: '1' }]);
  expect(() => store.executeQuery(`${endless} SELECT i FROM n`)).toThrow('more than 100 rows');
  store.close();
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
