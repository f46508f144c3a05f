/**
 * Every message between a client session and the kernel's host, in both directions, as structured clones.
 *
 * The channel is anything that carries structured clones in order: a MessagePort, or a BroadcastChannel with a name
 * of its own. A channel carries one session; `channel` messages carry further ones through it.
 *
 * ## A conversation
 *
 *     client  hello                          the first message; any other makes the host answer `refused`
 *     host    welcome | refused              `refused`: nothing of the hello took effect; another hello may follow
 *     both    frame, ack, event, ping …      in any order
 *     client  bye          or  host  closed  the last message of either side; what follows it is ignored
 *
 * ## Names
 *
 * Both sides name objects and promises by the vrefs of the session's own c-list, seen from the client:
 *
 *     o-5   an object that the host gave     o+5   an object that the client exposed
 *     p-5   a promise that the host gave     p+5   a promise that the client made: the result of its call, or a value
 *
 * The client numbers its own from 1, objects and promises together (`o+1`, `p+2`, `o+3`); the host's names have numbers
 * of any order. No number is used twice in the life of a session, resumptions included. A side may use a new name of
 * its own anywhere in a value: the use makes it known.
 *
 * - **Promises.** Every promise has one decider. Of `p-5`, made known in a value: somebody else; the host sends its
 *   `settle` unasked. Of `p-5` as the `result` of a call to the client: the client, which sends `settle`. Of `p+5` as
 *   the `result` of the client's call: somebody else; the host sends `settle` unasked. Of `p+5` made known in a value:
 *   the client. Who sends a `settle` for a promise that it no longer decides is ignored, not refused.
 *   What the client has settled it names no more; frames under way may, so it understands the name until the host's
 *   `ack` covers that frame. What the host has settled the client names no more once it has acknowledged the frame;
 *   the host, which learns that later, may name it until then: so the client understands the name until the `acked` of
 *   a host's frame covers that of the `settle`. Messages to a settled name go to what it was settled with.
 *   A client that no longer wants a result (an abort, a timeout) drops the `settle` when it comes, giving back what
 *   objects it mentions: there is nothing to tell the host before.
 * - **Objects.** Each mention of `o-5` in the slots of a value counts one (a value lists each slot once). The client
 *   gives counts back with `drop`; when all that the host has counted are given back the name is dead. If the host used
 *   it again meanwhile, the name lives on with the rest of the count: so the client keeps what `names` said of it until
 *   the frame with its `drop` is acknowledged. The same the other way: the host drops `o+5` with the number of mentions
 *   that it has seen; the client that has mentioned it more often keeps it exposed for the rest.
 *   `WelcomeMessage.admin` is not counted, is never dropped, and may only be the target of a call. Promises are not counted: their `settle` ends them.
 *
 * ## Frames
 *
 * What changes the session travels in frames, numbered from 1 in each direction without a gap. A frame is applied
 * whole, once. `ack` says: I have all frames up to this one, for good (the host: they are committed). Who sends keeps
 * a frame until it is acknowledged, and sends it again after a resumption if the other says that it lacks it; a frame
 * that comes twice is ignored; a gap is a PROTOCOL_ERROR. Who receives frames acknowledges them within 100 ms, with its
 * next frame or a bare `ack`, and at once when 100 of them wait for that: the host stops sending at 1,000. A client has at most `window.frames` frames and `window.chars` characters of bodies
 * unacknowledged, and waits with the rest; a client that exceeds them twofold is closed with PROTOCOL_ERROR.
 *
 * Everything else (events, ping) may be lost with the channel and is not repeated.
 *
 * ## Ends and resumptions
 *
 * When a channel ends without `bye`, objects that the client exposed are closed at once (calls of vats reject
 * SESSION_CLOSED) and promises that it decides are rejected. All else of the session is kept for 60 s: a client that
 * says hello with `resume` in that time goes on where it was. Then it is gone, and `resume` is refused with
 * SESSION_EXPIRED. A kernel that restarts on its store keeps sessions, too, exposed objects included, for 60 s.
 * A second channel that resumes a session takes it over: the first is closed with SESSION_TAKEN.
 */
import type { KernelErrorCode } from '../errors.js';
import { limits } from '../limits.js';
import type { CapData } from './capdata.js';
import type { InterfaceInfo } from './definition.js';
import type { PeerState } from './peer-status.js';
import type { VRef } from './refs.js';

/** Versions of this protocol that this code speaks. Both sides take the highest that both speak. */
export const sessionProtocol = { min: 1, max: 1 } as const;

/** The admin object's name in every session that has one. */
export const ADMIN_VREF: VRef = 'o-0';

