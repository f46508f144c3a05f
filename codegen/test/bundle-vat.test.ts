import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import { describe, expect, it } from 'vitest';
import { bundleVat, bundleVatFile, formatBundle } from '../src/bundler/bundle-vat.js';
import { BundleError } from '../src/bundler/problems.js';
import type { Bundle } from '@vatkit/sdk/kernel';
import { makeFixture } from './fixture.js';
import { useSesRealm } from './ses-realm.js';

const load = useSesRealm();

const guideVat = `import { makeDefaultExo } from '@metamask/kernel-utils/exo';
export function buildRootObject(vatPowers, parameters, _baggage) {
  const { name } = parameters;
  return makeDefaultExo('root', {
    greet() {
      return \`Greeting from \${name}\`;
    },
  });
}
`;

/** A vat whose root has one method, `run`. */
const vatThat = (body: string, imports = '') =>
  `${imports}\nimport { Far } from '@endo/far';\nexport const buildRootObject = () => Far('root', { async run(...args) { ${body} } });\n`;

const problemsOf = async (bundling: Promise<unknown>) => {
  const error = await bundling.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(BundleError);
  return (error as BundleError).problems;
};

/** Where the first `text` of the code comes from. */
function originOf(bundle: Bundle, text: string) {
  const before = bundle.code.slice(0, bundle.code.indexOf(text));
  expect(bundle.code).toContain(text);
  const line = before.split('\n').length;
  const column = before.length - (before.lastIndexOf('\n') + 1);
  const { source, ...place } = originalPositionFor(new TraceMap(bundle.sourceMap as string), {
    line,
    column,
  });
  return { source, line: place.line, column: place.column };
}

/** Where the first `text` of a source stands, as source maps count. */
function placeIn(file: string, text: string) {
  const before = readFileSync(file, 'utf8').split(text)[0] as string;
  return {
    line: before.split('\n').length,
    column: before.length - (before.lastIndexOf('\n') + 1),
  };
}

