/** Stack traces of vats, from the lines of a bundle's script to the lines of its source. */
import { TraceMap, originalPositionFor } from '@jridgewell/trace-mapping';
import type { VatId } from '../protocol/refs.js';

/** `at greet (vat:v1:12:5)`, as the vat runtime names the script. */
const frame = /\bvat:(v\d+):(\d+):(\d+)/g;

export function mapStack(stack: string, vatId: VatId, sourceMap: string | undefined): string {
  if (sourceMap === undefined) return stack;
  let map: TraceMap;
  try {
    map = new TraceMap(sourceMap);
  } catch {
    // A stack with the bundle's lines is better than none.
    return stack;
  }
  return stack.replaceAll(frame, (asItIs, id: VatId, line: string, column: string) => {
    if (id !== vatId) return asItIs;
    const place = originalPositionFor(map, { line: Number(line), column: Number(column) - 1 });
    return place.source === null ? asItIs : `${place.source}:${place.line}:${place.column + 1}`;
  });
}
