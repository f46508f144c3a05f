/**
 * The program of the browser's kernel worker. Importing it is enough:
 *
 *     // kernel.worker.ts
 *     import '@vatkit/sdk/worker';
 *
 * Options are given with `serveKernel(options)`. It is built into one file that needs no other.
 *
 * @module @vatkit/sdk/worker
 */
import packedWasm from 'vatkit:sqlite-wasm';
import { makeKernelServer, type KernelServer } from '../host/browser/serve-kernel.js';
import { unpack } from '../host/browser/packed.js';

/**
 * Serves this worker's kernel with options. Called once, while the worker's file is evaluated; without a call the defaults hold.
 */
export const serveKernel: KernelServer['serveKernel'] = makeKernelServer(globalThis, {
  wasmBinary: () => unpack(packedWasm),
}).serveKernel;

export type { ServeKernelOptions } from '../host/browser/serve-kernel.js';
