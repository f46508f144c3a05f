/**
 * What many kernels behind a few relays cost: without sockets, with the kernel that ships, a network of function calls, and
 * the pauses that ship (`comms/backoff.ts`) on a clock of its own.
 *
 *     node --expose-gc --max-old-space-size=12000 bench/scale/run.mjs [kernels] [relays] [seconds that a relay is down]
 */
import { backoffMs } from '../../sdk/dist/comms/backoff.js';
import { limits } from '../../sdk/dist/limits.js';
import { makePureKernel } from './pure-kernel.mjs';

const [count = 10_000, relayCount = 10, downSeconds = 60] = process.argv.slice(2).map(Number);
const friendsOfEach = 4;
/** Connections that a relay greets in a second: noise costs it about a millisecond each. */
const relayGreetsPerSecond = 500;
/** Around each message: its piece and frame (5), yamux and noise end to end (30) and to the relay (30). */
const wrapping = 65;

let seed = 17;
const random = () => {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
  return seed / 2 ** 32;
};
const print = (what, value) => console.log(`${what.padEnd(58)} ${value}`);
const round = (value, digits = 0) => value.toFixed(digits);

const traffic = { messages: 0, bytes: 0 };
const measure = (work) => {
  const before = { ...traffic };
  work();
  return { messages: traffic.messages - before.messages, bytes: traffic.bytes - before.bytes };
};

const links = new Map();
const queue = [];
let lastLink = 0;

const say = (from, to, message) => {
  traffic.messages += 1;
  traffic.bytes += JSON.stringify(message).length + wrapping;
  queue.push({ from, to, message });
};
const key = (a, b) => `${a.peerId} ${b.peerId}`;

const deliver = () => {
  for (let at = 0; at < queue.length; at += 1) {
    const { from, to, message } = queue[at];
    const link = links.get(key(to, from));
    if (link === undefined) continue;
    if (message.type === 'frame') to.step({ ...message, type: 'peer-frame', remote: link.remote });
    else to.step({ type: 'peer-ack', remote: link.remote, ack: message.ack });
    to.commit();
  }
  queue.length = 0;
};

const kernels = [];
const byId = new Map();
const owed = new Map();
const relayOf = ({ peerId }) => Number(peerId.slice(1)) % relayCount;

const makeOne = (index) => {
  const kernel = makePureKernel(`k${index}`, (effect) => {
    const peer = byId.get(effect.peerId);
    if (effect.type === 'to-peer') {
      owed.delete(key(kernel, peer));
      say(kernel, peer, { type: 'frame', ...effect.frame });
    } else if (effect.type === 'peer-received') owed.set(key(kernel, peer), effect.received);
    else if (effect.type === 'peer-over') throw new Error(effect.error.message);
  });
  kernels.push(kernel);
  byId.set(kernel.peerId, kernel);
};
/** What the timer does that acknowledges what no answer did. */
const acknowledge = () => {
  for (const [pair, ack] of owed) {
    const [from, to] = pair.split(' ').map((id) => byId.get(id));
    if (links.has(pair)) say(from, to, { type: 'ack', ack });
  }
  owed.clear();
  deliver();
};
const settle = () => {
  for (let rounds = 0; rounds < 4; rounds += 1) {
    deliver();
    acknowledge();
  }
};

const proof = 'x'.repeat(128);
const hello = (kernel, standing) => ({
  type: 'hello',
  protocol: { min: 1, max: 1 },
  lineage: 'x'.repeat(32),
  epoch: 1_700_000_000_000,
  proof,
  hints: [`/dns4/relay${relayOf(kernel)}.example/tcp/443/tls/ws/p2p/${'x'.repeat(52)}/p2p-circuit`],
  ...standing,
});
const life = { lineage: 'x'.repeat(32), epoch: 1_700_000_000_000, proof };

