/**
 * What the docs say is true: their programs run and print what they say, their fragments type-check, their
 * configurations pass, their links lead somewhere, and their tables agree with the code.
 *
 * A fenced block is put to use by its language; there is no way to leave one out.
 *
 *     js, ts   with a first line `// name.mjs`: a file of its page. `*.vat.js` is a vat, `*.mjs` a program.
 *              Without one: a fragment, which is type-checked with {@link given} at hand.
 *              With `// src/name.ts` or `// vite.config.ts`: a file of the app that its page makes.
 *     tsx      a fragment, or a file of an app.
 *     sh       commands. `npm` scripts must exist; `npx vatkit` and `node` are run among the page's files.
 *     json     a cluster configuration.
 *     text     after a paragraph that ends with `prints:`, what the programs above it wrote; else a drawing.
 *
 * Files are written first, whole pages at once. Programs without a command of their own run in their order. An app is
 * type-checked, built, and used in Chromium.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import ts from 'typescript';
import { build, preview } from 'vite';
import { afterAll, describe, expect, it } from 'vitest';
import { ClusterConfigStruct, Kernel, KernelError, limits } from '@vatkit/sdk/kernel';
import type { KernelErrorCode, KernelLimits } from '@vatkit/sdk/kernel';
import { chromiumArguments, findChromium } from '../scripts/chromium.mjs';
import { bounds as daemonBounds } from '../codegen/src/daemon/bounds.js';
import { crankBounds } from '../sdk/src/kernel/crank-shape.js';
import { vatBounds } from '../sdk/src/vat/vat-bounds.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string): string => fs.readFileSync(join(root, file), 'utf8');

/** Names that fragments may use without declaring them. */
const given = `
type K = typeof import('@vatkit/sdk/kernel');
declare const kernel: import('@vatkit/sdk/kernel').Kernel;
declare const config: import('@vatkit/sdk/kernel').ClusterConfig;
declare const rootKref: import('@vatkit/sdk/kernel').KRef;
declare const vatId: import('@vatkit/sdk/kernel').VatId;
declare const subclusterId: import('@vatkit/sdk/kernel').SubclusterId;
declare const client: import('@vatkit/sdk').KernelClient;
declare const root: import('@vatkit/sdk').Remote;
type Method<Name extends keyof TodoRef, Kind extends import('@vatkit/sdk').MethodKind> =
  import('@vatkit/sdk').MethodDescriptor<TodoRef[Name], TodoRef, Kind>;
type TodoRef = import('@vatkit/sdk/codegen').Ref & {
  list(filter?: 'all' | 'open'): Promise<string[]>;
  add(text: string): Promise<bigint>;
};
declare const todo: import('@vatkit/sdk').SubclusterDefinition<TodoRef>;
declare const TodoRoot: { list: Method<'list', 'query'>; add: Method<'add', 'mutation'> };
declare const kunser: K['kunser'], kslot: K['kslot'], krefOf: K['krefOf'];
`;

type Block = { page: string; line: number; lang: string; text: string; lead: string };

const pages = [
  ...['README.md', 'ARCHITECTURE.md', 'GLOSSARY.md', 'LIMITS.md', 'SECURITY.md'],
  ...['bench', 'examples', 'stories'].map((folder) => `${folder}/README.md`),
  ...fs
    .readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `docs/${name}`),
];

