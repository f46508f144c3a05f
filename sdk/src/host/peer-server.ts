/**
 * Talks to other kernels: opens and takes links, greets, and carries what is said between the kernel and its peers.
 *
 * All that must outlive a link is the kernel's (`kernel/remotes.ts`). Here are the links, when to dial again, and why a peer
 * is not there. Of two kernels that one has the smaller peer id greets first, whoever dialled.
 */
import { KernelError } from '../errors.js';
import { backoffMs } from '../comms/backoff.js';
import { isPeerId, isSignedBy } from '../comms/identity.js';
import type { OcapUrl } from '../comms/ocap-url.js';
import type { Link, LinkEvents, PeerId, StartTransport, Transport } from '../comms/transport.js';
import type { Outcome } from '../kernel/events.js';
import type { PeerLife } from '../kernel/remote-rows.js';
import type { Greeting } from '../kernel/remotes.js';
import { limits } from '../limits.js';
import { resolutionKind, type CapData } from '../protocol/capdata.js';
import type { RemoteCommsOptions } from '../protocol/comms-options.js';
import { describe } from '../protocol/describe.js';
import {
  epochText,
  peerProtocol,
  type PeerChanged,
  type PeerFrame,
  type PeerHello,
  type PeerMessage,
  type PeerRefusal,
  type Standing,
} from '../protocol/peer-wire.js';
import type { PeerState, PeerStatus } from '../protocol/peer-status.js';
import { insistPeerMessage } from '../protocol/peer-wire-check.js';
import { isVatEndpoint, type EndpointId, type KRef } from '../protocol/refs.js';
import { messageOf } from './bundles.js';
import type { EventLoop, PeerEffect } from './event-loop.js';
import type { Identity } from './identity.js';
import type { Log } from './logger.js';
import {
  acknowledge,
  drain,
  newLink,
  say,
  sayChanged,
  sayFrame,
  type LiveLink,
} from './peer-link.js';
import { withDefaults, type PeerSettings } from './peer-settings.js';

export type CommsStatus = {
  isInitialized: boolean;
  /** `identity-only`: there is a peer id, and no network. `connected`: remote comms run. */
  state: 'disconnected' | 'identity-only' | 'connected';
  peerId?: PeerId;
  /** Where this kernel can be reached. */
  listenAddresses?: string[];
  peers?: PeerStatus[];
  /** Why remote comms have ended, where they have. */
  reason?: string;
};

export type PeerServerPowers = {
  loop: EventLoop;
  log: Log;
  /** Absent where the platform has no network. */
  startTransport: StartTransport | undefined;
  /** Random, made with the store. */
  lineage: () => string;
  read: (outcome: Outcome) => unknown;
};

type Peer = {
  peerId: PeerId;
  link?: LiveLink;
  isDialling?: AbortController;
  attempts: number;
  retryTimer?: ReturnType<typeof setTimeout>;
  reason?: string;
  isRefused: boolean;
  /** It was closed on purpose: only something new that waits for it, or a caller, opens it again. */
  isClosed: boolean;
  hints: Set<string>;
};

/** A peer that has so many frames to be acknowledged hears of it at once. */
const ackFramesMax = 64;
const ackDelayMs = 25;
const clockMs = 100;
/** A link stays so long after the last thing that is said on it. */
const lastWordMs = 100;
/** Frames that a peer may send ahead of what is committed, beside the window: it may count differently. */
const inboxMax = 4 * limits.peerFramesMax;

export type PeerServer = ReturnType<typeof makePeerServer>;

