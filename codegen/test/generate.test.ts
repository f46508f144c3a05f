/** Refusals, warnings, guards, editors, costs, and the command line of `vatkit generate`. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatProblem, generateVats, writeFiles } from '@vatkit/codegen';
import { kunser } from '@vatkit/sdk/kernel';
import { makeKernel } from '@vatkit/sdk/node';
import { makeFixture } from './fixture.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = join(root, 'codegen/bin/vatkit.mjs');

const rooted = (methods: string, before = ''): string =>
  `import { M, makeDefaultExo, makeExo, prepareExo, makeTopic, prepareTopic, Far } from '@vatkit/sdk/vat';
${before}
export const buildRootObject = (_powers: unknown, parameters: Record<string, unknown>, baggage: never) => makeDefaultExo('x', {
${methods}
});
`;

const read = (text: string) => readAll({ 'x.vat.ts': text });

async function readAll(files: Record<string, string>) {
  const at = makeFixture(files);
  const { vats, problems, warnings } = await generateVats(
    Object.keys(files).map((file) => at(file)),
  );
  const say = (list: typeof problems): string[] =>
    list.map((problem) => formatProblem(problem).slice(at('').length + 1));
  return { vats, problems: say(problems), warnings: say(warnings) };
}

const linked = (files: Record<string, string>) => {
  const at = makeFixture({ 'package.json': '{ "type": "module" }', ...files });
  mkdirSync(at('node_modules/@vatkit'), { recursive: true });
  symlinkSync(join(root, 'sdk'), at('node_modules/@vatkit/sdk'));
  return at;
};

const vatkit = (cwd: string, ...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd,
    encoding: 'utf8',
  });
  expect(stderr).not.toMatch(/^\s+at /m);
  return { status, stdout, stderr };
};

describe('what cannot pass', () => {
  const refused: string[][] = [
    [
      'map: () => new Map<string, number>(),',
      '4:1: XRoot.map, result: a Map cannot pass; pass an array of entries',
    ],
    [
      'set(items: Set<string>) { void items; },',
      "4:5: XRoot.set, parameter 'items': a Set cannot pass; pass an array",
    ],
    [
      'when: () => ({ list: [{ at: new Date() }] }),',
      'XRoot.when, result (at .list[].at): a Date cannot pass',
    ],
    ['instance: () => new Account(),', 'an instance of class Account cannot pass; pass a record'],
    [
      'plain: () => ({ hi: () => 1 }),',
      'an object with methods, { hi() }, cannot pass; it is no exo yet',
    ],
    [
      'mixed: () => ({ size: 1, read: () => 2 }),',
      'XRoot.mixed, result (at .read): a function among data',
    ],
    ['fn: () => () => 1,', 'a function that is not exposed, () =>'],
    [
      'bytes(array: Uint8Array) { void array; },',
      "a Uint8Array cannot pass; pass 'makeBytes(array)'",
    ],
    [
      'lost(value: Lost) { void value; },',
      "XRoot.lost, parameter 'value': its type cannot be found",
    ],
    ['*sync() { yield 1; },', 'a Generator cannot pass'],
    ['response: (): Response => { throw 1; },', 'a Response cannot pass'],
    ['Class: () => Account,', 'cannot pass; pass a maker'],
    ...['then', 'catch', 'finally', 'toJSON', 'constructor', '__proto__'].map((name) => [
      `'${name}'() {},`,
      `XRoot.${name}: no ref has a method of the name '${name}'`,
    ]),
    [
      'toString: () => 1,',
      "XRoot.toString: no exo with a guard has a method of the name 'toString'",
    ],
    ['/** @live */\nnow: () => 1,', 'a @live method returns a topic'],
    ['/** @live @query */\nboth: () => makeTopic().subscriber,', 'it is @query or @live, not both'],
  ];

  // Read at once: a compiler for each would take most of the time.
  let told: { problems: string[]; vats: unknown[] };
  beforeAll(async () => {
    const files = refused.map(([method = ''], index) => [
      `${index}/x.vat.ts`,
      rooted(method, 'class Account { balance = 1; }'),
    ]);
    told = await readAll(Object.fromEntries(files));
  });

  it.each(refused.map(([method, message], index) => [method, message, `${index}/x.vat.ts:`]))(
    '%s',
    (_method, message, file = '') => {
      const own = told.problems.filter((problem) => problem.startsWith(file));
      expect(own.join('\n')).toContain(message);
      expect(own[0]?.slice(file.length)).toMatch(/^\d+:\d+: /);
      expect(told.vats).toHaveLength(0);
    },
  );

  it('is told of all files at once, and nothing is written for them', () => {
    const at = linked({
      'a.vat.ts': rooted('one: () => new Map(),\ntwo(at: Date) { void at; },'),
      'b.vat.ts': rooted('three: () => new Set(),'),
      'c.vat.ts': rooted('four: () => 4,'),
      'd.vat.ts': 'export const buildRootObject = () => ({ five: 5 });',
    });
    const { status, stderr, stdout } = vatkit(at(), 'generate');
    expect(status).toBe(1);
    expect(stderr.match(/^error: [abd]\.vat\.ts:\d+:\d+: .*/gm)).toHaveLength(4);
    expect(stdout).toContain('Wrote for c.vat.ts: c.vat.gen.js');
    expect(existsSync(at('a.vat.gen.js')) || existsSync(at('b.vat.bundle'))).toBe(false);
  });

  it('a root that is no exo', async () => {
    for (const [text, found] of [
      [
        'export const buildRootObject = () => ({ hi() {} });',
        'returns a plain object; return an exo',
      ],
      ['export const buildRootObject = () => 1;', 'buildRootObject returns number'],
      ['export const buildRootObject = 1;', "'buildRootObject' is no function"],
    ] as const) {
      expect((await read(text)).problems[0]).toContain(found);
    }
  });
});

