/** Opens links to peers that are wanted, and tries again, ever less often, while they are not there. */
import { backoffMs } from '../../comms/backoff.js';
import type { Link, LinkEvents, PeerId } from '../../comms/transport.js';
import { messageOf } from '../bundles.js';
import type { EventLoop } from '../event-loop.js';
import type { CommsRun, Peer, PeerBook } from './peer-book.js';
import { unref } from './unref.js';

export type DiallerPowers = {
  loop: EventLoop;
  run: CommsRun;
  book: PeerBook;
  /** A link is there; what it tells goes to what this returns. */
  take: (peer: Peer, link: Link) => LinkEvents;
};

export function makeDialler({ loop, run, book, take }: DiallerPowers) {
  const want = (peerId: PeerId): void => {
    const peer = book.provide(peerId);
    if (run.transport === undefined || run.life === undefined) return;
    if (peer.link !== undefined || peer.isDialling !== undefined) return;
    peer.isClosed = false;
    if (peer.retryTimer !== undefined) return;
    if (!book.isAllowed(peerId)) {
      peer.isRefused = true;
      book.note(peer, 'this kernel may not talk to it: allowedPeers or deniedPeers');
      return;
    }
    void dial(peer);
  };

  const dial = async (peer: Peer): Promise<void> => {
    if (run.transport === undefined) return;
    clearTimeout(peer.retryTimer);
    delete peer.retryTimer;
    const abort = new AbortController();
    peer.isDialling = abort;
    peer.attempts += 1;
    book.changed();
    const { events, goTo } = heldEvents();
    try {
      const hints = [...new Set([...peer.hints, ...(await hintsOf(peer)), ...run.relays])];
      const link = await run.transport.dial(peer.peerId, hints, events, abort.signal);
      if (peer.isDialling !== abort) {
        link.close('it is not wanted any more');
        return;
      }
      delete peer.isDialling;
      goTo(take(peer, link));
    } catch (thrown) {
      if (peer.isDialling !== abort) return;
      delete peer.isDialling;
      book.note(peer, messageOf(thrown));
      retry(peer);
    }
  };

  const hintsOf = async ({ peerId, hints }: Peer): Promise<readonly string[]> => {
    const begun = await loop.request({ type: 'peer-begin', peerId, hints: [...hints] });
    return begun.type === 'done' ? (begun.result as { hints: string[] }).hints : [];
  };

  const retry = (peer: Peer): void => {
    const { settings, transport } = run;
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

  return {
    /** Something waits for the peer. */
    want,
    dial,
    retry,

    /** This computer was asleep, or its network has changed. */
    dialAll(): void {
      for (const peer of book.all()) {
        if (peer.retryTimer === undefined) continue;
        peer.attempts = 0;
        void dial(peer);
      }
    },
  };
}

export type Dialler = ReturnType<typeof makeDialler>;

/** Events of a link that comes only with what it may not outlive: they wait until somebody knows the link. */
function heldEvents() {
  let known: LinkEvents | undefined;
  const held: ((to: LinkEvents) => void)[] = [];
  const pass = (event: (to: LinkEvents) => void): void => {
    if (known === undefined) held.push(event);
    else event(known);
  };
  const events: LinkEvents = {
    onFrame: (frame) => pass((to) => to.onFrame(frame)),
    onDrain: () => pass((to) => to.onDrain()),
    onClosed: (why) => pass((to) => to.onClosed(why)),
  };
  return {
    events,
    goTo(to: LinkEvents): void {
      known = to;
      for (const event of held.splice(0)) event(to);
    },
  };
}