/** A page's blocks, and its text without them. */
function parsePage(page: string): { blocks: Block[]; prose: string } {
  const blocks: Block[] = [];
  const prose: string[] = [];
  let open: Block | undefined;
  read(page)
    .split('\n')
    .forEach((text, index) => {
      const fence = /^\s*(?:```|~~~)(.*)$/.exec(text);
      if (fence === null) {
        if (open === undefined) prose.push(text);
        else open.text += `${text}\n`;
      } else if (open === undefined) {
        const lead = prose.findLast((line) => line.trim() !== '') ?? '';
        open = { page, line: index + 1, lang: fence[1] as string, text: '', lead };
      } else {
        blocks.push(open);
        open = undefined;
        prose.push('');
      }
    });
  if (open !== undefined) throw new Error(`${page}:${open.line}: the block has no end`);
  return { blocks, prose: prose.join('\n') };
}

const fileNameOf = ({ lang, text }: Block): string | undefined =>
  lang === 'js' || lang === 'ts' ? /^\/\/ ([\w.-]+\.m?[jt]s)\n/.exec(text)?.[1] : undefined;

const appFileNameOf = ({ text }: Block): string | undefined =>
  /^\/\/ (src\/[\w./-]+\.tsx?|vite\.config\.ts)\n/.exec(text)?.[1];

const kinds = ['file', 'app file', 'fragment', 'commands', 'config', 'output', 'drawing'] as const;

function kindOf(block: Block): (typeof kinds)[number] {
  switch (block.lang) {
    case 'js':
    case 'ts':
    case 'tsx':
      if (appFileNameOf(block) !== undefined) return 'app file';
      return fileNameOf(block) === undefined ? 'fragment' : 'file';
    case 'sh':
      return 'commands';
    case 'json':
      return 'config';
    case 'text':
      return / prints?:$/.test(block.lead) ? 'output' : 'drawing';
    default:
      throw new Error(
        `${block.page}:${block.line}: '${block.lang}' is no language that is checked`,
      );
  }
}

const parsed = new Map(pages.map((page) => [page, parsePage(page)]));
const all = [...parsed.values()].flatMap(({ blocks }) => blocks);
const used = new Set<Block>();

/** The blocks of a kind; whoever asks for them must check them. */
const take = (kind: (typeof kinds)[number], page?: string): Block[] => {
  const taken = all.filter(
    (block) => kindOf(block) === kind && (page === undefined || block.page === page),
  );
  for (const block of taken) used.add(block);
  return taken;
};

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));

function makeFolder(): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'vatkit-docs-'));
  folders.push(folder);
  fs.writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  fs.mkdirSync(join(folder, 'node_modules/@vatkit'), { recursive: true });
  for (const name of ['sdk', 'codegen']) {
    fs.symlinkSync(join(root, name), join(folder, 'node_modules/@vatkit', name));
  }
  return folder;
}

/** Runs Node to its end, or until it has written `until`. Resolves to what it wrote; rejects if it failed. */
async function runNode(cwd: string, args: string[], until?: string): Promise<string> {
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (until !== undefined && stdout.includes(until)) child.kill('SIGTERM');
  });
  const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
  const ended = signal === 'SIGTERM' && until !== undefined && stdout.includes(until);
  if (status === 0 || ended) return stdout;
  throw new Error(`node ${args.join(' ')}: ${signal ?? `status ${status}`}\n${stdout}${stderr}`);
}

const vatkit = (cwd: string, args: string[]): Promise<string> =>
  runNode(
    cwd,
    [
      join(root, 'codegen/bin/vatkit.mjs'),
      ...args,
      ...(args[0] === 'serve' ? ['--port', '0'] : []),
    ],
    args[0] === 'serve' ? 'Serving' : undefined,
  );

const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

/** Those that `npm create vite` writes. */
const appScripts = ['dev', 'build', 'preview'];

function checkNpm(words: string[], isApp: boolean): void {
  const [verb = '', name = ''] = words;
  const script = verb === 'run' ? name : verb;
  if (['install', 'ci', 'create'].includes(script)) return;
  expect(isApp ? appScripts : Object.keys(scripts)).toContain(script);
}

/** Does what a reader of the page would do, in order. */
async function follow(page: string): Promise<void> {
  const folder = makeFolder();
  const blocks = take('file', page);
  const files = new Map(blocks.map((block) => [fileNameOf(block) as string, block]));
  expect(files.size, 'each file has a name of its own').toBe(blocks.length);
  const commands = take('commands', page);
  const outputs = take('output', page);
  const isApp = take('app file', page).length > 0;
  for (const [name, { text }] of files) fs.writeFileSync(join(folder, name), text);
  const isVat = (name: string): boolean => /\.vat\.[jt]s$/.test(name);
  const programs = new Set([...files.keys()].filter((name) => /\.m[jt]s$/.test(name)));
  for (const name of files.keys()) if (!programs.has(name)) expect(name).toSatisfy(isVat);

  const runs = new Map<string, string[]>();
  for (const { text } of commands) {
    for (const line of text.trim().split('\n')) {
      const [program, ...words] = line.split(/\s+/);
      if (program === 'npm') checkNpm(words, isApp);
      else if (program === 'npx' && words[0] === 'vatkit') await vatkit(folder, words.slice(1));
      else if (program === 'node') {
        expect(files.has(words[0] as string), `${line}: a file of the page`).toBe(true);
        const [name = ''] = words;
        runs.set(name, [...(runs.get(name) ?? []), await runNode(folder, words)]);
      } else throw new Error(`${page}: '${line}' is no command that is checked`);
    }
  }
  // The rest stands for itself: its page need not repeat how vats are bundled and programs run.
  const isBundled = (name: string): boolean =>
    fs.existsSync(join(folder, name.replace(/\.[jt]s$/, '.bundle')));
  const vats = [...files.keys()].filter((name) => isVat(name) && !isBundled(name));
  if (vats.length > 0) await vatkit(folder, ['bundle', ...vats]);
  for (const name of programs) {
    if (!runs.has(name)) runs.set(name, [await runNode(folder, [name])]);
  }
  // What a program writes stands after it and before the next one.
  for (const output of outputs) {
    const program = blocks.findLast(
      (block) => block.line < output.line && runs.has(fileNameOf(block) as string),
    );
    const written = runs.get(program === undefined ? '' : (fileNameOf(program) as string)) ?? [];
    expect(written.join(''), `${page}:${output.line}`).toBe(output.text);
  }
}

const fragmentOptions: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  moduleDetection: ts.ModuleDetectionKind.Force,
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.esnext.disposable.d.ts'],
  jsx: ts.JsxEmit.ReactJSX,
  types: ['node'],
  strict: true,
  noImplicitAny: false,
  skipLibCheck: true,
  noEmit: true,
};

/** What the compiler says to the fragments, each a module of its own, against the packages' built types. */
function typeErrors(fragments: readonly Block[]): string[] {
  const virtual = new Map([[join(root, 'test/docs-given.d.ts'), given]]);
  const blockOf = new Map<string, Block>();
  for (const block of fragments) {
    const type = block.lang === 'tsx' ? 'tsx' : 'ts';
    const file = join(root, `test/docs-fragment-${blockOf.size}.${type}`);
    virtual.set(file, block.text);
    blockOf.set(file, block);
  }
  const host = ts.createCompilerHost(fragmentOptions);
  const { fileExists, readFile } = host;
  host.getCurrentDirectory = () => root;
  host.fileExists = (file) => virtual.has(file) || fileExists(file);
  host.readFile = (file) => virtual.get(file) ?? readFile(file);
  const program = ts.createProgram([...virtual.keys()], fragmentOptions, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, '\n');
    const block = blockOf.get(file?.fileName ?? '');
    if (file === undefined || block === undefined) return `${file?.fileName}: ${text}`;
    const line = block.line + 1 + file.getLineAndCharacterOfPosition(start).line;
    return `${block.page}:${line}: ${text}`;
  });
}

/** As GitHub makes them. */
const anchorsOf = (page: string): string[] => {
  const seen = new Map<string, number>();
  const headings = parsePage(page).prose.match(/^#+ .*$/gm) ?? [];
  return headings.map((heading) => {
    const slug = heading
      .replace(/^#+ /, '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    return times === 0 ? slug : `${slug}-${times}`;
  });
};

function deadLinks(page: string): string[] {
  const prose = (parsed.get(page)?.prose ?? '').replace(/`[^`\n]*`/g, '``');
  const targets = [...prose.matchAll(/\]\(([^)]*)\)/g)].map(([, target]) => target as string);
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return !URL.canParse(target);
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? join(root, page) : resolve(root, dirname(page), path);
    if (!fs.existsSync(file)) return true;
    return anchor !== undefined && !anchorsOf(file.slice(root.length)).includes(anchor);
  });
}

