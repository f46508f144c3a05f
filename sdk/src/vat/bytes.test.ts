import { expect, it } from 'vitest';
import '../vat/provide-globals.js';
import { toBase64 } from '../protocol/base64.js';

const { makeBytes, readBytes } = await import('./bytes.js');

it('bytes are written as the codec of pages writes them, and read again', () => {
  for (let length = 0; length < 300; length += 1) {
    const array = Uint8Array.from({ length }, (_, index) => (index * 73 + length) % 256);
    const bytes = makeBytes(array);
    expect(bytes.payload).toBe(toBase64(array));
    expect(readBytes(bytes)).toEqual(array);
  }
});

it.each([undefined, null, 'AA==', {}, { payload: 'AA==' }, new Uint8Array(1)])(
  '%j is refused as bytes',
  (value) => {
    expect(() => readBytes(value)).toThrow('Not bytes');
  },
);
