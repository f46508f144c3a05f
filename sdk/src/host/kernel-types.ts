/** What methods of `Kernel` take and give. */
import type { CapData } from '../protocol/capdata.js';
import type {
  AllowedGlobalName,
  ClusterConfig,
  SystemSubclusterConfig,
  VatConfig,
} from '../protocol/config.js';
import type { KRef, SubclusterId, VatId } from '../protocol/refs.js';
import type { LoopCounts } from './event-loop.js';
import type { IdentityOptions } from './identity.js';
import type { IOChannelFactory } from './io-channel.js';
import type { KernelLimits } from './kernel-limits.js';
import type { Logger } from './logger.js';
import type { CommsStatus } from './peers/peer-server.js';

export type KernelOptions = IdentityOptions & {
  /** Begin with an empty store. Ids of any kind are not used again. */
  resetStorage?: boolean;
  /** Where vats' and the kernel's records go. Default: warnings and errors to the console. */
  logger?: Logger;
  /** Launched at the first start and found again at each later one; those no longer named are terminated. */
  systemSubclusters?: readonly SystemSubclusterConfig[];
  /** Of the names that a vat's `globals` may have, those that this kernel grants. Default: all. */
  allowedGlobalNames?: readonly AllowedGlobalName[];
  /** What opens the channels of a configuration's `io`. */
  ioChannelFactory?: IOChannelFactory;
  /** Bounds in place of the defaults; see LIMITS.md. */
  limits?: Partial<KernelLimits>;
};

export type Subcluster = {
  id: SubclusterId;
  config: ClusterConfig;
  /** By name: `{ alice: 'v1', bob: 'v2' }`. */
  vats: { [name: string]: VatId };
};

export type VatInfo = {
  id: VatId;
  config: VatConfig;
  subclusterId: SubclusterId;
  /** `broken`: quarantined after failures, with its state kept. `stopped`: it starts at its next delivery. */
  status: 'launching' | 'running' | 'stopped' | 'broken';
};

export type LaunchResult = {
  subclusterId: SubclusterId;
  /** The root object of the bootstrap vat. */
  rootKref: KRef;
  /** What `bootstrap` returned, to be read with `kunser`; undefined where the root has no such method. */
  bootstrapResult: CapData<KRef> | undefined;
};

export type KernelStatus = {
  vats: VatInfo[];
  subclusters: Subcluster[];
  remoteComms: CommsStatus;
};

/** What a kernel has done since it began, and has to do now. */
export type KernelActivity = LoopCounts & {
  /** Milliseconds since 1970, on the kernel's clock: between two of them the counts give a rate. */
  at: number;
  vats: number;
  runningVats: number;
  /** Messages and settlements that wait: of each vat, client or open promise that has some. */
  queues: { [target: string]: number };
  limits: KernelLimits;
};

export type KernelService = { name: string; kref: KRef; service: object; systemOnly: boolean };
