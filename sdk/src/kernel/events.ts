/**
 * Everything that enters the kernel's state machine and everything that leaves it, as plain data.
 *
 * A host performs the effects of a step in order. Those of {@link isOutput} leave only after the commit of the
 * change set that holds their cause: what a caller, a service or a peer has seen is never forgotten.
 */
import type { KernelErrorCode } from '../errors.js';
import type { CapData } from '../protocol/capdata.js';
import type { CaveatLimits } from '../protocol/caveat-limits.js';
import type { ClusterConfig, VatConfig } from '../protocol/config.js';
import type { EndpointId, KRef, SubclusterId, VatId, VRef } from '../protocol/refs.js';
import type { PeerOp, Standing } from '../protocol/peer-wire.js';
import type { InterfaceInfo } from '../protocol/definition.js';
import type { ClientOp } from '../protocol/session-wire.js';
import type { Delivery } from '../protocol/vat-wire.js';
import type { OcapUrlLimits } from './ocap-urls.js';
import type { IdentityRow } from './rows.js';
import type { PeerLife, RemoteFrame } from './remote-rows.js';
import type { SessionFrame } from './session-rows.js';
import type { Trace } from './traces.js';

/** Names a caller's request, so that its answer finds it. Chosen by the host; never reused while it runs. */
export type RequestId = number;

/** What was thrown, as data. */
export type ThrownData = { name: string; message: string; stack?: string };

export type KernelEvent =
  /** A vat's worker ended a crank. */
  | {
      type: 'crank-done';
      vatId: VatId;
      incarnation: number;
      deliveryId: number;
      /** A `CrankResult`, if the worker is sound: it is checked here. */
      result: unknown;
    }
  /** A vat's worker could not end a crank: its start failed, or its runtime is broken. */
  | {
      type: 'crank-failed';
      vatId: VatId;
      incarnation: number;
      deliveryId: number;
      /** {@link ThrownData}, if the worker is sound. */
      error: unknown;
    }
  /** A vat's worker is gone: it crashed, was killed at a limit, or never came up. */
  | { type: 'vat-lost'; vatId: VatId; incarnation: number; why: string }
  /** Something happened in a vat between cranks. */
  | { type: 'want-turn'; vatId: VatId; incarnation: number }
  /** A host session sends a message and wants its result. */
  | {
      type: 'send';
      requestId: RequestId;
      session: EndpointId;
      target: KRef;
      methargs: CapData<KRef>;
    }
  /** The host realm answers a call. Slots are krefs, or `o+N` and `p+N` for what the realm exports. */
  | {
      type: 'host-answer';
      callId: number;
      rejected: boolean;
      value: CapData<KRef | VRef>;
    }
  /** A promise that the host realm exported has settled. Slots as in `host-answer`. */
  | { type: 'host-resolve'; vpid: VRef; rejected: boolean; value: CapData<KRef | VRef> }
  /** The host realm waits for a promise that it was handed; answered when that settles. */
  | { type: 'host-await'; requestId: RequestId; promise: KRef }
  | LaunchEvent
  /** So many vats of a launch will not come to be. Answered with the ids that they would have had, which none gets now. */
  | { type: 'spend-vat-ids'; requestId: RequestId; count: number }
  | SessionEvent
  | PeerEvent
  /** What tells this store from others, where it has nothing of that kind yet. */
  | { type: 'identify-store'; id: string; secret: string }
  /** Who this kernel is to others, from now on. */
  | { type: 'identify-kernel'; identity: IdentityRow }
  /** Records the number of an ocap URL. Answered with nothing. */
  | {
      type: 'issue-url';
      requestId: RequestId;
      number: string;
      kref: KRef;
      limits: OcapUrlLimits;
    }
  /** Hands the session the object of a number. Answered with its kref. */
  | { type: 'redeem-url'; requestId: RequestId; session: EndpointId; number: string }
  /** Answered with whether there was such a number. */
  | { type: 'revoke-url'; requestId: RequestId; number: string }
  | SubclusterUpgradeEvent
  | { type: 'terminate-subcluster'; requestId: RequestId; subclusterId: SubclusterId }
  | { type: 'terminate-vat'; requestId: RequestId; vatId: VatId; reason?: CapData<KRef> }
  /** Starts a vat that is not running; answered once it is idle. */
  | { type: 'start-vat'; requestId: RequestId; vatId: VatId }
  | { type: 'restart-vat'; requestId: RequestId; vatId: VatId }
  /** Other code and configuration for a vat, on its state. */
  | {
      type: 'upgrade-vat';
      requestId: RequestId;
      vatId: VatId;
      config: VatConfig;
      bundleHash: string;
      content: string;
    }
  /**
   * `vref` is the realm's name for the service, should the kernel not know the service yet; `kref` is an object of a vat
   * in its place.
   */
  | ({ type: 'register-service'; requestId: RequestId; name: string; systemOnly: boolean } & (
      { vref: VRef; kref?: undefined } | { kref: KRef; vref?: undefined }
    ))
  | { type: 'pin-root'; requestId: RequestId; vatId: VatId; pin: boolean }
  | { type: 'revoke'; requestId: RequestId; kref: KRef }
  /** A forwarder to the object, and its revoker, handed to the session. */
  | {
      type: 'make-caveat';
      requestId: RequestId;
      session: EndpointId;
      target: KRef;
      limits: CaveatLimits;
    }
  /** A host session, or the host realm, lets go of a kref that it was handed: of so many times, once if not said. */
  | { type: 'release'; session: EndpointId; kref: KRef; times?: number }
  /** Ask vats to collect by force and report: all running ones, or those named. */
  | { type: 'reap'; requestId: RequestId; vatIds?: VatId[] }
  /** From now on, tell of messages by `trace` effects, or do so no more. */
  | { type: 'watch'; on: boolean }
  /** Time has passed: vats that have been idle for a while collect. */
  | { type: 'idle' }
  /** Give vats nothing new from now on; what they have they may end. */
  | { type: 'drain' }
  /** Ends every incarnation in good order, before the store is closed. */
  | { type: 'stop' }
  /** A slice of clean-up work; the host sends it when a step's effects asked for it. */
  | { type: 'tick' };

