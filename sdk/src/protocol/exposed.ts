/** The type of what a page exposes, which the client makes and generated interfaces take. */

declare const exposedAs: unique symbol;

/** A function or object of the page that vats may call; to dispose of it revokes it. */
export type Exposed<Target = unknown> = {
  readonly [Symbol.dispose]: () => void;
  /** Never there: it carries the type, and tells it from a reference. */
  readonly [exposedAs]: Target;
};