/** Both greet, in the machines themselves. */
const connect = (a, b) => {
  lastLink += 1;
  const link = lastLink;
  const send = (from, message) => {
    traffic.messages += 1;
    traffic.bytes += JSON.stringify(message).length + wrapping;
  };
  const greet = (kernel, peer, standing, isDialler) => {
    let found;
    const event = { type: 'peer-hello', peerId: peer.peerId, link, isDialler, life, hints: [] };
    kernel.ask({ ...event, standing }, ({ result }) => (found = result));
    kernel.commit();
    if (found.verdict !== 'attached') throw new Error(`the greeting came to ${found.verdict}`);
    links.set(key(kernel, peer), { remote: found.remote, link });
    for (const frame of found.frames) say(kernel, peer, { type: 'frame', ...frame });
    return found.standing;
  };
  let standing;
  a.ask({ type: 'peer-begin', peerId: b.peerId }, ({ result }) => (standing = result.standing));
  a.commit();
  send(a, hello(a, standing));
  const answer = greet(b, a, standing, false);
  send(b, hello(b, answer));
  greet(a, b, answer, true);
};
const cut = (a, b) => {
  for (const [kernel, peer] of [
    [a, b],
    [b, a],
  ]) {
    const found = links.get(key(kernel, peer));
    if (found === undefined) continue;
    links.delete(key(kernel, peer));
    kernel.step({ type: 'peer-detach', remote: found.remote, link: found.link });
    kernel.commit();
  }
};

// The kernels, and who knows whom
const gc = globalThis.gc ?? (() => {});
gc();
const heapBefore = process.memoryUsage().heapUsed;
for (let at = 0; at < count; at += 1) makeOne(at);
const number = (index) => index.toString(16).padStart(32, '0');
for (const [index, kernel] of kernels.entries()) {
  kernel.ask(
    { type: 'issue-url', number: number(index), kref: kernel.root(), limits: {} },
    () => {},
  );
  kernel.commit();
}
gc();
const heapBare = process.memoryUsage().heapUsed;
const bare = kernels[0].size();

const pairs = new Map();
const known = new Map();
const redeem = (a, index) => {
  a.ask(
    {
      type: 'peer-redeem',
      session: 'a1',
      peerId: kernels[index].peerId,
      hints: [],
      number: number(index),
    },
    ({ value }) => known.set(key(a, kernels[index]), value.slots[0]),
  );
  a.commit();
};
const introduced = measure(() => {
  for (const a of kernels)
    for (let made = 0; made < friendsOfEach;) {
      const index = Math.floor(random() * count);
      const b = kernels[index];
      if (a === b || known.has(key(a, b)) || known.has(key(b, a))) continue;
      known.set(key(a, b), undefined);
      redeem(a, index);
      connect(a, b);
      pairs.set(key(a, b), { a, b, relay: relayOf(b) });
      made += 1;
      deliver();
    }
  settle();
});
gc();
const heapFull = process.memoryUsage().heapUsed;
const conversations = pairs.size;
const rowsNow = kernels.reduce((sum, kernel) => sum + kernel.size().rows, 0);
const bytesNow = kernels.reduce((sum, kernel) => sum + kernel.size().bytes, 0);

let answered = 0;
const call = ({ a, b }) =>
  a.ask(
    {
      type: 'send',
      session: 'a1',
      target: known.get(key(a, b)),
      methargs: { body: '#["hi",[]]', slots: [] },
    },
    ({ value }) => (answered += value === undefined ? 0 : 1),
  );
const started = performance.now();
const calls = measure(() => {
  for (const pair of pairs.values()) {
    call(pair);
    pair.a.commit();
    deliver();
  }
  settle();
});
const callMs = performance.now() - started;
if (answered !== conversations)
  throw new Error(`${answered} of ${conversations} calls were answered`);

print('kernels, relays, conversations', `${count}, ${relayCount}, ${conversations}`);
print(
  'memory of a kernel that knows nobody',
  `${round((heapBare - heapBefore) / count / 1024)} KiB`,
);
print(
  '  and of each conversation, on both sides together',
  `${round((heapFull - heapBare) / conversations / 1024, 1)} KiB`,
);
print('rows of a kernel that knows nobody', `${bare.rows}, ${bare.bytes} bytes`);
print(
  '  and of each conversation, on both sides together',
  `${round((rowsNow - bare.rows * count) / conversations, 1)}, ${round((bytesNow - bare.bytes * count) / conversations)} bytes`,
);
print(
  'messages to redeem a URL, greetings included',
  `${round(introduced.messages / conversations, 1)}, ${round(introduced.bytes / conversations)} bytes`,
);
print(
  'messages for a call, acknowledgements included',
  `${round(calls.messages / conversations, 1)}, ${round(calls.bytes / conversations)} bytes`,
);
print('kernel time for a call, both sides', `${round((callMs * 1_000) / conversations)} µs`);

