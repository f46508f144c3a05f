import { describe, expect, it } from 'vitest';
import { fromBase58, toBase58 } from './base58.js';
import {
  derivedNumber,
  generateMnemonic,
  isPeerId,
  isSignedBy,
  isValidMnemonic,
  mnemonicToSeed,
  peerIdOf,
  publicKeyOf,
  randomSeed,
  sign,
} from './identity.js';

const phrase = 'legal winner thank year wave sausage worth useful legal winner thank yellow';

describe('identity', () => {
  it('is that of the BIP39 vector, its first 32 bytes', async () => {
    // trezor/python-mnemonic vectors use a passphrase; this is the same phrase without one.
    const seed = await mnemonicToSeed(phrase);
    expect(seed).toBe('878386efb78845b3355bd15ea4d39ef97d179cb712b77d5c12b6be415fffeffe');
    expect(await mnemonicToSeed(`  ${phrase.toUpperCase().replaceAll(' ', '\n ')} `)).toBe(seed);
  });

  it('is spelt as libp2p spells it', async () => {
    const { generateKeyPairFromSeed } = await import('@libp2p/crypto/keys');
    const { peerIdFromPrivateKey } = await import('@libp2p/peer-id');
    for (let count = 0; count < 5; count += 1) {
      const seed = randomSeed();
      const key = await generateKeyPairFromSeed(
        'Ed25519',
        Uint8Array.from(Buffer.from(seed, 'hex')),
      );
      expect(peerIdOf(seed)).toBe(peerIdFromPrivateKey(key).toString());
      expect(publicKeyOf(peerIdOf(seed))).toStrictEqual(key.publicKey.raw);
    }
  });

  it('has phrases of 12 to 24 words, and knows wrong ones', () => {
    for (const [strength, words] of [
      [128, 12],
      [160, 15],
      [192, 18],
      [224, 21],
      [256, 24],
    ] as const) {
      const made = generateMnemonic(strength);
      expect(made.split(' ')).toHaveLength(words);
      expect(isValidMnemonic(made)).toBe(true);
    }
    expect(() => generateMnemonic(100)).toThrow(RangeError);
    for (const wrong of [phrase.replace('yellow', 'legal'), 'legal', '', 7, undefined]) {
      expect(isValidMnemonic(wrong)).toBe(false);
    }
  });

  it('does not repeat a wrong phrase', async () => {
    await expect(mnemonicToSeed('my secret words')).rejects.toThrow(/^Invalid BIP39 mnemonic$/);
  });

  it('signs, and is not mistaken for another', () => {
    const seed = randomSeed();
    const signature = sign(seed, 'hello');
    expect(isSignedBy(peerIdOf(seed), 'hello', signature)).toBe(true);
    expect(isSignedBy(peerIdOf(seed), 'hullo', signature)).toBe(false);
    expect(isSignedBy(peerIdOf(randomSeed()), 'hello', signature)).toBe(false);
    expect(isSignedBy('no peer', 'hello', signature)).toBe(false);
    expect(isSignedBy(peerIdOf(seed), 'hello', 'no signature')).toBe(false);
  });

  it('derives one number for each purpose', () => {
    const seed = randomSeed();
    expect(derivedNumber(seed, 'a')).toMatch(/^[0-9a-f]{32}$/);
    expect(derivedNumber(seed, 'a')).toBe(derivedNumber(seed, 'a'));
    expect(new Set([derivedNumber(seed, 'b'), derivedNumber(randomSeed(), 'a')])).not.toContain(
      derivedNumber(seed, 'a'),
    );
  });

  it('takes no other text for a peer id', () => {
    expect(isPeerId(peerIdOf(randomSeed()))).toBe(true);
    for (const other of ['', '12D3KooW', 'Qm', '0'.repeat(52), 'a'.repeat(10_000), 5]) {
      expect(isPeerId(other)).toBe(false);
    }
  });

  it('reads base58 back', () => {
    for (const bytes of [[], [0], [0, 0, 1], [255, 254, 0]]) {
      expect(fromBase58(toBase58(Uint8Array.from(bytes)))).toStrictEqual(Uint8Array.from(bytes));
    }
    expect(fromBase58('0OIl')).toBe(undefined);
  });
});
