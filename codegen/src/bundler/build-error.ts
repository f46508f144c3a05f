import { displayPath, type Problem } from './problems.js';
import { parseLeftOutId } from './vat-imports.js';
import { isTypescript } from './vat-source.js';

/** What an error of rollup, its parser or one of its own plugins comes down to. */
export function problemOfBuildError(error: unknown, entry: string): Problem {
  const { message, loc, id, code, exporter, binding } = error as {
    message: string;
    loc?: { file?: string; line: number; column: number };
    id?: string;
    code?: string;
    exporter?: string;
    binding?: string;
  };
  const file = loc?.file ?? id ?? entry;
  const place = loc === undefined ? {} : { line: loc.line, column: loc.column + 1 };
  if (code === 'MISSING_EXPORT' && exporter !== undefined && binding !== undefined) {
    const leftOut = parseLeftOutId(exporter);
    const message =
      leftOut === undefined
        ? `'${binding}' is not exported by ${displayPath(exporter)}`
        : `'${binding}' of '${leftOut}' is not for vats: their worker is locked down before they start`;
    const hint = isTypescript(file) ? `; if it is a type, write 'type ${binding}'` : '';
    return { file, ...place, message: message + hint };
  }
  // Rollup puts the plugin and the file, with the place, in front, and its parser the file behind.
  const text = message
    .replace(/^\[plugin [^\]]*\] /, '')
    .replace(/^[^\n]*? \(\d+:\d+\): /, '')
    .replace(` in ${file}`, '')
    .replace(/ \(Note that you need plugins to import files that are not JavaScript\)/, '');
  return { file, ...place, message: text };
}
