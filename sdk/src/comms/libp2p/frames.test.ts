import { describe, expect, test } from 'vitest';
import {
  controlBytesMax,
  decodeText,
  encodeFrame,
  encodeText,
  FrameError,
  frameKinds,
  makeFrameReader,
  type Frame,
  type FrameKind,
} from './frames.js';

const plain = (frames: Iterable<Frame>): [FrameKind, number[]][] =>
  [...frames].map(({ kind, body }) => [kind, [...body]]);

const joined = (...parts: Uint8Array[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));

describe('frames of a link', () => {
  const sent: [FrameKind, number[]][] = [
    ['hello', [1, 2, 3, 4, 5, 6, 7, 8]],
    ['data', []],
    ['data', Array.from({ length: 300 }, (_, index) => index % 256)],
    ['ping', []],
    ['close', [120]],
  ];
  const bytes = joined(...sent.map(([kind, body]) => encodeFrame(kind, Uint8Array.from(body))));

  test.each([1, 2, 3, 5, 7, 64, 1_000])('come whole from pieces of %i bytes', (size) => {
    const reader = makeFrameReader(1_000);
    const got: Frame[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      for (const frame of reader.read(bytes.slice(at, at + size))) {
        got.push({ ...frame, body: frame.body.slice() });
      }
    }
    expect(plain(got)).toStrictEqual(sent);
  });

  test('a frame at the limit passes, and one byte more is refused by its header alone', () => {
    const reader = makeFrameReader(10);
    expect(plain(reader.read(encodeFrame('data', new Uint8Array(10))))).toHaveLength(1);
    const tooLong = encodeFrame('data', new Uint8Array(11)).subarray(0, 4);
    expect(() => [...reader.read(tooLong)]).toThrow(
      new FrameError('a data frame of 11 bytes exceeds the limit of 10 bytes'),
    );
  });

  test('control frames have a limit of their own', () => {
    const long = Uint8Array.from([frameKinds.close, 0xff, 0xff, 0xff]);
    expect(() => [...makeFrameReader(1 << 24).read(long)]).toThrow(/close frame of 16777215 bytes/);
  });

  test('an unknown kind is refused', () => {
    const unknown = Uint8Array.from([99, 0, 0, 0]);
    expect(() => [...makeFrameReader(10).read(unknown)]).toThrow('no frame has the kind 99');
  });

  test('texts are cut to their limit and lose what a terminal would obey', () => {
    expect(encodeText('é'.repeat(controlBytesMax))).toHaveLength(controlBytesMax);
    expect(decodeText(encodeText('a\u001b[31mb\r\nc\u202Ed'))).toBe('a [31mb c d');
  });
});
