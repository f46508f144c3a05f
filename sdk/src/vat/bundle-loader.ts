/** From a bundle to its entry module's exports, in a compartment of its own. */
import { EXPORTS_GLOBAL, RUNTIME_ABI, RUNTIME_GLOBAL } from '../protocol/runtime-abi.js';
import type { VatId } from '../protocol/refs.js';
import type { Bundle, BundleFormat } from '../protocol/vat-wire.js';
import { scriptName } from './stacks.js';

export type VatExports = { buildRootObject: (...args: unknown[]) => unknown };

const formats: readonly BundleFormat[] = [
  'vatkit',
  'iife',
  'endoScript',
  'getExport',
  'nestedEvaluate',
];

type Script = { format: BundleFormat; code: string };

/** Checks what may be no bundle at all. Endo's own formats carry their program as `source`. */
function readBundle(bundle: unknown): Script {
  if (typeof bundle !== 'object' || bundle === null || Array.isArray(bundle)) {
    throw TypeError('Invalid bundle: must be an object');
  }
  const { moduleFormat, code, source, abi } = bundle as Partial<Bundle> & { source?: unknown };
  const format = formats.find((known) => known === moduleFormat);
  if (format === undefined) {
    throw TypeError(
      `Unknown bundle format: ${String(moduleFormat)}; known are ${formats.join(', ')}`,
    );
  }
  const text: unknown = code ?? source;
  if (text === undefined) throw TypeError('Invalid bundle: missing code');
  if (typeof text !== 'string') throw TypeError('Invalid bundle: code must be a string');
  if (format === 'vatkit' && (abi ?? RUNTIME_ABI) !== RUNTIME_ABI) {
    throw Error(
      `The bundle was made for version ${abi} of the vat runtime, this is version ${RUNTIME_ABI}; bundle it again`,
    );
  }
  return { format, code: text };
}

/**
 * Nothing stands before the code, so that its lines and columns in a stack trace are those of the bundle. What
 * stands behind it names the script, whatever the code itself calls itself.
 */
function evaluateScript(compartment: Compartment, { format, code }: Script, name: string): unknown {
  const mark = `\n//# sourceURL=${name}`;
  switch (format) {
    case 'vatkit':
    case 'iife':
      return compartment.evaluate(
        `${code}\n;typeof ${EXPORTS_GLOBAL} === 'undefined' ? undefined : ${EXPORTS_GLOBAL};${mark}`,
      );
    case 'endoScript':
      return compartment.evaluate(`${code}${mark}`);
    case 'getExport':
    case 'nestedEvaluate': {
      const getExport = compartment.evaluate(`(${code}\n)${mark}`) as (prefix?: string) => unknown;
      // Of a nested format the prefix of its scripts' names.
      return getExport(`${name}/`);
    }
  }
}

/**
 * @param globals - everything the code finds besides the intrinsics.
 * @param runtime - what a `vatkit` bundle finds of the worker's modules.
 * @throws Error that says what is wrong with the bundle, or what its code threw.
 */
export function loadBundle(
  bundle: unknown,
  vatId: VatId,
  globals: Record<string, unknown>,
  runtime: object,
): VatExports {
  const script = readBundle(bundle);
  const name = scriptName(vatId);
  const compartment = new Compartment({
    name,
    globals: {
      ...globals,
      ...(script.format === 'vatkit' && { [RUNTIME_GLOBAL]: runtime }),
      ...(script.format === 'iife' && { exports: {} }),
    },
    __options__: true,
  } as never);
  const { globalThis: own } = compartment;
  own.global = own;
  if (script.format === 'nestedEvaluate') {
    own.nestedEvaluate = (source: unknown) => compartment.evaluate(String(source)) as unknown;
  }
  for (const universal of ['TextEncoder', 'TextDecoder']) {
    // SES gives them to every compartment; here they are granted by name, as all others are.
    if (!Object.hasOwn(globals, universal)) delete own[universal];
  }
  const exports = evaluateScript(compartment, script, name);
  const build = exportOf(exports, 'buildRootObject');
  if (typeof build !== 'function') {
    const names = typeof exports === 'object' && exports !== null ? Object.keys(exports) : [];
    const found = names.length === 0 ? 'nothing' : names.join(', ');
    throw Error(`The bundle exports no function buildRootObject; it exports ${found}`);
  }
  return { buildRootObject: build as VatExports['buildRootObject'] };
}

const exportOf = (exports: unknown, name: string): unknown =>
  typeof exports === 'object' && exports !== null
    ? (exports as Record<string, unknown>)[name]
    : undefined;