it('warns of what ends with the incarnation, and of nothing else', async () => {
  const { warnings } = await read(
    rooted(
      `heap: () => makeDefaultExo('heap', { a: () => 1 }),
       durable: () => prepareExo(baggage, 'durable', undefined, { a: () => 1 }),
       list: () => [makeDefaultExo('listed', { a: () => 1 })],
       /** @live */
       topic: () => makeTopic<number>().subscriber,
       /** @live */
       lasting: () => prepareTopic<number>(baggage, 'lasting').subscriber,`,
    ),
  );
  expect(warnings.map((line) => line.split(': ')[1]?.split(';')[0])).toStrictEqual([
    'XRoot.heap returns an exo on the heap',
    'XRoot.list returns an exo on the heap',
    'XRoot.topic returns a topic on the heap, which ends when the vat restarts',
  ]);
});

it('is the same wherever the sources lie and whatever ends their lines', async () => {
  const text = rooted('/**\n * Says it.\n */\nsay: (text: string) => text,');
  const [one, two] = [text, text.replaceAll('\n', '\r\n')].map((each) =>
    makeFixture({ 'deep/x.vat.ts': each }),
  );
  const made = await Promise.all(
    [one, two].map(async (at) => (await generateVats([at!('deep/x.vat.ts')])).vats[0]?.files),
  );
  const contents = made.map((files) => files?.map(({ content }) => content));
  expect(contents[0]).toStrictEqual(contents[1]);
  expect(contents[0]?.[1]).toContain('  /** Says it. */\n  say(text: string): Promise<string>;');
});

