/** As `comlink-relay-worker.mjs`; and no answer is told before it is in the store, one row for as long as nobody has it. */
import { Worker, parentPort, workerData } from 'node:worker_threads';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { openStore } from './sqlite.mjs';

const worker = new Worker(new URL('guarded-worker.mjs', import.meta.url));
const remote = Comlink.wrap(nodeEndpoint(worker));
const store = openStore('normal', workerData.file);
let answers = [];
let told = [];
let seq = 0;

const commit = () => {
  const rows = answers.map(({ key, text }) => [key, text]);
  for (const key of told) rows.push([key, null]);
  store.commit(rows);
  told = answers.map(({ key }) => key);
  for (const { resolve, text } of answers) resolve(text);
  answers = [];
};

Comlink.expose(
  {
    async call(message) {
      const text = await remote.call(message);
      return new Promise((resolve) => {
        // All that come at once share a commit.
        if (answers.length === 0) setImmediate(commit);
        answers.push({ key: `a.${(seq += 1)}`, text, resolve });
      });
    },
  },
  nodeEndpoint(parentPort),
);
