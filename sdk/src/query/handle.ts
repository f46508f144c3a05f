import type { RefHandle } from '../client/ref.js';

const refKey = Symbol.for('vatkit.ref');

/** What a ref can do, by the key that all copies of the client know: the page has one already, in a file of its own. */
export const handleOf = (value: unknown): RefHandle | undefined =>
  (value as { [refKey]?: RefHandle } | null | undefined)?.[refKey];