// One relay dies, and comes back; every kernel that lost somebody has a call that waits
const dead = 0;
const lost = [...pairs.values()].filter(({ relay }) => relay === dead);
for (const { a, b } of lost) cut(a, b);
answered = 0;
for (const pair of lost) {
  call(pair);
  pair.a.commit();
}

const events = new Map();
const at = (ms, act) => {
  const slot = Math.ceil(ms / 10);
  events.set(slot, [...(events.get(slot) ?? []), act]);
};
const upAt = downSeconds * 1_000;
const attempts = { refused: 0, reservations: 0, circuits: 0 };
const perSecond = new Map();
const greets = new Map();
const reserved = new Map();
const backAt = [];
/** A relay that is down refuses; one that is up greets so many in a second, and who comes later waits until it gives up. */
const reaches = (now) => {
  const second = Math.floor(now / 1_000);
  perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
  if (now < upAt) return false;
  const used = greets.get(second) ?? 0;
  if (used >= relayGreetsPerSecond) return false;
  greets.set(second, used + 1);
  return true;
};
const pace = { baseMs: limits.relayRetryMs, maxMs: limits.relayRetryMaxMs };
const reserve = (kernel, failures) => (now) => {
  attempts.reservations += 1;
  if (reaches(now)) reserved.set(kernel, now);
  else {
    attempts.refused += 1;
    at(now + backoffMs(failures, pace, random()), reserve(kernel, failures + 1));
  }
};
const peerPace = { baseMs: limits.peerRetryMs, maxMs: limits.peerRetryMaxMs };
const dial = (a, b, home, failures) => (now) => {
  if (links.has(key(a, b)) || !a.isWanted(b.peerId)) return;
  attempts.circuits += 1;
  if (reserved.has(home) && reaches(now)) {
    connect(a, b);
    deliver();
    backAt.push(now);
  } else {
    attempts.refused += 1;
    at(now + backoffMs(failures, peerPace, random()), dial(a, b, home, failures + 1));
  }
};
for (const kernel of kernels)
  if (relayOf(kernel) === dead) at(backoffMs(0, pace, random()), reserve(kernel, 1));
// The other side could dial back over a relay that is up. That it does not is the worst case.
for (const { a, b } of lost) {
  at(backoffMs(0, peerPace, random()), dial(a, b, b, 1));
}
const storm = measure(() => {
  const slots = () => [...events.keys()];
  for (let slot = 0, left = slots().length; left > 0; slot += 1) {
    const acts = events.get(slot);
    if (acts === undefined) continue;
    events.delete(slot);
    for (const act of acts) act(slot * 10);
    left = events.size;
  }
  settle();
});
if (answered !== lost.length)
  throw new Error(`${answered} of ${lost.length} calls that waited were answered`);
const quantile = (values, part) =>
  values[Math.min(values.length - 1, Math.floor(values.length * part))];
backAt.sort((a, b) => a - b);
const reservedAt = [...reserved.values()].sort((a, b) => a - b);
const after = (ms) => `${round((ms - upAt) / 1_000, 1)} s`;
const peak = (from, to) =>
  Math.max(
    0,
    ...[...perSecond].filter(([second]) => second >= from && second < to).map(([, n]) => n),
  );
print(
  `a relay is down for ${downSeconds} s: kernels behind it, links`,
  `${reserved.size}, ${lost.length}`,
);
print('attempts for a place, and for a circuit', `${attempts.reservations}, ${attempts.circuits}`);
print('  of them at a relay that is down or busy, or too early', attempts.refused);
print('attempts in the busiest second, while it is down', peak(0, downSeconds));
print('  once it is up', peak(downSeconds, Infinity));
print(
  'half, 99 % and all have a place after',
  [0.5, 0.99, 1].map((part) => after(quantile(reservedAt, part))).join(', '),
);
print(
  'half, 99 % and all links are back after',
  [0.5, 0.99, 1].map((part) => after(quantile(backAt, part))).join(', '),
);
print(
  'messages for a link that is back, its waiting call included',
  `${round(storm.messages / lost.length, 1)}, ${round(storm.bytes / lost.length)} bytes`,
);
