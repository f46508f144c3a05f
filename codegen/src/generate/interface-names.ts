import { deepParts, type VatModel } from './model.js';
import { typesOfMethod } from './type-text.js';

/** The interfaces that the root leads to: those of its kernel's side, which it is given at its start, are types only. */
export function interfaceNames(model: VatModel): ReadonlySet<string> {
  const interfaces = new Map(model.interfaces.map((each) => [each.name, each]));
  const types = new Map(model.types.map((each) => [each.name, each]));
  const found = new Set<string>();
  const seen = new Set<string>();
  const pending = [model.root];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const methods = interfaces.get(name)?.methods;
    if (methods !== undefined) found.add(name);
    const data = types.get(name)?.type;
    const parts = [...(methods ?? []).flatMap(typesOfMethod), ...(data ? [data] : [])];
    for (const part of parts.flatMap(deepParts)) {
      if (part.kind === 'interface' || part.kind === 'named') pending.push(part.name);
    }
  }
  return found;
}
