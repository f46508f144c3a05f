// A worker that is locked down as a vat's is: evaluates a bundle in a compartment of its own, calls
// methods of its root, and answers. Real Endo modules stand for the runtime.
import 'ses';
import '@endo/eventual-send/shim.js';
import { parentPort } from 'node:worker_threads';

lockdown({ errorTaming: 'unsafe-debug', overrideTaming: 'severe', consoleTaming: 'unsafe' });

const named = [
  '@endo/eventual-send',
  '@endo/exo',
  '@endo/far',
  '@endo/marshal',
  '@endo/pass-style',
  '@endo/patterns',
  '@endo/promise-kit',
];
const modules = await Promise.all(
  named.map(async (name) => [name, harden({ ...(await import(name)) })]),
);
const { makeExo } = await import('@endo/exo');
const { M } = await import('@endo/patterns');
const makeDefaultExo = (name, methods) =>
  makeExo(name, M.interface(name, {}, { defaultGuards: 'passable' }), methods);
const $vatkit = harden({
  ...Object.fromEntries(modules),
  '@vatkit/sdk/vat': { makeDefaultExo },
  '@metamask/kernel-utils/exo': { makeDefaultExo },
  '@metamask/kernel-utils/discoverable': { makeDiscoverableExo: makeDefaultExo },
  '@agoric/store': { M },
});

const evaluators = {
  vatkit: (compartment, code) =>
    compartment.evaluate(`(function(){ ${code}; return __vatExports__; })()`),
  iife: (compartment, code) =>
    compartment.evaluate(`(function(){ ${code}; return __vatExports__; })()`),
  endoScript: (compartment, code) => compartment.evaluate(code),
  getExport: (compartment, code) => compartment.evaluate(`(${code})`)(),
  nestedEvaluate: (compartment, code) => compartment.evaluate(`(${code})`)('/vat/'),
};

parentPort.on('message', async ({ bundle, calls }) => {
  try {
    const { moduleFormat, code, source } = bundle;
    const globals = { console, assert, harden, HandledPromise };
    if (moduleFormat === 'vatkit') globals.$vatkit = $vatkit;
    const compartment = new Compartment({ globals, __options__: true });
    const vat = await evaluators[moduleFormat](compartment, code ?? source);
    const root = await vat.buildRootObject({}, { name: 'Alice' }, new Map());
    const results = [];
    for (const [method, ...args] of calls) results.push(await root[method](...args));
    parentPort.postMessage({ names: Object.keys(vat).sort(), results });
  } catch (error) {
    parentPort.postMessage({ failure: `${error?.name}: ${error?.message}`, stack: error?.stack });
  }
});