/** Opaque, stable name of an object within one store: what query keys and `toJSON` show. 22 characters of base64url. */
export type StableId = string;
/** Opaque name of a vat, good for one run of the kernel (one {@link WelcomeMessage.epoch}). */
export type OpaqueVatId = string;

/** What the client sends. */
export type ToHost =
  | HelloMessage
  | FrameMessage<ClientOp>
  | AckMessage
  | PingMessage
  | PongMessage
  | ByeMessage
  | ChannelOpenMessage
  | ChannelMessage
  | ChannelCloseMessage;

/** What the host sends. */
export type ToClient =
  | WelcomeMessage
  | RefusedMessage
  | HostFrameMessage
  | AckMessage
  | EventMessage
  | PingMessage
  | PongMessage
  | ClosedMessage
  | ChannelMessage
  | ChannelCloseMessage;

/** The first message of a client, and again after `refused`. A second one after `welcome` is a PROTOCOL_ERROR. */
export type HelloMessage = {
  type: 'hello';
  /** The versions that the client speaks, both included: `{ min: 1, max: 1 }`. */
  protocol: { min: number; max: number };
  /** Absent: a new session, or the one that {@link ChannelOpenMessage} bound this channel to. */
  resume?: {
    session: string;
    secret: string;
    /**
     * Number of the host's last frame that the client has applied; 0: none. It acknowledges nothing: what the client
     * sends again may name what these frames have settled. The client acknowledges after that.
     */
    received: number;
  };
};

export type WelcomeMessage = {
  type: 'welcome';
  /** The version that both will speak. */
  protocol: number;
  /** `c7`: which session this is. Not a secret. */
  session: string;
  /** 32 hexadecimal digits, needed to resume. Sent with a new session; absent with a resumed one: keep the first. */
  secret?: string;
  /** Was a session taken up again? With `false` all names begin anew, and frames of both sides at 1. */
  resumed: boolean;
  /** Number of the client's last frame that is committed. The client sends those after it again, in order. */
  received: number;
  /**
   * With `resumed`: objects that the client exposed and promises that it decides, with numbers below this, were closed
   * meanwhile (see above), those in frames that it sends again included. Exposing such an object anew needs a new
   * name. 0: none was closed.
   */
  closedBelow: number;
  /**
   * `o-0`: the session's admin object, which understands {@link AdminMethods}; on the app's own sessions only. It can be
   * called, and passed to nobody. What it had not answered when the kernel was restarted rejects SERVICE_INTERRUPTED.
   */
  admin?: VRef;
  /** What the client may have unacknowledged: frames, and characters (UTF-16 code units) of their bodies. */
  window: { frames: number; chars: number };
  /** Random, made with the store; another one after reset and import. */
  storeId: string;
  /** Random, of one run of the kernel. When it differs from what the client knew, no version it knew means anything. */
  epoch: string;
  /** `memory`: nothing outlives the kernel. */
  storage: 'file' | 'memory';
};

/** The hello led to nothing. The channel stays open for another one, except after STORE_FAILED and KERNEL_STOPPED. */
export type RefusedMessage = {
  type: 'refused';
  /**
   * PROTOCOL_VERSION: no common version; `protocol` says what the host speaks. SESSION_EXPIRED: nothing to resume, or
   * the wrong secret; a hello without `resume` will do. QUEUE_FULL: too many sessions. PROTOCOL_ERROR: no hello.
   * STORE_FAILED, KERNEL_STOPPED, INTERNAL_ERROR: there is no kernel to talk to.
   */
  error: WireError;
  protocol: { min: number; max: number };
};

/** An error as data; {@link KernelError} with the same fields. */
export type WireError = {
  code: KernelErrorCode;
  /** In the kernel's text form: `[KERNEL:SESSION_EXPIRED] …`. */
  message: string;
  /** Plain data: `{ vatId: 'v1' }`. */
  data?: unknown;
  cause?: { name: string; message: string; stack?: string };
};

export type FrameMessage<Op> = {
  type: 'frame';
  /** From 1, in each direction, without a gap. */
  seq: number;
  /**
   * Number of the other side's last frame that the sender has; 0: none. It counts after the ops, which may still use
   * what that frame settled. A frame that is sent again bears the number that it bore at first.
   */
  ack: number;
  /** Applied in order, all or none. At least one. */
  ops: Op[];
};

export type HostFrameMessage = FrameMessage<HostOp> & {
  /** Number of the host's last frame that the client had acknowledged, as far as the host knew when it made this one. */
  acked: number;
  /** Of every object that this frame names for the first time (or again, after its name was dead). */
  names: ObjectName[];
};

export type AckMessage = { type: 'ack'; ack: number };

/** What a ref needs to know of its object. */
export type ObjectName = {
  /** `o-5`. */
  ref: VRef;
  id: StableId;
  /** The interface as its owner calls it, without `Alleged: `; else that of the first mention in a body serves. */
  iface?: string;
  /** Names of its methods, sorted; absent where the owner has not told them (`call` reaches them all the same). */
  methods?: string[];
};

