/** Frames of 100 bytes to another process of this machine and back: over libp2p by itself, and over links. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { multiaddr } from '@multiformats/multiaddr';
import { startRelay } from '../../sdk/dist/host/node/relay.js';
import { NodejsPlatformServices } from '../../sdk/dist/host/node/platform-services.js';
import { sequentialCalls } from '../floors/ping-pong.mjs';
import { floor, ours } from '../rows.mjs';
import { rawProtocol, startRaw } from './links-raw.mjs';

const frameBytes = 100;
const frame = randomBytes(frameBytes);
const atOnce = 1_000;

/** One child and one relay serve all subjects, which are opened one after the other and closed together. */
let world;
let users = 0;

async function enter() {
  users += 1;
  world ??= openWorld();
  return world;
}

async function leave() {
  users -= 1;
  if (users > 0) return;
  const { child, relay } = await world;
  world = undefined;
  child.stdin.end();
  await once(child, 'exit');
  await relay.stop();
}

async function openWorld() {
  const relay = await startRelay({ keySeed: randomBytes(32), listen: ['/ip4/127.0.0.1/tcp/0/ws'] });
  const program = fileURLToPath(new URL('links-child.mjs', import.meta.url));
  const child = spawn(process.execPath, [program, ...relay.addresses], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  return { relay, child, places: JSON.parse(line.toString()) };
}

/** @param open - gives `{ send, close }`, and calls `onBytes` with how many have come back. */
const echo = (key, inFlight, open) => async () => {
  let left = 0;
  let next;
  let whenDone;
  const { send, close } = await open(await enter(), (bytes) => {
    left -= bytes;
    if (left === 0) whenDone();
    else if (!inFlight && left % frameBytes === 0) next();
  });
  next = () => send(frame);
  return {
    async sample(meter, effort) {
      const count = inFlight ? atOnce : sequentialCalls[effort];
      left = count * frameBytes;
      meter.start();
      const done = new Promise((resolve) => (whenDone = resolve));
      if (inFlight) for (let sent = 0; sent < count; sent += 1) next();
      else next();
      await done;
      meter.mark(key, count);
    },
    async close() {
      await close();
      await leave();
    },
  };
};

async function openStream({ places }, onBytes) {
  const node = await startRaw();
  const stream = await node.dialProtocol(multiaddr(places.raw[0]), rawProtocol);
  stream.addEventListener('message', ({ data }) => onBytes(data.byteLength));
  return { send: (bytes) => stream.send(bytes), close: () => node.stop() };
}

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
    echo('stream', false, openStream),
    echo('direct', false, openLink('direct')),
    echo('relayed', false, openLink('relayed')),
    echo('stream-at-once', true, openStream),
    echo('direct-at-once', true, openLink('direct')),
    echo('relayed-at-once', true, openLink('relayed')),
  ],
};
