import './lockdown.js';
import { describe, expect, it } from 'vitest';
import type { Bundle } from '../protocol/vat-wire.js';
import { bundleOf, capData, errorOf, makeTestVat } from './test-vat.js';

/** Far without @endo: what a self-contained bundle's own copy makes. */
const plainFar = `
  const PASS_STYLE = Symbol.for('passStyle');
  const Far = (name, methods) => {
    const proto = Object.create(Object.prototype, {
      [PASS_STYLE]: { value: 'remotable' },
      [Symbol.toStringTag]: { value: 'Alleged: ' + name },
    });
    return harden(Object.setPrototypeOf(methods, proto));
  };`;

const build = `exports.buildRootObject = (powers, { name }) => Far('root', { greet: () => 'hello ' + name });`;

const formats: Record<string, object> = {
  vatkit: bundleOf(`return Far('root', { greet: () => 'hello ' + parameters.name });`),
  iife: {
    moduleFormat: 'iife',
    code: `var __vatExports__ = (function(exports) { ${plainFar} ${build} return exports; })({});`,
    exports: ['buildRootObject'],
    external: [],
  },
  endoScript: {
    moduleFormat: 'endoScript',
    source: `(() => { const exports = {}; ${plainFar} ${build} return exports; })()`,
  },
  getExport: {
    moduleFormat: 'getExport',
    source: `function getExport() { 'use strict'; let exports = {}; const module = { exports }; ${plainFar} ${build} return module.exports; }`,
  },
  nestedEvaluate: {
    moduleFormat: 'nestedEvaluate',
    source: `function getExportWithNestedEvaluate(filePrefix) { 'use strict'; const exports = {}; nestedEvaluate("(function (exports) {" + ${JSON.stringify(`${plainFar} ${build}`)} + "})")(exports); return exports; }`,
  },
};

describe('a bundle', () => {
  it.each(Object.keys(formats))('of the format %s runs', async (format) => {
    const vat = makeTestVat(formats[format] as Bundle);
    await vat.start({ name: 'ann' });
    expect((await vat.message('greet')).answer?.value).toEqual(capData('hello ann'));
  });

  it.each([
    [5, 'Invalid bundle: must be an object'],
    [[], 'Invalid bundle: must be an object'],
    [{ moduleFormat: 'endoZipBase64', code: '' }, 'Unknown bundle format: endoZipBase64'],
    [{ code: '' }, 'Unknown bundle format: undefined'],
    [{ moduleFormat: 'vatkit' }, 'Invalid bundle: missing code'],
    [{ moduleFormat: 'iife', code: 5 }, 'Invalid bundle: code must be a string'],
    [
      { moduleFormat: 'vatkit', code: '', abi: 2 },
      'The bundle was made for version 2 of the vat runtime, this is version 1; bundle it again',
    ],
    [
      { moduleFormat: 'vatkit', code: '' },
      'The bundle exports no function buildRootObject; it exports nothing',
    ],
    [{ moduleFormat: 'iife', code: 'var __vatExports__ = { a: 1, b: 2 };' }, 'it exports a, b'],
    [
      { moduleFormat: 'iife', code: 'var __vatExports__ = { buildRootObject: 2 };' },
      'it exports buildRootObject',
    ],
    [{ moduleFormat: 'vatkit', code: 'var x = ;' }, 'Unexpected token'],
    [
      { moduleFormat: 'vatkit', code: '// import("node:fs")' },
      'Possible import expression rejected at vat:v1:1',
    ],
    [{ moduleFormat: 'endoScript', source: 'undefined' }, 'exports nothing'],
  ])('%j is refused', async (bundle, message) => {
    expect((await makeTestVat(bundle as Bundle).fails()).message).toContain(message);
  });

  it('has its own lines and columns in stack traces, whatever it calls itself', async () => {
    const code = [
      '// line 1',
      'var __vatExports__ = (function (exports) {',
      "const { Far } = $vatkit['@endo/far'];",
      "exports.buildRootObject = () => Far('root', {",
      "  fail() { throw Error('here'); },",
      '});',
      'return exports;',
      '})({});',
      '//# sourceURL=/home/user/secret.js',
    ].join('\n');
    const vat = makeTestVat({ moduleFormat: 'vatkit', abi: 1, code });
    await vat.start();
    const column = (code.split('\n')[4] as string).indexOf('Error(') + 1;
    expect((await vat.message('fail')).answer?.stack).toMatch(
      new RegExp(`at .*fail \\(vat:v1:5:${column}\\)$`),
    );
    expect(await column0(`throw Error('first line'); var x;`)).toMatch(/vat:v1:1:7\)?$/m);
  });
});

const column0 = async (code: string) =>
  (await makeTestVat({ moduleFormat: 'vatkit', code }).fails()).stack;

