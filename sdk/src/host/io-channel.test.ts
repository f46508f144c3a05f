import { describe, expect, test, vi } from 'vitest';
import { isKernelError } from '../errors.js';
import { limits } from '../limits.js';
import type { IOOptions } from '../protocol/config.js';
import { makeInbox, makeIOService, unitBytes, type IOChannel, type IOUnit } from './io-channel.js';

const bytes = (...values: number[]) => Uint8Array.from(values);
const utf8 = (text: string) => new TextEncoder().encode(text);

const inboxOf = (unit?: IOOptions['unit'], aheadMax = 1_000, onWant = () => {}) =>
  makeInbox({ name: 'n', ...(unit && { unit }), aheadMax, onWant });

/** All that can be read now; `pending` where a read waits. */
async function readAll(inbox: ReturnType<typeof inboxOf>): Promise<(IOUnit | null)[]> {
  const got: (IOUnit | null)[] = [];
  while (inbox.isReady()) got.push(await inbox.read());
  return got;
}

describe('an inbox', () => {
  test('gives lines without their newlines, and the last one that has none', async () => {
    const inbox = inboxOf();
    for (const part of ['a', 'b\nc\r\n', '\n\nend']) inbox.push(utf8(part));
    inbox.end();
    expect(await readAll(inbox)).toStrictEqual(['ab', 'c\r', '', '', 'end', null]);
  });

  test('gives all text that has come', async () => {
    const inbox = inboxOf('string');
    for (const part of ['a\n', 'b', 'c']) inbox.push(utf8(part));
    expect(await inbox.read()).toBe('a\nbc');
    inbox.end();
    expect(await readAll(inbox)).toStrictEqual([null]);
  });

  test('gives code points', async () => {
    const inbox = inboxOf('chars');
    inbox.push(utf8('a\u{1F600}\n'));
    inbox.push(utf8('é'));
    inbox.end();
    expect(await readAll(inbox)).toStrictEqual(['a', '\u{1F600}', '\n', 'é', null]);
  });

  test('gives bytes in the pieces that came, and copies them', async () => {
    const inbox = inboxOf('bytes');
    const chunk = Buffer.from([255, 0]);
    inbox.push(chunk);
    chunk[0] = 1;
    inbox.push(bytes(0xc3));
    inbox.end();
    const got = await readAll(inbox);
    expect(got).toStrictEqual([bytes(255, 0), bytes(0xc3), null]);
    expect(Buffer.isBuffer(got[0])).toBe(false);
  });

  test.each(['line', 'string', 'chars'] as const)('decodes %s cut at every byte', async (unit) => {
    const text = '\uFEFFa\u{1F600}é\nж€\u{10FFFF}';
    const whole = utf8(text);
    for (let at = 0; at <= whole.length; at += 1) {
      const inbox = inboxOf(unit);
      inbox.push(whole.subarray(0, at));
      inbox.push(whole.subarray(at));
      inbox.end();
      expect((await readAll(inbox)).join(unit === 'line' ? '\n' : '')).toBe(
        unit === 'line' ? `${text}\n` : text,
      );
    }
    const dripped = inboxOf(unit);
    for (const byte of whole) dripped.push(bytes(byte));
    dripped.end();
    expect((await readAll(dripped)).join('').replace('\n', '')).toBe(text.replace('\n', ''));
  });

  test('replaces what is not UTF-8, cut off characters too', async () => {
    const inbox = inboxOf();
    inbox.push(bytes(0x61, 0xff, 0x0a, 0xe2, 0x82));
    inbox.end();
    expect(await readAll(inbox)).toStrictEqual(['a\uFFFD', '\uFFFD', null]);
  });

  test('answers reads in their order, and all that wait at the end', async () => {
    const inbox = inboxOf();
    const reads = [inbox.read(), inbox.read(), inbox.read(), inbox.read()];
    inbox.push(utf8('1\n2\n3'));
    inbox.end();
    expect(await Promise.all(reads)).toStrictEqual(['1', '2', '3', null]);
    // Somebody was told of the end: the next read waits for more.
    expect(inbox.isReady()).toBe(false);
  });

  test('tells an end once, and before what the next one sends', async () => {
    const inbox = inboxOf();
    inbox.begin();
    inbox.push(utf8('unread\ncut'));
    inbox.end();
    inbox.begin();
    inbox.push(utf8('fresh\n'));
    expect(await readAll(inbox)).toStrictEqual([null, 'fresh']);
    for (let sessions = 0; sessions < 3; sessions += 1) {
      inbox.end();
      inbox.begin();
    }
    inbox.push(utf8('last\n'));
    expect(await readAll(inbox)).toStrictEqual([null, 'last']);
  });

  test('takes a line of the greatest length, drops a longer one, tells so, and goes on after it', async () => {
    const inbox = inboxOf();
    const part = utf8('x'.repeat(limits.ioLineCharsMax / 4));
    const reads = [inbox.read(), inbox.read(), inbox.read()];
    const settled = Promise.allSettled(reads);
    for (let count = 0; count < 4; count += 1) inbox.push(part);
    inbox.push(utf8('\n'));
    for (let count = 0; count < 40; count += 1) inbox.push(part);
    inbox.push(utf8('\nnext\n'));
    const [first, second, third] = await settled;
    expect(first).toMatchObject({ value: 'x'.repeat(limits.ioLineCharsMax) });
    expect(second).toMatchObject({
      reason: new RangeError('IO channel "n" received a line of more than 1048576 characters'),
    });
    expect(third).toMatchObject({ value: 'next' });
    expect(inbox.isReady()).toBe(false);
  });

  test('wants no more at its bound, and again below it', async () => {
    const onWant = vi.fn();
    const inbox = inboxOf('line', 200, onWant);
    inbox.push(utf8('x'.repeat(150) + '\n'));
    expect(inbox.wants()).toBe(true);
    inbox.push(utf8('y'.repeat(50)));
    expect(inbox.wants()).toBe(false);
    expect(onWant).not.toHaveBeenCalled();
    await inbox.read();
    expect(inbox.wants()).toBe(true);
    expect(onWant).toHaveBeenCalledOnce();
    // A line that is longer than the bound comes in while a read waits for it.
    const read = inbox.read();
    inbox.push(utf8('y'.repeat(500)));
    expect(inbox.wants()).toBe(true);
    inbox.push(utf8('\n'));
    expect(await read).toHaveLength(550);
  });

  test('counts empty lines, too', () => {
    const inbox = inboxOf('line', 1_000);
    inbox.push(utf8('\n'.repeat(40)));
    expect(inbox.wants()).toBe(false);
  });

  test('has room again for as much when all was read', async () => {
    for (const unit of ['line', 'string', 'chars', 'bytes'] as const) {
      const inbox = inboxOf(unit, 300);
      for (let round = 0; round < 5; round += 1) {
        inbox.push(utf8('a\u{1F600}'.repeat(40) + '\n'));
        inbox.push(utf8('b'.repeat(150) + '\n'));
        expect(inbox.wants()).toBe(false);
        await readAll(inbox);
      }
      expect(inbox.wants()).toBe(true);
    }
  });

  test('reads ahead of nothing where it may not', async () => {
    const inbox = inboxOf('line', 0);
    expect(inbox.wants()).toBe(false);
    const read = inbox.read();
    expect(inbox.wants()).toBe(true);
    inbox.push(utf8('a\nb\n'));
    expect(inbox.wants()).toBe(false);
    expect([await read, await inbox.read()]).toStrictEqual(['a', 'b']);
  });

  test('closed, gives null to those who wait and all later', async () => {
    const inbox = inboxOf();
    const reads = [inbox.read(), inbox.read()];
    inbox.close();
    inbox.push(utf8('late\n'));
    inbox.end();
    expect(await Promise.all([...reads, inbox.read()])).toStrictEqual([null, null, null]);
    expect(inbox.wants()).toBe(false);
  });

  test('is quick with many short units', async () => {
    const inbox = inboxOf('line', Infinity);
    inbox.push(utf8('\n'.repeat(300_000)));
    const chars = inboxOf('chars', Infinity);
    chars.push(utf8('x'.repeat(300_000)));
    let count = 0;
    for (; inbox.isReady(); count += 1) await inbox.read();
    for (; chars.isReady(); count += 1) await chars.read();
    expect(count).toBe(600_000);
  }, 5_000);
});