/** Files and folders of this repository, and npm scripts, that a page names. */
function deadNames(page: string): string[] {
  const { prose, blocks } = parsed.get(page) as { prose: string; blocks: Block[] };
  const drawings = blocks.filter((block) => kindOf(block) === 'drawing').map(({ text }) => text);
  const code = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text as string);
  const folder = '(?:sdk|codegen|react|scripts|test|examples|bench|docs)';
  const paths = code
    .filter((text) => new RegExp(`^${folder}/[\\w./-]*$`).test(text))
    .concat(drawings.flatMap((text) => text.match(new RegExp(`${folder}/[\\w./-]+`, 'g')) ?? []));
  const named = code.flatMap((text) => /^npm (?:run )?([\w:-]+)$/.exec(text)?.[1] ?? []);
  return [
    // A place for the reader's own files.
    ...paths.filter((path) => path !== 'examples/mine' && !fs.existsSync(join(root, path))),
    ...named.filter((name) => !['install', 'ci'].includes(name) && !(name in scripts)),
  ];
}

/** The rows of all tables whose first cell is a name in code: `| `name` | … |`. */
const rowsOf = (page: string, section?: string): string[][] => {
  const { prose } = parsed.get(page) as { prose: string };
  const part =
    section === undefined ? prose : prose.split(/^## /m).find((p) => p.startsWith(section));
  return (part ?? '')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.slice(2, -2).split(' | '));
};
const unquote = (cell = ''): string => cell.replaceAll('`', '');
const numberIn = (cell = ''): number => Number(cell.replaceAll(',', ''));

