/** What only some pages use is in files of its own, which are loaded when it is first used. */
import { KernelError } from '../errors.js';

/**
 * Loads once, at the first call; after a failure, at the next one again.
 *
 * @throws KernelError LOAD_FAILED.
 */
export function loadedOnce<Part>(load: () => Promise<Part>): () => Promise<Part> {
  let part: Promise<Part> | undefined;
  return () =>
    (part ??= load().catch((cause: unknown) => {
      part = undefined;
      throw new KernelError(
        'LOAD_FAILED',
        `A file of vatkit was not loaded: ${String(cause)}. Try again or reload the page`,
        { cause },
      );
    }));
}
