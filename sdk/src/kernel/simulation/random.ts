/** Seeded draws for simulations (mulberry32). */
export type Random = ReturnType<typeof makeRandom>;

export function makeRandom(seed: number) {
  let state = seed >>> 0;
  /** From 0 to below 1. */
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number): number => Math.floor(next() * bound);

  return {
    below,
    /** True with this probability. */
    chance: (probability: number): boolean => next() < probability,
    pick: <T>(list: readonly T[]): T => list[below(list.length)] as T,
    /** One of the values that there are, if any. */
    maybePick: <T>(list: readonly T[]): T | undefined => list[below(list.length)],
    /** Up to `count` of them, each at most once. */
    some<T>(list: readonly T[], count: number): T[] {
      const rest = [...list];
      const picked: T[] = [];
      while (picked.length < count && rest.length > 0) {
        picked.push(...rest.splice(below(rest.length), 1));
      }
      return picked;
    },
    /** A name, drawn by its weight. */
    weighted<Name extends string>(weights: { readonly [name in Name]: number }): Name {
      const entries = Object.entries(weights) as [Name, number][];
      let at = next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [name, weight] of entries) {
        at -= weight;
        if (at < 0) return name;
      }
      return (entries.at(-1) as [Name, number])[0];
    },
  };
}