/** What a client does to its session. */
export type ClientOp =
  /**
   * Sends a message. `target` is any `o-`, `p-` or `p+` name that is alive, the result of an earlier call included,
   * before it is settled (pipelining) and after. `methargs` is `[method, args]`, as for vats.
   */
  | {
      op: 'call';
      target: VRef;
      methargs: CapData<VRef>;
      /** A fresh `p+N`. Absent: nobody wants the result, a rejection included. */
      result?: VRef;
      /** A read mark: the answer tells what it touched, and raises no vat's version. Ignored without admin. */
      read?: true;
    }
  /** Of promises that the client decides. All of one op take effect together and may name one another. */
  | { op: 'settle'; resolutions: WireResolution[] }
  /** Gives back `count` mentions of `o-N`. More than there are is a PROTOCOL_ERROR. */
  | { op: 'drop'; refs: DropCount[] };

/** What the host does to a session. */
export type HostOp =
  /** A vat, peer or other session calls an object that the client exposed (`o+N`). */
  | {
      op: 'call';
      target: VRef;
      methargs: CapData<VRef>;
      /** `p-N`: the client decides it from now on, and sends its `settle`. Absent: nobody wants the result. */
      result?: VRef;
    }
  | { op: 'settle'; resolutions: HostResolution[] }
  /** Nobody reaches these exposed objects `o+N` any more, as far as `count` mentions of each go. */
  | { op: 'drop'; refs: DropCount[] }
  /**
   * These objects `o-N` are gone for good: every call would reject. Their names live on until they are dropped.
   * OBJECT_DELETED, OBJECT_REVOKED, VAT_TERMINATED, VAT_UPGRADED, SESSION_CLOSED.
   */
  | { op: 'broken'; refs: { ref: VRef; code: KernelErrorCode; message: string }[] }
  /** The first op of a session that `AdminMethods.connect` made: the array of refs that it was made with. */
  | { op: 'give'; value: CapData<VRef> };

export type WireResolution = {
  promise: VRef;
  rejected: boolean;
  /** Exactly one promise (`#"&0"`): the one follows the other. */
  value: CapData<VRef>;
};

export type HostResolution = WireResolution & {
  /** Of a rejection by a vat, on a session with admin: its stack, mapped to its source where it has a source map. */
  stack?: string;
  /** Of the result of a call with a read mark: the vats that the answer touched, with their versions at the answer. */
  touched?: VatVersions;
};

/** Mentions of an object that are given back: `['o-5', 2]`. */
export type DropCount = [ref: VRef, count: number];

export type VatVersions = { [vat: OpaqueVatId]: number };

/** News that may be lost with the channel. A client that missed some is told the present state after its welcome. */
export type EventMessage = {
  type: 'event';
  event:
    /** With admin: after each welcome, and whenever it has changed, at most every 50 ms. The whole status. */
    | { type: 'status'; status: WireStatus }
    /** Vats that answers to this session touched, whose versions have risen. */
    | { type: 'versions'; versions: VatVersions }
    /** Of a launch: see {@link LaunchRequest.progress}. */
    | { type: 'progress'; progress: number; step: LaunchStep };
};

export type WireStatus = {
  vats: {
    id: string;
    name: string;
    subclusterId: string;
    /** `stopped`: it starts at its next delivery. `broken`: quarantined. */
    status: 'launching' | 'running' | 'stopped' | 'broken';
    /** What answers that it touched say of it: see {@link VatVersions}. Absent from kernels of an older build. */
    opaqueId?: OpaqueVatId;
  }[];
  subclusters: {
    id: string;
    /** What it was launched as, where it was launched by name. */
    name?: string;
    /** By name: `{ alice: 'v1' }`. */
    vats: { [name: string]: string };
  }[];
  storage: 'file' | 'memory';
  /** How it stands with other kernels: those that callers of this one have named, by ocap URLs above all. */
  peers: { [peerId: string]: PeerState };
};

/** Steps of a launch or an upgrade, in order; the answer to the launch is the last. */
export type LaunchStep =
  /** A bundle is being fetched. `chars`: its length, once it is there (UTF-16 code units). */
  | { step: 'fetching'; vat: string; chars?: number }
  /** Vats are being started (`upgrading`: given new code), `done` of `total`. */
  | { step: 'starting' | 'upgrading'; done: number; total: number };

/**
 * Methods of the admin object, called as any method is: `call` to {@link WelcomeMessage.admin}, arguments and results
 * as smallcaps. Each fulfils with `{ ok: true, value }` or `{ ok: false, error }` (a {@link WireError}), so that an
 * error loses nothing; it rejects only where the kernel ended before it answered.
 * References in `value` are refs; krefs are text.
 */
