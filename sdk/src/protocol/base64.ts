/** Bytes as base64 (RFC 4648, section 4, padded), in the one form that each byte sequence has. */

/** Arguments of one call, far below every engine's bound. */
const CHUNK = 0x2000;

export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += CHUNK)
    binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(binary);
}

/** `undefined` where `text` is not what {@link toBase64} writes. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  let binary;
  try {
    binary = atob(text);
  } catch {
    return undefined;
  }
  // atob overlooks white space, missing padding and stray bits; two texts for the same bytes would break equality.
  if (btoa(binary) !== text) return undefined;
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}
