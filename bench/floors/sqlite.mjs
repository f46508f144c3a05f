/** What durability costs: the rows that the kernel commits, written by better-sqlite3 alone. */
import Database from 'better-sqlite3';
import { newFile } from '../scratch.mjs';

/** @param durability - 'normal' or 'full' */
export function openStore(durability, file = newFile()) {
  const database = new Database(file);
  database.pragma('locking_mode = EXCLUSIVE');
  database.pragma('journal_mode = WAL');
  database.pragma(`synchronous = ${durability}`);
  database.exec(
    'CREATE TABLE IF NOT EXISTS kv (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)',
  );
  const put = database.prepare('INSERT OR REPLACE INTO kv (key, value) VALUES (?, ?)');
  const remove = database.prepare('DELETE FROM kv WHERE key = ?');
  const commit = database.transaction((rows) => {
    for (const [key, value] of rows) {
      if (value === null) remove.run(key);
      else put.run(key, value);
    }
  });
  return { commit, close: () => database.close() };
}

/** Writes recorded commits again and again. @param callsPerReplay - for how many calls they were made. */
export const replayCommits = (key, durability, commits, callsPerReplay) => async () => {
  const store = openStore(durability);
  const recorded = await commits();
  return {
    async sample(meter, effort) {
      const replays = effort === 'quick' ? 1 : 3;
      meter.start();
      for (let i = 0; i < replays; i += 1) recorded.forEach(store.commit);
      meter.mark(key, replays * callsPerReplay);
    },
    close: store.close,
  };
};