export type AdminMethods = {
  /** `value`: a {@link LaunchValue}. */
  launch: [request: LaunchRequest];
  /** Terminates the subcluster of that name, with its state. `value`: was there one? */
  terminate: [name: string];
  /** `value`: a ref to the object of a kref. NOT_FOUND, OBJECT_DELETED. */
  ref: [kref: string];
  /** `value`: the kref of a ref. */
  krefOf: [ref: unknown];
  /** Calls a method of `Kernel` by its name, with its arguments: `['getVats', []]`. `value`: what it returned. */
  kernel: [method: string, args: unknown[]];
  /**
   * Makes a session without admin that holds these refs and nothing else. `value`: `{ session, secret }`, for a
   * {@link ChannelOpenMessage} within 60 s. It ends with this session.
   */
  connect: [refs: unknown[]];
};

/** As {@link AdminMethods.launch} takes it; unknown keys are errors. */
export type LaunchRequest = {
  /** What it is launched as: 1 to 100 characters. Not the name of a system subcluster. */
  name: string;
  /** A `ClusterConfig`; URLs absolute. Its content, with that of its bundles, is the definition that is hashed. */
  config: unknown;
  /** What to do where the name is known with another definition. Default `upgrade`. */
  onChange?: 'upgrade' | 'keep' | 'error';
  /** With `upgrade`: vats that the new definition does not have are terminated; else they are an error. */
  allowRemoval?: boolean;
  /** Go back to a definition that this name had before. */
  rollback?: boolean;
  /**
   * The interfaces that the caller was built for, the root's first. Where what runs does not do for them: INTERFACE_MISMATCH,
   * with `data.differences`, one line each, and `data.reload` where the caller is the older.
   */
  interfaces?: readonly InterfaceInfo[];
  /** A number of the client's choice: `progress` events bear it. Absent: none are sent. */
  progress?: number;
};

/** `{ subclusterId: 's1', root, roots: { alice }, action: 'launched' }` and what `bootstrap` returned at the launch. */
export type LaunchValue = {
  subclusterId: string;
  /** The root of the bootstrap vat. */
  root: unknown;
  /** The root of every vat, by name. */
  roots: { [vat: string]: unknown };
  /**
   * `joined`: it was there with this definition. `kept`: with another one, which was left, or from this configuration, and
   * nobody answered who could tell whether its code has changed.
   */
  action: 'launched' | 'joined' | 'upgraded' | 'kept';
  bootstrapResult?: unknown;
};

/** Answered at once with `pong` of the same `id` by whichever side receives it, before a welcome, too. */
export type PingMessage = { type: 'ping'; id: number };
export type PongMessage = { type: 'pong'; id: number };

/** The session is over for good: its refs are released, its exposed objects closed. */
export type ByeMessage = { type: 'bye' };

/**
 * The host lets go of the channel. `resumable`: the session waits to be resumed (KERNEL_STOPPED, SESSION_TAKEN is not);
 * else it is over (PROTOCOL_ERROR names what was wrong, STORE_LOST a kernel without storage, SESSION_CLOSED).
 */
export type ClosedMessage = { type: 'closed'; error: WireError; resumable: boolean };

/**
 * Opens a further channel within this one, for a session that `AdminMethods.connect` made: what is sent in it, both
 * ways, travels in {@link ChannelMessage}. `channel` is a number that the client has not used on this channel before.
 * The first message in it is a `hello` as ever; without `resume` it takes up `session` from its beginning.
 */
export type ChannelOpenMessage = {
  type: 'channel-open';
  channel: number;
  session: string;
  secret: string;
};
/** A {@link ToHost} or {@link ToClient} of the session in that channel, unread. No channels within channels. */
export type ChannelMessage = { type: 'channel'; channel: number; message: unknown };
/** That channel has ended, from either side, as when a port is closed. */
export type ChannelCloseMessage = { type: 'channel-close'; channel: number };

export const sessionBounds = {
  /** Ops, references and resolutions of one frame, together. */
  frameItemsMax: 20_000,
  /** UTF-16 code units of all bodies and texts of one frame. One of the largest messages fits. */
  frameCharsMax: 2 * limits.messageBytesMax,
  /** Characters of a reference: a letter, a sign and a number of 15 digits, which is exact as a JSON number. */
  vrefCharsMax: 17,
  /** Characters of a session's id and secret, of an epoch and of an opaque id. */
  idCharsMax: 100,
  /** UTF-16 code units of an error's text or of a stack. */
  textCharsMax: 20_000,
  /** Names of one object's methods, and UTF-16 code units of one name. */
  methodsMax: 10_000,
  methodCharsMax: 1_000,
} as const;
