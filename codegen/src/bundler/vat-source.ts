/** Rollup plugins that read a vat's modules: source text, TypeScript, and what a vat's syntax may not hold. */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type { Plugin } from 'rollup';
import type * as Typescript from 'typescript';
import { placeOf, type Problem } from './problems.js';
import { makeLocator } from './source-map.js';
import { applySourceEdits, type SourceEdits } from './source-edits.js';
import { childOf, visit, type SyntaxNode } from './syntax-tree.js';

export type Report = (problem: Problem) => void;

const typescriptExtensions = ['.ts', '.mts', '.cts'];

const readable = ['.js', '.mjs', '.cjs', '.json', ...typescriptExtensions];

export const isTypescript = (file: string) => typescriptExtensions.includes(extname(file));

/** Modules of other plugins, whose ids are no files. */
const isVirtual = (id: string) => id.startsWith('\0') || id.includes('?commonjs-');

/**
 * Reads files so that the same source gives the same bundle on every system: line ends as LF, which changes
 * no literal (ECMA-262 12.9.6), no byte order mark, and no `#!` line, which cannot stand in a function.
 * `edits` are then made to it.
 */
export function sourceText(report: Report, edits?: SourceEdits): Plugin {
  return {
    name: 'vatkit:source-text',
    async load(file) {
      if (isVirtual(file)) return null;
      const extension = extname(file);
      if (!readable.includes(extension)) {
        const found = extension === '' ? 'has no ending' : `is '${extension}'`;
        const message = `a vat can import JavaScript, TypeScript and JSON, and this ${found}`;
        report({ file, message });
        return '';
      }
      const text = (await readFile(file, 'utf8'))
        .replace(/^\uFEFF/, '')
        .replace(/\r\n?/g, '\n')
        .replace(/^#!/, '//');
      if (extension === '.json') {
        const problem = jsonProblem(text);
        if (problem !== undefined) {
          report({ file, ...problem });
          return 'null';
        }
      }
      const own = edits?.get(file);
      return own === undefined ? text : applySourceEdits(text, own);
    },
  };
}

function jsonProblem(text: string): Omit<Problem, 'file'> | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    const message = `bad JSON: ${(error as Error).message}`;
    const offset = /position (\d+)/.exec(message)?.[1];
    return offset === undefined ? { message } : { message, ...placeOf(text, Number(offset)) };
  }
}

/** Drops types, file by file: no type is checked and no other file is read for it. */
export function typescript(report: Report): Plugin {
  let compiler: typeof Typescript | undefined;
  return {
    name: 'vatkit:typescript',
    async transform(code, id) {
      if (isVirtual(id) || !isTypescript(id)) return null;
      // Half a second of a process's life, which a vat in JavaScript does not pay.
      compiler ??= (await import('typescript')).default;
      const { outputText, sourceMapText, diagnostics } = compiler.transpileModule(code, {
        fileName: id,
        reportDiagnostics: true,
        compilerOptions: {
          target: compiler.ScriptTarget.ES2022,
          module: compiler.ModuleKind.ESNext,
          newLine: compiler.NewLineKind.LineFeed,
          sourceMap: true,
          // Imports that only name types vanish, whether or not they say so.
          verbatimModuleSyntax: false,
        },
      });
      for (const { start, messageText } of diagnostics ?? []) {
        const message = compiler.flattenDiagnosticMessageText(messageText, '\n');
        report({ file: id, ...(start === undefined ? {} : placeOf(code, start)), message });
      }
      return {
        code: outputText.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'),
        map: sourceMapText ?? null,
      };
    },
  };
}

/**
 * Keeps what the vat's own code does, though nobody may use what comes of it. To Rollup a loop whose body does nothing
 * does nothing, and so does a function that only calls itself; but neither ever ends. They would go, and with them the
 * calls that lead to them.
 *
 * The text stays as it is. The syntax tree says that each loop's condition, and what each call gives, is handed to a
 * function that nobody knows. Calls that their author marks as pure may go; and packages are what they were, for most
 * of them is not used.
 */
export const keepDeeds = (isForeign: (id: string) => boolean): Plugin => ({
  name: 'vatkit:keep-deeds',
  transform(code, id) {
    if (isVirtual(id) || isForeign(id)) return null;
    const ast = this.parse(code);
    const parts = new Set<SyntaxNode>();
    const deeds: SyntaxNode[] = [];
    visit(ast, (node) => {
      if (node.type === 'ChainExpression') for (const part of partsOfChain(node)) parts.add(part);
      if (isDeed(node) && !parts.has(node)) deeds.push(node);
    });
    for (const node of deeds) keepDeed(node);
    return { code, ast, map: null };
  },
});

