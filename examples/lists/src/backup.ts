/** Backup files: one's lists, sealed with a key that is made of the recovery phrase. */
import type { SavedList } from '../vats/lists.vat.gen.js';

export type Backup = { name: string; lists: SavedList[] };

type Sealed = { format: 'tandem 1'; salt: string; iv: string; data: string };

const iterations = 310_000;

async function keyOf(phrase: string, salt: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  const words = phrase.trim().toLowerCase().split(/\s+/).join(' ');
  const raw = new TextEncoder().encode(words.normalize('NFKD'));
  const base = await crypto.subtle.importKey('raw', raw, 'PBKDF2', false, ['deriveKey']);
  return crypto.subtle.deriveKey(
    { name: 'PBKDF2', hash: 'SHA-256', salt, iterations },
    base,
    { name: 'AES-GCM', length: 256 },
    false,
    ['encrypt', 'decrypt'],
  );
}

const toText = (bytes: Uint8Array): string => {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
};
const toBytes = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

export async function sealBackup(phrase: string, backup: Backup): Promise<Blob> {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const plain = new TextEncoder().encode(JSON.stringify(backup));
  const key = await keyOf(phrase, salt);
  const data = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, plain));
  const sealed: Sealed = {
    format: 'tandem 1',
    salt: toText(salt),
    iv: toText(iv),
    data: toText(data),
  };
  return new Blob([JSON.stringify(sealed)], { type: 'application/json' });
}

/** @throws Error where it is no backup. */
export async function readBackup(file: Blob | undefined): Promise<Sealed> {
  try {
    const sealed = JSON.parse((await file?.text()) ?? '') as Partial<Sealed>;
    if (sealed.format === 'tandem 1') return sealed as Sealed;
  } catch {
    // It is told below what it is not.
  }
  throw new Error('This file is no backup of Tandem');
}

/** @throws Error where the phrase is another one. */
export async function openBackup(phrase: string, sealed: Sealed): Promise<Backup> {
  try {
    const key = await keyOf(phrase, toBytes(sealed.salt));
    const iv = toBytes(sealed.iv);
    const plain = await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, toBytes(sealed.data));
    return JSON.parse(new TextDecoder().decode(plain)) as Backup;
  } catch {
    throw new Error('The phrase does not open this backup: check its words and their order');
  }
}