describe('what a bundle holds', () => {
  it("the guide's vat is a few hundred bytes and runs", async () => {
    const at = makeFixture({ 'sample-vat.js': guideVat });
    const bundle = await bundleVat(at('sample-vat.js'));
    expect(bundle).toMatchObject({
      moduleFormat: 'vatkit',
      abi: 1,
      external: ['@metamask/kernel-utils/exo'],
      exports: ['buildRootObject'],
    });
    expect(bundle.code.length).toBeLessThan(600);
    expect(bundle.code).toContain('$vatkit["@metamask/kernel-utils/exo"]');
    expect(await load(bundle, [['greet']])).toStrictEqual({
      names: ['buildRootObject'],
      results: ['Greeting from Alice'],
    });
  });

  it("MetaMask's test vats bundle with nothing of @metamask or @agoric installed", async () => {
    const at = makeFixture({
      'vats/exo-vat.ts': `
        import { E } from '@endo/eventual-send';
        import { makeExo } from '@endo/exo';
        import { M } from '@endo/patterns';
        import { makePromiseKit } from '@endo/promise-kit';
        import { M as storeM } from '@agoric/store';
        import { makeDefaultExo } from '@metamask/kernel-utils/exo';
        import { makeDiscoverableExo } from '@metamask/kernel-utils/discoverable';
        import { Logger } from '@metamask/logger';
        import type { Baggage } from '@metamask/ocap-kernel';
        import { unwrapTestLogger, type TestPowers } from '../test-powers.ts';
        export function buildRootObject(powers: TestPowers, params: { name?: string }, _b: Baggage) {
          const log: Logger = unwrapTestLogger(powers, params.name ?? 'anonymous');
          const { promise, resolve } = makePromiseKit();
          const inner = makeExo('inner', M.interface('inner', { add: M.call(M.number()).returns(storeM.number()) }), {
            add: (n: number) => n + 1,
          });
          return makeDefaultExo('root', {
            async run() { resolve(log('go')); return [await promise, await E(inner).add(1)] as unknown; },
            discover: () => typeof makeDiscoverableExo,
          });
        }`,
      'test-powers.ts': `
        import type { Logger } from '@metamask/logger';
        export type TestPowers = { logger?: Logger };
        export const unwrapTestLogger = (powers: TestPowers, name: string) => (text: string): string => name + ': ' + text;`,
    });
    const bundle = await bundleVat(at('vats/exo-vat.ts'));
    expect(bundle.external?.toSorted()).toStrictEqual([
      '@agoric/store',
      '@endo/eventual-send',
      '@endo/exo',
      '@endo/patterns',
      '@endo/promise-kit',
      '@metamask/kernel-utils/discoverable',
      '@metamask/kernel-utils/exo',
    ]);
    expect((await load(bundle, [['run'], ['discover']])).results).toStrictEqual([
      ['Alice: go', 2],
      'function',
    ]);
  });

  it('a stand-in gives way to the package where it is installed', async () => {
    const at = makeFixture({
      'vat.js': guideVat,
      'node_modules/@metamask/kernel-utils/package.json': JSON.stringify({
        name: '@metamask/kernel-utils',
        type: 'module',
        exports: { './exo': './exo.js' },
      }),
      'node_modules/@metamask/kernel-utils/exo.js':
        "import { Far } from '@endo/pass-style'; export const makeDefaultExo = (name, methods) => Far('theirs', methods);",
    });
    const bundle = await bundleVat(at('vat.js'));
    expect(bundle.external).toStrictEqual(['@endo/pass-style']);
    expect((await load(bundle, [['greet']])).results).toStrictEqual(['Greeting from Alice']);
  });

  it.each(['vatkit', 'iife', 'endoScript'] as const)(
    'what never ends is there in the format %s, in the vat and in what it imports by path',
    async (format) => {
      const at = makeFixture({
        'vat.js': vatThat(
          `new Endless(); endless\`\`; ({}).none?.(fall());
          return Far('root', { a() { for (;;); }, b() { while (true) {} }, c() { hang(); return 1; }, d() { do {} while (1); }, e() { fall(); return 2; } });`,
          `import { hang, fall } from './hang.js';
           class Base {}
           class Endless extends Base { constructor() { super(); new Endless(); } }
           function endless() { endless\`\`; }`,
        ),
        'hang.js': `export function hang() { let i = 0; while (i < 1) {} }
          export const fall = () => other(); function other() { fall(); }
          export const unused = () => { console.log('not asked for'); };`,
      });
      const bundle = await bundleVat(at('vat.js'), { format });
      const code = formatBundle(bundle);
      for (const kept of [
        'for (;;);',
        'while (true) {}',
        'while (i < 1) {}',
        'hang();',
        'while (1);',
        ...['new Endless();', 'super(); new Endless();', 'endless``;', '?.(fall())'],
        ...['fall(); return 2;', 'other() { fall(); }', 'fall = () => other();'],
      ]) {
        expect(code).toContain(kept);
      }
      expect(code).not.toMatch(/\$vatkit\w|not asked for/);
    },
  );

  it('namespace, default and mixed imports of the runtime work', async () => {
    const at = makeFixture({
      'vat.js': vatThat(
        'return [typeof far.Far, typeof E, M.number() === patterns.M.number(), far.Far === Far]',
        "import * as far from '@endo/far'; import * as patterns from '@endo/patterns'; import { E } from '@vatkit/sdk/vat'; import { M } from '@endo/patterns';",
      ),
    });
    const { results } = await load(await bundleVat(at('vat.js')), [['run']]);
    expect(results).toStrictEqual([['function', 'undefined', true, true]]);
  });

  it('every form of relative import of TypeScript resolves', async () => {
    const at = makeFixture({
      'vat.ts': vatThat(
        'return [a, b, c, d, e, f, g, h]',
        `import { a } from './lib/a.ts'; import { b } from './lib/b.js'; import { c } from './lib/c';
         import { d } from './lib/d.mjs'; import { e } from './lib'; import { f } from './lib/f.js';
         import { g } from './lib/g.mts'; import { h } from './lib/has.dots';`,
      ),
      'lib/a.ts': "export const a: string = 'a';",
      'lib/b.ts': "export const b: string = 'b';",
      'lib/c.ts': "export const c: string = 'c';",
      'lib/d.mts': "export const d: string = 'd';",
      'lib/index.ts': "export const e: string = 'e';",
      'lib/f.js': "export const f = 'f';",
      'lib/g.mts': "export const g: string = 'g';",
      'lib/has.dots.ts': "export const h: string = 'h';",
    });
    const { results } = await load(await bundleVat(at('vat.ts')), [['run']]);
    expect(results).toStrictEqual([['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']]);
  });

  it('a JavaScript vat imports TypeScript, and enums and namespaces compile', async () => {
    const at = makeFixture({
      'vat.js': vatThat('return [Color.Green, n.x]', "import { Color, n } from './kinds';"),
      'kinds.ts':
        'export enum Color { Red, Green }\nexport namespace n { export const x: number = 7; }\n',
    });
    const { results } = await load(await bundleVat(at('vat.js')), [['run']]);
    expect(results).toStrictEqual([[1, 7]]);
  });

  it('CommonJS packages, their conditional parts and JSON are bundled', async () => {
    const at = makeFixture({
      'vat.js': vatThat(
        'return [pad(args[0]), mode, config.limit, limit, process.env.NODE_ENV, "process.env.NODE_ENV"]',
        "import pad, { mode } from 'padder'; import config, { limit } from './config.json';",
      ),
      'config.json': '{ "limit": 3 }',
      'node_modules/padder/package.json': '{"name":"padder","main":"./index.js"}',
      'node_modules/padder/index.js': `
        const inner = process.env.NODE_ENV === 'production' ? require('./prod') : require('./dev');
        let optional; try { optional = require('not-there'); } catch { optional = '-'; }
        module.exports = function pad(text) { return optional + inner.pad(text); };
        module.exports.mode = inner.mode;`,
      'node_modules/padder/prod.js':
        "exports.mode = 'prod'; exports.pad = (t) => t.padStart(5, require('./data.json').fill);",
      'node_modules/padder/dev.js': "exports.mode = 'dev'; exports.pad = String;",
      'node_modules/padder/data.json': '{"fill":"*"}',
    });
    const { results } = await load(await bundleVat(at('vat.js')), [['run', 'x']]);
    expect(results).toStrictEqual([['-****x', 'prod', 3, 3, 'production', 'process.env.NODE_ENV']]);
  });

  it('a package is taken in the form that it has for browsers', async () => {
    const at = makeFixture({
      'vat.js': vatThat('return where', "import { where } from 'everywhere';"),
      'node_modules/everywhere/package.json': JSON.stringify({
        name: 'everywhere',
        type: 'module',
        exports: { node: './node.js', browser: './browser.js', default: './node.js' },
      }),
      'node_modules/everywhere/node.js': "import 'node:fs'; export const where = 'node';",
      'node_modules/everywhere/browser.js': "export const where = 'browser';",
    });
    const { results } = await load(await bundleVat(at('vat.js')), [['run']]);
    expect(results).toStrictEqual(['browser']);
  });

  it("a package's import() of its own files is bundled, and of what is missing rejects at run time", async () => {
    const at = makeFixture({
      'vat.js': vatThat('return lazy()', "import { lazy } from 'lazy';"),
      'node_modules/lazy/package.json': '{"name":"lazy","type":"module","exports":"./index.js"}',
      'node_modules/lazy/index.js': `export const lazy = async () => [
        (await import('./part.js')).part,
        await import('node:fs').catch((error) => error.message),
        await import(['./pa', 'rt.js'].join('')).catch((error) => error.message),
      ];`,
      'node_modules/lazy/part.js': "export const part = 'part';",
    });
    const { results } = await load(await bundleVat(at('vat.js')), [['run']]);
    expect(results).toStrictEqual([
      ['part', 'A vat cannot import node:fs', 'A vat cannot import ./part.js'],
    ]);
  });

  it('what locks a realm down is left out, unless something of it is used', async () => {
    const makers = "import 'ses'; import '@endo/init'; import '@endo/eventual-send/shim.js';";
    const at = makeFixture({
      'vat.js': vatThat('return 1', makers),
      'bad.js': vatThat('return lockdown()', "import { lockdown } from '@endo/lockdown';"),
    });
    expect((await bundleVat(at('vat.js'))).code).not.toContain('ses');
    const [problem] = await problemsOf(bundleVat(at('bad.js')));
    expect(problem).toMatchObject({ file: at('bad.js'), line: 1, column: 10 });
    expect(problem?.message).toMatch(/'lockdown' of '@endo\/lockdown' is not for vats/);
  });

  it('line ends, a byte order mark and a hashbang leave no trace', async () => {
    const text = vatThat('return `a\nb`').replace('\n', '// first\n');
    const unix = makeFixture({ 'vat.js': `//usr/bin/env node\n${text}` });
    const dos = makeFixture({
      'vat.js': `\uFEFF#!usr/bin/env node\n${text}`.replaceAll('\n', '\r\n'),
    });
    const bundle = await bundleVat(dos('vat.js'));
    expect(bundle).toStrictEqual(await bundleVat(unix('vat.js')));
    expect(bundle.code).not.toContain('\r');
    expect((await load(bundle, [['run']])).results).toStrictEqual(['a\nb']);
  });
});

