/** Messages between kernels as pieces that fit into a link's frames: one byte that says whether more follows, then UTF-8. */

const last = 0;
const more = 1;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export function toPieces(message: unknown, frameBytesMax: number): Uint8Array[] {
  const bytes = encoder.encode(JSON.stringify(message));
  const room = frameBytesMax - 1;
  const pieces: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += room) {
    const part = bytes.subarray(at, at + room);
    const piece = new Uint8Array(part.length + 1);
    piece[0] = at + room < bytes.length ? more : last;
    piece.set(part, 1);
    pieces.push(piece);
  }
  return pieces;
}

/** Puts pieces of one link together. */
export function makeAssembler() {
  let parts: Uint8Array[] = [];
  let size = 0;

  return {
    /**
     * The message that this piece ends, and its bytes, where it ends one.
     *
     * @throws Error where the pieces are no message, or one of more than `messageBytesMax`.
     */
    push(
      piece: Uint8Array,
      messageBytesMax: number,
    ): { message: unknown; bytes: number } | undefined {
      const [head] = piece;
      if (head !== last && head !== more) throw new Error('it sent what is no piece of a message');
      size += piece.length - 1;
      if (size > messageBytesMax) {
        throw new Error(`it sent a message of more than ${messageBytesMax} bytes`);
      }
      parts.push(piece.subarray(1));
      if (head === more) return undefined;
      const whole = parts.length === 1 ? (parts[0] as Uint8Array) : join(parts, size);
      parts = [];
      size = 0;
      const text = decoder.decode(whole);
      return { message: JSON.parse(text) as unknown, bytes: whole.length };
    },
  };
}

function join(parts: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
