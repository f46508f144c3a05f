/**
 * What the dev server and the page say to each other about vats, on Vite's own channel.
 *
 *     server → page   vatkit:update   a vat has new code: launch it again, and the kernel upgrades it in place
 *     page → server   vatkit:failed   the new code did not start and the old goes on: show why
 *
 * In the page `page-hot.ts` hears and says it. A generated module imports it, so that it runs before any launch.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ErrorPayload } from 'vite';
import type { Problem } from '../bundler/problems.js';

export const updateEvent = 'vatkit:update';
export const failedEvent = 'vatkit:failed';

/** Where the page's client finds it on `globalThis`: `Symbol.for('vatkit.hot')`. */
const hotKey = 'vatkit.hot';

/** A vat has new code. */
export type VatUpdate = {
  /** `todo`, as in its own definition. */
  name: string;
  /** No other update has it. */
  update: string;
  /** Where the new bundle is, an absolute path on the dev server. */
  bundleSpec: string;
};

/** The new code of a vat did not start. */
export type VatFailure = {
  /** What it was launched as. */
  name: string;
  /** The update's. */
  update: string;
  message: string;
  /** With the vat's source in it: `at buildRootObject (todo.vat.ts:12:7)`. */
  stack?: string;
};

/** The module that a page runs, as generated modules import it. */
export const pageModule = 'virtual:vatkit/hot';

/** Appended to generated modules in development. */
export const hotImport = `\nimport ${JSON.stringify(pageModule)};\n`;

/** The text of {@link pageModule}. */
export async function pageCode(): Promise<string> {
  const code = await readFile(new URL('./page-hot.js', import.meta.url), 'utf8');
  const events = JSON.stringify({ key: hotKey, update: updateEvent, failed: failedEvent });
  return `${code.replace(/\n\/\/# sourceMappingURL=.*/, '')}
if (import.meta.hot) startHot(import.meta.hot, ${events}, import.meta.url);
`;
}

/** What Vite's overlay shows of a problem in a source. */
export function overlayOfProblem({ file, line, column, message }: Problem): ErrorPayload {
  const loc =
    file === undefined
      ? {}
      : { id: file, loc: { file, line: line ?? 1, column: (column ?? 1) - 1 } };
  return { type: 'error', err: { message, stack: '', plugin: 'vatkit', ...loc } };
}

/**
 * What Vite's overlay shows of a vat that did not start: its error, at the first line in the stack that is one of its
 * source.
 *
 * @param folder - what the files of the stack are seen from.
 */
export function overlayOfFailure(failure: VatFailure, folder: string): ErrorPayload {
  const { name, message, stack = '' } = failure;
  const text = `${name} did not start with its new code, and the old goes on: ${message}`;
  const places = stack.matchAll(/([^\s(]+\.[cm]?[jt]sx?):(\d+):(\d+)/g);
  const [place] = [...places]
    .map(([, file = '', line, column]) => ({
      file: resolve(folder, file),
      line: Number(line),
      column: Number(column),
    }))
    .filter(({ file }) => existsSync(file));
  const overlay = overlayOfProblem({ ...place, message: text });
  return { ...overlay, err: { ...overlay.err, stack } };
}

/** What a page sends is not taken on trust. */
export function parseFailure(data: unknown): VatFailure | undefined {
  const { name, update, message, stack } = (data ?? {}) as Record<string, unknown>;
  if ([name, update, message].some((each) => typeof each !== 'string')) return undefined;
  const words = { name, update, message } as VatFailure;
  return { ...words, ...(typeof stack === 'string' && { stack }) };
}
