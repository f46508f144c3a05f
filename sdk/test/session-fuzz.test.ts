/**
 * Clients that lie. Each has a port of its own, says one wrong thing in the right moment or many at random, and is
 * refused; a client that does as it should is served all the while, and the store stays sound.
 */
import { describe, expect, it } from 'vitest';
import { makeRandom } from '../src/kernel/simulation/random.js';
import type { ToHost } from '../src/protocol/session-wire.js';
import { bundleOfRoot, expectSound, startKernel, useSharedKernel } from './harness.js';
import { call, connect, data, type WireClient } from './session-wire-client.js';
import type { Kernel } from '@vatkit/sdk/kernel';

const vat = bundleOfRoot(`
  echo(value) { return value; },
  keep(...values) { return values.length; },
`);

const protocol = { min: 1, max: 1 };
const deep = (levels: number): string => `#${'['.repeat(levels)}${']'.repeat(levels)}`;
const frame = (seq: unknown, ops: unknown, ack: unknown = 0): unknown => ({
  type: 'frame',
  seq,
  ack,
  ops,
});
const one = (op: unknown): unknown => frame(1, [op]);
const cyclic: unknown[] = [];
cyclic.push(cyclic);
const endless: unknown[] = [];
endless.length = 2 ** 31;

/** What no client says, whatever has gone before. */
const nonsense: [name: string, message: unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['a number', 7],
  ['text', 'hello'],
  ['an array', []],
  ['a Map', new Map([['type', 'hello']])],
  ['a date', new Date()],
  ['bytes', new Uint8Array(1_000)],
  ['a record without a type', {}],
  ['an unknown type', { type: 'surrender' }],
  ['a type that every object has', { type: 'constructor' }],
  ['a message of the host', { type: 'welcome' }],
  ['an array that is endless', endless],
  ['a cycle', cyclic],
];

/** What no client says once it was welcomed. */
const violations: [name: string, message: unknown][] = [
  ...nonsense,
  ['a second hello', { type: 'hello', protocol }],
  ['a frame without ops', frame(1, [])],
  ['a frame of what is no op', frame(1, [null])],
  ['a frame of cycles', frame(1, cyclic)],
  ['a frame of holes', frame(1, endless)],
  ['a frame of number 0', frame(0, [call('o-1', 'x')])],
  ['a frame of a number that is none', frame(NaN, [call('o-1', 'x')])],
  ['a frame of half a number', frame(0.5, [call('o-1', 'x')])],
  ['a frame out of order', frame(2, [call('o-1', 'x')])],
  ['a frame from far ahead', frame(Number.MAX_SAFE_INTEGER, [call('o-1', 'x')])],
  ['an acknowledgement of what never was', frame(1, [call('o-1', 'x')], 99)],
  ['an acknowledgement alone of what never was', { type: 'ack', ack: 99 }],
  ['an unknown op', one({ op: 'surrender' })],
  ['an op of the host', one({ op: 'give', value: data([]) })],
  ['a call of what it was never given', one(call('o-77', 'x'))],
  ['a call of a root by its own name', one(call('o+0', 'x', 'o+1'))],
  ['a call of a durable name', one(call('o+d1/1', 'x'))],
  ['a call of a kref', one(call('ko4', 'x'))],
  ['a call of a name like a key', one(call('o-1.ko4', 'x'))],
  ['a call of an enormous number', one(call(`o+${'9'.repeat(400)}`, 'x'))],
  [
    'a call with a promise that is not there',
    one(call('o-1', 'x', undefined, data(['&0'], 'p-5'))),
  ],
  ['a result that is an object', one(call('o-1', 'x', 'o+5'))],
  ['a result that the host would name', one(call('o-1', 'x', 'p-5'))],
  ['two results of one name', frame(1, [call('o-0', 'x', 'p+1'), call('o-0', 'x', 'p+1')])],
  ['the admin object as an argument', one(call('o-0', 'x', 'p+1', data(['$0'], 'o-0')))],
  ['a body that is no text', one({ op: 'call', target: 'o-0', methargs: { body: 7, slots: [] } })],
  [
    'a body that is no smallcaps',
    one({ op: 'call', target: 'o-0', methargs: { body: '[]', slots: [] } }),
  ],
  [
    'a body 10,000 levels deep',
    one({ op: 'call', target: 'o-0', methargs: { body: deep(10_000), slots: [] } }),
  ],
  [
    'a body that is too long',
    one({
      op: 'call',
      target: 'o-0',
      methargs: { body: `#"${'x'.repeat(17 * 1024 * 1024)}"`, slots: [] },
    }),
  ],
  [
    'too many ops',
    frame(
      1,
      Array.from({ length: 30_000 }, () => call('o-0', 'x')),
    ),
  ],
  [
    'too many slots',
    one(
      call(
        'o-0',
        'x',
        'p+1',
        data([], ...Array.from({ length: 30_000 }, (_, index) => `o+${index}`)),
      ),
    ),
  ],
  ['a drop of more than it has', one({ op: 'drop', refs: [['o-1', 1]] })],
  ['a drop of its own', one({ op: 'drop', refs: [['o+1', 1]] })],
  ['a drop of nothing', one({ op: 'drop', refs: [['o-1', 0]] })],
  ['a drop of a promise', one({ op: 'drop', refs: [['p+1', 1]] })],
  ['a drop of the admin object', one({ op: 'drop', refs: [['o-0', 1]] })],
  [
    'a settlement of what never was',
    one({ op: 'settle', resolutions: [{ promise: 'p-9', rejected: false, value: data(1) }] }),
  ],
  [
    'a settlement without a value',
    one({ op: 'settle', resolutions: [{ promise: 'p+9', rejected: false }] }),
  ],
  ['a read that is no mark', one({ ...call('o-0', 'x'), read: 1 })],
];