describe('the censor of SES', () => {
  // Put together, so that this file holds none of it.
  const open = '<' + '!--';
  const close = '--' + '>';

  it('is passed by comments, strings, templates, regular expressions and names, whose meaning stays', async () => {
    const at = makeFixture({
      'vat.js': vatThat(
        `
        // import('a') ${open} ${close} eval('b') import/*c*/
        /** @type {import('x').Y} ${open} ${close}
         * eval (1) */
        const strings = ['import("a")', "${open}", '${close}', 'eval(1)', '${open}>', 'x = import /* c */', 'a--${close}'];
        const template = \`import(\${strings.length}) ${open} ${close} eval(1)\`;
        const patterns = [/import(x)/, /${open}/u, /${close}/, /eval(x)/, /[!${close}]/, /(?<!--)b/, /[${open}z]/];
        const keys = { 'import(x)': 1, "${open}": 2, import() { return 3; }, eval() { return 4; } };
        class Words { import(x) { return x; } static eval (x) { return x; } #import(x) { return x; } go() { return this.#import(5); } }
        let x = 2, steps = 0;
        while (x${close}0) steps += 1;
        return harden({
          strings, template,
          tests: [
            patterns[0].test('importx'), patterns[1].test('${open}'), patterns[2].test('${close}'), patterns[3].test('evalx'),
            ['!', '-', '>', '.', '='].map((c) => patterns[4].test(c)),
            ['ab', '--b'].map((c) => patterns[5].test(c)),
            ['!', '-', 'z', 'y'].map((c) => patterns[6].test(c)),
          ],
          keys: [Object.keys(keys), keys.import(), keys.eval()],
          words: [new Words().import(1), Words.eval(2), new Words().go(), new Words().import.name],
          steps,
        });`,
      ),
    });
    const bundle = await bundleVat(at('vat.js'));
    const { results } = await load(bundle, [['run']]);
    expect(results).toStrictEqual([
      {
        strings: [
          'import("a")',
          open,
          close,
          'eval(1)',
          `${open}>`,
          'x = import /* c */',
          `a--${close}`,
        ],
        template: `import(7) ${open} ${close} eval(1)`,
        tests: [
          true,
          true,
          true,
          true,
          // From `!` to `-`, a second `-`, and `>`.
          [true, true, true, false, false],
          [true, false],
          [true, true, true, false],
        ],
        keys: [['import(x)', open, 'import', 'eval'], 3, 4],
        words: [1, 2, 5, 'import'],
        steps: 2,
      },
    ]);
  });

  it('meets a tagged template with a message, since its text would change', async () => {
    const at = makeFixture({ 'vat.js': vatThat('return String.raw`\n${1}${2}import(x)`') });
    const [problem] = await problemsOf(bundleVat(at('vat.js')));
    expect(problem).toMatchObject({ file: at('vat.js'), line: 4 });
    expect(problem?.message).toContain('tagged template');
  });

  it('leaves the columns of the source map exact', async () => {
    const at = makeFixture({
      'vat.js': vatThat(
        `const s = 'import(1) ${open} eval(2)'; return [s, /* import('x') ${close} */ args.MARKED, '${close}', args.SECOND];`,
      ),
    });
    const bundle = await bundleVat(at('vat.js'));
    for (const name of ['MARKED', 'SECOND']) {
      expect(originOf(bundle, name)).toStrictEqual({
        source: 'vat.js',
        ...placeIn(at('vat.js'), name),
      });
    }
  });
});