it('takes any name of a file or a folder, through a link as well', async () => {
  const names = ["it's #1.vat.ts", '50% ?.vat.ts', 'ünï.vat.ts', '1.vat.js', 'Promise.vat.ts'];
  const text =
    "import { Far } from '@endo/far';\nexport const buildRootObject = () => Far('x', {});\n";
  const at = linked({});
  const folder = 'a folder #2 of 100%';
  mkdirSync(at(folder));
  for (const name of names) writeFileSync(at(folder, name), text);
  symlinkSync(at(folder), at('link'));
  const { vats, problems } = await generateVats(names.map((name) => at('link', name)));
  expect(problems).toStrictEqual([]);
  await writeFiles(vats.flatMap(({ files }) => files));
  // Vitest itself would not find them.
  const script = `for (const path of process.argv.slice(1)) {
    const module = await import((await import('node:url')).pathToFileURL(path).href);
    const { config } = Object.values(module).find(({ config }) => config !== undefined);
    const [{ bundleSpec }] = Object.values(config.vats);
    console.log((await import('node:fs')).existsSync(new URL(bundleSpec)));
  }`;
  const paths = vats.map(({ files }) => files[0]?.path ?? '');
  const args = ['--input-type=module', '-e', script, ...paths];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: at(), encoding: 'utf8' });
  expect([stdout, stderr]).toStrictEqual(['true\n'.repeat(names.length), '']);
});

const signaturesOf = (text: string | undefined): string[] =>
  [...(text ?? '').matchAll(/^ +\w+\(.*\): .*;$/gm)].map(([line]) => line.trim());

it.each(['x.vat.js', 'x.vat.ts'])(
  'sees what %s returns where its types lead back to themselves and the compiler gives up',
  async (file) => {
    const n = file.endsWith('.ts') ? 'n: number' : 'n';
    const text = `import { makeExo, makeDefaultExo } from '@vatkit/sdk/vat';
const twice = (${n}) => { const both = [makeB(n), makeB(n + 1)]; return harden(both); };
const makeA = (${n}) => makeExo('A', undefined, {
  one: () => makeB(n),
  list: () => [makeB(n), 1],
  each: () => [1, 2].map((m) => makeB(m)),
  record: () => ({ b: makeB(n), size: 1, 'in a list': [makeB(n)] }),
  promised: async () => [await makeB(1)],
  maybe: (${n}) => (n > 1 ? [makeB(n)] : undefined),
  named: () => twice(n),
});
const makeB = (${n}) => makeExo('B', undefined, { back: () => makeA(n), list: () => [makeA(n)], me: () => { const b = makeB(n); return { b }; } });
export function buildRootObject() { return makeDefaultExo('root', { a: () => makeA(1), as: () => [makeA(1)] }); }
`;
    const { warnings, vats, problems } = await readAll({ [file]: text });
    expect(problems).toStrictEqual([]);
    expect(warnings.join('\n')).not.toContain('leads back to itself');
    const types = vats[0]?.files.find(({ path }) => path.endsWith('.d.ts'))?.content;
    expect(signaturesOf(types)).toStrictEqual([
      'a(): vatkit.RemotePromise<A>;',
      'as(): Promise<A[]>;',
      'one(): vatkit.RemotePromise<B>;',
      'list(): Promise<(B | number)[]>;',
      'each(): Promise<B[]>;',
      "record(): Promise<{ b: B; size: number; 'in a list': B[] }>;",
      'promised(): Promise<B[]>;',
      `maybe(n: ${file.endsWith('.ts') ? 'number' : 'unknown'}): Promise<B[] | undefined>;`,
      'named(): Promise<B[]>;',
      'back(): vatkit.RemotePromise<A>;',
      'list(): Promise<A[]>;',
      'me(): Promise<{ b: B }>;',
    ]);
  },
);

it('says so where a type leads back to itself and cannot be seen either', async () => {
  const text = rooted(
    'list: () => make().next(),',
    "const make = () => makeExo('Node', undefined, { next: () => Object.values({ a: make() }) });",
  );
  const { warnings, vats } = await read(text);
  expect(vats).toHaveLength(1);
  expect(warnings.join('\n')).toContain(
    "x.vat.ts:2:7: 'make' implicitly has return type 'any', for it leads back to itself",
  );
});

