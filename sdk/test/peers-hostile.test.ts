/** What a peer with a key of its own can do to a kernel that it greets, beyond what kernels say: nothing but lose its link. */
import { makeSQLKernelDatabase, NodejsPlatformServices } from '@vatkit/sdk/node';
import { kslot, type KernelDatabase } from '@vatkit/sdk/kernel';
import { Kernel } from '../src/host/kernel.js';
import { describe, expect, test, vi } from 'vitest';
import { peerIdOf, randomSeed, seedBytes, sign } from '../src/comms/identity.js';
import { makeMemoryNetwork, type MemoryNetwork } from '../src/comms/memory-transport.js';
import { makeAssembler, toPieces } from '../src/comms/pieces.js';
import type { Link } from '../src/comms/transport.js';
import { parseOcapUrl } from '../src/comms/ocap-url.js';
import { epochText, UNWATCHED, type PeerHello } from '../src/protocol/peer-wire.js';
import { bundleOfCode, call, clusterOf, makeLogRecorder, patience, track } from './harness.js';

const number = (index: number): string => index.toString(16).padStart(32, '0');

const root = `
  greet(name) { return 'Hello, ' + name; },
  big(length) { return 'x'.repeat(length); },
  make() { return makeDefaultExo('thing', {}); },
  wait() { return new Promise((resolve) => waiting.push(resolve)); },
  open(target) { for (const resolve of waiting.splice(0)) resolve(target); },
  spin(rounds) { for (let left = rounds; left > 0; left -= 1); return 'done'; },
  async flood(object, count, text) {
    const sent = Array.from({ length: count }, () => E(object).greet(text));
    const results = await Promise.allSettled(sent);
    return results.map(({ reason }) => (reason === undefined ? 'sent' : String(reason.message)));
  }`;

async function startKernel(
  network: MemoryNetwork,
  more: object = {},
  options: object = {},
  onCommit: (database: KernelDatabase) => void = () => {},
) {
  const platform = new NodejsPlatformServices();
  Object.defineProperty(platform, 'startTransport', { value: network.startTransport });
  const database = await makeSQLKernelDatabase({ dbFilename: ':memory:' });
  const told: KernelDatabase = {
    ...database,
    commit(changes, commitOptions) {
      database.commit(changes, commitOptions);
      onCommit(database);
    },
  };
  const kernel = track(await Kernel.make(platform, told, { logger: makeLogRecorder(), ...more }));
  const spec = bundleOfCode(
    `const { E, makeDefaultExo } = far;
    const waiting = [];
    return { buildRootObject: () => makeDefaultExo('root', { bootstrap() {}, ${root} }) };`,
  );
  const { rootKref } = await kernel.launchSubcluster(clusterOf(spec));
  await kernel.initRemoteComms({
    maxMessageSizeBytes: 100_000,
    peerTimeoutMs: 2_000,
    reconnectionBaseDelayMs: 5,
    reconnectionMaxDelayMs: 20,
    ...options,
  });
  const { remoteComms } = await kernel.getStatus();
  const rowsOf = (prefix: string): number => database.keys(prefix).length;
  /** UTF-16 code units of all that the store has. */
  const chars = (): number =>
    database.keys('').reduce((sum, key) => sum + (database.get(key)?.length ?? 0), 0);
  return { kernel, rootKref, peerId: remoteComms.peerId as string, rowsOf, chars };
}

type Rogue = {
  link: Link;
  /** What it was told. */
  heard: { type: string; [key: string]: unknown }[];
  ended: () => string | undefined;
  say: (message: unknown) => void;
};