export function makePeerServer({ loop, log, startTransport, lineage, read }: PeerServerPowers) {
  const peers = new Map<PeerId, Peer>();
  let transport: Transport | undefined;
  let identity: Identity | undefined;
  let settings: PeerSettings | undefined;
  let life: PeerLife | undefined;
  /** Why remote comms have ended. */
  let ended: string | undefined;
  let lastLink = 0;
  let lastCleanUp = 0;
  const relays = new Set<string>();

  const peerOf = (peerId: PeerId): Peer => {
    let peer = peers.get(peerId);
    if (peer === undefined) {
      if (peers.size >= limits.peersMax) forgetIdle();
      peer = { peerId, attempts: 0, isRefused: false, isClosed: false, hints: new Set() };
      peers.set(peerId, peer);
    }
    return peer;
  };

  /** Strangers come and go; what became of them need not be known for ever. */
  const forgetIdle = (): void => {
    for (const [peerId, peer] of peers) {
      const isIdle = peer.link === undefined && peer.isDialling === undefined;
      if (isIdle && peer.retryTimer === undefined && !loop.isPeerWanted(peerId))
        peers.delete(peerId);
    }
  };

  const isAllowed = (peerId: PeerId): boolean => {
    const { allowedPeers, deniedPeers = [] } = settings ?? {};
    return !deniedPeers.includes(peerId) && (allowedPeers?.includes(peerId) ?? true);
  };

  const note = (peer: Peer, reason: string): void => {
    if (peer.reason !== reason) log('debug', ['kernel', 'peer', peer.peerId], [reason]);
    peer.reason = reason;
  };

  // Links

  const want = (peerId: PeerId): void => {
    const peer = peerOf(peerId);
    if (transport === undefined || life === undefined) return;
    if (peer.link !== undefined || peer.isDialling !== undefined) return;
    peer.isClosed = false;
    if (peer.retryTimer !== undefined) return;
    if (!isAllowed(peerId)) {
      peer.isRefused = true;
      note(peer, 'this kernel may not talk to it: allowedPeers or deniedPeers');
      return;
    }
    void dial(peer);
  };

  const dial = async (peer: Peer): Promise<void> => {
    if (transport === undefined || settings === undefined) return;
    clearTimeout(peer.retryTimer);
    delete peer.retryTimer;
    const abort = new AbortController();
    peer.isDialling = abort;
    peer.attempts += 1;
    try {
      const hints = [...new Set([...peer.hints, ...(await hintsOf(peer)), ...relays])];
      // It comes only with what it may not outlive: the link that it opens.
      const pending: { live?: LiveLink } = {};
      const early: ((events: LinkEvents) => void)[] = [];
      const events: LinkEvents = {
        onFrame: (frame) => pass(pending.live, early, (to) => to.onFrame(frame)),
        onDrain: () => pass(pending.live, early, (to) => to.onDrain()),
        onClosed: (why) => pass(pending.live, early, (to) => to.onClosed(why)),
      };
      const link = await transport.dial(peer.peerId, hints, events, abort.signal);
      if (peer.isDialling !== abort) {
        link.close('it is not wanted any more');
        return;
      }
      delete peer.isDialling;
      const { live, to } = take(peer, link);
      pending.live = live;
      eventsOf.set(live, to);
      for (const event of early.splice(0)) event(to);
    } catch (thrown) {
      if (peer.isDialling !== abort) return;
      delete peer.isDialling;
      note(peer, messageOf(thrown));
      retry(peer);
    }
  };

  /** Events of a link that was dialled, before anybody knows the link. */
  const pass = (
    live: LiveLink | undefined,
    early: ((events: LinkEvents) => void)[],
    event: (events: LinkEvents) => void,
  ): void => {
    const to = live && eventsOf.get(live);
    if (to === undefined) early.push(event);
    else event(to);
  };
  const eventsOf = new WeakMap<LiveLink, LinkEvents>();

  const hintsOf = async ({ peerId, hints }: Peer): Promise<readonly string[]> => {
    const begun = await loop.request({ type: 'peer-begin', peerId, hints: [...hints] });
    return begun.type === 'done' ? (begun.result as { hints: string[] }).hints : [];
  };

  const retry = (peer: Peer): void => {
    if (settings === undefined || transport === undefined || peer.isClosed) return;
    if (peer.link !== undefined || peer.isDialling !== undefined) return;
    if (!loop.isPeerWanted(peer.peerId)) return;
    const { maxRetryAttempts, reconnectionBaseDelayMs, reconnectionMaxDelayMs } = settings;
    if (maxRetryAttempts > 0 && peer.attempts > maxRetryAttempts) return;
    const pace = { baseMs: reconnectionBaseDelayMs, maxMs: reconnectionMaxDelayMs };
    clearTimeout(peer.retryTimer);
    peer.retryTimer = setTimeout(
      () => {
        delete peer.retryTimer;
        if (loop.isPeerWanted(peer.peerId)) void dial(peer);
      },
      backoffMs(Math.max(0, peer.attempts - 1), pace, Math.random()),
    );
    unref(peer.retryTimer);
  };

  const take = (peer: Peer, link: Link): { live: LiveLink; to: LinkEvents } => {
    if (peer.link !== undefined) over(peer, peer.link, 'a newer link took its place');
    clearTimeout(peer.retryTimer);
    delete peer.retryTimer;
    peer.isClosed = false;
    lastLink += 1;
    const live = newLink(
      link,
      lastLink,
      settings?.maxMessageSizeBytes ?? limits.peerMessageBytesMax,
    );
    peer.link = live;
    live.greetTimer = setTimeout(
      () => link.close('it did not greet in time'),
      settings?.handshakeTimeoutMs ?? limits.linkHandshakeMs,
    );
    unref(live.greetTimer);
    if (speaksFirst(peer.peerId)) void greetFirst(peer, live);
    const to: LinkEvents = {
      onFrame: (frame) => {
        if (live.phase !== 'over') receive(peer, live, frame);
      },
      onDrain: () => {
        live.isFull = false;
        drain(live);
      },
      onClosed: (why) => over(peer, live, why),
    };
    return { live, to };
  };

  /** The link is gone, or is to go. */
  const over = (peer: Peer, live: LiveLink, why: string, lingerMs = 0): void => {
    if (live.phase === 'over') return;
    live.phase = 'over';
    clearTimeout(live.ackTimer);
    clearTimeout(live.greetTimer);
    clearTimeout(live.changedTimer);
    live.inbox.length = 0;
    live.outbox.length = 0;
    if (live.remote !== undefined)
      loop.feed({ type: 'peer-detach', remote: live.remote, link: live.number });
    if (peer.link === live) {
      delete peer.link;
      note(peer, why);
      retry(peer);
    }
    // A last word is lost with a link that is closed at once.
    if (lingerMs > 0) setTimeout(() => live.link.close(why), lingerMs);
    else live.link.close(why);
  };

  // Greeting

  const speaksFirst = (peerId: PeerId): boolean => (identity?.peerId ?? '') < peerId;

  const hello = (standing: Standing): PeerHello => ({
    type: 'hello',
    protocol: { ...peerProtocol },
    ...(life as PeerLife),
    hints: (transport?.addresses() ?? []).slice(0, 8).filter((hint) => hint.length <= 500),
    ...standing,
  });

  const greetFirst = async (peer: Peer, live: LiveLink): Promise<void> => {
    const outcome = await loop.request({ type: 'peer-begin', peerId: peer.peerId });
    if (outcome.type === 'done')
      say(live, hello((outcome.result as { standing: Standing }).standing));
    else if (outcome.type === 'failed') refuse(peer, live, outcome.error);
  };

  const refuse = (
    peer: Peer,
    live: LiveLink,
    { code, message, data }: { code: string; message: string; data?: unknown },
  ): void => {
    const other = code === 'IDENTITY_IN_USE' ? { other: data as PeerLife } : {};
    say(live, { type: 'refused', code, message, ...other });
    over(peer, live, message, lastWordMs);
  };

  const greeted = async (peer: Peer, live: LiveLink, said: PeerHello): Promise<void> => {
    const { peerId } = peer;
    const { protocol, lineage: theirLineage, epoch, proof, hints, ...rest } = said;
    if (protocol.min > peerProtocol.max || protocol.max < peerProtocol.min) {
      refuse(peer, live, {
        code: 'PROTOCOL_VERSION',
        message: `this kernel speaks versions ${peerProtocol.min} to ${peerProtocol.max}`,
      });
      return;
    }
    if (!isSignedBy(peerId, epochText(theirLineage, epoch), proof)) {
      refuse(peer, live, { code: 'PROTOCOL_ERROR', message: 'the proof is not of this peer' });
      return;
    }
    const { me, you, sent, acked, received } = rest;
    const isDialler = speaksFirst(peerId);
    const outcome = await loop.request({
      type: 'peer-hello',
      peerId,
      link: live.number,
      isDialler,
      life: { lineage: theirLineage, epoch, proof },
      hints,
      standing: { me, you, sent, acked, received },
    });
    const isGone = live.phase === 'over';
    if (outcome.type !== 'done') {
      if (outcome.type === 'failed' && !isGone) refuse(peer, live, outcome.error);
      return;
    }
    const { remote, standing, verdict, frames } = outcome.result as Greeting;
    if (isGone) {
      loop.feed({ type: 'peer-detach', remote, link: live.number });
      return;
    }
    if (!isDialler) say(live, hello(standing));
    if (verdict === 'again') {
      over(peer, live, 'the two sides remember different conversations, and begin another one');
      clearTimeout(peer.retryTimer);
      delete peer.retryTimer;
      if (peer.attempts < 5) void dial(peer);
      else retry(peer);
      return;
    }
    if (verdict === 'stale') return;
    clearTimeout(live.greetTimer);
    live.phase = 'open';
    live.remote = remote;
    live.received = standing.received;
    live.heard = standing.acked;
    live.said = standing.acked;
    peer.attempts = 0;
    peer.isRefused = false;
    delete peer.reason;
    for (const frame of frames) sayFrame(live, frame);
    // Those that were made after it answered; earlier ones the peer has, or they are among the frames.
    for (const { remote: to, frame } of live.held.splice(0))
      if (to === remote && frame.seq > standing.sent) sayFrame(live, frame);
    sayChanged(live);
    // What it says was applied before may not be acknowledged yet.
    live.acked = 0;
    confirm(live);
    takeInbox(live);
  };

  /** Tells the peer what has come, which must be on the disk first: it says nothing twice that was acknowledged. */
  const confirm = (live: LiveLink): void => {
    if (live.acked >= live.received) return acknowledge(live);
    loop.sync();
    acknowledge(live);
  };

  const refused = (peer: Peer, live: LiveLink, said: PeerRefusal): void => {
    const { code, message, other } = said;
    const isProof =
      code === 'IDENTITY_IN_USE' &&
      other !== undefined &&
      life !== undefined &&
      identity !== undefined &&
      other.epoch > life.epoch &&
      isSignedBy(identity.peerId, epochText(other.lineage, other.epoch), other.proof);
    peer.isRefused = true;
    over(peer, live, `it refused: ${message.slice(0, 200)}`);
    if (!isProof) return;
    log(
      'error',
      ['kernel', 'peer'],
      ['IDENTITY_IN_USE: another kernel with this key has started since; remote comms end'],
    );
    void stop('[KERNEL:IDENTITY_IN_USE] another kernel with this key has started since');
  };

  // Hearing

  const receive = (peer: Peer, live: LiveLink, piece: Uint8Array): void => {
    live.heardAt = Date.now();
    let message: unknown;
    try {
      const whole = live.assembler.push(piece);
      if (whole === undefined) return;
      ({ message } = whole);
      insistPeerMessage(message);
    } catch (thrown) {
      refuse(peer, live, { code: 'PROTOCOL_ERROR', message: messageOf(thrown).slice(0, 500) });
      return;
    }
    hear(peer, live, message);
  };

  const hear = (peer: Peer, live: LiveLink, message: PeerMessage): void => {
    switch (message.type) {
      case 'hello':
        if (live.phase === 'greeting') void greeted(peer, live, message);
        else refuse(peer, live, { code: 'PROTOCOL_ERROR', message: 'it greeted twice' });
        return;
      case 'frame':
      case 'changed':
        live.inbox.push(message);
        if (live.inbox.length > inboxMax) {
          refuse(peer, live, { code: 'PROTOCOL_ERROR', message: 'it sent more than it may' });
        } else takeInbox(live);
        return;
      case 'ack':
        live.heard = Math.max(live.heard, message.ack);
        // In its turn among the frames.
        if (live.inbox.length > 0)
          live.inbox.push({ type: 'frame', seq: 0, ack: message.ack, ops: [] });
        else if (live.remote !== undefined)
          loop.feed({ type: 'peer-ack', remote: live.remote, ack: message.ack });
        return;
      case 'ping':
        return say(live, { type: 'pong' });
      case 'pong':
        return;
      case 'refused':
        return refused(peer, live, message);
      case 'bye':
        return over(peer, live, message.why.slice(0, 200));
    }
  };

  /** Gives the kernel what came, until a vat's queue is full: then the peer has to wait. */
  const takeInbox = (live: LiveLink): void => {
    while (live.phase === 'open' && !live.isBlocked && live.inbox.length > 0) {
      const frame = live.inbox[0] as PeerFrame | PeerChanged;
      const remote = live.remote as EndpointId;
      if (frame.type === 'changed') {
        live.inbox.shift();
        loop.feed({ type: 'peer-changed', remote, watches: frame.watches });
        continue;
      }
      const full = fullQueueOf(remote, frame);
      if (full !== undefined) {
        live.isBlocked = true;
        loop.whenDrained(full, () => {
          live.isBlocked = false;
          takeInbox(live);
        });
        return;
      }
      live.inbox.shift();
      live.heard = Math.max(live.heard, frame.ack);
      if (frame.seq === 0) loop.feed({ type: 'peer-ack', remote, ack: frame.ack });
      else loop.feed({ ...frame, type: 'peer-frame', remote });
    }
  };

  const fullQueueOf = (remote: EndpointId, { ops }: PeerFrame): string | undefined => {
    for (const op of ops) {
      if (op.op !== 'call') continue;
      const target = loop.rows().clistByVRef.get(`${remote}.${op.target}`);
      const full = target && loop.fullQueueOf(target);
      if (full !== undefined && isVatEndpoint(full)) return full;
    }
    return undefined;
  };

  // The clock

  const tick = (): void => {
    const now = Date.now();
    if (loop.over() !== undefined) return;
    if (loop.peerDeadline() <= now) loop.feed({ type: 'tick' });
    if (settings === undefined) return;
    for (const peer of peers.values()) {
      const live = peer.link;
      if (live?.phase !== 'open' || live.heard >= live.said) continue;
      const silence = now - live.heardAt;
      if (silence > settings.ackTimeoutMs) over(peer, live, `it was silent for ${silence} ms`);
      else if (silence > settings.ackTimeoutMs / 3) say(live, { type: 'ping' });
    }
    if (now - lastCleanUp < settings.cleanupIntervalMs) return;
    lastCleanUp = now;
    loop.feed({
      type: 'forget-peers',
      beforeMinute: Math.floor((now - settings.stalePeerTimeoutMs) / 60_000),
    });
    forgetIdle();
  };
  let clock: ReturnType<typeof setInterval> | undefined;
  const wind = (): void => {
    clock ??= setInterval(tick, clockMs);
    unref(clock);
  };

  const closeAll = (why: string): void => {
    for (const peer of peers.values()) {
      clearTimeout(peer.retryTimer);
      delete peer.retryTimer;
      peer.isDialling?.abort(new Error(why));
      delete peer.isDialling;
      peer.isClosed = true;
      if (peer.link !== undefined) {
        say(peer.link, { type: 'bye', why });
        over(peer, peer.link, why);
      }
    }
  };

  const stop = async (why: string): Promise<void> => {
    const stopping = transport;
    transport = undefined;
    ended = why;
    closeAll(why);
    await stopping?.stop();
  };

  const insistPeer = (peerId: unknown): PeerId => {
    if (isPeerId(peerId)) return peerId;
    throw new TypeError(`a peer id is text like "12D3KooW…"; found ${describe(peerId)}`);
  };

  const addHints = (peer: Peer, hints: readonly string[]): void => {
    const all = [...hints, ...peer.hints].filter((hint) => hint.length <= 500);
    peer.hints = new Set(all.slice(0, 16));
  };

  const begin = async (given: RemoteCommsOptions, own: Identity): Promise<void> => {
    if (startTransport === undefined) {
      throw new KernelError(
        'BAD_CONFIG',
        'this platform has no network: startTransport is missing',
      );
    }
    identity = own;
    settings = withDefaults(given);
    relays.clear();
    for (const relay of (given.relays ?? []).slice(0, settings.maxKnownRelays)) relays.add(relay);
    const { maxMessagesPerSecond } = given;
    transport = await startTransport(
      {
        keySeed: own.seed,
        relays: given.relays,
        directListenAddresses: given.directListenAddresses,
        allowedWsHosts: given.allowedWsHosts,
        isAllowed,
        maxConcurrentConnections: given.maxConcurrentConnections,
        maxConnectionAttemptsPerMinute: given.maxConnectionAttemptsPerMinute,
        maxMessagesPerSecond: maxMessagesPerSecond === 0 ? undefined : maxMessagesPerSecond,
        frameBytesMax: limits.linkFrameBytesMax,
        handshakeTimeoutMs: given.handshakeTimeoutMs,
        writeTimeoutMs: given.writeTimeoutMs,
        streamInactivityTimeoutMs: given.streamInactivityTimeoutMs,
        cleanupIntervalMs: given.cleanupIntervalMs,
        stalePeerTimeoutMs: given.stalePeerTimeoutMs,
        reconnectionBaseDelayMs: given.reconnectionBaseDelayMs,
        reconnectionMaxDelayMs: given.reconnectionMaxDelayMs,
        log: (level, message) => log(level, ['kernel', 'transport'], [message]),
      },
      { onLink, onAddresses: () => {}, onAwake: dialAll },
    );
    ended = undefined;
    await beginLife();
    wind();
  };

  /** A new epoch, of the lineage that the store has now. */
  const beginLife = async (): Promise<void> => {
    if (identity === undefined || settings === undefined) return;
    const { peerTimeoutMs, maxQueue: queueMax, maxMessageSizeBytes: messageBytesMax } = settings;
    life = undefined;
    const epoch = read(
      await loop.request({
        type: 'comms-start',
        now: Date.now(),
        peerTimeoutMs,
        queueMax,
        messageBytesMax,
      }),
    ) as number;
    const its = lineage();
    life = { lineage: its, epoch, proof: identity.sign(epochText(its, epoch)) };
    for (const { peerId } of peers.values()) if (loop.isPeerWanted(peerId)) want(peerId);
  };

  const onLink = (link: Link): LinkEvents | undefined => {
    if (transport === undefined || life === undefined || loop.over() !== undefined)
      return undefined;
    const peer = peerOf(link.peerId);
    peer.isDialling?.abort(new Error('the peer has dialled'));
    delete peer.isDialling;
    return take(peer, link).to;
  };

  const dialAll = (): void => {
    for (const peer of peers.values()) {
      if (peer.retryTimer === undefined) continue;
      peer.attempts = 0;
      void dial(peer);
    }
  };

  const stateOf = ({ peerId, link, isDialling, retryTimer, isRefused }: Peer): PeerState => {
    if (link?.phase === 'open') return 'connected';
    if (link !== undefined || isDialling !== undefined) return 'connecting';
    if (isRefused || (settings !== undefined && !isAllowed(peerId))) return 'refused';
    return retryTimer !== undefined || loop.isPeerWanted(peerId) ? 'waiting' : 'idle';
  };

  const statusOf = (peer: Peer): PeerStatus => {
    const { peerId, attempts, reason } = peer;
    const state = stateOf(peer);
    const isShown = reason !== undefined && state !== 'connected';
    return { peerId, state, attempts, ...(isShown && { reason }) };
  };

  wind();

  return {
    /**
     * Starts the transport, or starts it anew with other options.
     *
     * @throws KernelError BAD_CONFIG where the platform has no network; what the transport throws where it cannot listen.
     */
    async start(given: RemoteCommsOptions, own: Identity): Promise<void> {
      if (transport !== undefined) await stop('remote comms are started anew');
      await begin(given, own);
    },

    isRunning: (): boolean => transport !== undefined,

    async stop(): Promise<void> {
      clearInterval(clock);
      clock = undefined;
      await stop('the kernel was stopped');
    },

    /** What the kernel tells peers; after its commit. */
    fromKernel(effect: PeerEffect): void {
      if (effect.type === 'peer-wanted') {
        // Not within this step of the kernel's.
        queueMicrotask(() => want(effect.peerId));
        return;
      }
      const peer = peers.get(effect.peerId);
      const live = peer?.link;
      if (peer === undefined || live === undefined) return;
      if (effect.type === 'peer-over') return refuse(peer, live, effect.error);
      if (live.phase === 'greeting' && effect.type === 'to-peer') {
        live.held.push(effect);
        return;
      }
      // Numbers that mean nothing on this link are of no answer that was told on it.
      if (effect.type === 'peer-watches') return sayChanged(live, effect.watches);
      if (live.phase !== 'open' || live.remote !== effect.remote) return;
      if (effect.type === 'to-peer') return sayFrame(live, effect.frame);
      live.received = Math.max(live.received, effect.received);
      // With the next frame, if there soon is one: that is written to the disk anyway. And not within a commit.
      if (live.received - live.acked >= ackFramesMax) queueMicrotask(() => confirm(live));
      else live.ackTimer ??= setTimeout(() => confirm(live), ackDelayMs);
    },

    /** What was said since the last commit is lost, or all that the store had. */
    onSetback(what: 'restarted' | 'emptied' | 'over'): void {
      closeAll('this kernel has begun again');
      if (what === 'over' || transport === undefined) return;
      void beginLife().catch((thrown: unknown) =>
        log(
          'error',
          ['kernel', 'peer'],
          [`remote comms did not begin again: ${messageOf(thrown)}`],
        ),
      );
    },

    /** Addresses for ocap URLs: relays first, which outlive a change of network. */
    hints(): readonly string[] {
      const addresses = transport?.addresses() ?? [];
      const all = [...new Set([...relays, ...addresses])];
      return all.slice(0, settings?.maxUrlRelayHints ?? limits.urlHintsMax);
    },

    async redeem({ peerId, number, hints }: OcapUrl, session: EndpointId): Promise<KRef> {
      if (transport === undefined) {
        throw new KernelError(
          'ENDPOINT_UNREACHABLE',
          ended ??
            'ocapURL from a host that’s not me, and remote comms are not initialized: call initRemoteComms',
        );
      }
      if (!isAllowed(peerId)) {
        throw new KernelError('ENDPOINT_UNREACHABLE', `this kernel may not talk to peer ${peerId}`);
      }
      addHints(peerOf(peerId), hints);
      const value = read(
        await loop.request({ type: 'peer-redeem', session, peerId, hints, number }),
      ) as CapData<KRef>;
      if (resolutionKind(value) === 'object') return value.slots[0] as KRef;
      throw new KernelError('PROTOCOL_ERROR', `peer ${peerId} gave no object for its ocap URL`);
    },

    /** Closes the link. What waits for the peer waits; something new that does opens it again. */
    close(given: PeerId): void {
      const peer = peers.get(insistPeer(given));
      if (peer === undefined) return;
      clearTimeout(peer.retryTimer);
      delete peer.retryTimer;
      peer.isDialling?.abort(new Error('closeConnection was called'));
      delete peer.isDialling;
      peer.isClosed = true;
      note(peer, 'closeConnection was called');
      if (peer.link === undefined) return;
      say(peer.link, { type: 'bye', why: 'the other kernel closed the connection' });
      over(peer, peer.link, 'closeConnection was called', lastWordMs);
    },

    /** Tries at once to reach the peer. */
    reconnect(given: PeerId, hints: readonly string[] = []): void {
      const peer = peerOf(insistPeer(given));
      addHints(peer, hints);
      if (transport === undefined)
        throw new KernelError('ENDPOINT_UNREACHABLE', 'remote comms are not initialized');
      if (peer.link !== undefined || peer.isDialling !== undefined) return;
      peer.attempts = 0;
      clearTimeout(peer.retryTimer);
      delete peer.retryTimer;
      peer.isRefused = false;
      want(peer.peerId);
    },

    addHints(given: PeerId, hints: readonly string[]): void {
      addHints(peerOf(insistPeer(given)), hints);
    },

    status(peerId: PeerId | undefined): CommsStatus {
      return {
        isInitialized: transport !== undefined,
        state:
          transport !== undefined
            ? 'connected'
            : peerId === undefined
              ? 'disconnected'
              : 'identity-only',
        ...(peerId !== undefined && { peerId }),
        ...(transport !== undefined && {
          listenAddresses: [...transport.addresses()],
          peers: [...peers.values()].map(statusOf),
        }),
        ...(ended !== undefined && { reason: ended }),
      };
    },

    peer(given: PeerId): PeerStatus {
      const peerId = insistPeer(given);
      return statusOf(
        peers.get(peerId) ?? {
          peerId,
          attempts: 0,
          isRefused: false,
          isClosed: false,
          hints: new Set(),
        },
      );
    },
  };
}

/** On Node no timer of ours keeps the process. */
function unref(timer: unknown): void {
  if (typeof timer === 'object' && timer !== null) (timer as { unref?: () => void }).unref?.();
}
