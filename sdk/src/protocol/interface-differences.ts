/** Whether callers who were built for one interface can use another. */
import type { InterfaceInfo } from './definition.js';

/**
 * What of `found`, the interfaces that a subcluster's root and what it leads to have, does not do for callers who were
 * built for `wanted`: one line for each difference. Empty where they fit: what callers use is there and unchanged,
 * whatever else there is.
 *
 *     ['TodoRoot.add was (string) => bigint, now is (string, number) => bigint', 'Note.read is gone']
 */
export function interfaceDifferences(
  wanted: readonly InterfaceInfo[],
  found: readonly InterfaceInfo[],
): string[] {
  // Roots are compared whatever they are called.
  const [root, ...others] = wanted;
  const [foundRoot] = found;
  if (root === undefined || foundRoot === undefined || root.hash === foundRoot.hash) return [];
  return [
    ...differencesOf(root, foundRoot),
    ...others.flatMap((each) => {
      const now = found.find(({ name }) => name === each.name);
      return now === undefined ? [`${each.name} is gone`] : differencesOf(each, now);
    }),
  ];
}

function differencesOf(wanted: InterfaceInfo, found: InterfaceInfo): string[] {
  if (wanted.hash === found.hash) return [];
  return Object.entries(wanted.methods).flatMap(([method, kind]) => {
    const label = `${wanted.name}.${method}`;
    const foundKind = own(found.methods, method);
    const before = own(wanted.signatures, method);
    const now = own(found.signatures, method);
    if (foundKind === undefined) return [`${label} is gone`];
    if (foundKind !== kind) return [`${label} was a ${kind}, now is a ${foundKind}`];
    return before === now ? [] : [`${label} was ${before}, now is ${now}`];
  });
}

const own = <Value>(table: { readonly [name: string]: Value }, name: string): Value | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;