/** Somebody with a good key who greets as kernels do, unless told otherwise. */
async function startRogue(
  network: MemoryNetwork,
  to: string,
  forge: (hello: PeerHello) => object = (hello) => hello,
  seed = randomSeed(),
): Promise<Rogue> {
  const peerId = peerIdOf(seed);
  const heard: Rogue['heard'] = [];
  const assembler = makeAssembler();
  let why: string | undefined;
  const transport = await network.startTransport(
    { keySeed: seedBytes(seed) },
    { onLink: () => undefined, onAddresses: () => {}, onAwake: () => {} },
  );
  const hello = (you: number): void => {
    const [lineage, epoch] = ['rogue', 1];
    const proof = sign(seed, epochText(lineage, epoch));
    const protocol = { min: 1, max: 1 };
    const standing = { me: 1, you, sent: 0, acked: 0, received: 0 };
    say(forge({ type: 'hello', protocol, lineage, epoch, proof, hints: [], ...standing }));
  };
  const isFirst = peerId < to;
  const link = await transport.dial(
    to,
    [],
    {
      onFrame: (piece) => {
        const { message } = assembler.push(piece, 1e9) ?? {};
        if (message === undefined) return;
        heard.push(message as Rogue['heard'][number]);
        if (!isFirst && heard.length === 1) hello((message as PeerHello).me);
      },
      onDrain: () => {},
      onClosed: (reason) => (why = reason),
    },
    new AbortController().signal,
  );
  const say = (message: unknown): void => {
    for (const piece of toPieces(message, 64 * 1024)) link.send(piece);
  };
  if (isFirst) hello(0);
  await vi.waitFor(() => expect(heard.length).toBeGreaterThan(0), patience);
  return { link, heard, ended: () => why, say };
}

const frame = (...ops: object[]) => ({ type: 'frame', seq: 1, ack: 0, ops });
const nothing = { body: '#["greet",[]]', slots: [] };

const attacks: [string, (rogue: Rogue) => void][] = [
  ['bytes that are no text', ({ link }) => link.send(Uint8Array.of(0, 0xff, 0xfe))],
  ['a piece that is none', ({ link }) => link.send(Uint8Array.of(7, 1))],
  ['no bytes', ({ link }) => link.send(new Uint8Array())],
  [
    'a message without an end',
    ({ link }) => {
      for (let count = 0; count < 10; count += 1) link.send(new Uint8Array(60_000).fill(1));
    },
  ],
  ['text that is no JSON', ({ link }) => link.send(Uint8Array.of(0, 0x7b))],
  ['a type that there is not', ({ say }) => say({ type: 'rule' })],
  ['lists as deep as they fit', ({ link }) => link.send(new Uint8Array(60_000).fill(0x5b, 1))],
  ['a frame that leaps', ({ say }) => say({ ...frame(), seq: 5 })],
  ['numbers that are none', ({ say }) => say({ ...frame(), seq: -1, ack: 'x' })],
  ['an acknowledgement of what was never said', ({ say }) => say({ type: 'ack', ack: 99 })],
  ['the same in a frame', ({ say }) => say({ ...frame(), ack: 99 })],
  [
    'a call of what it was not given',
    ({ say }) => say(frame({ op: 'call', target: 'o-77', methargs: nothing, result: 'p+1' })),
  ],
  ['a call of its own', ({ say }) => say(frame({ op: 'call', target: 'o+1', methargs: nothing }))],
  [
    'a reference that is none',
    ({ say }) => say(frame({ op: 'call', target: 'ko4', methargs: nothing })),
  ],
  [
    'a promise that it does not decide',
    ({ say }) =>
      say(
        frame({ op: 'settle', resolutions: [{ promise: 'p-9', rejected: false, value: nothing }] }),
      ),
  ],
  ['counts that it was not given', ({ say }) => say(frame({ op: 'drop', refs: [['o-1', 9]] }))],
  ['an end of what never was', ({ say }) => say(frame({ op: 'retire', refs: ['o-1'] }))],
  [
    'methods of what it has not named',
    ({ say }) => say(frame({ op: 'describe', refs: ['o+3'], methods: ['greet'] })),
  ],
  [
    'methods of what is not its own',
    ({ say }) => say(frame({ op: 'describe', refs: ['o-1'], methods: ['greet'] })),
  ],
  [
    'a read whose answer it does not want',
    ({ say }) => say(frame({ op: 'call', target: 'o-1', methargs: nothing, read: true })),
  ],
  [
    'a read that is something else',
    ({ say }) =>
      say(frame({ op: 'call', target: 'o-1', methargs: nothing, result: 'p+1', read: 7 })),
  ],
  ['changes of what cannot be', ({ say }) => say({ type: 'changed', watches: [0, 1.5, 'x'] })],
  [
    'changes without an end',
    ({ say }) => say({ type: 'changed', watches: Array.from({ length: 1_001 }, () => 1) }),
  ],
  ['an end that is none', ({ say }) => say({ type: 'bye', why: 'so', rests: 1 })],
  [
    'methods without an end',
    ({ say }) => {
      const methods = Array.from({ length: 1_000 }, (_, at) => `method${at}`);
      say(frame({ op: 'describe', refs: ['o+3'], methods }));
    },
  ],
  ['an operation that there is not', ({ say }) => say(frame({ op: 'rule' }))],
  [
    'a number that is none',
    ({ say }) => say(frame({ op: 'redeem', number: '../x', result: 'p+1' })),
  ],
];