describe('the source map', () => {
  it('leads from the code to line and column of TypeScript, JavaScript and packages', async () => {
    const at = makeFixture({
      'vats/vat.ts': `import { Far } from '@endo/far';
import { helped } from '../lib/helper.js';
import { packaged } from 'pack';

type Shape = {
  x: number;
};

/** A comment. */
export const buildRootObject = (): unknown => {
  const shape: Shape = { x: 1 as number };
  return Far('root', { first: () => helped(shape.x), second(): number { return packaged('two'); } });
};
`,
      'lib/helper.ts':
        '\n\nexport function helped<T>(value: T): T {\n  const inHelper: T = value;\n  return inHelper;\n}\n',
      'node_modules/pack/package.json': '{"name":"pack"}',
      'node_modules/pack/index.js':
        "'use strict';\nexports.packaged = function (text) {\n  return text + 'inPack';\n};\n",
    });
    const bundle = await bundleVat(at('vats/vat.ts'));
    expect(originOf(bundle, "Far('root'").source).toBe('vat.ts');
    for (const [text, source, file] of [
      ["'root'", 'vat.ts', at('vats/vat.ts')],
      ["'two'", 'vat.ts', at('vats/vat.ts')],
      ['inHelper = value', '../lib/helper.ts', at('lib/helper.ts')],
      ["'inPack'", '../node_modules/pack/index.js', at('node_modules/pack/index.js')],
    ] as const) {
      const found = originOf(bundle, text);
      expect(found).toStrictEqual({ source, ...placeIn(file, text.replace(' =', ': T =')) });
    }
  });

  it('holds relative sources only, and their text when asked', async () => {
    const at = makeFixture({ 'a/vat.js': guideVat });
    const map = JSON.parse((await bundleVat(at('a/vat.js'))).sourceMap as string);
    expect(Object.keys(map).sort()).toStrictEqual(['mappings', 'names', 'sources', 'version']);
    expect(map).toMatchObject({ version: 3, sources: ['vat.js'] });
    const full = await bundleVat(at('a/vat.js'), { sourcesContent: true });
    expect(JSON.parse(full.sourceMap as string).sourcesContent).toStrictEqual([guideVat]);
  });
});

