/**
 * Milliseconds before who has failed so often tries again: the first time about `baseMs`, each time twice as long, at most
 * `maxMs`; and by chance down to half of it, since thousands that lost one relay at once must not come back at once.
 *
 * @param chance - from 0 to 1.
 */
export const backoffMs = (
  failures: number,
  { baseMs, maxMs }: { baseMs: number; maxMs: number },
  chance: number,
): number =>
  Math.max(1, Math.min(maxMs, baseMs * 2 ** Math.min(failures, 20)) * (0.5 + chance / 2));
