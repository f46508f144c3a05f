/** How two kernels greet on a new link: of the two that one has the smaller peer id greets first, whoever dialled. */
import { isSignedBy } from '../../comms/identity.js';
import type { PeerId } from '../../comms/transport.js';
import type { PeerLife } from '../../kernel/remote-rows.js';
import type { Greeting } from '../../kernel/remotes.js';
import {
  epochText,
  peerProtocol,
  type PeerHello,
  type PeerRefusal,
  type Standing,
} from '../../protocol/peer-wire.js';
import type { EventLoop } from '../event-loop.js';
import type { Dialler } from './dialler.js';
import { lastWordMs, type Links } from './links.js';
import { say, sayFrame, type LiveLink } from './live-link.js';
import type { CommsRun, Peer } from './peer-book.js';

export type GreetingsPowers = {
  loop: EventLoop;
  run: CommsRun;
  dialler: Dialler;
  links: Links;
  /** The two are in one conversation, on this link. */
  onOpen: (live: LiveLink) => void;
  /** Another kernel with this key has proven that it has started since. */
  onSuperseded: () => void;
};

/** Times that two kernels begin another conversation at once; then as if the link had failed. */
const beginningsMax = 5;

export function makeGreetings(powers: GreetingsPowers) {
  const { loop, run, dialler, links, onOpen, onSuperseded } = powers;

  const speaksFirst = (peerId: PeerId): boolean => (run.identity?.peerId ?? '') < peerId;

  const hello = (standing: Standing): PeerHello => ({
    type: 'hello',
    protocol: { ...peerProtocol },
    ...(run.life as PeerLife),
    hints: (run.transport?.addresses() ?? []).slice(0, 8).filter((hint) => hint.length <= 500),
    ...standing,
  });

  const refuse = (
    peer: Peer,
    live: LiveLink,
    { code, message, data }: { code: string; message: string; data?: unknown },
  ): void => {
    const other = code === 'IDENTITY_IN_USE' ? { other: data as PeerLife } : {};
    say(live, { type: 'refused', code, message, ...other });
    links.over(peer, live, message, lastWordMs);
  };

  const begin = async (peer: Peer, live: LiveLink): Promise<void> => {
    if (!speaksFirst(peer.peerId)) return;
    const outcome = await loop.request({ type: 'peer-begin', peerId: peer.peerId });
    if (outcome.type === 'done')
      say(live, hello((outcome.result as { standing: Standing }).standing));
    else if (outcome.type === 'failed') refuse(peer, live, outcome.error);
  };

  /** Why the peer is not greeted, if so. */
  const flawOf = (peerId: PeerId, { protocol, lineage, epoch, proof }: PeerHello) => {
    if (protocol.min > peerProtocol.max || protocol.max < peerProtocol.min) {
      return {
        code: 'PROTOCOL_VERSION',
        message: `this kernel speaks versions ${peerProtocol.min} to ${peerProtocol.max}`,
      };
    }
    if (!isSignedBy(peerId, epochText(lineage, epoch), proof))
      return { code: 'PROTOCOL_ERROR', message: 'the proof is not of this peer' };
    return undefined;
  };

  const heard = async (peer: Peer, live: LiveLink, said: PeerHello): Promise<void> => {
    const { peerId } = peer;
    const flaw = flawOf(peerId, said);
    if (flaw !== undefined) {
      refuse(peer, live, flaw);
      return;
    }
    const { lineage, epoch, proof, hints, me, you, sent, acked, received } = said;
    const isDialler = speaksFirst(peerId);
    const outcome = await loop.request({
      type: 'peer-hello',
      peerId,
      link: live.number,
      isDialler,
      life: { lineage, epoch, proof },
      hints,
      standing: { me, you, sent, acked, received },
    });
    const isGone = live.phase === 'over';
    if (outcome.type !== 'done') {
      if (outcome.type === 'failed' && !isGone) refuse(peer, live, outcome.error);
      return;
    }
    const found = outcome.result as Greeting;
    if (isGone) {
      loop.feed({ type: 'peer-detach', remote: found.remote, link: live.number });
      return;
    }
    if (!isDialler) say(live, hello(found.standing));
    if (found.verdict === 'again') again(peer, live);
    else if (found.verdict === 'attached') attach(peer, live, found);
  };

  const again = (peer: Peer, live: LiveLink): void => {
    links.over(peer, live, 'the two sides remember different conversations, and begin another one');
    clearTimeout(peer.retryTimer);
    delete peer.retryTimer;
    if (peer.attempts < beginningsMax) void dialler.dial(peer);
    else dialler.retry(peer);
  };

  const attach = (peer: Peer, live: LiveLink, { remote, standing, frames }: Greeting): void => {
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
    // What it says was applied before may not be acknowledged yet.
    live.acked = 0;
    onOpen(live);
  };

  return {
    /** Says hello, where this kernel is the one to speak first. */
    begin,
    /** The peer's hello has come. */
    heard,
    refuse,

    /** The peer refuses this kernel. */
    refused(peer: Peer, live: LiveLink, { code, message, other }: PeerRefusal): void {
      const { life, identity } = run;
      const isProof =
        code === 'IDENTITY_IN_USE' &&
        other !== undefined &&
        life !== undefined &&
        identity !== undefined &&
        other.epoch > life.epoch &&
        isSignedBy(identity.peerId, epochText(other.lineage, other.epoch), other.proof);
      peer.isRefused = true;
      links.over(peer, live, `it refused: ${message.slice(0, 200)}`);
      if (isProof) onSuperseded();
    },
  };
}

export type Greetings = ReturnType<typeof makeGreetings>;
