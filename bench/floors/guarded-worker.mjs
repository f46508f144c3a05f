/**
 * The worker that answers, with what a vat of ours must have of the libraries that it is made of: a realm that is locked down,
 * values that are hardened, an exo whose guards look at what it takes and gives. Texts come and go, since they are kept.
 */
import { parentPort } from 'node:worker_threads';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import 'ses';
import '@endo/eventual-send/shim.js';

lockdown({ errorTaming: 'unsafe', overrideTaming: 'severe' });
const { makeExo } = await import('@endo/exo');
const { M } = await import('@endo/patterns');

const counter = makeExo('counter', M.interface('counter', {}, { defaultGuards: 'passable' }), {
  answer: () => 42,
  echo: (value) => value,
});
const turn = () => new Promise((resolve) => setImmediate(resolve));
Comlink.expose(
  {
    async call(text) {
      const [method, args] = harden(JSON.parse(text));
      const result = counter[method](...args);
      // What the vat's code has left to do is done by then.
      await turn();
      return JSON.stringify(result);
    },
  },
  nodeEndpoint(parentPort),
);