describe.each(pages)('%s', (page) => {
  it('has programs that run as it says', { timeout: 120_000 }, () => follow(page));

  it('has configurations that pass', () => {
    for (const { text, line } of take('config', page)) {
      expect(() => ClusterConfigStruct.check(JSON.parse(text)), `line ${line}`).not.toThrow();
    }
  });

  it('has links that lead somewhere', () => expect(deadLinks(page)).toStrictEqual([]));

  it('names files and scripts that exist', () => {
    take('drawing', page);
    expect(deadNames(page)).toStrictEqual([]);
  });
});

/** The app of a page, in a folder that has what `npm create vite` writes beside it. */
async function makeApp(page: string): Promise<string> {
  const folder = fs.mkdtempSync(join(tmpdir(), 'vatkit-docs-app-'));
  folders.push(folder);
  fs.symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  fs.writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  fs.writeFileSync(
    join(folder, 'index.html'),
    '<div id="root"></div><script type="module" src="/src/main.tsx"></script>',
  );
  await vatkit(folder, ['init']);
  for (const block of take('app file', page)) {
    const file = join(folder, appFileNameOf(block) as string);
    const written = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;
    const text = block.text.slice(block.text.indexOf('\n') + 1);
    if (written !== undefined) expect(text, `${file}, as vatkit init writes it`).toBe(written);
    fs.writeFileSync(file, text);
  }
  await vatkit(folder, ['generate']);
  return folder;
}

it('docs/getting-started.md leads to a counter in a vat', { timeout: 180_000 }, async () => {
  const folder = await makeApp('docs/getting-started.md');
  const program = ts.createProgram([join(folder, 'src/main.tsx')], {
    ...fragmentOptions,
    allowImportingTsExtensions: true,
    verbatimModuleSyntax: true,
    types: ['vite/client'],
  });
  const problems = ts.getPreEmitDiagnostics(program);
  expect(problems.map(({ messageText }) => messageText)).toStrictEqual([]);

  await build({ root: folder, logLevel: 'error' });
  const server = await preview({ root: folder, logLevel: 'error', preview: { port: 0 } });
  const executablePath = findChromium();
  const browser = await chromium.launch({
    ...(executablePath !== undefined && { executablePath }),
    args: chromiumArguments,
  });
  try {
    const tab = await browser.newPage();
    const shows = (count: number) =>
      tab.getByRole('button', { name: `The count is ${count}` }).waitFor({ timeout: 60_000 });
    await tab.goto(server.resolvedUrls?.local[0] ?? '');
    await shows(0);
    await tab.getByRole('button').click();
    await shows(1);
    await tab.reload();
    await shows(1);
  } finally {
    await browser.close();
    await server.close();
  }
});

it('fragments type-check against the built packages', { timeout: 120_000 }, () => {
  expect(typeErrors(take('fragment'))).toStrictEqual([]);
});

it('no block was left out', () => {
  const left = all.filter((block) => !used.has(block)).map(({ page, line }) => `${page}:${line}`);
  expect(left).toStrictEqual([]);
  expect(used.size).toBe(kinds.reduce((sum, kind) => sum + take(kind).length, 0));
});

