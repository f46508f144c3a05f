/** Another process of this machine and a relay, which all subjects of a group share; and raw streams to that process. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { multiaddr } from '@multiformats/multiaddr';
import { startRelay } from '../../sdk/dist/host/node/relay.js';
import { sequentialCalls } from '../floors/ping-pong.mjs';
import { rawProtocol, startRaw } from './links-raw.mjs';

const frameBytes = 100;
const frame = randomBytes(frameBytes);
export const atOnce = 1_000;

/**
 * Subjects are opened one after the other and closed together: the last one ends the process and the relay.
 *
 * @param program - beside this file. It gets `options` and the relay's addresses, prints one line of JSON, `places`, with `raw` the
 * addresses of raw streams, and ends with its standard input.
 */
export function shareProcess(program, options = []) {
  let world;
  let users = 0;
  return {
    async enter() {
      users += 1;
      world ??= openWorld(program, options);
      return world;
    },
    async leave() {
      users -= 1;
      if (users > 0) return;
      const { child, relay } = await world;
      world = undefined;
      child.stdin.end();
      await once(child, 'exit');
      await relay.stop();
    },
  };
}

async function openWorld(program, options) {
  const relay = await startRelay({ keySeed: randomBytes(32), listen: ['/ip4/127.0.0.1/tcp/0/ws'] });
  const path = fileURLToPath(new URL(program, import.meta.url));
  const child = spawn(process.execPath, [path, ...options, ...relay.addresses], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  return { relay, child, places: JSON.parse(line.toString()) };
}

/** @param open - gives `{ send, close }`, and calls `onBytes` with how many have come back. */
export const echo = (shared, key, inFlight, open) => async () => {
  let left = 0;
  let next;
  let whenDone;
  const { send, close } = await open(await shared.enter(), (bytes) => {
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
      await shared.leave();
    },
  };
};

export async function openStream({ places }, onBytes) {
  const node = await startRaw();
  const stream = await node.dialProtocol(multiaddr(places.raw[0]), rawProtocol);
  stream.addEventListener('message', ({ data }) => onBytes(data.byteLength));
  return { send: (bytes) => stream.send(bytes), close: () => node.stop() };
}

/** A stream whose frames are called like a kernel: a call ends when its frame has come back. */
export async function openRaw(world) {
  const waiting = [];
  let bytes = 0;
  const { send, close } = await openStream(world, (more) => {
    for (bytes += more; bytes >= frameBytes; bytes -= frameBytes) waiting.shift()();
  });
  const call = () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      send(frame);
    });
  return { call, close };
}
