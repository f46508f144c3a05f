/**
 * The kernel, its values, its configuration and its errors.
 *
 * @module @vatkit/sdk/kernel
 */
export { Kernel } from '../host/kernel.js';
export type {
  KernelActivity,
  KernelOptions,
  KernelService,
  KernelStatus,
  LaunchResult,
  Subcluster,
  VatInfo,
} from '../host/kernel-types.js';
export type { KernelLimits } from '../host/kernel-limits.js';
export { generateMnemonic, isValidMnemonic, mnemonicToSeed } from '../comms/identity.js';
export type { KeySeed } from '../comms/identity.js';
export type { CommsStatus } from '../host/peers/peer-server.js';
export type { PeerState, PeerStatus } from '../protocol/peer-status.js';
export type { IdentityOptions } from '../host/identity.js';
export type { IssueOptions } from '../host/ocap-urls.js';
export type { OcapUrlLimits } from '../kernel/ocap-urls.js';
export { RemoteCommsOptionsStruct } from '../protocol/comms-options.js';
export type { RemoteCommsOptions } from '../protocol/comms-options.js';
export type { PeerId } from '../comms/transport.js';
export { answerControlRpc, rpcErrors } from '../host/control-rpc.js';
export type { RpcId, RpcResponse } from '../host/control-rpc.js';
export type { Caveat } from '../kernel/caveats.js';
export type { CaveatLimits } from '../protocol/caveat-limits.js';
export type { LoopCounts } from '../host/event-loop.js';
export type { LoggedMessage, MessagePage } from '../host/message-log.js';
export type {
  ObjectHolder,
  ObjectInfo,
  ObjectPage,
  ObjectQuery,
  QueryPage,
} from '../host/inspection.js';
export type { Logger } from '../host/logger.js';
export type { PlatformServices, VatWorker, VatWorkerEvents } from '../host/platform-services.js';
export { fetchValidatedJson, type ConfigFailure } from '../host/fetch-validated-json.js';
export {
  KernelError,
  isKernelError,
  parseKernelErrorText,
  formatKernelErrorText,
} from '../errors.js';
export type { KernelErrorCode, KernelErrorOptions } from '../errors.js';
export { limits } from '../limits.js';
export type { CapData } from '../protocol/capdata.js';
export * from '../protocol/config.js';
export { kser, kunser, kslot, krefOf } from '../protocol/kernel-values.js';
export type { StandIn } from '../protocol/kernel-values.js';
export { isKRef, isVatId, isSubclusterId } from '../protocol/refs.js';
export type { EndpointId, KRef, SubclusterId, VatId, VRef } from '../protocol/refs.js';
export * from '../protocol/runtime-abi.js';
export type { VatTableSizes } from '../protocol/vat-tables.js';
export type { Bundle, BundleFormat } from '../protocol/vat-wire.js';
export type { Durability, KernelDatabase } from '../store/kv-store.js';
