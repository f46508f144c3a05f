/**
 * What carries frames between kernels, as peer sessions see it: links that may break at any moment, and frames that arrive in order,
 * whole and at most once for as long as their link lives. libp2p implements it, and so does a memory that loses, delays and cuts.
 */

/** The name of a kernel's public key, as libp2p spells it: `12D3KooW…`. A link's peer has proven that it holds the private key. */
export type PeerId = string;

/** A link to one peer. Whoever dialled, both ends are the same. */
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
};

/** What a transport is started with. */
export type TransportOptions = {
  /** 32 bytes, the seed of this kernel's ed25519 key. */
  keySeed: Uint8Array;
  /** Multiaddrs of relays, each with its `/p2p/` id. They are kept connected, and tried again with growing pauses. */
  relays: readonly string[];
  /** Hosts that an unencrypted `ws://` may be opened to, besides those of `relays` and of a private network. */
  allowedWsHosts: readonly string[];
  /** Where to listen; a platform that cannot throws. */
  directListenAddresses: readonly string[];
  maxConcurrentConnections: number;
  /** Links that one peer may open in a minute; more are refused before a byte is read. */
  maxConnectionAttemptsPerMinute: number;
  /** Milliseconds to open a link, and to get rid of one frame. */
  handshakeTimeoutMs: number;
  writeTimeoutMs: number;
  /** Bytes of one frame, at most: a longer one that comes ends its link. */
  frameBytesMax: number;
  /** May this peer connect, or be connected to? Asked before anything is read. */
  isAllowed: (peerId: PeerId) => boolean;
  log: (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void;
};

export type StartTransport = (
  options: TransportOptions,
  events: TransportEvents,
) => Promise<Transport>;

export type Transport = {
  readonly peerId: PeerId;
  /** The addresses at which peers may reach this kernel, the best first: what ocap URLs carry as hints. */
  addresses: () => readonly string[];
  /**
   * Opens a link.
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