/** Of client sessions; see `sessions.ts`. What the client itself says has passed `insistToHost`. */
export type SessionEvent =
  /** Makes a session; `give`: what it holds from its beginning. Answered with its id. */
  | {
      type: 'session-open';
      requestId: RequestId;
      secretHash: string;
      privileged: boolean;
      parent?: EndpointId;
      give?: KRef[];
    }
  /**
   * A client takes a session up, having its frames up to `received`. Answered with an {@link Attachment}.
   */
  | {
      type: 'session-attach';
      requestId: RequestId;
      session: EndpointId;
      secretHash: string;
      received: number;
    }
  | { type: 'session-frame'; session: EndpointId; seq: number; ack: number; ops: ClientOp[] }
  | { type: 'session-ack'; session: EndpointId; ack: number }
  /** The client is gone and may come back. */
  | { type: 'session-detach'; session: EndpointId }
  | { type: 'session-end'; session: EndpointId; error?: ErrorData };

/** Of remote peers; see `remotes.ts`. What a peer itself says has passed `insistPeerMessage`. */
export type PeerEvent =
  /**
   * This kernel begins to talk to others. Answered with its epoch, at least `atLeast`; what waits for a peer that is away
   * is given up after `peerTimeoutMs`.
   */
  | {
      type: 'comms-start';
      requestId: RequestId;
      now: number;
      atLeast?: number;
      peerTimeoutMs: number;
      queueMax: number;
      messageBytesMax: number;
    }
  /** A link to the peer is made. Answered with a {@link Standing} to greet it with, and where it was said to be. */
  | { type: 'peer-begin'; requestId: RequestId; peerId: string; hints?: readonly string[] }
  /** The peer greets on a link, or back. Answered with a {@link Greeting}; failed with IDENTITY_IN_USE, QUEUE_FULL. */
  | {
      type: 'peer-hello';
      requestId: RequestId;
      peerId: string;
      /** Chosen by the host; never reused while it runs. */
      link: number;
      isDialler: boolean;
      life: PeerLife;
      hints: readonly string[];
      standing: Standing;
    }
  | { type: 'peer-frame'; remote: EndpointId; seq: number; ack: number; ops: PeerOp[] }
  | { type: 'peer-ack'; remote: EndpointId; ack: number }
  /** What these watches of the peer's were on has changed. */
  | { type: 'peer-changed'; remote: EndpointId; watches: number[] }
  /** The link is gone. */
  | { type: 'peer-detach'; remote: EndpointId; link: number }
  /** Asks a peer for the object of an ocap URL, and hands it to the session. Answered as `send` is. */
  | {
      type: 'peer-redeem';
      requestId: RequestId;
      session: EndpointId;
      peerId: string;
      hints: readonly string[];
      number: string;
    }
  /** Forgets peers that hold nothing, nor are held anything for, and were not heard of since. */
  | { type: 'forget-peers'; beforeMinute: number };

/** What a client finds that takes up a session. */
export type Attachment = {
  received: number;
  closedBelow: number;
  /** Those that it does not have. */
  frames: SessionFrame[];
  admin?: VRef;
};

