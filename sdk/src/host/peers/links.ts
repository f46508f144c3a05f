/** The links that there are: one for each peer, from when it is taken until it is over. */
import type { Link, LinkEvents } from '../../comms/transport.js';
import { limits } from '../../limits.js';
import type { EventLoop } from '../event-loop.js';
import { drain, newLink, say, type LiveLink } from './live-link.js';
import { endDialling, type CommsRun, type Peer, type PeerBook } from './peer-book.js';
import { unref } from './unref.js';

export type LinksPowers = {
  loop: EventLoop;
  run: CommsRun;
  book: PeerBook;
  onTaken: (peer: Peer, live: LiveLink) => void;
  onFrame: (peer: Peer, live: LiveLink, frame: Uint8Array) => void;
  onLost: (peer: Peer) => void;
};

/** A link stays so long after the last thing that is said on it, which would be lost with it. */
export const lastWordMs = 100;

export function makeLinks({ loop, run, book, onTaken, onFrame, onLost }: LinksPowers) {
  let lastLink = 0;

  const take = (peer: Peer, link: Link): LinkEvents => {
    if (peer.link !== undefined) over(peer, peer.link, 'a newer link took its place');
    clearTimeout(peer.retryTimer);
    delete peer.retryTimer;
    peer.isClosed = false;
    lastLink += 1;
    const live = newLink(link, lastLink);
    peer.link = live;
    live.greetTimer = setTimeout(
      () => link.close('it did not greet in time'),
      run.settings?.handshakeTimeoutMs ?? limits.linkHandshakeMs,
    );
    unref(live.greetTimer);
    book.changed();
    onTaken(peer, live);
    return {
      onFrame: (frame) => {
        if (live.phase !== 'over') onFrame(peer, live, frame);
      },
      onDrain: () => {
        live.isFull = false;
        drain(live);
      },
      onClosed: (why) => over(peer, live, why),
    };
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
      book.note(peer, why);
      onLost(peer);
    }
    if (lingerMs > 0) setTimeout(() => live.link.close(why), lingerMs);
    else live.link.close(why);
  };

  return {
    take,
    over,

    closeAll(why: string): void {
      for (const peer of book.all()) {
        endDialling(peer, why);
        if (peer.link === undefined) continue;
        say(peer.link, { type: 'bye', why });
        // Nothing is tried again while all of them end.
        peer.isClosed = true;
        over(peer, peer.link, why);
        peer.isClosed = false;
      }
    },

    /** Ends links that acknowledge nothing; those that are silent for a while are asked. */
    checkSilence(ackTimeoutMs: number, now: number): void {
      for (const peer of book.all()) {
        const live = peer.link;
        if (live?.phase !== 'open' || live.heard >= live.said) continue;
        const silence = now - live.heardAt;
        if (silence > ackTimeoutMs) over(peer, live, `it was silent for ${silence} ms`);
        else if (silence > ackTimeoutMs / 3) say(live, { type: 'ping' });
      }
    },
  };
}

export type Links = ReturnType<typeof makeLinks>;
