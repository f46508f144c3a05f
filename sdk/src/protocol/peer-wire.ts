/**
 * Every message between two kernels, as JSON text in UTF-8. What carries it may break at any moment and loses then what is
 * under way; within one link messages arrive whole and in order. The peer's id is proven by the link.
 *
 * ## A link
 *
 *     dialler   hello             what it remembers of the two
 *     listener  hello | refused   the same from its side
 *     both      frame, ack, ping, pong
 *     either    bye               why it closes the link, for people
 *
 * ## A conversation
 *
 * Two kernels have one conversation at a time. It outlives links and restarts, for both write it down, and ends when one of them no
 * longer knows all of it: its store was reset, or replaced by an older copy. Then both give up what they had of one another
 * (PEER_RESTARTED) and begin another one. Each side numbers its conversations; no number comes twice.
 * They are in the same one if each knows the other's number and lineage, and if neither has been told of more frames than it
 * knows to have sent, nor remembers fewer than the other knows it to have.
 *
 * ## Frames
 *
 * What changes a conversation travels in frames, numbered from 1 in each direction without a gap. A frame is applied whole, once.
 * `ack` says: I have all frames up to this one, on disk. Who sends keeps a frame until it is acknowledged, and sends it again on
 * the next link if `hello.received` says that the other lacks it, with the `ack` that it bore at first; acknowledgements
 * and frames are heard in the order in which they were made.
 *
 * ## Names
 *
 * Objects and promises have names in a conversation, seen from who sends:
 *
 *     o+5 p+5   the sender's own      o-5 p-5   the receiver's own
 *
 * A side may use a new name of its own anywhere in a value, and a new `p+N` as the result of a call: the use makes it known.
 *
 * - **Promises.** Who is to settle `p+5` of a value: the side whose name it is. `p+5` as a result: the other side. It does so
 *   unasked, and names the promise no more. The other side understands no further use of the name after that `settle`, and
 *   makes none; but what it had said before it heard of it may, so who settled understands the name until its frame with the `settle`
 *   is acknowledged. Messages to the name then go to what it was settled with. A `settle` by who no longer decides is ignored.
 *   A message to a promise that the receiver decides may be sent at once: a chain of calls costs one round trip.
 * - **Objects.** Each mention of `o+5` in the slots of a value counts one. The receiver gives counts back with `drop` when it can no
 *   longer send to the object; when all are given back the sender need not serve it any more. If it was mentioned again
 *   meanwhile, the rest of the count holds it. After that either side says `retire` when it no longer tells the object from
 *   others (`o-5`), or when it is gone for good (`o+5`): then the name is dead. The frame that names an object first may
 *   `describe` it.
 *
 * ## Reads
 *
 * A call may be marked as a read (`read`), and so is all that it causes. The `settle` of its result bears the number of a
 * `watch`: when something that the answer depended on has changed, `changed` tells that number, once. The next answer may bear
 * the same number for the same things, or for others: it then stands for those alone. A number says nothing of the objects
 * behind it. Watches end with the link: on the next one the reader takes all that it has read for changed, and a frame that is
 * said again bears {@link UNWATCHED} in place of its numbers. Nothing of this is acknowledged or kept.
 *
 * This came after version 1 had begun, and changes nothing for who does not know of it: it marks no call, and so is told of no
 * watch; and a mark that is not understood is a call as any other.
 */
import type { CapData } from './capdata.js';
import type { VRef } from './refs.js';
import type { DropCount, WireResolution } from './session-wire.js';

/** Versions of this protocol that this code speaks. Both sides take the highest that both speak. */
export const peerProtocol = { min: 1, max: 1 } as const;

export type PeerMessage =
  | PeerHello
  | PeerFrame
  | { type: 'ack'; ack: number }
  | { type: 'ping' }
  | { type: 'pong' }
  | PeerChanged
  | PeerRefusal
  /** The link is closed. `why` is for people. */
  | { type: 'bye'; why: string };

export type PeerHello = {
  type: 'hello';
  protocol: { min: number; max: number };
  /** Random, made with the store: another one after a reset. */
  lineage: string;
  /**
   * Rises with every start of remote comms, about milliseconds since 1970. Of two kernels with one key that are live at once, that
   * with the higher one stays.
   */
  epoch: number;
  /** The sender's signature of {@link epochText}: by it the other kernel with this key believes that there are two. */
  proof: string;
  /** Addresses at which the sender may be reached. */
  hints: string[];
} & Standing;

/** What a side knows of a conversation. */
export type Standing = {
  /** Its own number of the conversation, and the other's as far as it knows; 0: it does not. */
  me: number;
  you: number;
  /** The last frame that it has made, the last of those that it knows to have arrived, the last that it has applied. */
  sent: number;
  acked: number;
  received: number;
};

export const epochText = (lineage: string, epoch: number): string =>
  `vatkit epoch ${epoch} of ${lineage}`;

export type PeerRefusal = {
  type: 'refused';
  /** IDENTITY_IN_USE, PROTOCOL_VERSION, PROTOCOL_ERROR, QUEUE_FULL. */
  code: string;
  message: string;
  /** Of IDENTITY_IN_USE: what the other kernel with this key said in its hello. */
  other?: { lineage: string; epoch: number; proof: string };
};

export type PeerFrame = { type: 'frame'; seq: number; ack: number; ops: PeerOp[] };

/** Watches, by their numbers, of which something has changed. It comes in its turn among the frames. */
export type PeerChanged = { type: 'changed'; watches: number[] };

/** Watches that one peer has at once: their numbers are 1 to this one. */
export const watchesMax = 1_000;
/** In place of a watch's number: what the answer depended on may have changed already. */
export const UNWATCHED = 0;

/** A settlement; of the result of a read with the number of a watch. */
export type PeerResolution = WireResolution & { watch?: number };

/** Of the names of one object's methods with that of its interface, as JSON: an object with more goes undescribed. */
export const describeCharsMax = 4_096;

export type PeerOp =
  /** Sends a message to `o-5`, to `p-5`, or to an earlier result `p+5`. Without `result` nobody wants the answer. */
  | {
      op: 'call';
      target: VRef;
      methargs: CapData<VRef>;
      result?: VRef;
      /** It is a read: only with a `result`. */
      read?: true;
    }
  /** All of one op take effect together and may name one another. */
  | { op: 'settle'; resolutions: PeerResolution[] }
  | { op: 'drop'; refs: DropCount[] }
  | { op: 'retire'; refs: VRef[] }
  /** What methods those objects of the sender's have that it has just named for the first time, as far as they are known. */
  | { op: 'describe'; refs: VRef[]; iface?: string; methods: string[] }
  /** Asks for the object of an ocap URL's number: `result` becomes it, or rejects OBJECT_DELETED. */
  | { op: 'redeem'; number: string; result: VRef };

/** The other side's name for what this side calls `vref`. */
export const flip = (vref: VRef): VRef => vref[0] + (vref[1] === '+' ? '-' : '+') + vref.slice(2);