it('the same sources give the same bytes, again and elsewhere', { timeout: 60_000 }, async () => {
  const files = {
    'package.json': '{"name":"here","type":"module"}',
    'deep/vat.ts': vatThat(
      'return [one(), two, fill]',
      "import one from 'one'; import { two } from '../two.js'; import { fill } from './data.json';",
    ),
    'deep/data.json': '{"fill":"*"}',
    'two.ts': "import one from 'one'; export const two = one();",
    'node_modules/one/package.json': '{"name":"one"}',
    'node_modules/one/index.js': 'module.exports = () => require("./lib").value;',
    'node_modules/one/lib.js': 'exports.value = 1; exports.dynamic = (n) => require(n);',
  };
  const [here, there] = [makeFixture(files), makeFixture(files)];
  for (const format of ['vatkit', 'iife', 'endoScript'] as const) {
    const first = formatBundle(await bundleVat(here('deep/vat.ts'), { format }));
    for (const at of [here, there]) {
      const again = formatBundle(await bundleVat(at('deep/vat.ts'), { format }));
      expect(again === first, format).toBe(true);
    }
    const { sourceMap = '{"sources":[]}' } = JSON.parse(first) as Bundle;
    for (const source of JSON.parse(sourceMap).sources) {
      expect(source).toMatch(/^(?:\.\.\/)?(?:vat\.ts|two\.ts|node_modules\/)/);
    }
    expect([here(), there()].filter((path) => first.includes(path))).toStrictEqual([]);
    expect(first.includes('\r')).toBe(false);
  }
});

