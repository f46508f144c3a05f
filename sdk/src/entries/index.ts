/**
 * The page's client: a kernel in a worker, and refs to what runs in it. No Endo, no SES, nothing global.
 *
 * @module @vatkit/sdk
 */
import type { Kernel } from '../host/kernel.js';
import {
  createKernel as makeClient,
  type AdminOf,
  type KernelClient as Client,
  type KernelClientOptions,
} from '../client/kernel.js';

/** The methods of `Kernel`, from afar. */
export type KernelAdmin = AdminOf<Kernel>;
export type KernelClient = Client<KernelAdmin>;
/**
 * A client of the kernel that runs in a worker. It starts nothing until it is used.
 *
 *     const kernel = createKernel({ worker: () => new Worker(url, { type: 'module' }), name: 'todo' });
 *     const { root } = await kernel.launch(todo);
 */
export const createKernel: (options: KernelClientOptions) => KernelClient = makeClient;

export { acceptPort } from '../client/kernel.js';
export type { PeerState, PeerStatus } from '../protocol/peer-status.js';
export type {
  AcceptedPort,
  ClientStatus,
  KernelClientOptions,
  LaunchOptions,
  Launched,
  WorkerLike,
} from '../client/kernel.js';
export type { Phase } from '../client/connection.js';
export { call, dup, isRef, onBroken, release, withOptions } from '../client/ref.js';
export { expose } from '../client/expose.js';
export { iterate } from '../client/iterate.js';
export { persistStorage } from '../client/tabs/persist.js';
export type { CallOptions, Passed, Received, RefOf, Remote, Untyped } from '../client/types.js';
export type { Exposed, Ref, RemotePromise } from '../protocol/remote.js';
export { KernelError, isKernelError } from '../errors.js';
export type { KernelErrorCode, KernelErrorOptions } from '../errors.js';
export type {
  InterfaceDefinition,
  InterfaceInfo,
  MethodDescriptor,
  MethodKind,
  SubclusterDefinition,
} from '../protocol/definition.js';
export type { LaunchStep, VatVersions } from '../protocol/session-wire.js';
