/**
 * How two kernels come to have one link, whoever dials, and also when both dial at once.
 *
 * A dial names itself in its hello. The one who hears a hello takes it, and gives up a dial of its own, unless that one's
 * hello is on its way already and its peer id is the smaller one of the two: then it refuses, since the other side will take
 * its hello. A side that takes a hello says which dial it gave up for it, so that this one is not taken for a newer try
 * when it arrives late. Any other hello is a newer try of somebody whose former link is dead: it replaces that.
 */
import { fromHex, toHex } from '../../protocol/hex.js';
import type { Link, LinkEvents, PeerId } from '../transport.js';
import type { FrameStream, FrameStreamEvents } from './frame-stream.js';
import { decodeText, encodeText } from './frames.js';
import { makeLink, type LinkOptions, type OwnLink } from './link.js';

export type MeetingOptions = LinkOptions & {
  ownId: PeerId;
  isAllowed: (peerId: PeerId) => boolean;
  linksMax: number;
  attemptsPerMinute: number;
  handshakeMs: number;
  onLink: (link: Link) => LinkEvents | undefined;
};

export type Meetings = {
  /** @param open - gives a stream to the peer; the signal says when it is not wanted any more. */
  dial: (
    peerId: PeerId,
    open: (signal: AbortSignal) => Promise<FrameStream>,
    events: LinkEvents,
    signal: AbortSignal,
  ) => Promise<Link>;
  /** A stream that this peer has opened. */
  answer: (peerId: PeerId, stream: FrameStream) => void;
  links: () => readonly OwnLink[];
  /** Forgets peers of which nothing was heard for so long. */
  forget: (staleMs: number) => void;
  stop: (why: string) => void;
};

type Dial = {
  id: string;
  /** The other side may have taken its hello. */
  isSent: boolean;
  /** On which its hello was sent, until that is answered. */
  stream?: FrameStream | undefined;
  events: LinkEvents;
  settle: (link: OwnLink) => void;
  fail: (error: Error) => void;
};

type Peer = {
  link?: OwnLink | undefined;
  dial?: Dial | undefined;
  /** A dial of the other side that it has given up, as hex. */
  givenUp?: string;
  minute: number;
  arrived: number;
  dialled: number;
  lastMs: number;
};

/** Peers that are remembered though they are gone. */
const peersMax = 10_000;
const idBytes = 8;
const crossing = '=';
const refusal = '-';

const noId = toHex(new Uint8Array(idBytes));

/** What is told of a stream whose handshake is under way. */
const during = (onFrame: FrameStreamEvents['onFrame'], onClosed: (why: string) => void) => ({
  onFrame,
  onDrain: () => {},
  onClosed,
});

