/**
 * Who a kernel is to others: an ed25519 key, the peer id that is made of its public half, and the words that it can be
 * made of again. Sources: BIP 39; RFC 8032; the peer ids of libp2p's specification.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import {
  generateMnemonic as generate,
  mnemonicToSeed as seedOfPhrase,
  validateMnemonic,
} from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { fromBase58, toBase58 } from './base58.js';
import type { PeerId } from './transport.js';

/** 64 hexadecimal digits: the 32 bytes that a key is made of. A secret. */
export type KeySeed = string;

const seedForm = /^[0-9a-f]{64}$/i;

export const isKeySeed = (value: unknown): value is KeySeed =>
  typeof value === 'string' && seedForm.test(value);

/** As people type a phrase: in any case, with any white space. */
const normalize = (phrase: string): string =>
  phrase.normalize('NFKD').trim().toLowerCase().split(/\s+/).join(' ');

/**
 * A new phrase of English words, to be written down before it is used: nobody can recover an identity without it.
 *
 *     generateMnemonic(); // 'legal winner thank year wave sausage worth useful legal winner thank yellow'
 *
 * @param strength - bits of randomness: 128 for 12 words, to 256 for 24, in steps of 32.
 * @throws RangeError for another strength.
 */
export function generateMnemonic(strength = 128): string {
  if (![128, 160, 192, 224, 256].includes(strength)) {
    throw new RangeError(
      `a mnemonic's strength is 128, 160, 192, 224 or 256 bits; found ${String(strength)}`,
    );
  }
  return generate(wordlist, strength);
}

/** Is it a BIP39 phrase of 12 to 24 English words, with the right checksum? */
export const isValidMnemonic = (phrase: unknown): phrase is string =>
  typeof phrase === 'string' &&
  phrase.length <= 1_000 &&
  validateMnemonic(normalize(phrase), wordlist);

/**
 * The seed of the key that a phrase stands for: the first 32 bytes of its BIP39 seed, without a passphrase. The same
 * words always give the same one.
 *
 * @throws Error `Invalid BIP39 mnemonic`, which does not repeat the phrase.
 */
export async function mnemonicToSeed(phrase: string): Promise<KeySeed> {
  if (!isValidMnemonic(phrase)) throw new Error('Invalid BIP39 mnemonic');
  return bytesToHex((await seedOfPhrase(normalize(phrase))).subarray(0, 32));
}

/** A seed that nobody has. */
export const randomSeed = (): KeySeed => bytesToHex(crypto.getRandomValues(new Uint8Array(32)));

export const seedBytes = (seed: KeySeed): Uint8Array => hexToBytes(seed);

/** An identity multihash of a protobuf with the key's type and its 32 bytes. */
const idHead = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);

/** `12D3KooW…`. */
export function peerIdOf(seed: KeySeed): PeerId {
  return toBase58(Uint8Array.from([...idHead, ...ed25519.getPublicKey(seedBytes(seed))]));
}

/** The public key in a peer id; `undefined` where it is no id of an ed25519 key. */
export function publicKeyOf(peerId: string): Uint8Array | undefined {
  if (typeof peerId !== 'string' || peerId.length > 60) return undefined;
  const bytes = fromBase58(peerId);
  if (bytes?.length !== idHead.length + 32) return undefined;
  return idHead.every((byte, at) => bytes[at] === byte) ? bytes.subarray(idHead.length) : undefined;
}

export const isPeerId = (value: unknown): value is PeerId =>
  typeof value === 'string' && publicKeyOf(value) !== undefined;

/** 128 hexadecimal digits. */
export const sign = (seed: KeySeed, text: string): string =>
  bytesToHex(ed25519.sign(utf8ToBytes(text), seedBytes(seed)));

/** Did the holder of this peer's key sign the text? */
export function isSignedBy(peerId: PeerId, text: string, signature: string): boolean {
  const key = publicKeyOf(peerId);
  if (key === undefined || !/^[0-9a-f]{128}$/.test(signature)) return false;
  return ed25519.verify(hexToBytes(signature), utf8ToBytes(text), key);
}

/** 32 hexadecimal digits that only who has the seed can tell, the same for each purpose. */
export const derivedNumber = (seed: KeySeed, purpose: string): string =>
  bytesToHex(hmac(sha256, seedBytes(seed), utf8ToBytes(purpose)).subarray(0, 16));