describe('a peer that breaks the protocol', () => {
  test('is refused for it, whatever it says, and costs nobody else anything', async () => {
    const network = makeMemoryNetwork();
    const host = await startKernel(network);
    const friend = await startKernel(network);
    const kref = await friend.kernel.redeemOcapURL(await host.kernel.issueOcapURL(host.rootKref));
    const rows = host.rowsOf('');
    const begin = async ([what, attack]: (typeof attacks)[number]): Promise<void> => {
      const rogue = await startRogue(network, host.peerId);
      await vi.waitFor(
        () =>
          expect(
            rogue.heard.some(({ type }) => type === 'hello'),
            what,
          ).toBe(true),
        patience,
      );
      // By now it has been greeted, too.
      await new Promise((done) => setTimeout(done, 5));
      attack(rogue);
      await vi.waitFor(() => expect(rogue.ended(), what).toBeDefined(), patience);
      expect(rogue.heard.at(-1), what).toMatchObject({ type: 'refused', code: 'PROTOCOL_ERROR' });
    };
    await Promise.all(attacks.map(begin));
    expect(await call(friend.kernel, kref, 'greet', 'friend')).toBe('Hello, friend');
    // One row for each, which makes room for the next when there are too many.
    expect(host.rowsOf('')).toBeLessThanOrEqual(rows + 2 * attacks.length);
  });

  test('does not pass for another, or speak before it has greeted', async () => {
    const network = makeMemoryNetwork();
    const host = await startKernel(network);
    const forged = await startRogue(network, host.peerId, (hello) => ({
      ...hello,
      proof: '0'.repeat(128),
    }));
    await vi.waitFor(() =>
      expect(forged.heard.at(-1)).toMatchObject({ type: 'refused', code: 'PROTOCOL_ERROR' }),
    );
    const rude = await startRogue(network, host.peerId, () =>
      frame({ op: 'redeem', number: number(1), result: 'p+1' }),
    );
    await vi.waitFor(
      () => expect(rude.heard.at(-1)).toMatchObject({ type: 'refused', code: 'PROTOCOL_ERROR' }),
      patience,
    );
    const old = await startRogue(network, host.peerId, (hello) => ({
      ...hello,
      protocol: { min: 7, max: 9 },
    }));
    await vi.waitFor(() =>
      expect(old.heard.at(-1)).toMatchObject({ type: 'refused', code: 'PROTOCOL_VERSION' }),
    );
  });

  test('guesses numbers of URLs without end, and is left with nothing', async () => {
    const network = makeMemoryNetwork();
    const host = await startKernel(network);
    await host.kernel.issueOcapURL(host.rootKref);
    const rogue = await startRogue(network, host.peerId);
    await new Promise((done) => setTimeout(done, 5));
    const rows = host.rowsOf('');
    for (let seq = 1; seq <= 20; seq += 1) {
      const ops = Array.from({ length: 50 }, (_, at) => ({
        op: 'redeem',
        number: number(seq * 50 + at),
        result: `p+${seq * 50 + at}`,
      }));
      rogue.say({ type: 'frame', seq, ack: 0, ops });
    }
    const told = (): { rejected: boolean }[] =>
      rogue.heard
        .filter(({ type }) => type === 'frame')
        .flatMap(({ ops }) => ops as { resolutions: { rejected: boolean }[] }[])
        .flatMap(({ resolutions }) => resolutions);
    await vi.waitFor(() => expect(told()).toHaveLength(1_000));
    expect(told().every(({ rejected }) => rejected)).toBe(true);
    const last = rogue.heard.filter(({ type }) => type === 'frame').length;
    rogue.say({ type: 'ack', ack: last });
    await vi.waitFor(() => expect(host.rowsOf('')).toBeLessThan(rows + 10));
  });
});