export function makeMeetings({
  ownId,
  isAllowed,
  linksMax,
  attemptsPerMinute,
  handshakeMs,
  onLink,
  ...linkOptions
}: MeetingOptions): Meetings {
  const peers = new Map<PeerId, Peer>();
  let linkCount = 0;
  let stopped: string | undefined;

  const forget = (staleMs: number, keep = 0): void => {
    const before = Date.now() - staleMs;
    for (const [peerId, { link, dial, lastMs }] of peers) {
      if (peers.size <= keep) return;
      if (link === undefined && dial === undefined && lastMs <= before) peers.delete(peerId);
    }
  };

  const providePeer = (peerId: PeerId): Peer => {
    let peer = peers.get(peerId);
    if (peer === undefined) {
      if (peers.size >= peersMax) forget(0, peersMax - 1);
      peer = { minute: 0, arrived: 0, dialled: 0, lastMs: 0 };
      peers.set(peerId, peer);
    }
    const now = Date.now();
    const minute = Math.floor(now / 60_000);
    if (peer.minute !== minute) Object.assign(peer, { minute, arrived: 0, dialled: 0 });
    peer.lastMs = now;
    return peer;
  };

  /** Why this peer cannot have a link now. */
  const objection = (peerId: PeerId, peer: Peer, attempts: number): string | undefined => {
    if (stopped !== undefined) return stopped;
    if (!isAllowed(peerId)) return 'this peer is not allowed';
    if (attempts > attemptsPerMinute) {
      return `${attemptsPerMinute} connections were tried in this minute, which is the limit`;
    }
    if (peer.link === undefined && linkCount >= linksMax) {
      return `Connection limit reached: ${linkCount}/${linksMax} concurrent connections`;
    }
    return undefined;
  };

  const begin = (
    peerId: PeerId,
    peer: Peer,
    stream: FrameStream,
    eventsOf: (link: OwnLink) => LinkEvents | undefined,
  ): OwnLink => {
    const former = peer.link;
    const link = makeLink(peerId, stream, linkOptions, {
      onFrame: (frame) => events?.onFrame(frame),
      onDrain: () => events?.onDrain(),
      onClosed: (why) => {
        linkCount -= 1;
        if (peer.link === link) peer.link = undefined;
        peer.lastMs = Date.now();
        // Who closes it is not called from within.
        queueMicrotask(() => events?.onClosed(why));
      },
    });
    linkCount += 1;
    peer.link = link;
    former?.close('a newer link to the same peer has replaced it');
    const events = eventsOf(link);
    if (events === undefined) link.close('it is not wanted');
    return link;
  };

  const answerHello = (peerId: PeerId, stream: FrameStream, theirs: string): void => {
    const peer = providePeer(peerId);
    peer.arrived += 1;
    const refuse = (mark: string, why: string): void =>
      stream.end('refuse', encodeText(`${mark}${why}`), why);
    const why = objection(peerId, peer, peer.arrived);
    if (why !== undefined) return refuse(refusal, why);
    if (theirs === peer.givenUp) return refuse(refusal, 'this dial was given up for another one');
    const { dial } = peer;
    if (dial?.isSent && ownId < peerId) return refuse(crossing, 'the other dial is under way');
    peer.dial = undefined;
    stream.send('accept', fromHex(dial?.isSent ? dial.id : noId));
    const link = begin(peerId, peer, stream, dial === undefined ? onLink : () => dial.events);
    dial?.settle(link);
  };

  const answer: Meetings['answer'] = (peerId, stream) => {
    const late = (): void => {
      const text = `no hello came in ${handshakeMs} ms`;
      stream.end('refuse', encodeText(`${refusal}${text}`), text);
    };
    const timer = setTimeout(late, handshakeMs);
    stream.listen(
      during(
        ({ kind, body }) => {
          clearTimeout(timer);
          if (kind === 'hello' && body.length === idBytes) answerHello(peerId, stream, toHex(body));
          else stream.end('close', encodeText('no hello'), `a ${kind} frame in place of a hello`);
        },
        () => clearTimeout(timer),
      ),
    );
  };

  const sayHello = (peerId: PeerId, peer: Peer, dial: Dial, stream: FrameStream): void => {
    dial.isSent = true;
    dial.stream = stream;
    stream.listen(
      during(
        ({ kind, body }) => {
          if (peer.dial !== dial) {
            stream.end('close', encodeText('this dial was given up'), 'given up');
          } else if (kind === 'accept' && body.length === idBytes) {
            const givenUp = toHex(body);
            if (givenUp !== noId) peer.givenUp = givenUp;
            peer.dial = undefined;
            dial.stream = undefined;
            dial.settle(begin(peerId, peer, stream, () => dial.events));
          } else if (kind === 'refuse' && decodeText(body.subarray(0, 1)) === crossing) {
            // Theirs will arrive; until it does, or time is up, this one waits.
            dial.isSent = false;
          } else if (kind === 'refuse') {
            dial.fail(new Error(`it refuses: ${decodeText(body.subarray(1))}`));
          } else {
            dial.fail(new Error(`it answered a hello with a ${kind} frame`));
            stream.end('close', encodeText('no answer to a hello'), 'no answer to a hello');
          }
        },
        (why) => {
          if (dial.isSent) dial.fail(new Error(`the stream ended before it was answered: ${why}`));
        },
      ),
    );
    stream.send('hello', fromHex(dial.id));
  };

  const dial: Meetings['dial'] = async (peerId, open, events, signal) => {
    signal.throwIfAborted();
    if (peerId === ownId) throw new Error('Cannot dial this kernel itself');
    const peer = providePeer(peerId);
    if (peer.dial !== undefined) throw new Error(`${peerId} is being dialled already`);
    if (peer.link !== undefined) throw new Error(`${peerId} has a link already`);
    peer.dialled += 1;
    const why = objection(peerId, peer, peer.dialled);
    if (why !== undefined) throw new Error(`Cannot dial ${peerId}: ${why}`);
    const controller = new AbortController();
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        if (peer.dial === own) peer.dial = undefined;
        controller.abort();
        own.isSent = false;
        own.stream?.end('close', encodeText('this dial was given up'), 'given up');
      };
      const abort = (): void => {
        finish();
        reject(signal.reason as Error);
      };
      const own: Dial = {
        id: toHex(crypto.getRandomValues(new Uint8Array(idBytes))),
        isSent: false,
        events,
        settle: (link) => {
          finish();
          resolve(link);
        },
        fail: (error) => {
          finish();
          reject(new Error(`Cannot dial ${peerId}: ${error.message}`, { cause: error }));
        },
      };
      const timer = setTimeout(
        () => own.fail(new Error(`it did not answer in ${handshakeMs} ms`)),
        handshakeMs,
      );
      signal.addEventListener('abort', abort);
      peer.dial = own;
      open(controller.signal).then(
        (stream) => {
          if (peer.dial === own) sayHello(peerId, peer, own, stream);
          else stream.end('close', encodeText('this dial was given up'), 'given up');
        },
        (error: unknown) => own.fail(error as Error),
      );
    });
  };

  const links = (): OwnLink[] => [...peers.values()].flatMap(({ link }) => link ?? []);

  return {
    dial,
    answer,
    links,
    forget,
    stop: (why) => {
      stopped = why;
      for (const peer of peers.values()) peer.dial?.fail(new Error(why));
      for (const link of links()) link.close(why);
    },
  };
}
