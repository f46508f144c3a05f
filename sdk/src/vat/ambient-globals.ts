/**
 * Takes the platform's powers out of the worker's own global object. No vat code runs there; should SES ever let
 * some through, it finds the language and nothing else.
 */

/** What the language has, what SES adds, and what the engine itself looks up by name. */
export const keptGlobals: ReadonlySet<string> = new Set([
  ...[
    'globalThis',
    'Infinity',
    'NaN',
    'undefined',
    'isFinite',
    'isNaN',
    'parseFloat',
    'parseInt',
    'escape',
    'unescape',
  ],
  ...[
    'decodeURI',
    'decodeURIComponent',
    'encodeURI',
    'encodeURIComponent',
    'eval',
    'Function',
    'Object',
    'Array',
  ],
  ...[
    'ArrayBuffer',
    'SharedArrayBuffer',
    'Atomics',
    'BigInt',
    'BigInt64Array',
    'BigUint64Array',
    'Boolean',
    'DataView',
  ],
  ...[
    'Date',
    'Error',
    'AggregateError',
    'EvalError',
    'RangeError',
    'ReferenceError',
    'SyntaxError',
    'TypeError',
    'URIError',
  ],
  ...[
    'Float16Array',
    'Float32Array',
    'Float64Array',
    'Int8Array',
    'Int16Array',
    'Int32Array',
    'Uint8Array',
  ],
  ...[
    'Uint8ClampedArray',
    'Uint16Array',
    'Uint32Array',
    'Map',
    'Set',
    'WeakMap',
    'WeakSet',
    'WeakRef',
  ],
  ...[
    'FinalizationRegistry',
    'Number',
    'Promise',
    'Proxy',
    'RegExp',
    'String',
    'Symbol',
    'JSON',
    'Math',
    'Reflect',
    'Intl',
  ],
  ...['Iterator', 'AsyncIterator', 'TextEncoder', 'TextDecoder', 'console'],
  ...[
    'lockdown',
    'repairIntrinsics',
    'hardenIntrinsics',
    'harden',
    'Compartment',
    'HandledPromise',
    'assert',
    'ModuleSource',
  ],
]);

/** In browsers most of a worker's powers stand on the prototypes of its global object. */
export function removeAmbientGlobals(): void {
  const scope: object = globalThis;
  for (
    let owner = scope;
    owner !== Object.prototype;
    owner = Object.getPrototypeOf(owner) as object
  ) {
    for (const name of Object.getOwnPropertyNames(owner)) {
      if (!keptGlobals.has(name)) Reflect.deleteProperty(owner, name);
    }
  }
}