describe('strangers make room for one another, and for friends', () => {
  const ask = { op: 'redeem', number: number(1), result: 'p+1' };
  const methargs = { body: '#["greet",["$0.Alleged: thing","&1"]]', slots: ['o+1', 'p+9'] };

  test.each([
    ['that say nothing', undefined],
    ['that ask for what there is not, and take no answer', frame(ask)],
    [
      'that name things of their own to nobody',
      frame(ask, { op: 'call', target: 'p+1', methargs }),
    ],
  ])('%s', async (_what, question) => {
    const network = makeMemoryNetwork();
    const host = await startKernel(network, { limits: { peersMax: 10 } }, { peerTimeoutMs: 50 });
    for (let count = 0; count < 40; count += 1) {
      const rogue = await startRogue(network, host.peerId);
      if (question !== undefined) {
        await new Promise((done) => setTimeout(done, 2));
        rogue.say(question);
        await vi.waitFor(() => expect(toldTo(rogue)).toHaveLength(1), patience);
      }
      rogue.link.close('enough');
      await vi.waitFor(() => expect(rogue.ended()).toBeDefined(), patience);
    }
    await new Promise((done) => setTimeout(done, 100));
    expect(host.rowsOf('j.')).toBeGreaterThan(0);
    expect(host.rowsOf('j.')).toBeLessThanOrEqual(10);
    const friend = await startKernel(network);
    const kref = await friend.kernel.redeemOcapURL(await host.kernel.issueOcapURL(host.rootKref));
    expect(await call(friend.kernel, kref, 'greet', 'friend')).toBe('Hello, friend');
  });
});

type Told = {
  promise: string;
  rejected: boolean;
  value: { body: string; slots: string[] };
  watch?: number;
};

const toldTo = ({ heard }: Rogue): Told[] =>
  heard
    .filter(({ type }) => type === 'frame')
    .flatMap(({ ops }) => ops as { op: string; resolutions: Told[] }[])
    .flatMap(({ op, resolutions }) => (op === 'settle' ? resolutions : []));

/** A rogue that speaks well, and was given an ocap URL: it calls the object, and takes only what it likes of the answers. */
async function startGuest(network: MemoryNetwork, to: string, url: string, seed = randomSeed()) {
  const rogue = await startRogue(network, to, undefined, seed);
  let seq = 0;
  let promise = 0;
  const send = (...ops: object[]): void => {
    seq += 1;
    rogue.say({ type: 'frame', seq, ack: 0, ops });
  };
  const newResult = (): string => {
    promise += 1;
    return `p+${promise}`;
  };
  const told = (): Told[] => toldTo(rogue);
  await new Promise((done) => setTimeout(done, 5));
  send({ op: 'redeem', number: parseOcapUrl(url).number, result: newResult() });
  await vi.waitFor(() => expect(told()).toHaveLength(1), patience);
  const target = told()[0]?.value.slots[0]?.replace('+', '-');
  const callOf = (method: string, args: unknown[]): object => {
    const methargs = { body: `#${JSON.stringify([method, args])}`, slots: [] };
    return { op: 'call', target, methargs, result: newResult() };
  };
  return {
    ...rogue,
    send,
    told,
    ask(method: string, args: unknown[], count = 1, more: object = {}): void {
      send(...Array.from({ length: count }, () => ({ ...callOf(method, args), ...more })));
    },
    redeemAndAsk(from: string, method: string, args: unknown[]): void {
      const result = newResult();
      send(
        { op: 'redeem', number: parseOcapUrl(from).number, result },
        { ...callOf(method, args), target: result },
      );
    },
    /** Asks for objects that there are not. */
    guess(count: number): void {
      send(
        ...Array.from({ length: count }, (_, at) => ({
          op: 'redeem',
          number: number(at),
          result: newResult(),
        })),
      );
    },
    /** Acknowledges all that came. */
    take(): void {
      const ack = rogue.heard.filter(({ type }) => type === 'frame').length;
      rogue.say({ type: 'ack', ack });
    },
    asked: (): number => promise,
  };
}

