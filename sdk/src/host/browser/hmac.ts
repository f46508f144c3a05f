/** HMAC-SHA-256 without a promise, which the browser's own is not. */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';

const utf8 = new TextEncoder();

export const hmacSha256 = (key: string, text: string): Uint8Array =>
  hmac(sha256, utf8.encode(key), utf8.encode(text));
