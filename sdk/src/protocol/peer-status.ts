/** How it stands with another kernel, as apps are told. */

/**
 * `connected`: there is a link. `connecting`: one is being opened. `waiting`: it will be tried again. `idle`: nothing
 * wants it. `refused`: it may not be reached, or has refused this kernel. `closed`: one of the two kernels has closed the
 * connection on purpose; the next thing that is sent opens it again.
 */
export type PeerState = 'connected' | 'connecting' | 'waiting' | 'idle' | 'refused' | 'closed';

export type PeerStatus = {
  peerId: string;
  state: PeerState;
  /** Why it is not connected, for people. */
  reason?: string;
  /** Attempts since it was last reached. */
  attempts: number;
};