const isQueueFull = ({ rejected, value }: Told): boolean =>
  rejected && value.body.includes('[KERNEL:QUEUE_FULL]');

describe('a peer that only takes', () => {
  test('and acknowledges nothing has so much kept for it, and no more', async () => {
    const network = makeMemoryNetwork();
    const limits = { peerQueueCharsMax: 2_000_000 };
    const host = await startKernel(network, { limits }, { maxMessageSizeBytes: 2_000_000 });
    const friend = await startKernel(network);
    const kref = await friend.kernel.redeemOcapURL(await host.kernel.issueOcapURL(host.rootKref));
    const before = host.chars();
    const guest = await startGuest(
      network,
      host.peerId,
      await host.kernel.issueOcapURL(host.rootKref),
    );
    for (let round = 0; round < 8; round += 1) guest.ask('big', [400_000], 20);
    // 64,000,000 characters are asked for. Some 8 MiB may be on their way, twice: in frames, and in what they settle.
    await vi.waitFor(() => expect(host.chars() - before).toBeGreaterThan(9_000_000), patience);
    await vi.waitFor(() => expect(host.rowsOf('q.v')).toBe(0), patience);
    expect(await call(friend.kernel, kref, 'greet', 'friend')).toBe('Hello, friend');
    expect(host.chars() - before).toBeLessThan(2 * (8 * 1024 * 1024 + 400_000) + 2_200_000);
    // As it takes, it hears all answers, and then has new ones.
    await vi.waitFor(() => {
      guest.take();
      expect(guest.told()).toHaveLength(guest.asked());
    }, patience);
    const fulls = guest.told().filter(isQueueFull).length;
    // Of 160, some 25 had room; how many share a frame depends on when they were ready.
    expect(fulls).toBeGreaterThan(100);
    expect(fulls).toBeLessThan(155);
    guest.take();
    guest.ask('greet', ['guest']);
    await vi.waitFor(
      () => expect(guest.told().at(-1)?.value.body).toContain('Hello, guest'),
      patience,
    );
    guest.take();
    await vi.waitFor(() => expect(host.chars() - before).toBeLessThan(10_000), patience);
  });

  test('and lets nothing go is given so much, and no more', async () => {
    const network = makeMemoryNetwork();
    const host = await startKernel(network, { limits: { peerGivenMax: 64 } });
    const guest = await startGuest(
      network,
      host.peerId,
      await host.kernel.issueOcapURL(host.rootKref),
    );
    for (let round = 0; round < 20; round += 1) {
      guest.ask('make', [], 10);
      await vi.waitFor(() => expect(guest.told()).toHaveLength(guest.asked()), patience);
      guest.take();
    }
    const given = guest.told().filter(({ rejected }) => !rejected);
    expect(guest.told().filter(isQueueFull)).toHaveLength(guest.asked() - given.length);
    // Those that were on their way come on top.
    expect(given.length).toBeGreaterThanOrEqual(64);
    expect(given.length).toBeLessThan(64 + 10);
    const things = given.slice(1, 21).map(({ value }) => value.slots[0]?.replace('+', '-'));
    guest.send(
      { op: 'drop', refs: things.map((name) => [name, 1]) },
      { op: 'retire', refs: things },
    );
    guest.ask('make', []);
    await vi.waitFor(() => expect(guest.told()).toHaveLength(guest.asked()), patience);
    expect(guest.told().at(-1)?.rejected).toBe(false);
  });
});

