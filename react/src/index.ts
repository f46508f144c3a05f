/**
 * A kernel in a React app. Calls of vats are queries that keep themselves up to date.
 *
 * @module @vatkit/react
 */
export { KernelProvider, useKernel } from './provider.js';
export type { KernelProviderProps } from './provider.js';
export { useKernelStatus } from './status.js';
export { useRemotePeer, useSubcluster, useSuspenseSubcluster } from './subclusters.js';
export type { RemotePeer } from './subclusters.js';
export { useSuspenseVatCall, useVatCall, useVatLive, useVatMutation } from './calls.js';
export type { SuspenseVatCallOptions, VatMutationResult } from './calls.js';
