/** Changes to a vat's sources on their way into its bundle. No line moves, so that errors keep their place. */

/** What stands instead of a part of a line. Line and column from 0. */
export type SourceEdit = { line: number; column: number; length: number; text: string };

/** By the absolute path of the file. */
export type SourceEdits = ReadonlyMap<string, { edits: readonly SourceEdit[]; append: string }>;

/** @param text - with LF at the end of its lines. */
export function applySourceEdits(
  text: string,
  { edits, append }: { edits: readonly SourceEdit[]; append: string },
): string {
  const lines = text.split('\n');
  // From the back, so that no edit moves another.
  const inOrder = [...edits].sort((a, b) => b.line - a.line || b.column - a.column);
  for (const { line, column, length, text: insert } of inOrder) {
    const before = lines[line] ?? '';
    lines[line] = before.slice(0, column) + insert + before.slice(column + length);
  }
  return `${lines.join('\n')}\n${append}\n`;
}
