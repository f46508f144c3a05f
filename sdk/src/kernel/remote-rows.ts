/** What the store keeps of a remote peer: another kernel, and the one conversation with it. */
import type { PeerOp } from '../protocol/peer-wire.js';
import type { KRef, VRef } from '../protocol/refs.js';

export type RemoteRow = {
  peerId: string;
  /** Where it was last said to be. */
  hints: readonly string[];
  /** Its number of the conversation; 0: it has not told it. */
  theirs: number;
  /** Of its last hello; absent before the first. */
  life?: PeerLife;
  /** The last of its frames that was applied; of ours the last that was made, and the last that it has. */
  received: number;
  sent: number;
  acked: number;
  /** The host's time at its last sign of life, in minutes since 1970: a row is not written for each frame. */
  seenMinute: number;
};

/** `proof`: its signature of the two. */
export type PeerLife = { lineage: string; epoch: number; proof: string };

export type RemoteFrame = {
  seq: number;
  /** Its frames that had been applied when this one was made. */
  ack: number;
  ops: PeerOp[];
};

export type RemoteFrameRow = Omit<RemoteFrame, 'seq'> & {
  /** Names that are dead when the peer has this frame. */
  retire?: VRef[];
  /** UTF-16 code units of its bodies. */
  chars: number;
};

/** A name of a settled promise that frames under way may still use. It holds the promise. */
export type LateNameRow = { kref: KRef };
