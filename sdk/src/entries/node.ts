/**
 * The kernel on Node.
 *
 * @module @vatkit/sdk/node
 */
export { makeKernel } from '../host/node/make-kernel.js';
export type { MakeKernelOptions } from '../host/node/make-kernel.js';
export { KernelWorker, startKernelWorker } from '../host/node/kernel-worker.js';
export type { KernelWorkerOptions } from '../host/node/kernel-worker.js';
export { makeIOChannelFactory, makeSocketIOChannel } from '../host/node/io-channels.js';
export { NodejsPlatformServices } from '../host/node/platform-services.js';
export type { NodejsPlatformServicesOptions } from '../host/node/platform-services.js';
export { makeSQLKernelDatabase } from '../store/sqlite-node.js';
export { startRelay } from '../host/node/relay.js';
export type { Relay, StartRelayOptions } from '../host/node/relay.js';
export type { RelayInfo, RelayLimits } from '../comms/libp2p/relay.js';