describe('LIMITS.md agrees with the code', () => {
  /** Which limit is the default of each option. The type says so too: an option more or less is an error here. */
  const defaults = {
    deliveryAttemptsMax: 'deliveryAttemptsMax',
    failuresMax: 'failuresMax',
    notifyBatchMax: 'notifyBatchMax',
    queueMax: 'queueMax',
    queueCharsMax: 'queueCharsMax',
    chargedMessagesMax: 'chargedMessagesMax',
    deliveriesPerReap: 'deliveriesPerReap',
    collectBatch: 'collectBatch',
    deliveriesAheadMax: 'deliveriesAheadMax',
    reapIdleMs: 'reapIdleMs',
    vatsLiveMax: 'vatsLiveMax',
    stopTimeoutMs: 'stopTimeoutMs',
    vatUnresponsiveMs: 'vatUnresponsiveMs',
    serviceWaitMs: 'serviceWaitMs',
    sessionFramesMax: 'sessionFramesMax',
    sessionFrameCharsMax: 'sessionFrameCharsMax',
    sessionsMax: 'sessionsMax',
    sessionRefsMax: 'sessionRefsMax',
    sessionGraceMs: 'sessionGraceMs',
    peerRefsMax: 'peerRefsMax',
    peerGivenMax: 'peerGivenMax',
    peerQueueCharsMax: 'peerQueueCharsMax',
    peersMax: 'peersMax',
    peerTimeoutMs: 'peerTimeoutMs',
  } satisfies Record<keyof KernelLimits, keyof typeof limits>;

  const table = (section: string): Record<string, number> =>
    Object.fromEntries(
      rowsOf('LIMITS.md', section).map(([name, value]) => [unquote(name), numberIn(value)]),
    );

  it('on every limit', () => expect(table('All of')).toStrictEqual({ ...limits }));
  it('on those of a crank', () => expect(table('One crank')).toStrictEqual({ ...crankBounds }));
  it('on those of the daemon', () =>
    expect(table('The daemon')).toStrictEqual({ ...daemonBounds }));
  it('on those of a worker', () => expect(table('Within a vat')).toStrictEqual({ ...vatBounds }));

  it('on the options of a kernel', () => {
    const rows = rowsOf('LIMITS.md', "What a kernel's");
    expect(
      rows.map(([option, name, value]) => [unquote(option), unquote(name), numberIn(value)]),
    ).toStrictEqual(Object.entries(defaults).map(([option, name]) => [option, name, limits[name]]));
  });

  it.each(rowsOf('LIMITS.md', 'Constants'))('on %s: %s in %s', (name, value, file) => {
    const found = new RegExp(`\\b${unquote(name)} ?[=:] ?([\\d_]+)`).exec(read(unquote(file)))?.[1];
    expect(Number(found?.replaceAll('_', ''))).toBe(numberIn(value));
  });
});

it('docs/errors.md has every code with what the code says of it', () => {
  const source = read('sdk/src/errors.ts');
  const codes = [...source.matchAll(/^ {2}([A-Z_]+): (?:0|RETRYABLE|INDETERMINATE)/gm)].map(
    ([, code]) => code,
  );
  const flag = (value: boolean): string => (value ? 'yes' : 'no');
  const documented = rowsOf('docs/errors.md', 'Codes').map(([code, , ...flags]) => [
    unquote(code),
    ...flags,
  ]);
  expect(documented.sort()).toStrictEqual(
    codes.sort().map((code) => {
      const { retryable, indeterminate } = new KernelError(code as KernelErrorCode, '');
      return [code, flag(retryable), flag(indeterminate)];
    }),
  );
});

it('docs/kernel.md has a heading for every member of Kernel', () => {
  const headings = parsed.get('docs/kernel.md')?.prose.match(/^### `[^`]*`/gm) ?? [];
  const documented = headings.map((heading) => /`(?:Kernel\.)?(\w+)/.exec(heading)?.[1]);
  const members = [
    ...Object.getOwnPropertyNames(Kernel.prototype).filter((name) => name !== 'constructor'),
    ...Object.getOwnPropertyNames(Kernel).filter(
      (name) => typeof Kernel[name as 'make'] === 'function',
    ),
  ];
  expect(documented.sort()).toStrictEqual(members.sort());
});

it('GLOSSARY.md is in order and its types are exported where it says', () => {
  const { prose } = parsed.get('GLOSSARY.md') as { prose: string };
  const words = (prose.match(/^### .*$/gm) ?? []).map((heading) => heading.slice(4).toLowerCase());
  expect(words).toStrictEqual([...words].sort());
  const types = [...prose.replaceAll('\n', ' ').matchAll(/Type: `(\w+)` in `([^`]+)`/g)];
  expect(types.length).toBeGreaterThan(30);
  const missing = types.filter(([, type, file]) => {
    const exported = `^export (?:(?:type|class|const|function) ${type}\\b|type \\{ ${type} \\})`;
    return !new RegExp(exported, 'm').test(read(file as string));
  });
  expect(missing.map(([text]) => text)).toStrictEqual([]);
});
