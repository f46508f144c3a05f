/**
 * What the dev server and the page say to each other about vats, on Vite's own channel.
 *
 *     server → page   vatkit:update   a vat has new code: launch it again, and the kernel upgrades it in place
 *     page → server   vatkit:failed   the new code did not start and the old goes on: show why
 *
 * A generated module hands updates to the function that the page's client keeps under {@link hotKey}.
 */
import { resolve } from 'node:path';
import type { ErrorPayload } from 'vite';
import type { Problem } from '../bundler/problems.js';

export const updateEvent = 'vatkit:update';
export const failedEvent = 'vatkit:failed';

/** The key of the client's function on `globalThis`: `Symbol.for('vatkit.hot')`. */
export const hotKey = 'vatkit.hot';

/** A vat has new code. */
export type VatUpdate = {
  /** `todo`, as in its definition. */
  name: string;
  /** Of the bundle's content: equal where nothing is to be done. */
  hash: string;
  /** Where the new bundle is, an absolute path on the dev server. */
  bundleSpec: string;
};

/** The new code of a vat did not start. */
export type VatFailure = {
  name: string;
  message: string;
  /** With the vat's source in it: `at buildRootObject (todo.vat.ts:12:7)`. */
  stack?: string;
};

/** The lines by which a generated module passes updates on; `import.meta.hot` is there in development only. */
export const hotCode = (name: string): string => `
if (import.meta.hot) {
  const pass = (update) =>
    update.name === ${JSON.stringify(name)} &&
    globalThis[Symbol.for(${JSON.stringify(hotKey)})]?.(update, (failure) =>
      import.meta.hot.send(${JSON.stringify(failedEvent)}, { name: update.name, ...failure }),
    );
  import.meta.hot.on(${JSON.stringify(updateEvent)}, pass);
  import.meta.hot.dispose(() => import.meta.hot.off(${JSON.stringify(updateEvent)}, pass));
}
`;

/** What Vite's overlay shows of a problem in a source. */
export function overlayOfProblem({ file, line, column, message }: Problem): ErrorPayload {
  const loc =
    file === undefined
      ? {}
      : { id: file, loc: { file, line: line ?? 1, column: (column ?? 1) - 1 } };
  return { type: 'error', err: { message, stack: '', plugin: 'vatkit', ...loc } };
}

/** What Vite's overlay shows of a vat that did not start: its error, at the first line of its source in the stack. */
export function overlayOfFailure(failure: VatFailure, folder: string): ErrorPayload {
  const { name, message, stack = '' } = failure;
  const [, file, line, column] = /([^\s(]+\.[cm]?[jt]s):(\d+):(\d+)/.exec(stack) ?? [];
  const text = `${name} did not start with its new code, and the old goes on: ${message}`;
  const overlay = overlayOfProblem(
    file === undefined
      ? { message: text }
      : { file: resolve(folder, file), line: Number(line), column: Number(column), message: text },
  );
  return { ...overlay, err: { ...overlay.err, stack } };
}

/** What a page sends is not taken on trust. */
export function parseFailure(data: unknown): VatFailure | undefined {
  const { name, message, stack } = (data ?? {}) as Record<string, unknown>;
  if (typeof name !== 'string' || typeof message !== 'string') return undefined;
  return { name, message, ...(typeof stack === 'string' && { stack }) };
}