describe('vatkit generate', () => {
  it(
    'writes, leaves alone what is right, checks, mends, and removes what is left over',
    { timeout: 60_000 },
    () => {
      const at = linked({ 'src/x.vat.ts': rooted('say: (text: string) => text,') });
      expect(vatkit(at(), 'generate')).toMatchObject({ status: 0, stderr: '' });
      const before = statSync(at('src/x.vat.gen.js')).mtimeMs;
      expect(vatkit(at(), 'generate').stdout).toContain('5 files of 1 vats are as they should be');
      expect(statSync(at('src/x.vat.gen.js')).mtimeMs).toBe(before);
      expect(vatkit(at(), 'generate', '--check').status).toBe(0);

      writeFileSync(at('src/x.vat.ts'), rooted('say: (text: number) => text,'));
      rmSync(at('src/x.vat.gen.d.ts.map'));
      writeFileSync(at('src/y.vat.gen.js'), readFileSync(at('src/x.vat.gen.js'), 'utf8'));
      const { status, stderr } = vatkit(at(), 'generate', '--check');
      expect(status).toBe(1);
      expect(stderr).toContain('stale: src/x.vat.gen.d.ts\n');
      expect(stderr).toContain('-   say(text: string): Promise<string>;');
      expect(stderr).toContain('+   say(text: number): Promise<number>;');
      expect(stderr).toContain('missing: src/x.vat.gen.d.ts.map');
      expect(stderr).toContain('extra: src/y.vat.gen.js');
      expect(stderr).toContain("Run 'npx vatkit generate' to mend this.");
      expect(existsSync(at('src/x.vat.gen.d.ts.map'))).toBe(false);
      writeFileSync(at('src/y.vat.gen.json'), '{}');

      expect(vatkit(at(), 'generate', 'src').stdout).toContain('Removed src/y.vat.gen.js');
      expect(existsSync(at('src/y.vat.gen.json'))).toBe(false);
      expect(vatkit(at(), 'generate', '--check').status).toBe(0);
    },
  );

  it('runs twice at once, and leaves nothing half-written', { timeout: 40_000 }, async () => {
    const at = linked({ 'x.vat.ts': rooted('say: (text: string) => text,') });
    const runs = ['generate', 'generate'].map((command) =>
      once(spawn(process.execPath, [program, command], { cwd: at(), stdio: 'ignore' }), 'close'),
    );
    expect(await Promise.all(runs)).toStrictEqual([
      [0, null],
      [0, null],
    ]);
    const files = ['bundle', 'gen.d.ts', 'gen.d.ts.map', 'gen.js', 'gen.json', 'ts'];
    const there = readdirSync(at()).filter((name) => /^\.?x/.test(name));
    expect(there.sort()).toStrictEqual(files.map((ending) => `x.vat.${ending}`));
  });

  it("says the disk's own words where it cannot write", () => {
    const at = linked({ 'x.vat.ts': rooted('say: (text: string) => text,') });
    mkdirSync(at('x.vat.gen.d.ts'));
    const { status, stderr } = vatkit(at(), 'generate');
    expect([status, stderr]).toStrictEqual([1, expect.stringContaining('could not go on: EISDIR')]);
    expect(existsSync(at('x.vat.gen.js'))).toBe(false);
  });

  it('prints JSON, with the model of each vat', () => {
    const at = linked({ 'x.vat.ts': rooted('/** @query */\nsay: (text: string) => text,') });
    const { stdout, status } = vatkit(at(), 'generate', '--json');
    expect(status).toBe(0);
    const written = JSON.parse(readFileSync(at('x.vat.gen.json'), 'utf8')) as object;
    expect(written).toStrictEqual(
      (JSON.parse(stdout) as { vats: { model: object }[] }).vats[0]?.model,
    );
    expect(written).toMatchObject({ version: 1, name: 'x', source: 'x.vat.ts', parameters: {} });
    expect(JSON.parse(stdout)).toMatchObject({
      problems: [],
      warnings: [],
      vats: [
        {
          source: 'x.vat.ts',
          model: { root: 'XRoot', interfaces: [{ methods: [{ kind: 'query' }] }] },
        },
      ],
    });
  });

  it.each([
    [['generate', 'nowhere'], 1, 'there is no vat at nowhere'],
    [['generate'], 1, 'there is no **/*.vat.{ts,js}'],
    [['generate', '--watch', '--check'], 2, 'does not go with --check'],
    [['generate', '--chekc'], 2, "Did you mean '--check'?"],
  ])('%j fails with %i', (args, status, message) => {
    const found = vatkit(makeFixture({ 'a.txt': '' })(), ...args);
    expect([found.status, found.stderr.includes(message)]).toStrictEqual([status, true]);
  });

  it('writes again what changes while it watches', { timeout: 30_000 }, async () => {
    const at = linked({ 'x.vat.ts': rooted('say: (text: string) => text,') });
    const child = spawn(process.execPath, [program, 'generate', '--watch'], { cwd: at() });
    let said = '';
    const until = (text: string) =>
      new Promise<void>((resolve, reject) => {
        const look = () => (said.includes(text) ? resolve() : undefined);
        child.stdout.on('data', look);
        child.on('close', () => reject(new Error(said)));
        look();
      });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (said += part));
    try {
      await until('Watching');
      said = '';
      writeFileSync(at('x.vat.ts'), rooted('shout: (text: string) => text,'));
      await until('Wrote for x.vat.ts');
      expect(readFileSync(at('x.vat.gen.d.ts'), 'utf8')).toContain('shout(text: string)');
    } finally {
      child.removeAllListeners('close').kill('SIGINT');
    }
  });
});

