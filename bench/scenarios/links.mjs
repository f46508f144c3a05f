/** Frames of 100 bytes to another process of this machine and back: over libp2p by itself, and over links. */
import { randomBytes } from 'node:crypto';
import { NodejsPlatformServices } from '../../sdk/dist/host/node/platform-services.js';
import { floor, ours } from '../rows.mjs';
import { echo, openStream, shareProcess } from './two-processes.mjs';

const shared = shareProcess('links-child.mjs');

const openLink = (place) => async (found, onBytes) => {
  const { peerId, addresses } = found.places[place];
  const events = { onLink: () => undefined, onAddresses: () => {}, onAwake: () => {} };
  const options = { keySeed: randomBytes(32), maxMessagesPerSecond: 1_000_000 };
  const transport = await new NodejsPlatformServices().startTransport(options, events);
  const linkEvents = {
    onFrame: ({ length }) => onBytes(length),
    onDrain: () => {},
    onClosed: () => {},
  };
  const { signal } = new AbortController();
  const link = await transport.dial(peerId, addresses, linkEvents, signal);
  return { send: link.send, close: transport.stop };
};

export const linkGroup = {
  name: 'links',
  title: 'frames to another process and back',
  unit: 'frame',
  perSecond: true,
  rounds: { quick: 5, full: 11 },
  rows: [
    floor('stream', 'a stream of libp2p, in sequence'),
    ours('direct', 'a link, in sequence', 'stream'),
    ours('relayed', 'a link over a relay, in sequence', 'stream'),
    floor('stream-at-once', 'a stream of libp2p, 1,000 at once'),
    ours('direct-at-once', 'a link, 1,000 at once', 'stream-at-once'),
    ours('relayed-at-once', 'a link over a relay, 1,000 at once', 'stream-at-once'),
  ],
  subjects: [
    echo(shared, 'stream', false, openStream),
    echo(shared, 'direct', false, openLink('direct')),
    echo(shared, 'relayed', false, openLink('relayed')),
    echo(shared, 'stream-at-once', true, openStream),
    echo(shared, 'direct-at-once', true, openLink('direct')),
    echo(shared, 'relayed-at-once', true, openLink('relayed')),
  ],
};