describe('what is refused', () => {
  it.each([
    ['nothing', 'const x = 1;', 'exports nothing'],
    ['other names', 'export const build = 1; export default 2;', 'exports build, default'],
    ['CommonJS', 'exports.buildRootObject = () => 1;', 'exports default'],
  ])('an entry that exports %s', async (_, text, found) => {
    const at = makeFixture({ 'vat.js': text });
    const [problem] = await problemsOf(bundleVat(at('vat.js')));
    expect(problem).toMatchObject({ file: at('vat.js'), kind: 'no-root' });
    expect(problem?.message).toContain(found);
    expect(problem?.message).toContain('export function buildRootObject(');
  });

  it.each([
    ['left-pad', "'left-pad' is not installed", 'npm install left-pad'],
    ['@scope/pack/sub', "'@scope/pack' is not installed", 'npm install @scope/pack'],
    ['./missing.js', "'./missing.js' does not exist", 'missing.js'],
    ['node:fs', "Node's own", 'kernel service'],
    ['fs', "Node's own", 'kernel service'],
    ['https://x.example/a.js', 'is an address', 'install'],
    ['there/hidden.js', 'not among what', 'node_modules/there'],
  ])("an import of '%s'", async (specifier, found, advice) => {
    const at = makeFixture({
      'vat.js': vatThat('return x', `// '${specifier}'\n  import x from '${specifier}';`),
      'node_modules/there/package.json': '{"name":"there","exports":{".":"./index.js"}}',
      'node_modules/there/index.js': '',
      'node_modules/there/hidden.js': '',
    });
    const problems = await problemsOf(bundleVat(at('vat.js')));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ file: at('vat.js'), line: 2, column: 17 });
    expect(problems[0]?.message).toContain(specifier);
    expect(problems[0]?.message).toContain(found);
    expect(problems[0]?.message).toContain(advice);
  });

  it('an import that does not lead anywhere, but not one that only types come from', async () => {
    const at = makeFixture({
      'vat.ts': vatThat(
        'return 1',
        "import { Gone } from 'gone'; const x: Gone | undefined = undefined;",
      ),
    });
    expect((await bundleVat(at('vat.ts'))).external).toStrictEqual(['@endo/far']);
  });

  it('syntax errors of JavaScript and TypeScript, with line and column', async () => {
    const at = makeFixture({
      'vat.js': 'export const buildRootObject = 1;\nconst q = ;\n',
      'vat.ts': 'export const buildRootObject: number = 1;\nlet a: = 1;\nconst q = ;\n',
      'by.js': "import './vat.js';\nexport const buildRootObject = 1;\n",
      'common.js': 'module.exports = ;',
    });
    for (const name of ['vat.js', 'by.js']) {
      expect(await problemsOf(bundleVat(at(name)))).toStrictEqual([
        { file: at('vat.js'), line: 2, column: 11, message: 'Expression expected' },
      ]);
    }
    expect(await problemsOf(bundleVat(at('common.js')))).toMatchObject([{ line: 1, column: 18 }]);
    expect(await problemsOf(bundleVat(at('vat.ts')))).toStrictEqual([
      { file: at('vat.ts'), line: 2, column: 8, message: 'Type expected.' },
      { file: at('vat.ts'), line: 3, column: 11, message: 'Expression expected.' },
    ]);
  });

  it('bad JSON and files of other kinds', async () => {
    const at = makeFixture({
      'vat.js': vatThat(
        'return [a, b]',
        "import a from './bad.json'; import b from './style.css';",
      ),
      'bad.json': '{\n  "a": 1 "b"\n}',
      'style.css': 'p { }',
    });
    const problems = await problemsOf(bundleVat(at('vat.js')));
    expect(problems).toHaveLength(2);
    expect(problems).toContainEqual(
      expect.objectContaining({
        file: at('bad.json'),
        line: 2,
        message: expect.stringContaining('bad JSON'),
      }),
    );
    expect(problems).toContainEqual(
      expect.objectContaining({
        file: at('style.css'),
        message: expect.stringContaining("this is '.css'"),
      }),
    );
  });

  it("await at a module's top level, wherever it hides", async () => {
    const at = makeFixture({
      'vat.ts':
        "import './other.js';\ntype X = number;\nexport const buildRootObject: X = 1;\nif (1) {\n  for await (const x of []) {}\n}\n",
      'other.js': 'const f = async () => { await 1; };\nconst x = [await f()];\n',
      'fine.js': vatThat(
        'await 1; for await (const x of []) {} return class { static async m() { await 2; } };',
      ),
    });
    const problems = await problemsOf(bundleVat(at('vat.ts')));
    expect(problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0))).toMatchObject([
      { file: at('other.js'), line: 2, column: 12 },
      { file: at('vat.ts'), line: 5, column: 3 },
    ]);
    for (const { message } of problems) expect(message).toContain("await in 'buildRootObject'");
    await bundleVat(at('fine.js'));
  });

  it('import(), import.meta and a direct eval(), where they can be reached', async () => {
    const at = makeFixture({
      'vat.ts': `import { Far } from '@endo/far';
import { helped } from './helper.js';
import { packaged } from 'pack';
type T = import('somewhere').T;
const dead = () => import('./never.js');
export const buildRootObject = (x: T) => Far('root', {
  a: async () => import('./other.js'),
  b: () => import.meta.url,
  c: () => [helped(x), packaged],
});
`,
      'helper.ts': 'type A = 1;\nexport const helped = (x: unknown) =>\n  eval(String(x));\n',
      'node_modules/pack/package.json': '{"name":"pack"}',
      'node_modules/pack/index.js': '\nexports.packaged = eval("1");',
    });
    const problems = await problemsOf(bundleVat(at('vat.ts')));
    expect(
      problems.map(({ file, line, column, message }) => [file, line, column, message.slice(0, 17)]),
    ).toStrictEqual([
      [at('helper.ts'), 3, 3, "a direct 'eval()'"],
      [at('node_modules/pack/index.js'), 2, 20, "a direct 'eval()'"],
      [at('vat.ts'), 7, 18, "'import()' is not"],
      [at('vat.ts'), 8, 12, "'import.meta' is "],
    ]);
  });

  it('a name that the other module does not export', async () => {
    const at = makeFixture({
      'vat.ts': vatThat('return b', "import { a as b } from './other.js';"),
      'other.ts': 'export type a = 1;',
    });
    const [problem] = await problemsOf(bundleVat(at('vat.ts')));
    expect(problem).toMatchObject({ file: at('vat.ts'), line: 1 });
    expect(problem?.message).toMatch(/'a' is not exported by .*other\.ts; if it is a type/);
  });

  it('an entry that is not there, and a folder', async () => {
    const at = makeFixture({ 'dir/x.js': '' });
    await expect(bundleVat(at('nope.js'))).rejects.toThrow(/nope\.js:\s+there is no such file/);
    await expect(bundleVat(at('dir'))).rejects.toThrow(/it is not a file/);
    await expect(bundleVat(at('dir/x.js'), { format: 'zip' as 'iife' })).rejects.toThrow(TypeError);
  });
});

