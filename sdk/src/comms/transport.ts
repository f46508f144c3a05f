/**
 * What carries frames between kernels, as peer sessions see it: links that may break at any moment, and frames that arrive in order,
 * whole and at most once for as long as their link lives. libp2p implements it, and so does a memory that loses, delays and cuts.
 */

/** The name of a kernel's public key, as libp2p spells it: `12D3KooW…`. A link's peer has proven that it holds the private key. */
export type PeerId = string;

/** A link to one peer, of which there is one at a time: a newer one ends the older. Whoever dialled, both ends are the same. */
export type Link = {
  readonly peerId: PeerId;
  /**
   * Sends one frame, of at most `frameBytesMax`.
   *
   * @returns false when the link's buffer is full: the frame is taken, but wait for `onDrain` before the next.
   */
  send: (frame: Uint8Array) => boolean;
  /** Frames in flight are given up. `why` is for people, here and at the log of the other side where it can be told. */
  close: (why: string) => void;
};

/** What a link tells. Nothing comes after `onClosed`, which comes once, also after the link's own `close`. */
export type LinkEvents = {
  onFrame: (frame: Uint8Array) => void;
  onDrain: () => void;
  onClosed: (why: string) => void;
};

export type TransportEvents = {
  /** A peer has dialled. The events are asked for at once; a refusal is `undefined`, which closes the link. */
  onLink: (link: Link) => LinkEvents | undefined;
  /** `addresses()` has changed: a relay was reached or lost, a listener started. */
  onAddresses: () => void;
  /** This computer was asleep, or its network has changed: what waits for its turn to dial again may do so now. */
  onAwake: () => void;
};

/** How a transport is set up. Every option works on every host, but that browsers cannot listen. */
export type TransportOptions = {
  /** 32 bytes: the seed of the ed25519 key whose public half is the peer id. */
  keySeed: Uint8Array;
  /** Multiaddrs of relays, over which this kernel is reachable and reaches others. With `/p2p/<id>`, no other relay can take their place. */
  relays?: readonly string[] | undefined;
  /** Multiaddrs to listen at, on Node: `/ip4/0.0.0.0/tcp/0` or `/ip4/0.0.0.0/tcp/0/ws`. */
  directListenAddresses?: readonly string[] | undefined;
  /** Hosts beside those of `relays` and of private networks that may be dialled without TLS (`ws:`). */
  allowedWsHosts?: readonly string[] | undefined;
  /** May this peer have a link? Asked at each dial and arrival; a relay needs no leave. Default: every peer. */
  isAllowed?: ((peerId: PeerId) => boolean) | undefined;
  /** Links at the same time. */
  maxConcurrentConnections?: number | undefined;
  /** Links that one peer may try to open in a minute, and links that may be dialled to it. */
  maxConnectionAttemptsPerMinute?: number | undefined;
  /** Frames that are taken from one peer in a second. Beyond it the peer has to wait; nothing is lost. */
  maxMessagesPerSecond?: number | undefined;
  /** Bytes of one frame. A longer one ends its link. */
  frameBytesMax?: number | undefined;
  /** Milliseconds until a dial, with all of its addresses, is given up, and until a peer that connects must have opened its link. */
  handshakeTimeoutMs?: number | undefined;
  /** Milliseconds that a link may take nothing of what it was sent. */
  writeTimeoutMs?: number | undefined;
  /** Milliseconds that a link may be silent, though it is asked meanwhile whether it is there. At least 5,000. */
  streamInactivityTimeoutMs?: number | undefined;
  /** Milliseconds from one removal of what is known about peers that are gone to the next, and how long they must be gone. */
  cleanupIntervalMs?: number | undefined;
  stalePeerTimeoutMs?: number | undefined;
  /** Milliseconds until a lost relay is tried again: twice as many after each failure, up to the second, by chance fewer. */
  reconnectionBaseDelayMs?: number | undefined;
  reconnectionMaxDelayMs?: number | undefined;
  /** What it did and met, for the kernel's logger. Default: nobody hears of it. */
  log?: ((level: 'debug' | 'info' | 'warn' | 'error', message: string) => void) | undefined;
};

export type RelayStatus = {
  /** As it was given. */
  address: string;
  state: 'connecting' | 'reserved' | 'waiting';
  /** Why it is not reserved, for people. */
  why: string | undefined;
};

/**
 * Starts a transport. Resolves when its listeners are up; relays may come later.
 *
 * @throws TypeError for an option that cannot be used; Error where an address cannot be listened at.
 */
export type StartTransport = (
  options: TransportOptions,
  events: TransportEvents,
) => Promise<Transport>;

export type Transport = {
  readonly peerId: PeerId;
  /** The addresses at which peers may reach this kernel, the best first: what ocap URLs carry as hints. */
  addresses: () => readonly string[];
  /** How each relay of the options does, in their order. */
  relays: () => readonly RelayStatus[];
  /**
   * Opens a link.
   *
   * A peer that dials at the same time is met half-way: both ends get the same one link, this one by the promise, and
   * `onLink` is not asked. No frame comes before the promise's reactions have run.
   *
   * @param hints - addresses at which the peer was last said to be: multiaddrs, of relays or of the peer itself.
   * @throws Error that says what was tried and how each try failed; the reason of `signal` when that aborts.
   */
  dial: (
    peerId: PeerId,
    hints: readonly string[],
    events: LinkEvents,
    signal: AbortSignal,
  ) => Promise<Link>;
  /** Closes every link and listener. Always resolves. */
  stop: () => Promise<void>;
};