describe('a client that lies', () => {
  let kernel: Kernel;
  let honest: WireClient;
  let root: string;
  useSharedKernel(async () => {
    kernel = await startKernel();
    honest = connect(kernel);
    root = await honest.launch(await honest.hello(), vat);
    return kernel;
  });

  /** The honest client is served as ever. */
  const expectServed = async (): Promise<void> => {
    const { value } = await honest.call(root, 'echo', data(['still here']));
    expect(value.body).toBe('#"still here"');
    expectSound(kernel);
  };

  it.each(nonsense)('is refused with %s before its hello', async (_name, message) => {
    const liar = connect(kernel);
    liar.post(message);
    expect(await liar.first('refused')).toMatchObject({ error: { code: 'PROTOCOL_ERROR' } });
    await liar.until(() => liar.isClosed() || undefined);
    await expectServed();
  });

  it.each(violations)('is closed with %s', async (_name, message) => {
    const liar = connect(kernel);
    await liar.hello();
    liar.post(message);
    const closed = await liar.first('closed');
    expect(closed).toMatchObject({ error: { code: 'PROTOCOL_ERROR' }, resumable: false });
    expect(closed.error.message.length).toBeLessThan(500);
    await liar.until(() => liar.isClosed() || undefined);
    await expectServed();
  });

  it.each([
    ['of none', {}],
    ['of the future', { protocol: { min: 2, max: 9 } }],
    ['of the past', { protocol: { min: 0, max: 0 } }],
    ['that is upside down', { protocol: { min: 9, max: 1 } }],
    ['of text', { protocol: { min: '1', max: '1' } }],
  ])('is refused with a version %s', async (_name, hello) => {
    const liar = connect(kernel);
    liar.post({ type: 'hello', ...hello });
    const { error, protocol: spoken } = await liar.first('refused');
    expect(['PROTOCOL_VERSION', 'PROTOCOL_ERROR']).toContain(error.code);
    expect(spoken).toStrictEqual(protocol);
    await expectServed();
  });

  it('is refused with a session that is not its own', async () => {
    for (const session of ['c1', 'c999', 'v1', 'h1', '', 'c1.ko4', '__proto__']) {
      const liar = connect(kernel);
      liar.post({ type: 'hello', protocol, resume: { session, secret: 'x', received: 0 } });
      expect(['SESSION_EXPIRED', 'PROTOCOL_ERROR']).toContain(
        (await liar.first('refused')).error.code,
      );
      liar.port.close();
    }
    await expectServed();
  });

  it('has no channels within channels, nor more than there may be', async () => {
    const liar = connect(kernel);
    await liar.hello();
    for (let channel = 1; channel <= 120; channel += 1) {
      liar.say({ type: 'channel-open', channel, session: 'c1', secret: 'x' });
    }
    await liar.until(() => (liar.of('channel-close').length === 20 ? true : undefined));
    liar.say({
      type: 'channel',
      channel: 1,
      message: { type: 'channel-open', channel: 2, session: 'c1', secret: 'x' },
    });
    await liar.until(() => liar.of('channel-close').find(({ channel }) => channel === 1));
    liar.say({ type: 'channel', channel: 2, message: { type: 'hello', protocol } });
    await liar.until(() =>
      liar.of('channel').find(({ message }) => JSON.stringify(message).includes('SESSION_EXPIRED')),
    );
    liar.say({ type: 'channel-open', channel: 3, session: 'c1', secret: 'x' });
    expect(await liar.first('closed')).toMatchObject({ error: { code: 'PROTOCOL_ERROR' } });
    await expectServed();
  });

  it('that sends more than its window is closed, and others wait for nothing', async () => {
    const liar = connect(kernel);
    const theirs = await liar.hello();
    const same = await liar.launch(theirs, vat);
    const began = performance.now();
    const body = `#["echo",["${'x'.repeat(1_000)}"]]`;
    for (let count = 0; count < 20_000; count += 1)
      liar.send({ op: 'call', target: same, methargs: { body, slots: [] } });
    const answered = await honest.call(root, 'echo', data(['me, too']));
    expect(answered.value.body).toBe('#"me, too"');
    expect(performance.now() - began).toBeLessThan(8_000);
    // It was closed, or, if the kernel kept pace, served.
    await liar.until(() => liar.of('closed')[0] ?? liar.of('ack').find(({ ack }) => ack > 20_000));
    liar.port.close();
    await expectServed();
  });

  it('that sends the same frame again and again has it done once', async () => {
    const repeater = connect(kernel);
    const theirs = await repeater.hello();
    const same = await repeater.launch(theirs, vat);
    const again: ToHost = {
      type: 'frame',
      seq: repeater.seq() + 1,
      ack: 0,
      ops: [call(same, 'echo', 'p+50', data(['once']))],
    };
    for (let count = 0; count < 50; count += 1) repeater.say(again);
    await repeater.settled('p+50');
    const told = repeater.ops().flatMap((op) => (op.op === 'settle' ? op.resolutions : []));
    expect(told.filter(({ promise }) => promise === 'p+50')).toHaveLength(1);
    repeater.say({ type: 'bye' });
    await expectServed();
  });

  it.each([1, 2, 3, 4])('at random, seed %i, harms nobody', async (seed) => {
    const random = makeRandom(seed);
    const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;
    const ref = (): string =>
      pick([
        'o-0',
        'o-1',
        'o-2',
        'o+1',
        'o+2',
        'p+3',
        'p+4',
        'p-1',
        'p-2',
        `o+${random.below(40)}`,
        `p+${random.below(40)}`,
        'ko4',
        'x',
        '',
      ]);
    const value = () => {
      const slots = Array.from({ length: random.below(3) }, ref);
      return data(
        slots.map((slot, index) => `${slot.startsWith('p') ? '&' : '$'}${index}`),
        ...slots,
      );
    };
    const op = (): unknown =>
      pick([
        () =>
          call(
            ref(),
            pick(['echo', 'keep', 'launch', 'connect', 'ref', 'nothing']),
            pick([undefined, ref()]),
            value(),
          ),
        () => ({
          op: 'settle',
          resolutions: [{ promise: ref(), rejected: random.chance(0.5), value: value() }],
        }),
        () => ({ op: 'drop', refs: [[ref(), random.below(3)]] }),
        () => pick(nonsense)[1],
      ])();
    for (let round = 0; round < 60; round += 1) {
      const liar = connect(kernel);
      const theirs = await liar.hello();
      const { value: launched } = await liar.admin(
        theirs,
        'launch',
        data([{ name: 'app', config: { bootstrap: 'main', vats: { main: { bundleSpec: vat } } } }]),
      );
      expect(launched.slots).not.toStrictEqual([]);
      for (let sent = 0; sent < 12; sent += 1) {
        const seq = liar.seq() + 1 + sent;
        liar.post(
          frame(
            random.chance(0.95) ? seq : random.below(30),
            Array.from({ length: 1 + random.below(3) }, op),
            random.below(6),
          ),
        );
      }
      if (random.chance(0.3)) liar.say({ type: 'bye' });
      else if (random.chance(0.5)) liar.port.close();
      if (round % 10 === 0) await expectServed();
    }
    await expectServed();
  });
});