describe('unitBytes', () => {
  test('ends a line', () => {
    expect(unitBytes(undefined, 'é')).toStrictEqual(utf8('é\n'));
    expect(unitBytes('line', '')).toStrictEqual(utf8('\n'));
    expect(unitBytes('string', 'a')).toStrictEqual(utf8('a'));
    expect(unitBytes('chars', '\u{1F600}')).toStrictEqual(utf8('\u{1F600}'));
    expect(unitBytes('bytes', bytes(255))).toStrictEqual(bytes(255));
  });
});

describe('the service of a channel', () => {
  const channelOf = (part: Partial<IOChannel> = {}): IOChannel => ({
    read: async () => 'line',
    write: async () => {},
    close: async () => {},
    ...part,
  });
  const serviceOf = (options: IOOptions = {}, part?: Partial<IOChannel>) =>
    makeIOService('n', { type: 'console', ...options }, channelOf(part));

  test('reads and writes, and cannot be closed', async () => {
    const write = vi.fn(async () => {});
    const service = serviceOf({}, { write });
    expect(await service.read()).toBe('line');
    await service.write('out');
    expect(write).toHaveBeenCalledExactlyOnceWith('out');
    expect(Object.keys(service)).toStrictEqual(['read', 'write']);
    expect(Object.isFrozen(service)).toBe(true);
  });

  test('holds to the direction', async () => {
    const write = vi.fn(async () => {});
    const read = vi.fn(async () => null);
    await expect(serviceOf({ direction: 'out' }, { read }).read()).rejects.toThrow(
      'IO channel "n" is write-only',
    );
    await expect(serviceOf({ direction: 'in' }, { write }).write('x')).rejects.toThrow(
      'IO channel "n" is read-only',
    );
    expect(read).not.toHaveBeenCalled();
    expect(write).not.toHaveBeenCalled();
    await serviceOf({ direction: 'out' }, { write }).write('x');
    expect(await serviceOf({ direction: 'in' }, { read }).read()).toBe(null);
  });

  test.each<[options: IOOptions, data: unknown, message: string]>([
    [{}, 1, 'IO channel "n" takes a string; found a number'],
    [{}, undefined, 'IO channel "n" takes a string; found undefined'],
    [{ unit: 'string' }, bytes(1), 'IO channel "n" takes a string; found a Uint8Array'],
    [{ unit: 'chars' }, new String('x'), 'IO channel "n" takes a string; found a String'],
    [{ unit: 'bytes' }, 'x', 'IO channel "n" takes bytes (a Uint8Array); found a string'],
    [{ unit: 'bytes' }, [1], 'IO channel "n" takes bytes (a Uint8Array); found an array'],
  ])('with %j does not write %j', async (options, data, message) => {
    const write = vi.fn(async () => {});
    const error: unknown = await serviceOf(options, { write })
      .write(data as string)
      .catch((reason: unknown) => reason);
    expect(error).toStrictEqual(new TypeError(message));
    expect(write).not.toHaveBeenCalled();
  });

  test('lets nothing else in from a channel of your own', async () => {
    const gives = (data: unknown, options: IOOptions = {}) =>
      serviceOf(options, { read: async () => data as string }).read();
    expect(await gives(bytes(1), { unit: 'bytes' })).toStrictEqual(bytes(1));
    await expect(gives(undefined)).rejects.toThrow('gives a string; found undefined');
    await expect(gives({})).rejects.toThrow('gives a string; found a record');
    await expect(gives('x', { unit: 'bytes' })).rejects.toThrow('gives bytes');
  });

  test('bounds what waits, and takes more when that has gone', async () => {
    const waiting: (() => void)[] = [];
    const never = () => new Promise<never>((resolve) => waiting.push(resolve as () => void));
    const service = serviceOf({}, { read: never, write: never });
    const failure = (call: Promise<unknown>) => call.catch((reason: unknown) => reason);

    const reads = Array.from({ length: limits.ioCallsMax }, () => failure(service.read()));
    const over = await failure(service.read());
    expect(isKernelError(over, 'QUEUE_FULL')).toBe(true);
    expect(over).toMatchObject({ message: expect.stringContaining('too many reads waiting') });

    const half = 'x'.repeat(limits.ioWritesCharsMax / 2);
    const writes = [service.write(half), service.write(half)];
    expect(await failure(service.write('x'))).toMatchObject({ code: 'QUEUE_FULL' });
    for (let count = 2; count < limits.ioCallsMax; count += 1) writes.push(service.write(''));
    expect(await failure(service.write(''))).toMatchObject({
      code: 'QUEUE_FULL',
      message: expect.stringContaining('too many writes waiting'),
    });

    for (const go of waiting.splice(0)) go();
    await Promise.all([...reads, ...writes]);
    void failure(service.read());
    void failure(service.write(half));
    expect(waiting).toHaveLength(2);
  });
});
