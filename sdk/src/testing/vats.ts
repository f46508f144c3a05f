/** Vats of a test: plain functions in place of bundles, and bundles without walls. */
import type { VatRoot } from '../codegen-runtime/vat-root.js';
import type { SubclusterDefinition } from '../protocol/definition.js';
import { EXPORTS_GLOBAL, RUNTIME_ABI, RUNTIME_GLOBAL } from '../protocol/runtime-abi.js';
import type { Bundle } from '../protocol/vat-wire.js';

/** `buildRootObject(vatPowers, parameters, baggage)`, as a vat exports it. */
export type BuildRootObject = (...args: never[]) => unknown;

/** The functions that stand for bundles, in this realm. */
const functions = new Map<string, BuildRootObject>();
const prefix = 'test-vat:';

/** A bundle that is a function. */
const bundleOf = (key: string): string =>
  JSON.stringify({ moduleFormat: 'vatkit', abi: RUNTIME_ABI, code: prefix + key });

/**
 * A definition whose only vat is a function, for `launch` of a test kernel:
 *
 *     const { root } = await kernel.launch(testVat('todo', () => makeDefaultExo('todo', { list: () => [] })));
 *
 * One that is launched again under the same name with another function upgrades the vat.
 */
export function testVat<Build extends BuildRootObject>(
  name: string,
  buildRootObject: Build,
  parameters: Record<string, unknown> = {},
): Pick<SubclusterDefinition<VatRoot<Build>>, 'name' | 'config'> & TypeOf<VatRoot<Build>> {
  const config = {
    bootstrap: name,
    vats: { [name]: { bundleSpec: registered(buildRootObject), parameters: parameters as never } },
  };
  return { name, config };
}

/** What carries the type of the root. */
type TypeOf<Root> = Omit<SubclusterDefinition<Root>, 'name' | 'config' | 'root' | 'interfaces'>;

/** The content of a bundle that stands for the function. */
export function registered(buildRootObject: BuildRootObject): string {
  const known = [...functions].find(([, each]) => each === buildRootObject)?.[0];
  const key = known ?? String(functions.size + 1);
  functions.set(key, buildRootObject);
  return bundleOf(key);
}

/** As the vat runtime's own, without a compartment: the code sees all that this realm has. */
export function loadUnconfined(
  bundle: unknown,
  _vatId: string,
  globals: Record<string, unknown>,
  runtime: object,
): { buildRootObject: (...args: unknown[]) => unknown } {
  const { moduleFormat, code } = bundle as Bundle;
  const known = code.startsWith(prefix) ? functions.get(code.slice(prefix.length)) : undefined;
  if (known !== undefined) return { buildRootObject: known as never };
  if (moduleFormat !== 'vatkit' && moduleFormat !== 'iife') {
    throw new Error(
      `A test kernel runs bundles of vatkit bundle, and functions; found ${moduleFormat}`,
    );
  }
  const names = [...Object.keys(globals), RUNTIME_GLOBAL, 'exports'].filter(
    (name) => /^\w+$/.test(name) || name === RUNTIME_GLOBAL,
  );
  const values = names.map((name) =>
    name === RUNTIME_GLOBAL ? runtime : name === 'exports' ? {} : globals[name],
  );
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- it is a kernel without walls
  const evaluate = new Function(...names, `${code}\n;return ${EXPORTS_GLOBAL};`) as (
    ...args: unknown[]
  ) => unknown;
  const { buildRootObject } = evaluate(...values) as { buildRootObject?: unknown };
  if (typeof buildRootObject !== 'function') {
    throw new Error('The bundle exports no function buildRootObject');
  }
  return { buildRootObject: buildRootObject as never };
}
