/**
 * Talks to other kernels: starts and stops the transport, and carries what is said between the kernel and its peers.
 *
 * All that must outlive a link is the kernel's (`kernel/remotes.ts`). Here are the links: `dialler.ts` opens them,
 * `links.ts` keeps them, `greetings.ts` and `hearing.ts` know what is said on them, `peer-book.ts` why a peer is not there.
 */
import { KernelError } from '../../errors.js';
import type { OcapUrl } from '../../comms/ocap-url.js';
import type { Link, LinkEvents, PeerId, StartTransport } from '../../comms/transport.js';
import type { Outcome } from '../../kernel/events.js';
import { limits } from '../../limits.js';
import { resolutionKind, type CapData } from '../../protocol/capdata.js';
import type { RemoteCommsOptions } from '../../protocol/comms-options.js';
import { epochText } from '../../protocol/peer-wire.js';
import type { PeerStatus } from '../../protocol/peer-status.js';
import type { EndpointId, KRef } from '../../protocol/refs.js';
import { messageOf } from '../bundles.js';
import type { EventLoop, PeerEffect } from '../event-loop.js';
import type { Identity } from '../identity.js';
import type { Log } from '../logger.js';
import { makeDialler, type Dialler } from './dialler.js';
import { makeGreetings, type Greetings } from './greetings.js';
import { makeHearing, type Hearing } from './hearing.js';
import { lastWordMs, makeLinks, type Links } from './links.js';
import { say, sayChanged, sayFrame } from './live-link.js';
import { endDialling, insistPeer, makePeerBook, type CommsRun } from './peer-book.js';
import { withDefaults } from './peer-settings.js';
import { unref } from './unref.js';

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
  /** It may stand otherwise with a peer than it did. */
  onChange: () => void;
};

const clockMs = 100;

export type PeerServer = ReturnType<typeof makePeerServer>;