it('--guards refuses at run time what the types refuse, and lets through what they allow', async () => {
  const at = linked({
    'x.vat.ts': rooted(
      `text: (text: string, times = 1) => text.repeat(times),
       shape: (shape: { kind: 'a'; size: number; tags?: string[] }) => shape.size,
       either: (value: 'x' | 'y' | bigint) => value,
       rest: (...values: number[]) => values.length,
       ref: (other: { hi(): string }) => typeof other,
       pair: (pair: [string, number?]) => pair.length,
       proto: (record: { ['__proto__']: string }) => Object.keys(record),
       bootstrap: (vats: object) => Object.keys(vats),
       facets: () => makeExo('inner', undefined, { only: (value: boolean) => value }),`,
    ),
  });
  const { vats, problems } = await generateVats([at('x.vat.ts')], { guards: true });
  expect(problems).toStrictEqual([]);
  await writeFiles(vats.flatMap(({ files }) => files));
  const kernel = await makeKernel();
  try {
    const bundleSpec = readFileSync(at('x.vat.bundle'), 'utf8');
    const { rootKref } = await kernel.launchSubcluster({
      bootstrap: 'x',
      vats: { x: { bundleSpec } },
    });
    const call = async (method: string, ...args: unknown[]) =>
      kunser(await kernel.queueMessage(rootKref, method, args));
    const allowed: [method: string, args: unknown[], answer: unknown][] = [
      ['text', ['a', 2], 'aa'],
      ['text', ['a'], 'a'],
      ['text', ['a', undefined], 'a'],
      ['text', ['a'.repeat(200_000)], 'a'.repeat(200_000)],
      ['shape', [{ kind: 'a', size: 1, tags: ['x'], more: 1 }], 1],
      ['shape', [{ kind: 'a', size: 2, tags: undefined }], 2],
      ['either', ['x'], 'x'],
      ['either', [1n], 1n],
      ['rest', [1, 2], 2],
      ['pair', [['a']], 1],
      ['proto', [JSON.parse('{ "__proto__": "a" }')], ['__proto__']],
    ];
    for (const [method, args, answer] of allowed)
      expect(await call(method, ...args)).toStrictEqual(answer);
    const refused: [method: string, args: unknown[]][] = [
      ['text', [1]],
      ['text', []],
      ['text', ['a', 'b']],
      ['shape', [{ kind: 'b', size: 1 }]],
      ['shape', [{ kind: 'a' }]],
      ['shape', [{ kind: 'a', size: 1, tags: [1] }]],
      ['either', ['z']],
      ['rest', [1, 'x']],
      ['ref', ['text']],
      ['pair', [['a', 1, 2]]],
      ['proto', [JSON.parse('{ "__proto__": 1 }')]],
      ['proto', [{}]],
    ];
    for (const [method, args] of refused)
      await expect(call(method, ...args), method).rejects.toThrow(method);
  } finally {
    await kernel.stop();
  }
});

