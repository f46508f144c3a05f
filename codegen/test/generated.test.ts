/** Fixtures in, snapshots out: what is generated for the vats of `generated/`, under compilers and on a kernel. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import newest from 'typescript';
import oldest from 'typescript-oldest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateVats, writeFiles, type Generation } from '@vatkit/codegen';
import {
  interfaceDifferences,
  interfaceInfoKey,
  type InterfaceInfo,
  type SubclusterDefinition,
} from '@vatkit/sdk/codegen';
import { krefOf, kunser, type Kernel } from '@vatkit/sdk/kernel';
import { makeKernel } from '@vatkit/sdk/node';
import { makeFixture } from './fixture.js';

const folder = fileURLToPath(new URL('generated', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));
const sources = readdirSync(folder).filter((name) => /\.vat\.[jt]s$/.test(name));

let at: (...names: string[]) => string;
let generation: Generation;

beforeAll(async () => {
  at = makeFixture({ 'package.json': '{ "type": "module" }' });
  for (const name of [...sources, 'helpers', 'shop.ts']) {
    cpSync(join(folder, name), at(name), { recursive: true });
  }
  mkdirSync(at('node_modules/@vatkit'), { recursive: true });
  symlinkSync(join(root, 'sdk'), at('node_modules/@vatkit/sdk'));
  mkdirSync(at('node_modules/@endo'));
  symlinkSync(join(root, 'node_modules/@endo/far'), at('node_modules/@endo/far'));
  generation = await generateVats(sources.map((name) => at(name)));
  for (const { files } of generation.vats) await writeFiles(files);
}, 60_000);

it('reads every fixture without a problem', () => {
  expect(sources.length).toBeGreaterThan(4);
  expect(generation.problems).toStrictEqual([]);
  expect(generation.vats.map(({ entry }) => basename(entry))).toStrictEqual(sources);
});

it.each(sources)('writes for %s what it wrote before', async (source) => {
  const { files } = generation.vats.find(({ entry }) => basename(entry) === source) ?? {
    files: [],
  };
  const texts = files.filter(({ path }) => !path.endsWith('.bundle'));
  expect(texts).toHaveLength(4);
  for (const { path, content } of texts) {
    expect(content).not.toMatch(/\r|\/tmp|node_modules/);
    await expect(content).toMatchFileSnapshot(join(folder, basename(path)));
  }
});

it('imports the sdk and nothing else', () => {
  for (const { path, content } of generation.vats.flatMap(({ files }) => files)) {
    if (!/\.(?:js|d\.ts)$/.test(path)) continue;
    const imported = [...content.matchAll(/^import .* from '([^']+)'/gm)].map(([, name]) => name);
    expect(imported).toStrictEqual(['@vatkit/sdk/codegen']);
  }
});

describe.each([
  ['newest', newest],
  ['oldest', oldest as unknown as typeof newest],
])('TypeScript, the %s that is supported', (which, ts) => {
  it('accepts the types and what they allow, and refuses the rest', { timeout: 60_000 }, () => {
    expect(ts.version).toMatch(which === 'oldest' ? /^5\.8\./ : /^6\./);
    const use = join(folder, 'use.ts');
    const program = ts.createProgram([use], {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
      types: [],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noEmit: true,
    });
    const ours = program
      .getSourceFiles()
      .filter(({ fileName }) => fileName === use || /\.gen\.d\.ts$/.test(fileName));
    expect(ours).toHaveLength(sources.length + 1);
    const errors = ours
      .flatMap((file) => [
        ...program.getSyntacticDiagnostics(file),
        ...program.getSemanticDiagnostics(file),
      ])
      .map(({ file, start = 0, messageText }) => {
        const { line = 0 } = file?.getLineAndCharacterOfPosition(start) ?? {};
        const text = ts.flattenDiagnosticMessageText(messageText, '\n');
        return `${basename(file?.fileName ?? '')}:${line + 1}: ${text}`;
      });
    expect(errors).toStrictEqual([]);
  });
});

it('is accepted by the native TypeScript too, which has a command and no compiler API', async () => {
  const project = makeFixture({
    'tsconfig.json': JSON.stringify({
      compilerOptions: {
        target: 'es2022',
        module: 'esnext',
        moduleResolution: 'bundler',
        lib: ['es2022', 'dom'],
        types: [],
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        noEmit: true,
        listFiles: true,
      },
      files: [join(folder, 'use.ts')],
    }),
  });
  const run = async (...args: string[]): Promise<string> => {
    const command = join(root, 'node_modules/typescript-native/bin/tsc');
    const { stdout } = await promisify(execFile)(process.execPath, [command, ...args]).catch(
      (failed: { stdout: string }) => failed,
    );
    return stdout;
  };
  expect(await run('--version')).toMatch(/^Version 7\./);
  const lines = (await run('-p', project('tsconfig.json'))).trim().split('\n');
  // It prints the files that it read, and nothing else.
  expect(lines.filter((line) => !/^\/.*\.ts$/.test(line))).toStrictEqual([]);
  expect(lines.filter((line) => /\.gen\.d\.ts$/.test(line))).toHaveLength(sources.length);
}, 60_000);

type Gen = Record<string, { name: string; config: never } & Record<string, { kind: string }>>;

describe('on a kernel', () => {
  let kernel: Kernel;
  beforeAll(async () => {
    kernel = await makeKernel({
      logger: { debug() {}, info() {}, log() {}, warn() {}, error() {} },
    });
    kernel.registerKernelServiceObject('clock', { now: () => 7 });
  });
  afterAll(() => kernel.stop());

  const load = async (name: string): Promise<Gen> =>
    (await import(pathToFileURL(at(name)).href)) as Gen;

  const launch = async (name: string, definition: string): Promise<string> => {
    const found = (await load(name))[definition];
    const { rootKref } = await kernel.launchSubcluster(found?.config as never);
    return rootKref;
  };

  const call = async (target: unknown, method: string, ...args: unknown[]): Promise<unknown> => {
    const kref = typeof target === 'string' ? target : krefOf(target);
    return kunser(await kernel.queueMessage(kref, method, args));
  };

  /** Every method of an interface that the definition names is one of the object's. */
  const insistMethods = async (name: string, iface: string, target: unknown): Promise<void> => {
    const definition = (await load(name))[iface] as unknown as {
      [interfaceInfoKey]: { methods: object };
    };
    const methods = Object.keys(definition[interfaceInfoKey].methods);
    const names = (await call(target, '__getMethodNames__')) as string[];
    expect(names).toStrictEqual(expect.arrayContaining(methods));
    expect(methods.length).toBeGreaterThan(0);
  };

  it('todo answers all of its calls', async () => {
    const todo = await launch('todo.vat.gen.js', 'todo');
    await insistMethods('todo.vat.gen.js', 'TodoRoot', todo);
    expect(await call(todo, 'add', 'milk', 'high', 'oat')).toBe(1n);
    expect(await call(todo, 'list', { done: false })).toStrictEqual({
      items: [
        {
          text: 'milk',
          done: false,
          priority: 'high',
          parts: [{ text: 'oat', done: false, parts: [] }],
        },
      ],
      total: 1,
    });
    expect(await call(todo, 'owner')).toBe('nobody');
    const counting = await call(todo, 'count');
    expect(await call(counting, 'getUpdate')).toMatchObject({ value: 1, done: false });
    const note = await call(todo, 'note', 'hello');
    await insistMethods('todo.vat.gen.js', 'Note', note);
    await call(note, 'edit', 'bye');
    expect(await call(note, 'read')).toBe('bye');
    expect(await call(todo, 'notes', 'a', 'b')).toHaveLength(2);
    const { second } = (await call(todo, 'tags')) as { second: unknown };
    await insistMethods('todo.vat.gen.js', 'Tag', second);
    expect(await call(await call(second, 'renamed', 'third'), 'name')).toBe('third');
    expect(await call(todo, 'maybe', false)).toBeUndefined();
    expect(await call(await call(todo, 'later'), 'read')).toBe('later');
    expect(await call(todo, 'echo', new Uint8Array([1, 2]))).toStrictEqual(new Uint8Array([1, 2]));
    const countdown = await call(todo, 'countdown', 2);
    expect(await call(countdown, 'next')).toStrictEqual({ value: 2, done: false });
  });

  it('forms answers all of its calls', async () => {
    const forms = await launch('forms.vat.gen.js', 'forms');
    await insistMethods('forms.vat.gen.js', 'FormsRoot', forms);
    const tree = { value: 'a', left: { value: 'b' } };
    const answers: [method: string, args: unknown[], answer: unknown][] = [
      ['color', ['red'], 'red'],
      ['branded', ['x'], 'x'],
      ['tree', [tree], tree],
      ['area', [{ kind: 'square', side: 3 }], 3],
      ['json', [{ a: [1, null] }], { a: [1, null] }],
      ['pair', [['a', 1]], ['a', 1]],
      ['record', [{ a: 1n }], [1n]],
      ['path', ['/x'], '/x'],
      ['nothing', [null], null],
      ['symbol', [], Symbol.asyncIterator],
      ['point', [1, 2], { x: 1, y: 2 }],
      ['first', [['a']], 'a'],
      ['describe', [1], 1],
      ['with space', ['x'], 'x'],
      ['counting', [{ count: 1 }], { count: 1 }],
      ['default', [undefined, 'x'], '1 x'],
    ];
    for (const [method, args, answer] of answers) {
      expect(await call(forms, method, ...args), method).toStrictEqual(answer);
    }
    expect(await call(forms, 'error', 'no')).toBeInstanceOf(Error);
    const counter = await call(forms, 'counter');
    await insistMethods('forms.vat.gen.js', 'Counter', counter);
    expect(await call(counter, 'add', 2)).toStrictEqual({ count: 2 });
    const { reader, writer } = (await call(forms, 'kit')) as Record<string, unknown>;
    await insistMethods('forms.vat.gen.js', 'PairReader', reader);
    await insistMethods('forms.vat.gen.js', 'PairWriter', writer);
    expect(krefOf((await call(writer, 'put', 3)) as never)).toBe(krefOf(reader as never));
    expect(await call(reader, 'sum')).toBe(3);
    const account = await call(forms, 'account');
    await insistMethods('forms.vat.gen.js', 'Account', account);
    expect(await call(account, 'deposit', 5n)).toBe(5n);
    expect(await call(await call(forms, 'far'), 'greet', 'Bob')).toBe('hello Bob');
    expect(await call(await call(forms, 'wrapped'), 'touch')).toBe('touched');
    const { publisher, subscriber } = (await call(forms, 'topic')) as Record<string, unknown>;
    await call(publisher, 'publish', 'news');
    expect(await call(subscriber, 'getUpdate')).toMatchObject({ value: 'news' });
    const { now } = (await call(forms, 'promises')) as Record<string, unknown>;
    expect(now).toBe(1);
    expect(krefOf((await call(forms, 'adder', 1)) as never)).toMatch(/^ko/);
  });

  it('odd answers all of its calls', async () => {
    const odd = await launch('odd.vat.gen.js', 'odd');
    await insistMethods('odd.vat.gen.js', 'OddRoot', odd);
    const named = ['get', 'set', 'class', 'delete', 'dup', 'key', 'release', 'name', 'length'];
    for (const method of [...named, 'prototype', 'mention', 'brief']) {
      expect(await call(odd, method)).toBe(method);
    }
    const { OddRoot } = await load('odd.vat.gen.js');
    expect([OddRoot?.['mention']?.kind, OddRoot?.['brief']?.kind]).toStrictEqual([
      'mutation',
      'query',
    ]);
    const knot = { list: [], map: { a: { list: [], map: {} } } };
    const answers: [method: string, args: unknown[], answer: unknown][] = [
      ['new', ['x'], 'x'],
      ['größe', [2], 2],
      ['𝒳', [], 'x'],
      ['', [], 'nothing'],
      ['1', [], 'one'],
      ['1.5', [], 'one and a half'],
      ["it's", [], 'quote'],
      ['quote"d', [], 'quotes'],
      ['back\\slash', [], 'slash'],
      ['new\nline', [], 'line'],
      ['line\u2028separator', [], 'separator'],
      ['*/ </script>', [], 'script'],
      ['quoted', ['\u2028'], '\u2028'],
      ['wide', ['05'], '05'],
      ['knot', [knot], knot],
      ['umlaut', [{ größe: 1, 'key with */': 1, then: 4 }], expect.objectContaining({ then: 4 })],
      ['template', ['a`bc${c}'], 'a`bc${c}'],
      [
        'vatkit',
        [{ clash: 1 }, { data: 1 }, { mine: 1 }],
        [{ clash: 1 }, { data: 1 }, { mine: 1 }],
      ],
      ['rest', ['x', 'y', 1], ['x', 'y', 1]],
      ['renamed', ['low'], 'low'],
    ];
    for (const [method, args, answer] of answers) {
      expect(await call(odd, method, ...args), method).toStrictEqual(answer);
    }
    const plain = await call(odd, 'plain');
    expect(await call(plain, 'toString')).toBe('text');
    expect(await call(plain, 'hasOwnProperty', 'x')).toBe('x');
    for (const method of ['self', 'soon']) {
      expect(krefOf((await call(odd, method)) as never)).toBe(odd);
    }
    const there = await call(odd, 'there');
    await insistMethods('odd.vat.gen.js', 'There', there);
    const back = await call(there, 'back');
    await insistMethods('odd.vat.gen.js', 'There', await call(back, 'there'));
    const next = await call(await call(odd, 'next'), 'next');
    expect(await call(next, '__getMethodNames__')).toContain('next');
  });

  it('guarded, which is JavaScript, answers all of its calls', async () => {
    const guarded = await launch('guarded.vat.gen.js', 'guarded');
    await insistMethods('guarded.vat.gen.js', 'GuardedRoot', guarded);
    const ledger = await call(guarded, 'ledger');
    await insistMethods('guarded.vat.gen.js', 'Ledger', ledger);
    expect(await call(ledger, 'put', 'a', 1n, { text: 'b' })).toBe(2n);
    expect(await call(ledger, 'names', 'a')).toStrictEqual(['a']);
    expect(await call(ledger, 'find', 'a')).toStrictEqual({ text: 'b' });
    expect(await call(guarded, 'greet', 'Bob', { loud: true })).toBe('HELLO Bob');
    expect(await call(guarded, 'anything', 1)).toBe(1);
    const adder = await call(guarded, 'described');
    expect(await call(adder, 'add', 1, 2)).toBe(3);
    expect(await call(adder, '__getDescription__')).toHaveProperty('add');
  });

  it('a subcluster of several generated vats is launched as it is defined', async () => {
    const { defineSubcluster, vat } = await import('@vatkit/sdk/codegen');
    const [shop, till] = [await load('shop.vat.gen.js'), await load('till.vat.gen.js')];
    const definition = defineSubcluster({
      name: 'shop',
      bootstrap: 'shop',
      vats: {
        shop: vat(shop['shop'] as never, { parameters: { name: 'Corner' } }),
        till: vat(till['till'] as never, { parameters: { currency: 'EUR' } }),
      },
      services: ['clock'],
    });
    const { rootKref, bootstrapResult } = await kernel.launchSubcluster(definition.config);
    expect(kunser(bootstrapResult as never)).toBe('Corner opened at 7');
    expect(await call(rootKref, 'buy', 3)).toBe('3 EUR');
  });
});

