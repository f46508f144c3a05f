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

/**
 * @param action - what fails when the walk does: `Cannot ${action} args[0].tags: a Map`.
 * @param root - where it may contain itself.
 */
export function makeTrail(action: string, label: Label, root?: unknown) {
  const path: Key[] = [];

  let refusal: unknown;
  const refuse = (why: string): never => {
    throw (refusal = new TypeError(`Cannot ${action} ${placeText(label, path)}: ${why}`));
  };

  const refuseDepth = (): never => {
    // A cycle is the likely cause, and is found by walking down once more.
    const steps = path.splice(0);
    const above = new Map<unknown, string>();
    let at = root;
    for (const step of root ? steps : []) {
      const whole = above.get(at);
      if (whole !== undefined) refuse(`a cycle, it is ${whole} again`);
      above.set(at, placeText(label, path));
      path.push(step);
      at = (at as Record<Key, unknown>)[step];
    }
    return refuse(`over ${limits.valueDepthMax} levels deep`);
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
    /** Does `visit(value)` one step further down. */
    step<In, Out>(key: Key, value: In, visit: (value: In) => Out): Out {
      path.push(key);
      if (path.length > limits.valueDepthMax) refuseDepth();
      const result = visit(value);
      path.pop();
      return result;
    },
  };
}