it('--guards refuses a vat whose types it cannot check', async () => {
  const at = makeFixture({
    'x.vat.ts': rooted(
      'path: (path: `/${string}`) => path,\ntree: (tree: Tree) => tree,\nfar: () => Far("far", { a: () => 1 }),',
      'type Tree = { parts: Tree[] };',
    ),
  });
  const { problems, vats } = await generateVats([at('x.vat.ts')], { guards: true });
  expect(vats).toHaveLength(0);
  expect(problems.map(({ message }) => message).join('\n')).toMatch(
    /no pattern tells[^]*Tree contains itself[^]*Far takes no guard/,
  );
});

describe('in an editor', () => {
  const close: (() => void)[] = [];
  afterAll(() => close.forEach((end) => end()));

  /** A real tsserver, asked as editors ask. */
  function openEditor(version: string, cwd: string) {
    const server = spawn(
      process.execPath,
      [join(root, 'node_modules', version, 'lib/tsserver.js')],
      { cwd },
    );
    close.push(() => server.kill());
    let text = '';
    let seq = 0;
    const waiting = new Map<number, (body: unknown) => void>();
    server.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      for (const line of text.split('\n').slice(0, -1)) {
        if (!line.startsWith('{')) continue;
        const message = JSON.parse(line) as { request_seq?: number; body?: unknown };
        if (message.request_seq !== undefined) waiting.get(message.request_seq)?.(message.body);
      }
      text = text.slice(text.lastIndexOf('\n') + 1);
    });
    return (command: string, args: object): Promise<unknown> => {
      seq += 1;
      server.stdin.write(`${JSON.stringify({ seq, type: 'request', command, arguments: args })}\n`);
      return command === 'open'
        ? Promise.resolve()
        : new Promise((resolve) => waiting.set(seq, resolve));
    };
  }

  it.each(['typescript', 'typescript-oldest'])(
    'go-to-definition of %s lands on the vat and on its helpers',
    { timeout: 60_000 },
    async (version) => {
      const at = linked({
        'x.vat.ts': rooted(
          'add: (text: string) => text,\nnote: () => makeNote(),\nshelf: (): Shelf => makeShelf(),\n...more,',
          "import { makeNote } from './note.js';\nimport { makeShelf, more } from './shelf.js';\nimport type { Shelf } from './types.js';",
        ),
        'note.ts':
          "import { makeExo } from '@vatkit/sdk/vat';\nexport const makeNote = () => makeExo('note', undefined, {\n  read: () => 1,\n});\n",
        'types.ts':
          'export type Book = { title: string };\nexport interface Shelf { books(): Book[]; }\n',
        'shelf.ts':
          "import { makeExo } from '@vatkit/sdk/vat';\nimport type { Shelf } from './types.js';\nexport const more = {\n  count: () => 1,\n};\nexport const makeShelf = (): Shelf => makeExo('shelf', undefined, {\n  books: () => [],\n});\n",
        'use.ts':
          "import { XRoot } from './x.vat.gen.js';\nexport const use = (root: XRoot) => {\n  void root.add('a');\n  void root.note().read();\n  return XRoot.add;\n};\nimport type { Book, Shelf } from './x.vat.gen.js';\nexport const more = async (root: XRoot): Promise<Book[]> => {\n  await root.count();\n  const shelf: Shelf = await root.shelf();\n  return shelf.books();\n};\n",
        'plain.ts':
          "import type { Remote } from '@vatkit/sdk';\nimport type { VatRoot } from '@vatkit/sdk/codegen';\nimport type { buildRootObject } from './x.vat.js';\nexport const use = (root: Remote<VatRoot<typeof buildRootObject>>) => {\n  void root.add('a');\n  void root.note().read();\n};\n",
        'tsconfig.json':
          '{ "compilerOptions": { "module": "ESNext", "moduleResolution": "Bundler", "target": "ES2022", "strict": true, "types": [] }, "files": ["use.ts", "plain.ts"] }',
      });
      const { vats } = await generateVats([at('x.vat.ts')]);
      await writeFiles(vats.flatMap(({ files }) => files));
      const ask = openEditor(version, at());
      for (const name of ['use.ts', 'plain.ts']) await ask('open', { file: at(name) });
      const definition = async (line: number, word: string, name = 'use.ts'): Promise<string> => {
        const file = at(name);
        const lines = readFileSync(file, 'utf8').split('\n');
        const offset = (lines[line - 1] ?? '').indexOf(word) + 1;
        const body = (await ask('definition', { file, line, offset })) as {
          file: string;
          start: { line: number; offset: number };
        }[];
        const [found] = body;
        const source = readFileSync(found?.file ?? '', 'utf8').split('\n')[
          (found?.start.line ?? 0) - 1
        ];
        return `${found?.file.slice(at('').length + 1)}: ${source?.slice((found?.start.offset ?? 1) - 1)}`;
      };
      expect(await definition(3, 'add')).toBe('x.vat.ts: add: (text: string) => text,');
      expect(await definition(4, 'note')).toBe('x.vat.ts: note: () => makeNote(),');
      expect(await definition(4, 'read')).toBe('note.ts: read: () => 1,');
      expect(await definition(5, 'add')).toMatch(/^x\.vat\.ts: add: /);
      // A vat's map has several sources: each name leads to where it is written, a method to what does it.
      expect(await definition(8, 'Book')).toBe('types.ts: Book = { title: string };');
      expect(await definition(8, 'XRoot')).toMatch(/^x\.vat\.ts: buildRootObject/);
      expect(await definition(9, 'count')).toBe('shelf.ts: count: () => 1,');
      expect(await definition(10, 'Shelf')).toBe('types.ts: Shelf { books(): Book[]; }');
      expect(await definition(11, 'books')).toBe('shelf.ts: books: () => [],');
      // Without generated code.
      expect(await definition(5, 'add', 'plain.ts')).toMatch(/^x\.vat\.ts: add: /);
      expect(await definition(6, 'note', 'plain.ts')).toMatch(/^x\.vat\.ts: note: /);
      expect(await definition(6, 'read', 'plain.ts')).toBe('note.ts: read: () => 1,');
    },
  );
});

