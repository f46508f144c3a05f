/** What tests of SQLite stores share, on every driver. */
import type { SqliteDatabase } from './sqlite-store.js';

/** SQLite itself refuses to grow the file: SQLITE_FULL, as on a full disk, until the function that it gives is called. */
export function fillUp(database: SqliteDatabase): () => void {
  const [pages] = Object.values(database.prepare('PRAGMA page_count').get() as object) as [number];
  database.exec(`PRAGMA max_page_count = ${pages + 10}`);
  return () => void database.exec('PRAGMA max_page_count = 1000000');
}