describe('a peer that sends more than a vat has served', () => {
  const bounds: [string, object, (most: { count: number; chars: number }) => void][] = [
    [
      'messages',
      { queueMax: 4 },
      ({ count }) => {
        expect(count).toBeGreaterThanOrEqual(4);
        // That which is being delivered, too.
        expect(count).toBeLessThanOrEqual(5);
      },
    ],
    [
      'bytes',
      { queueCharsMax: 200_000 },
      ({ chars }) => {
        expect(chars).toBeGreaterThanOrEqual(200_000);
        expect(chars).toBeLessThan(200_000 + 2 * 51_000);
      },
    ],
  ];

  /** What it calls the object by. */
  const names = ['o-', 'a promise that it has not heard of', 'a URL that it redeems each time'];
  const ways = bounds.flatMap(([what, limits, check]) =>
    names.map((name, at) => ({ what, name, at, limits, check })),
  );

  test.each(ways)('waits while its queue is full by $what: $name', async (way) => {
    const { limits, check, at: which } = way;
    const network = makeMemoryNetwork();
    const most = { count: 0, chars: 0 };
    const options = { maxMessageSizeBytes: 1_000_000 };
    const host = await startKernel(network, { limits }, options, (database) => {
      const keys = database.keys('q.v');
      const chars = keys.reduce((sum, key) => sum + (database.get(key)?.length ?? 0), 0);
      most.count = Math.max(most.count, keys.length);
      most.chars = Math.max(most.chars, chars);
    });
    const url = await host.kernel.issueOcapURL(host.rootKref);
    const guest = await startGuest(network, host.peerId, url);
    guest.ask('spin', [3e8]);
    const texts = Array.from({ length: 60 }, (_, at) => `${at}`.padEnd(50_000, '.'));
    for (const text of texts) {
      if (which === 2) guest.redeemAndAsk(url, 'greet', [text]);
      else guest.ask('greet', [text], 1, which === 1 ? { target: 'p+1' } : {});
    }
    // It goes on by itself, and each is answered, in order.
    await vi.waitFor(() => expect(guest.told()).toHaveLength(guest.asked()), patience);
    check(most);
    const answers = guest.told().filter(({ value }) => value.body.includes('Hello'));
    expect(answers.map(({ value }) => value.body)).toStrictEqual(
      texts.map((text) => `#"Hello, ${text}"`),
    );
    expect(guest.ended()).toBeUndefined();
  });
});

test('a peer whose frames have waited is not taken up all at once: others are heard meanwhile', async () => {
  const network = makeMemoryNetwork();
  let received = 0;
  const host = await startKernel(network, { limits: { queueMax: 2 } }, {}, (database) => {
    const row = database.keys('j.').map((key) => database.get(key) ?? '')[0] ?? '{}';
    ({ received = 0 } = JSON.parse(row) as { received?: number });
  });
  const url = await host.kernel.issueOcapURL(host.rootKref);
  const guest = await startGuest(network, host.peerId, url);
  const friend = await startKernel(network);
  await friend.kernel.redeemOcapURL(url);
  // It fills the queue, and what it says behind that has to wait.
  guest.ask('spin', [1e8]);
  for (let count = 0; count < 4; count += 1) guest.ask('greet', ['guest']);
  const last = 6 + 60;
  for (let count = 6; count < last; count += 1) guest.guess(200);
  const heardAt = new Set<number>();
  while (received < last) {
    await friend.kernel.redeemOcapURL(url);
    heardAt.add(received);
    await new Promise((done) => setTimeout(done, 1));
  }
  expect([...heardAt].filter((seq) => seq > 6 && seq < last).length).toBeGreaterThan(2);
  await vi.waitFor(() => {
    guest.take();
    expect(guest.told()).toHaveLength(guest.asked());
  }, patience);
});

test('a peer that calls what is not there yet has so much kept, over all that it waits for, and no more', async () => {
  const network = makeMemoryNetwork();
  const limits = { peerQueueCharsMax: 1_000_000 };
  const host = await startKernel(network, { limits }, { maxMessageSizeBytes: 1_000_000 });
  const friend = await startKernel(network);
  const kref = await friend.kernel.redeemOcapURL(await host.kernel.issueOcapURL(host.rootKref));
  const url = await host.kernel.issueOcapURL(host.rootKref);
  const guest = await startGuest(network, host.peerId, url);
  const before = host.chars();
  const promises = 20;
  for (let round = 0; round < promises; round += 1) {
    const target = `p+${guest.asked() + 1}`;
    guest.ask('wait', []);
    guest.ask('greet', ['x'.repeat(50_000)], 10, { target });
  }
  // 10,000,000 characters; those beyond the first million are refused, each for itself.
  await vi.waitFor(() => expect(guest.told().filter(isQueueFull)).toHaveLength(180), patience);
  expect(host.chars() - before).toBeLessThan(1_200_000);
  expect(await call(friend.kernel, kref, 'greet', 'friend')).toBe('Hello, friend');

  // What was kept is done, and then there is room again.
  await call(host.kernel, host.rootKref, 'open', kslot(host.rootKref));
  await vi.waitFor(() => expect(guest.told()).toHaveLength(guest.asked()), patience);
  expect(guest.told().filter(({ value }) => value.body.includes('Hello, x'))).toHaveLength(20);
  guest.take();
  guest.ask('wait', []);
  guest.ask('greet', ['again'], 1, { target: `p+${guest.asked()}` });
  await new Promise((done) => setTimeout(done, 20));
  await call(host.kernel, host.rootKref, 'open', kslot(host.rootKref));
  await vi.waitFor(() => expect(guest.told()).toHaveLength(guest.asked()), patience);
  expect(guest.told().some(({ value }) => value.body.includes('Hello, again'))).toBe(true);
  expect(guest.ended()).toBeUndefined();
});