it(
  'an interface of 2,000 methods, of which a page calls 200, costs fewer than 2,000 type instantiations',
  { timeout: 60_000 },
  async () => {
    const methods = Array.from(
      { length: 2000 },
      (_, index) =>
        `m${index}: (text: string, count = ${index}) => ({ text, count, list: [text] }),`,
    );
    const calls = methods.slice(0, 200).map((_, index) => `  void root.m${index}('a');`);
    const use = `import type { Remote } from '@vatkit/sdk';
import { XRoot } from './x.vat.gen.js';
export const use = (root: Remote<XRoot>) => {
  void XRoot.m7;
${calls.join('\n')}
};
`;
    const at = linked({
      'x.vat.ts': rooted(methods.join('\n')),
      'use.ts': use,
      'none.ts':
        "import type { Remote } from '@vatkit/sdk';\nexport const use = (root: Remote) => root;\n",
    });
    const { vats, problems } = await generateVats([at('x.vat.ts')]);
    expect(problems).toStrictEqual([]);
    await writeFiles(vats.flatMap(({ files }) => files));
    const count = (file: string): number => {
      const compilerOptions = {
        ...{ noEmit: true, strict: true, skipLibCheck: true, types: [] },
        ...{ target: 'ES2022', module: 'ESNext', moduleResolution: 'Bundler' },
      };
      writeFileSync(at('tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
      const { stdout, status } = spawnSync(
        process.execPath,
        [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.', '--extendedDiagnostics'],
        { cwd: at(), encoding: 'utf8' },
      );
      expect([status, stdout.match(/error.*/)?.[0]]).toStrictEqual([0, undefined]);
      return Number(/Instantiations:\s+(\d+)/.exec(stdout)?.[1]);
    };
    expect(count('use.ts') - count('none.ts')).toBeLessThan(2000);
  },
);
