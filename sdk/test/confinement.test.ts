/** Vats that look for a way out of their compartment find the language and what they were given, and nothing else. */
import { allowedGlobalNames, kslot, type AllowedGlobalName } from '@vatkit/sdk/kernel';
import { describe, expect, it } from 'vitest';
import { bundleOf, bundleOfCode, call, clusterOf, rejectionOf, startKernel } from './harness.js';

const launch = async (globals?: AllowedGlobalName[]) => {
  const kernel = await startKernel();
  const { rootKref } = await kernel.launchSubcluster(
    clusterOf(
      await bundleOf('escape.vat.js'),
      ['a', 'b'],
      globals ? { globals, network: { allowedHosts: ['example.com'] } } : {},
    ),
  );
  await call(kernel, rootKref, 'hold', kslot(kernel.getRootObject('v2')));
  return { kernel, rootKref };
};

describe.each([
  ['nothing', undefined],
  ['every global that there is', [...allowedGlobalNames]],
])('a vat that was granted %s', (_what, globals) => {
  it('gets nothing by any attempt', async () => {
    const { kernel, rootKref } = await launch(globals);
    const names = (await call(kernel, rootKref, 'names')) as string[];
    const outcomes: Record<string, string> = {};
    for (const name of names)
      outcomes[name] = (await call(kernel, rootKref, 'attempt', name)) as string;
    const got = Object.entries(outcomes).filter(([, outcome]) => outcome.startsWith('got'));
    const expected = globals === undefined ? [] : ['dateNow', 'newDate', 'mathRandom'];
    expect(
      got.map(([name]) => name),
      JSON.stringify(got),
    ).toStrictEqual(expected);
    expect(await call(kernel, rootKref, 'works')).toBe(3);
    expect(await call(kernel, kernel.getRootObject('v2'), 'works')).toBe(3);
  });

  it('reaches no object that it can change, but its own', async () => {
    const { kernel, rootKref } = await launch(globals);
    const { soft, count } = (await call(kernel, rootKref, 'soft')) as {
      soft: string[];
      count: number;
    };
    // What it was just given may be its own: an error, a date. What hangs on that is everybody's.
    expect(soft.filter((path) => path.includes('.'))).toStrictEqual([]);
    expect(count).toBeGreaterThan(1_000);
  });

  it("is thrown no errors of the engine's own classes", async () => {
    const { kernel, rootKref } = await launch(globals);
    expect(await call(kernel, rootKref, 'foreignErrors')).toStrictEqual([]);
  });
});

/** ECMAScript's own, and what SES adds to a compartment. */
const language = [
  ...[
    'Infinity',
    'NaN',
    'undefined',
    'globalThis',
    'eval',
    'isFinite',
    'isNaN',
    'parseFloat',
    'parseInt',
  ],
  ...['decodeURI', 'decodeURIComponent', 'encodeURI', 'encodeURIComponent', 'escape', 'unescape'],
  ...[
    'AggregateError',
    'Array',
    'ArrayBuffer',
    'BigInt',
    'BigInt64Array',
    'BigUint64Array',
    'Boolean',
    'DataView',
  ],
  ...[
    'Date',
    'Error',
    'EvalError',
    'Function',
    'Int16Array',
    'Int32Array',
    'Int8Array',
    'Iterator',
    'AsyncIterator',
  ],
  ...[
    'JSON',
    'Map',
    'Math',
    'Number',
    'Object',
    'Promise',
    'Proxy',
    'RangeError',
    'ReferenceError',
    'Reflect',
  ],
  ...[
    'RegExp',
    'Set',
    'String',
    'Symbol',
    'SyntaxError',
    'SuppressedError',
    'TypeError',
    'URIError',
    'Uint16Array',
  ],
  ...['Uint32Array', 'Uint8Array', 'Uint8ClampedArray', 'WeakMap', 'WeakSet'],
  ...['Compartment', 'HandledPromise', 'assert', 'harden', 'lockdown', 'ModuleSource'],
];