describe('a compartment', () => {
  it('has the language, the console, and nothing that was not granted', async () => {
    const vat = makeTestVat(`
      return Far('root', {
        globals: () => harden(Object.getOwnPropertyNames(globalThis).sort()),
        look: name => { try { return typeof (0, eval)(name); } catch (e) { return String(e); } },
        same: () => globalThis === global,
        now: () => Date.now(),
        random: () => Math.random(),
      });`);
    await vat.start();
    const names = JSON.parse(
      (await vat.message('globals')).answer?.value.body.slice(1) ?? '',
    ) as string[];
    expect(names).toEqual(
      expect.arrayContaining([
        '!$vatkit',
        'Compartment',
        'HandledPromise',
        'assert',
        'console',
        'global',
        'harden',
      ]),
    );
    for (const name of [
      'process',
      'require',
      'fetch',
      'setTimeout',
      'Buffer',
      'WebSocket',
      'URL',
      'crypto',
      'TextEncoder',
      'WeakRef',
      'FinalizationRegistry',
      'structuredClone',
      'queueMicrotask',
      'nestedEvaluate',
      'exports',
    ]) {
      expect(names, name).not.toContain(name);
      expect((await vat.message('look', [name])).answer?.value, name).toEqual(capData('undefined'));
    }
    expect((await vat.message('same')).answer?.value).toEqual(capData(true));
    expect(errorOf((await vat.message('now')).answer)).toContain('now');
    expect(errorOf((await vat.message('random')).answer)).toContain('random');
  });

  it.each([
    ['a constructor', `(() => {}).constructor('return process')()`],
    ['an async constructor', `(async () => {}).constructor('return process')`],
    [
      'an error’s stack API',
      `(() => { Error.prepareStackTrace = (_, s) => s; return Error('x').stack.map(s => s.getThis()); })()`,
    ],
    ['an inner compartment', `new Compartment({}, {}, {}).evaluate('process')`],
    [
      'an evaded import',
      `new Compartment().evaluate("imp" + "ort('node:fs')", { __evadeImportExpressionTest__: true })`,
    ],
    ['arguments.callee', `(function () { return arguments.callee.caller; })()`],
    ['the runtime’s modules', `(() => { $vatkit['@endo/far'].E = 1; })()`],
    ['a primordial', `(() => { Array.prototype.map = 1; })()`],
  ])('cannot be left through %s', async (_way, expression) => {
    const vat = makeTestVat(
      `return Far('root', { go: () => { const found = ${expression}; return found === undefined ? 'undefined' : typeof found; } });`,
    );
    await vat.start();
    const { answer } = await vat.message('go');
    expect(answer?.rejected === true || answer?.value.body === '#"undefined"').toBe(true);
  });

  it('logs through its console and its logger, with tags and without its own code running', async () => {
    const vat = makeTestVat(`
      const { warn } = powers.logger;
      warn('detached');
      powers.logger.subLogger({ tags: ['db'] }).subLogger('sql').debug(1n, undefined, Symbol('s'));
      console.error(Error('bad'), new Map(), () => 1, Far('thing', {}), Promise.resolve(), { get x() { throw 1; }, y: [new Date(NaN)] });
      const cycle = {}; cycle.cycle = cycle; console.log(cycle);
      console.info('x'.repeat(100000), 'never');
      console.debug(Array(100000).fill(7));
      console.log(new Proxy({}, { ownKeys() { throw 1; }, getPrototypeOf() { throw 1; } }));
      console.log(JSON.parse('{"__proto__": 5}'));
      console.assert(false, 'asserted'); console.assert(true, 'not'); console.time('t'); console.table([1]);
      return Far('root', {});`);
    await vat.start();
    const shown = vat.logs.map(({ level, tags, args }) => ({ level, tags, args }));
    expect(shown.slice(0, 2)).toEqual([
      { level: 'warn', tags: [], args: ['detached'] },
      { level: 'debug', tags: ['db', 'sql'], args: [1n, undefined, 'Symbol(s)'] },
    ]);
    const [error, ...others] = shown[2]?.args ?? [];
    expect(error).toMatch(/^Error: bad\n.*vat:v1:/);
    expect(others).toEqual([
      '[Map]',
      '[function ]',
      '[Alleged: thing]',
      '[Promise]',
      { x: '[accessor]', y: ['[Date]'] },
    ]);
    expect(shown[3]?.args).toEqual([{ cycle: '[cycle]' }]);
    expect(shown[4]?.args).toEqual([`${'x'.repeat(20_000)}…`, '…']);
    expect((shown[5]?.args[0] as unknown[]).length).toBeLessThan(2_100);
    expect(shown[6]?.args).toEqual(['[object that cannot be examined]']);
    expect(Object.keys(shown[7]?.args[0] as object)).toEqual(['__proto__']);
    expect(shown.slice(8)).toEqual([
      { level: 'error', tags: ['console'], args: ['Assertion failed', 'asserted'] },
      { level: 'log', tags: ['console'], args: [[1]] },
    ]);
  });
});
