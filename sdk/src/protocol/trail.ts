/** The way from a value's root to where a walk over it stands: names the place in errors, and bounds the depth. */
import { limits } from '../limits.js';
import { describe, keyText, shorten } from './describe.js';

/** What errors call a value, or, of an array, its elements: `['method', 'args']`. */
export type Label = string | readonly string[];

type Key = string | number;

function placeText(label: Label, path: readonly Key[]): string {
  const [first, ...rest] = path;
  if (typeof label === 'string') return shorten(label + path.map(keyText).join(''), 200);
  if (first === undefined) return label.join(', ');
  return placeText(label[first as number] ?? keyText(first), rest);
}

const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? `${thrown.message}` : describe(thrown);

/** @param action - what fails when the walk does: `Cannot ${action} args[0].tags: a Map`. */
export function makeTrail(action: string, label: Label) {
  const path: Key[] = [];
  /** What each key of the path is a key of. */
  const holders: unknown[] = [];

  let refusal: unknown;
  const refuse = (why: string): never => {
    throw (refusal = new TypeError(`Cannot ${action} ${placeText(label, path)}: ${why}`));
  };

  const refuseDepth = (): never => {
    // A cycle is the likely cause.
    const first = (holder: unknown): number => holders.indexOf(holder);
    const again = holders.findIndex((holder, at) => first(holder) < at);
    if (again < 0) refuse(`over ${limits.valueDepthMax} levels deep`);
    const whole = placeText(label, path.slice(0, first(holders[again])));
    path.length = again;
    return refuse(`a cycle, it is ${whole} again`);
  };

  return {
    refuse,
    /** Does `walk()`; what a proxy or another strange object throws at it is a refusal, too. */
    attempt<Out>(walk: () => Out): Out {
      try {
        return walk();
      } catch (thrown) {
        if (thrown === refusal) throw thrown;
        return refuse(`it throws when it is read (${shorten(messageOf(thrown))})`);
      }
    },
    /** Does `visit(holder, key)` one step further down. */
    step<Holder, At extends Key, Out>(
      holder: Holder,
      key: At,
      visit: (holder: Holder, key: At) => Out,
    ): Out {
      holders.push(holder);
      if (path.push(key) > limits.valueDepthMax) refuseDepth();
      const result = visit(holder, key);
      path.pop();
      holders.pop();
      return result;
    },
  };
}