test('a peer that sends ahead of what is served is heard no further', async () => {
  const network = makeMemoryNetwork();
  const host = await startKernel(
    network,
    { limits: { queueMax: 2 } },
    { maxMessageSizeBytes: 2_000_000 },
  );
  const guest = await startGuest(
    network,
    host.peerId,
    await host.kernel.issueOcapURL(host.rootKref),
  );
  guest.ask('spin', [1e8], 12);
  for (let count = 0; count < 100; count += 1) guest.ask('greet', ['x'.repeat(1_000_000)]);
  await vi.waitFor(() => expect(guest.ended()).toBeDefined(), patience);
  expect(guest.heard.at(-1)).toMatchObject({ type: 'refused', code: 'PROTOCOL_ERROR' });
});

test('what is sent to a peer that is away waits, so much of it and no more', async () => {
  const network = makeMemoryNetwork();
  const limits = { peerQueueCharsMax: 1_000_000 };
  const options = { maxMessageSizeBytes: 1_000_000, peerTimeoutMs: 60_000 };
  const here = await startKernel(network, { limits }, options);
  const there = await startKernel(network, {}, options);
  const kref = await here.kernel.redeemOcapURL(await there.kernel.issueOcapURL(there.rootKref));
  const before = here.chars();
  network.setReachable(there.peerId, false);
  const text = 'x'.repeat(50_000);
  const flood = call(here.kernel, here.rootKref, 'flood', kslot(kref), 100, text);
  await vi.waitFor(() => expect(here.chars() - before).toBeGreaterThan(900_000), patience);
  // The host's own wait outside, and are sent when there is room.
  const own = Promise.all(Array.from({ length: 5 }, () => call(here.kernel, kref, 'greet', text)));
  await new Promise((done) => setTimeout(done, 50));
  expect(here.chars() - before).toBeLessThan(1_200_000);
  network.setReachable(there.peerId, true);
  const results = (await flood) as string[];
  expect(results.filter((result) => result === 'sent')).toHaveLength(20);
  expect(results.filter((result) => result.startsWith('[KERNEL:QUEUE_FULL]'))).toHaveLength(80);
  expect(await own).toStrictEqual(new Array(5).fill(`Hello, ${text}`));
});

test('what is told again on another link bears no watch of the last one, which is over', async () => {
  const network = makeMemoryNetwork();
  const host = await startKernel(network);
  const seed = randomSeed();
  const url = await host.kernel.issueOcapURL(host.rootKref);
  const guest = await startGuest(network, host.peerId, url, seed);
  guest.ask('greet', ['guest'], 1, { read: true });
  await vi.waitFor(() => expect(guest.told()).toHaveLength(2), patience);
  expect(guest.told()[1]?.watch).toBeGreaterThan(0);
  guest.link.close('cut');
  await vi.waitFor(() => expect(guest.ended()).toBeDefined(), patience);
  const { me } = guest.heard[0] as unknown as PeerHello;
  const again = await startRogue(
    network,
    host.peerId,
    (hello) => ({ ...hello, you: me, sent: 2, acked: 2, received: 1 }),
    seed,
  );
  await vi.waitFor(() => expect(toldTo(again)).toHaveLength(1), patience);
  expect(toldTo(again)[0]).toStrictEqual({ ...guest.told()[1], watch: UNWATCHED });
});
