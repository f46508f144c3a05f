import { decode, encode, type SourceMapMappings } from '@jridgewell/sourcemap-codec';

/** The part of a source map (version 3) that the bundler works on. */
export type ChunkMap = {
  sources: string[];
  names: string[];
  mappings: string;
  sourcesContent?: (string | null)[] | undefined;
};

/** `length` characters at an offset of the code give way to `text`; neither holds a line break. */
export type Edit = { offset: number; length: number; text: string };

export type SourcePlace = { source: string; line: number; column: number };

/** Offsets of the starts of the lines. */
function lineStartsOf(code: string): number[] {
  const starts = [0];
  for (let at = code.indexOf('\n'); at >= 0; at = code.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** The last index whose value is at most `wanted`, or -1. */
function lastAtMost(count: number, valueAt: (index: number) => number, wanted: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (valueAt(middle) <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Where offsets of a chunk come from. */
export function makeLocator(
  code: string,
  map: ChunkMap,
): (offset: number) => SourcePlace | undefined {
  const starts = lineStartsOf(code);
  const lines = decode(map.mappings);
  return (offset) => {
    const line = lastAtMost(starts.length, (index) => starts[index] as number, offset);
    const segments = lines[line] ?? [];
    const column = offset - (starts[line] as number);
    const found =
      segments[lastAtMost(segments.length, (index) => segments[index]?.[0] ?? 0, column)];
    if (found === undefined || found.length === 1) return undefined;
    const source = map.sources[found[1]];
    return source === undefined ? undefined : { source, line: found[2] + 1, column: found[3] + 1 };
  };
}

/** Makes the edits, given in order and without overlap, and moves the map's columns along with the code. */
export function applyEdits<M extends ChunkMap>(
  code: string,
  map: M,
  edits: readonly Edit[],
): { code: string; map: M } {
  if (edits.length === 0) return { code, map };
  const starts = lineStartsOf(code);
  const mappings: SourceMapMappings = decode(map.mappings);
  const pieces: string[] = [];
  let done = 0;
  /** How far the columns after the edits so far have moved, on the line of the last one. */
  let shift = { line: -1, by: 0 };
  for (const { offset, length, text } of edits) {
    pieces.push(code.slice(done, offset), text);
    done = offset + length;
    const line = lastAtMost(starts.length, (index) => starts[index] as number, offset);
    if (shift.line !== line) shift = { line, by: 0 };
    const end = done - (starts[line] as number) + shift.by;
    const by = text.length - length;
    for (const segment of mappings[line] ?? []) if (segment[0] >= end) segment[0] += by;
    shift.by += by;
  }
  pieces.push(code.slice(done));
  return { code: pieces.join(''), map: { ...map, mappings: encode(mappings) } };
}