export function makePeerServer(powers: PeerServerPowers) {
  const { loop, log, startTransport, lineage, read, onChange } = powers;
  const run: CommsRun = { relays: new Set() };
  const book = makePeerBook({ loop, log, run, onChange });
  const dialler: Dialler = makeDialler({
    loop,
    run,
    book,
    take: (peer, link) => links.take(peer, link),
  });
  const links: Links = makeLinks({
    loop,
    run,
    book,
    onTaken: (peer, live) => void greetings.begin(peer, live),
    onFrame: (peer, live, frame) => hearing.receive(peer, live, frame),
    onLost: dialler.retry,
  });
  const greetings: Greetings = makeGreetings({
    loop,
    run,
    dialler,
    links,
    onOpen: (live) => {
      onChange();
      hearing.open(live);
    },
    onSuperseded: () => superseded(),
  });
  const hearing: Hearing = makeHearing({ loop, log, run, links, greetings });

  const superseded = (): void => {
    const why = 'another kernel with this key has started since';
    log('error', ['kernel', 'peer'], [`IDENTITY_IN_USE: ${why}; remote comms end`]);
    void stop(`[KERNEL:IDENTITY_IN_USE] ${why}`);
  };

  // The clock

  let lastCleanUp = 0;
  const tick = (): void => {
    const now = Date.now();
    if (loop.over() !== undefined) return;
    if (loop.peerDeadline() <= now) loop.feed({ type: 'tick' });
    if (run.settings === undefined) return;
    const { ackTimeoutMs, cleanupIntervalMs, stalePeerTimeoutMs } = run.settings;
    links.checkSilence(ackTimeoutMs, now);
    if (now - lastCleanUp < cleanupIntervalMs) return;
    lastCleanUp = now;
    const beforeMinute = Math.floor((now - stalePeerTimeoutMs) / 60_000);
    loop.feed({ type: 'forget-peers', beforeMinute });
    book.forgetIdle();
  };
  let clock: ReturnType<typeof setInterval> | undefined;
  /** The kernel was stopped: nothing begins any more. */
  let isOver = false;
  const wind = (): void => {
    if (isOver) return;
    clock ??= setInterval(tick, clockMs);
    unref(clock);
  };

  // Beginning and end

  /** One start follows the other: of two transports at once, one would be known to nobody and never end. */
  let lastStart: Promise<void> = Promise.resolve();

  const insistRuns = (): void => {
    if (isOver) throw new KernelError('KERNEL_STOPPED', 'the kernel was stopped');
  };

  const stop = async (why: string): Promise<void> => {
    const stopping = run.transport;
    run.transport = undefined;
    run.ended = why;
    onChange();
    links.closeAll(why);
    await stopping?.stop();
  };

  const begin = async (given: RemoteCommsOptions, own: Identity): Promise<void> => {
    if (startTransport === undefined) {
      throw new KernelError(
        'BAD_CONFIG',
        'this platform has no network: startTransport is missing',
      );
    }
    insistRuns();
    if (run.transport !== undefined) await stop('remote comms are started anew');
    run.identity = own;
    run.settings = withDefaults(given);
    run.relays.clear();
    const { maxKnownRelays, maxMessagesPerSecond } = run.settings;
    const relays = (given.relays ?? []).slice(0, maxKnownRelays);
    for (const relay of relays) run.relays.add(relay);
    const transport = await startTransport(
      {
        keySeed: own.seed,
        relays,
        directListenAddresses: given.directListenAddresses,
        allowedWsHosts: given.allowedWsHosts,
        isAllowed: book.isAllowed,
        maxConcurrentConnections: given.maxConcurrentConnections,
        maxConnectionAttemptsPerMinute: given.maxConnectionAttemptsPerMinute,
        maxMessagesPerSecond: maxMessagesPerSecond === 0 ? 2 ** 31 - 1 : maxMessagesPerSecond,
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
      { onLink, onAddresses: () => {}, onAwake: dialler.dialAll },
    );
    if (isOver) await transport.stop();
    insistRuns();
    run.transport = transport;
    run.ended = undefined;
    lastCleanUp = Date.now();
    await beginLife();
    wind();
  };

  /** A new epoch, of the lineage that the store has now. */
  const beginLife = async (): Promise<void> => {
    const { identity, settings } = run;
    if (identity === undefined || settings === undefined) return;
    const { peerTimeoutMs, maxQueue: queueMax, maxMessageSizeBytes: messageBytesMax } = settings;
    run.life = undefined;
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
    run.life = { lineage: its, epoch, proof: identity.sign(epochText(its, epoch)) };
    for (const { peerId } of book.all()) {
      if (!loop.isPeerWanted(peerId)) continue;
      // Clients may hold something of it since an earlier run.
      book.name(peerId);
      dialler.want(peerId);
    }
  };

  const onLink = (link: Link): LinkEvents | undefined => {
    if (run.transport === undefined || run.life === undefined || loop.over() !== undefined)
      return undefined;
    const peer = book.provide(link.peerId);
    peer.isDialling?.abort(new Error('the peer has dialled'));
    delete peer.isDialling;
    return links.take(peer, link);
  };

  wind();

  return {
    /**
     * Starts the transport, or starts it anew with other options.
     *
     * @throws KernelError BAD_CONFIG where the platform has no network, KERNEL_STOPPED where the kernel was stopped meanwhile; what
     * the transport throws where it cannot listen.
     */
    start(given: RemoteCommsOptions, own: Identity): Promise<void> {
      const start = lastStart.then(() => begin(given, own));
      lastStart = start.catch(() => undefined);
      return start;
    },

    isRunning: (): boolean => run.transport !== undefined,

    async stop(): Promise<void> {
      isOver = true;
      clearInterval(clock);
      clock = undefined;
      // A start that is under way ends by itself, however long it takes.
      await stop('the kernel was stopped');
    },

    /** What the kernel tells peers; after its commit. */
    fromKernel(effect: PeerEffect): void {
      if (effect.type === 'peer-wanted') {
        // Not within this step of the kernel's.
        queueMicrotask(() => dialler.want(effect.peerId));
        return;
      }
      const peer = book.find(effect.peerId);
      const live = peer?.link;
      if (peer === undefined || live === undefined) return;
      if (effect.type === 'peer-over') return greetings.refuse(peer, live, effect.error);
      if (live.phase === 'greeting' && effect.type === 'to-peer') {
        live.held.push(effect);
        return;
      }
      // Numbers of an earlier link mean nothing on this one, or too much, which harms nothing.
      if (effect.type === 'peer-watches') return sayChanged(live, effect.watches);
      if (live.phase !== 'open' || live.remote !== effect.remote) return;
      if (effect.type === 'to-peer') sayFrame(live, effect.frame);
      else hearing.taken(live, effect.received);
    },

    /** What was said since the last commit is lost, or all that the store had. */
    onSetback(what: 'restarted' | 'emptied' | 'over'): void {
      links.closeAll('this kernel has begun again');
      if (what === 'over' || run.transport === undefined) return;
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
      const addresses = run.transport?.addresses() ?? [];
      const all = [...new Set([...run.relays, ...addresses])];
      return all.slice(0, run.settings?.maxUrlRelayHints ?? limits.urlHintsMax);
    },

    async redeem({ peerId, number, hints }: OcapUrl, session: EndpointId): Promise<KRef> {
      if (run.transport === undefined) {
        throw new KernelError(
          'ENDPOINT_UNREACHABLE',
          run.ended ??
            'ocapURL from a host that’s not me, and remote comms are not initialized: call initRemoteComms',
        );
      }
      if (!book.isAllowed(peerId)) {
        throw new KernelError('ENDPOINT_UNREACHABLE', `this kernel may not talk to peer ${peerId}`);
      }
      book.addHints(book.name(peerId), hints);
      const value = read(
        await loop.request({ type: 'peer-redeem', session, peerId, hints, number }),
      ) as CapData<KRef>;
      if (resolutionKind(value) === 'object') return value.slots[0] as KRef;
      throw new KernelError('PROTOCOL_ERROR', `peer ${peerId} gave no object for its ocap URL`);
    },

    /** Closes the link. What waits for the peer waits; something new that does opens it again. */
    close(given: PeerId): void {
      const peer = book.find(insistPeer(given));
      if (peer === undefined) return;
      endDialling(peer, 'closeConnection was called');
      peer.isClosed = true;
      book.note(peer, 'closeConnection was called');
      if (peer.link === undefined) return;
      say(peer.link, { type: 'bye', why: 'the other kernel closed the connection', rests: true });
      links.over(peer, peer.link, 'closeConnection was called', lastWordMs);
    },

    /** Tries at once to reach the peer. */
    reconnect(given: PeerId, hints: readonly string[] = []): void {
      const peer = book.name(insistPeer(given));
      book.addHints(peer, hints);
      if (run.transport === undefined)
        throw new KernelError('ENDPOINT_UNREACHABLE', 'remote comms are not initialized');
      if (peer.link !== undefined || peer.isDialling !== undefined) return;
      peer.attempts = 0;
      clearTimeout(peer.retryTimer);
      delete peer.retryTimer;
      peer.isRefused = false;
      dialler.want(peer.peerId);
    },

    addHints(given: PeerId, hints: readonly string[]): void {
      book.addHints(book.name(insistPeer(given)), hints);
    },

    status(peerId: PeerId | undefined): CommsStatus {
      const { transport, ended } = run;
      const known = peerId === undefined ? 'disconnected' : 'identity-only';
      return {
        isInitialized: transport !== undefined,
        state: transport === undefined ? known : 'connected',
        ...(peerId !== undefined && { peerId }),
        ...(transport !== undefined && {
          listenAddresses: [...transport.addresses()],
          peers: book.statuses(),
        }),
        ...(ended !== undefined && { reason: ended }),
      };
    },

    /** How it stands with the peers that callers of this kernel have named. */
    namedStates: book.namedStates,

    /** @throws TypeError for what is no peer id. */
    peer: (peerId: PeerId): PeerStatus => book.statusOf(insistPeer(peerId)),
  };
}
