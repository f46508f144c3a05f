/** A node of the ESTree that rollup's parser makes. */
export type SyntaxNode = {
  type: string;
  /** Offsets in UTF-16 code units. */
  start: number;
  end: number;
  [key: string]: unknown;
};

const isNode = (value: unknown): value is SyntaxNode =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as { type?: unknown }).type === 'string' &&
  typeof (value as { start?: unknown }).start === 'number';

/** The child node under `key`, if there is one. */
export function childOf(node: SyntaxNode, key: string): SyntaxNode | undefined {
  const value = node[key];
  return isNode(value) ? value : undefined;
}

/** Calls `enter` for a node and all below it, in source order of their keys; `false` leaves out what is below. */
export function visit(
  root: unknown,
  enter: (node: SyntaxNode, parent: SyntaxNode | undefined) => boolean | void,
): void {
  const pending: [node: SyntaxNode, parent: SyntaxNode | undefined][] = [];
  if (isNode(root)) pending.push([root, undefined]);
  // A stack of our own: minified code nests deeper than the engine's.
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [node, parent] = next;
    if (enter(node, parent) === false) continue;
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) {
        if (isNode(child)) pending.push([child, node]);
      }
    }
  }
}