describe('defineSubcluster and vat', () => {
  it('say what is wrong', async () => {
    const { defineSubcluster, vat } = await import('@vatkit/sdk/codegen');
    expect(() => vat({})).toThrow('takes a vat that vatkit generated');
    const options = { name: 'x', bootstrap: 'b', vats: { a: {} } };
    expect(() => defineSubcluster(options as never)).toThrow(
      "bootstrap is 'b', and its vats are a",
    );
    expect(() => defineSubcluster({ ...options, bootstrap: 'a' } as never)).toThrow('a: vat(a)');
  });
});

describe('interfaces that differ', () => {
  const interfacesOf = async (body: string): Promise<readonly InterfaceInfo[]> => {
    const vat = `import { makeDefaultExo, makeExo } from '@vatkit/sdk/vat';
      type Item = { text: string${body.includes('due') ? '; due: number' : ''} };
      export const buildRootObject = () => makeDefaultExo('x', { ${body} });`;
    const path = makeFixture({ 'x.vat.ts': vat });
    const made = await generateVats([path('x.vat.ts')]);
    const dir = path();
    mkdirSync(join(dir, 'node_modules/@vatkit'), { recursive: true });
    symlinkSync(join(root, 'sdk'), join(dir, 'node_modules/@vatkit/sdk'));
    await writeFiles(made.vats.flatMap(({ files }) => files));
    const { x } = (await import(pathToFileURL(path('x.vat.gen.js')).href)) as {
      x: SubclusterDefinition;
    };
    return x.interfaces;
  };

  it('are told method by method; what is more is no difference', async () => {
    const wanted = await interfacesOf(
      'add(text: string) {}, list(): Item[] { return []; }, \n/** @query */\nsize() { return 1; }, gone() {}',
    );
    const found = await interfacesOf(
      'add(text: string, due: number) {}, list(): Item[] { return []; }, size() { return 1; }, more() {}',
    );
    expect(interfaceDifferences(wanted, found)).toStrictEqual([
      'XRoot.add was (string) => void, now is (string, number) => void',
      expect.stringMatching(
        /^XRoot\.list was \(\) => Item\[\] #\w{8}, now is \(\) => Item\[\] #\w{8}$/,
      ),
      'XRoot.size was a query, now is a mutation',
      'XRoot.gone is gone',
    ]);
    const more = await interfacesOf('more() {}, add(text: string) {}');
    expect(interfaceDifferences(await interfacesOf('add(other: string) {}'), more)).toStrictEqual(
      [],
    );
  });

  it('are told of what the root leads to as well', async () => {
    const note = (methods: string): Promise<readonly InterfaceInfo[]> =>
      interfacesOf(`note: () => makeExo('note', undefined, { ${methods} }),`);
    const wanted = await note('read: () => 1, edit() {},');
    expect(wanted.map(({ name }) => name)).toStrictEqual(['XRoot', 'Note']);
    expect(
      interfaceDifferences(wanted, await note('read: () => "a", toString() { return ""; },')),
    ).toStrictEqual(['Note.read was () => number, now is () => string', 'Note.edit is gone']);
    expect(interfaceDifferences(wanted, await interfacesOf('note: () => 1,'))).toStrictEqual([
      'XRoot.note was () => Note, now is () => number',
      'Note is gone',
    ]);
  });
});
