/** Bytes that travel inside a program's text: compressed, then in base64. rollup.config.mjs packs them. */
import { fromBase64 } from '../../protocol/base64.js';

export async function unpack(text: string): Promise<Uint8Array> {
  const packed = new Blob([fromBase64(text) as Uint8Array<ArrayBuffer>]);
  const bytes = packed.stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(bytes).arrayBuffer());
}