const loops = ['WhileStatement', 'DoWhileStatement', 'ForStatement'];
const calls = ['CallExpression', 'NewExpression', 'TaggedTemplateExpression', 'ChainExpression'];

const isDeed = (node: SyntaxNode): boolean =>
  loops.includes(node.type) ||
  (calls.includes(node.type) && !isPure(node) && childOf(node, 'callee')?.type !== 'Super');

function keepDeed(node: SyntaxNode): void {
  const { start, end } = node;
  if (loops.includes(node.type)) {
    const test = childOf(node, 'test');
    node.test = toUnknown(test?.start ?? start, test?.end ?? start, test);
    return;
  }
  const call = { ...node };
  for (const key of Object.keys(node)) Reflect.deleteProperty(node, key);
  Object.assign(node, toUnknown(start, end, call));
}

/** A call of a function that nobody knows, where the argument stands. */
const toUnknown = (start: number, end: number, argument: SyntaxNode | undefined): SyntaxNode => ({
  type: 'CallExpression',
  start,
  end,
  optional: false,
  callee: { type: 'Identifier', start, end: start, name: '$vatkitUnknown' },
  arguments: argument === undefined ? [] : [argument],
});

/** `a?.b.c()`: what it calls and reads on its way, which ends as a whole. */
function partsOfChain(chain: SyntaxNode): SyntaxNode[] {
  const parts: SyntaxNode[] = [];
  let part = childOf(chain, 'expression');
  while (part !== undefined) {
    parts.push(part);
    part = childOf(part, part.type === 'CallExpression' ? 'callee' : 'object');
  }
  return parts;
}

/** As bundlers have it: a comment that says that the call is pure, before it. */
const isPure = ({ _rollupAnnotations: notes }: SyntaxNode): boolean =>
  Array.isArray(notes) && notes.some((note: { type?: unknown }) => note.type === 'pure');

const nodeEnv = 'process.env.NODE_ENV';
/** As long as what it stands for, so that no column moves. */
const production = '"production"'.padEnd(nodeEnv.length);

/** Puts `"production"` for `process.env.NODE_ENV`, and refuses `await` at a module's top level. */
export function vatSyntax(report: Report): Plugin {
  return {
    name: 'vatkit:vat-syntax',
    transform(code, id) {
      if (isVirtual(id) || extname(id) === '.json') return null;
      const hasNodeEnv = code.includes(nodeEnv);
      if (!hasNodeEnv && !/\bawait\b/.test(code)) return null;
      let tree: SyntaxNode;
      try {
        tree = this.parse(code, { allowReturnOutsideFunction: true }) as unknown as SyntaxNode;
      } catch {
        // The build itself comes upon the same error and tells it.
        return null;
      }
      const awaited = topLevelAwait(tree);
      if (awaited !== undefined) {
        const map = this.getCombinedSourcemap();
        const place = makeLocator(code, map)(awaited.start) ?? placeOf(code, awaited.start);
        report({
          file: id,
          line: place.line,
          column: place.column,
          message:
            "'await' at a module's top level is not available in a vat: await in 'buildRootObject', which may be async",
        });
      }
      if (!hasNodeEnv) return null;
      const replaced = replaceNodeEnv(code, tree);
      return replaced === code ? null : { code: replaced, map: null };
    },
  };
}

function topLevelAwait(tree: SyntaxNode): SyntaxNode | undefined {
  let first: SyntaxNode | undefined;
  visit(tree, (node) => {
    if (/Function/.test(node.type)) return false;
    const waits =
      node.type === 'AwaitExpression' ||
      (node.type === 'ForOfStatement' && node.await === true) ||
      (node.type === 'VariableDeclaration' && node.kind === 'await using');
    if (waits && (first === undefined || node.start < first.start)) first = node;
    return undefined;
  });
  return first;
}

function replaceNodeEnv(code: string, tree: SyntaxNode): string {
  const starts: number[] = [];
  visit(tree, (node, parent) => {
    if (node.type !== 'MemberExpression' || code.slice(node.start, node.end) !== nodeEnv) return;
    if (childOf(childOf(node, 'object') ?? node, 'object')?.name !== 'process') return;
    if (parent?.type === 'UpdateExpression' || parent?.left === node) {
      // A binary operator has a `left`, too, and takes any value.
      if (parent.type !== 'BinaryExpression' && parent.type !== 'LogicalExpression') return;
    }
    if (parent?.type === 'UnaryExpression' && parent.operator === 'delete') return;
    starts.push(node.start);
  });
  return starts.reduce(
    (text, start) => text.slice(0, start) + production + text.slice(start + nodeEnv.length),
    code,
  );
}