export type LaunchEvent = {
  type: 'launch';
  requestId: RequestId;
  session: EndpointId;
  config: ClusterConfig;
  /** By vat name, the SHA-256 of its bundle. */
  bundles: { [vatName: string]: string };
  /** By hash, the content of each of those bundles. */
  contents: { [hash: string]: string };
  /** A system subcluster may use services that are `systemOnly`. */
  system?: boolean;
  /** No other subcluster has this name. */
  name?: string;
  /** Of a launch by name: the hash of what is launched. */
  definition?: string;
  /** The interface of the bootstrap vat's root, as its callers know it, and those that it leads to. */
  interfaces?: readonly InterfaceInfo[];
  /** The subcluster is one that was terminated to be launched again, and keeps its id. */
  subclusterId?: SubclusterId;
  /** By name, the host realm's names for the IO channels that `config.io` declares. */
  io?: { [channel: string]: VRef };
  /** `false`: start the vats and leave out the message `bootstrap`. */
  bootstrap?: boolean;
};

/** Another definition for a subcluster that was launched by name, on the state of its vats: all of it or nothing. */
export type SubclusterUpgradeEvent = {
  type: 'upgrade-subcluster';
  requestId: RequestId;
  subclusterId: SubclusterId;
  config: ClusterConfig;
  /** As in a launch. */
  bundles: { [vatName: string]: string };
  contents: { [hash: string]: string };
  /** Names of vats that are there and get other code or another configuration. */
  changed: readonly string[];
  definition: string;
  interfaces?: readonly InterfaceInfo[];
  /** Of the definitions that it had before, so many are remembered. */
  pastMax: number;
  /** Channels that are opened for it: new ones, and in place of ones that it has. */
  io?: { [channel: string]: VRef };
};

export type Outcome =
  | { type: 'fulfilled'; value: CapData<KRef> }
  | { type: 'rejected'; value: CapData<KRef>; stack?: VatStack }
  /** A control operation's own result: plain JSON. */
  | { type: 'done'; result: unknown }
  | { type: 'failed'; error: ErrorData };

/** A stack as a vat's own realm saw it, with the vat whose bundle its lines are of. */
export type VatStack = { vatId: VatId; text: string };

export type ErrorData = {
  code: KernelErrorCode;
  message: string;
  cause?: ThrownData & { vatId?: VatId };
  data?: unknown;
};

export type KernelEffect =
  | {
      type: 'start-vat';
      vatId: VatId;
      incarnation: number;
      bundleHash: string;
      config: VatConfig;
    }
  | {
      type: 'deliver';
      vatId: VatId;
      incarnation: number;
      deliveryId: number;
      delivery: Delivery;
      /** Its attempt count must be in the store before a delivery that once was lost is tried again. */
      afterCommit?: true;
    }
  | { type: 'stop-vat'; vatId: VatId; incarnation: number }
  /** Call a method of the host realm's object `target`. */
  | {
      type: 'host-call';
      callId: number;
      target: VRef;
      methargs: CapData<KRef>;
      /** The session whose admin object is called; `target` is that object's name in the session. */
      caller?: EndpointId;
    }
  /** The host realm's objects that nobody can reach any more. */
  | { type: 'host-retire'; vrefs: VRef[] }
  | { type: 'answer'; requestId: RequestId; outcome: Outcome }
  | { type: 'to-session'; session: EndpointId; frame: SessionFrame }
  /** The session's client may forget its frames up to this one. */
  | { type: 'session-received'; session: EndpointId; received: number }
  | { type: 'session-over'; session: EndpointId; error?: ErrorData }
  | { type: 'to-peer'; remote: EndpointId; peerId: string; frame: RemoteFrame }
  /** The peer may forget its frames up to this one. */
  | { type: 'peer-received'; remote: EndpointId; peerId: string; received: number }
  /** What these watches were on, of which answers to the peer told, has changed. */
  | { type: 'peer-watches'; remote: EndpointId; peerId: string; watches: number[] }
  /** The peer broke the protocol: its link is to be closed. */
  | { type: 'peer-over'; peerId: string; error: ErrorData }
  /** Something waits for this peer, which has no link. */
  | { type: 'peer-wanted'; peerId: string }
  /** Something happened in a vat, or behind a watch of a peer's (`r1.7`), that a read of some session has touched. */
  | { type: 'vat-version'; vatId: VatId; version: number }
  | { type: 'log'; level: 'info' | 'warn' | 'error'; message: string; vatId?: VatId }
  /** While somebody watches: what has become of a message. To be shown to nobody before its commit. */
  | { type: 'trace'; trace: Trace }
  /** There is more clean-up to do: send a `tick` when there is time. */
  | { type: 'tick-wanted' };

/** Does this effect show something of the change set to somebody outside? Then it waits for the commit. */
export const isOutput = (effect: KernelEffect): boolean =>
  effect.type === 'answer' ||
  effect.type === 'host-call' ||
  effect.type === 'to-session' ||
  effect.type === 'session-received' ||
  effect.type === 'session-over' ||
  effect.type === 'vat-version' ||
  effect.type === 'to-peer' ||
  effect.type === 'peer-watches' ||
  effect.type === 'peer-received' ||
  effect.type === 'peer-over' ||
  (effect.type === 'deliver' && effect.afterCommit === true);