/** The platform's, by which a vat could do what it was not granted. */
const platform = [
  ...[
    'process',
    'require',
    'module',
    'exports',
    'parentPort',
    'postMessage',
    'onmessage',
    'self',
    'window',
    'Deno',
  ],
  ...[
    'Worker',
    'Buffer',
    'gc',
    'WebAssembly',
    'SharedArrayBuffer',
    'Atomics',
    'WeakRef',
    'FinalizationRegistry',
  ],
  ...[
    'queueMicrotask',
    'setImmediate',
    'structuredClone',
    'performance',
    'navigator',
    'MessageChannel',
  ],
  ...[
    'EventTarget',
    'Event',
    'DOMException',
    'WebSocket',
    'XMLHttpRequest',
    'localStorage',
    'document',
  ],
  ...['BroadcastChannel', 'importScripts', '__dirname', '__filename', 'Intl', 'Bun'],
];

describe('the globals of a vat', () => {
  it('are those of the language, the console, and the runtime that its bundle names', async () => {
    const { kernel, rootKref } = await launch();
    const names = (await call(kernel, rootKref, 'globals')) as string[];
    expect(names.filter((name) => !language.includes(name))).toStrictEqual([
      '$vatkit',
      'console',
      'global',
    ]);
    const others = [...platform, ...allowedGlobalNames].filter((name) => !language.includes(name));
    expect(await call(kernel, rootKref, 'present', others)).toStrictEqual([]);
  });

  it('never have more of the platform than was granted', async () => {
    const all = [...allowedGlobalNames];
    const { kernel, rootKref } = await launch(all);
    expect(await call(kernel, rootKref, 'present', platform)).toStrictEqual([]);
    expect(await call(kernel, rootKref, 'present', all)).toStrictEqual(all);
  });

  it('have what the configuration names, and no more', async () => {
    const { kernel, rootKref } = await launch(['setTimeout', 'TextEncoder']);
    const asked = [
      'setTimeout',
      'clearTimeout',
      'setInterval',
      'TextEncoder',
      'TextDecoder',
      'URL',
    ];
    expect(await call(kernel, rootKref, 'present', asked)).toStrictEqual([
      'setTimeout',
      'TextEncoder',
    ]);
  });

  it('may be changed by the vat without harm to its runtime', async () => {
    const kernel = await startKernel();
    const { rootKref } = await kernel.launchSubcluster(
      clusterOf(
        bundleOfCode(`
          const own = { makeDefaultExo: far.makeDefaultExo, E: far.E, global: globalThis, Error };
          for (const name of Object.getOwnPropertyNames(globalThis)) {
            try { own.global[name] = () => { throw own.Error('replaced'); }; } catch {}
          }
          return { buildRootObject: () => own.makeDefaultExo('root', {
            async works(x) { return [await own.E(own.makeDefaultExo('y', { z: () => x })).z(), typeof Promise]; },
            fail() { throw 1; },
          }) };`),
      ),
    );
    expect(await call(kernel, rootKref, 'works', { a: [1n] })).toStrictEqual([
      { a: [1n] },
      'function',
    ]);
    await rejectionOf(kernel.queueMessage(rootKref, 'fail', []));
    expect(await call(kernel, rootKref, 'works', 2)).toStrictEqual([2, 'function']);
  });
});

describe('code that SES refuses by its looks', () => {
  it.each([
    ['a dynamic import', `import('node:fs')`, 'SES_IMPORT_REJECTED'],
    ['import.meta', `import.meta.url`, 'import.meta'],
    ['a static import', `import fs from 'node:fs'`, 'import'],
    ['an HTML comment', `<!-- x`, 'SES_HTML_COMMENT_REJECTED'],
    ['a direct eval', `eval('1')`, 'SES_EVAL_REJECTED'],
  ])('fails the launch: %s', async (_what, code, message) => {
    const kernel = await startKernel();
    const bundle = JSON.stringify({
      moduleFormat: 'vatkit',
      abi: 1,
      code: `var __vatExports__ = {};\n${code};`,
    });
    const error = await rejectionOf(kernel.launchSubcluster(clusterOf(bundle)));
    expect(error.message).toMatch(
      new RegExp(`Failed to launch vat v1 \\(main\\): .*(${message}|Cannot use|Unexpected)`),
    );
  });
});