describe('self-contained formats', () => {
  const files = {
    'vat.js': `import { E } from '@endo/eventual-send';
import { makeExo } from '@endo/exo';
import { M } from '@endo/patterns';
export function buildRootObject(vatPowers, { name }) {
  return makeExo('root', M.interface('root', {}, { defaultGuards: 'passable' }), {
    async greet() { return E.when(\`Greeting from \${name}\`); },
  });
}
`,
  };

  it(
    'iife has Endo inside, from our own packages where the vat has none',
    { timeout: 60_000 },
    async () => {
      const at = makeFixture(files);
      const bundle = await bundleVat(at('vat.js'), { format: 'iife' });
      expect(bundle).toMatchObject({
        moduleFormat: 'iife',
        external: [],
        exports: ['buildRootObject'],
      });
      expect(bundle.code).not.toContain('$vatkit');
      expect((await load(bundle, [['greet']])).results).toStrictEqual(['Greeting from Alice']);
    },
  );

  it(
    'iife has the vat helpers inside, which need the build of @vatkit/sdk',
    { timeout: 60_000 },
    async () => {
      const at = makeFixture({ 'vat.js': guideVat });
      const bundle = await bundleVat(at('vat.js'), { format: 'iife' });
      expect(bundle.external).toStrictEqual([]);
      expect((await load(bundle, [['greet']])).results).toStrictEqual(['Greeting from Alice']);
    },
  );

  it.each(['endoScript', 'getExport', 'nestedEvaluate'] as const)(
    '%s is made by @endo/bundle-source, and this process is not locked down',
    { timeout: 60_000 },
    async (format) => {
      const at = makeFixture({
        ...files,
        'vat.ts': `import { makeDefaultExo } from '@metamask/kernel-utils/exo';
import { build } from './vat.js';
type Parameters = { name: string };
export const buildRootObject = (powers: object, { name }: Parameters) =>
  makeDefaultExo('root', { greet: async () => ['import(x)', \`eval(\${name})\`, 'eval(2)', /[!-->]/.test('.')] }) // import(x);
`,
        'vat.js': `${files['vat.js']}\nexport const build = buildRootObject;`,
      });
      const written = await bundleVatFile(at('vat.ts'), { format });
      expect(written.bundle.exports).toStrictEqual(['buildRootObject']);
      const text = readFileSync(written.output, 'utf8');
      expect(Object.keys(JSON.parse(text))).toStrictEqual(['moduleFormat', 'exports', 'source']);
      expect((await load(JSON.parse(text), [['greet']])).results).toStrictEqual([
        ['import(x)', 'eval(Alice)', 'eval(2)', false],
      ]);
      expect(Object.isFrozen(Object.prototype)).toBe(false);
      expect(text.includes('vatkit-bundle-')).toBe(false);
    },
  );
});

describe('files', () => {
  it('a bundle is written beside its source, and an earlier one stays when bundling fails', async () => {
    const at = makeFixture({ 'todo.vat.js': guideVat });
    const { output, bytes, bundle } = await bundleVatFile(at('todo.vat.js'));
    expect(output).toBe(at('todo.vat.bundle'));
    const text = readFileSync(output, 'utf8');
    expect(Buffer.byteLength(text)).toBe(bytes);
    expect(JSON.parse(text)).toStrictEqual(bundle);
    writeFileSync(at('todo.vat.js'), 'nonsense(');
    await expect(bundleVatFile(at('todo.vat.js'))).rejects.toThrow(BundleError);
    expect(readFileSync(output, 'utf8')).toBe(text);
    expect(readdirSync(at()).sort()).toStrictEqual(['todo.vat.bundle', 'todo.vat.js']);
  });

  it('a folder in the place of the output leaves no partial file', async () => {
    const at = makeFixture({ 'vat.js': guideVat, 'vat.bundle/x': '' });
    await expect(bundleVatFile(at('vat.js'))).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    expect(readdirSync(at()).sort()).toStrictEqual(['vat.bundle', 'vat.js']);
  });
});
