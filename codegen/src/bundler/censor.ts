/**
 * Makes a script pass the censor of SES, which refuses program text by its looks.
 *
 * Before it evaluates anything, a compartment searches the text for what may be a dynamic import, an HTML
 * comment or a direct eval, and does not ask whether it stands in a comment, a string or a regular
 * expression. Here each such place gets another spelling of the same meaning; a real `import()`,
 * `import.meta` or direct `eval()` is refused, for a vat cannot have it.
 *
 * Not @endo/evasive-transform: it breaks property keys (`{ 'import(x)': 1 }`) and ranges of regular
 * expressions (`/[!-->]/`), leaves `eval(` in strings alone, and prints the whole program anew, which
 * costs more than the rest of a build.
 */
import { parseAst } from 'rollup/parseAst';
import type { Edit } from './source-map.js';
import { childOf, visit, type SyntaxNode } from './syntax-tree.js';

/** Stands for `import.meta` from the build until here. */
export const IMPORT_META_MARK = '__vatkit_import_meta__';

/** Something that a vat cannot do, at an offset of the script. */
export type Refusal = { offset: number; message: string };

export type CensorEvasion = {
  /** In order and without overlap. */
  edits: Edit[];
  refusals: Refusal[];
};

/**
 * The patterns of ses/src/transforms.js, so written that a match is only what is respelled. The last two are
 * our own: the mark above, and comments by which an engine would give the script another name in stack traces.
 */
const suspects = new RegExp(
  [
    '<!(?=--)',
    '--(?=>)',
    '(?<=^|[^.]|\\.\\.\\.)\\bimport(?=\\s*(?:\\(|/[/*]))',
    '(?<=^|[^.])\\beval(?=\\s*\\()',
    `\\b${IMPORT_META_MARK}\\b`,
    '//[#@](?=\\s*source(?:Mapping)?URL\\s*=)',
  ].join('|'),
  'g',
);

/** How a place in program text is to be read. */
type Context =
  | 'comment'
  /** In a string, a regular expression, or a template that no function is applied to: `\x69` means `i`. */
  | 'literal'
  | 'tagged-template'
  /** A name: `\u0069` means `i`. */
  | 'name'
  | 'import-call'
  | 'eval-call';

export function evadeCensor(code: string): CensorEvasion {
  const edits: Edit[] = [];
  const refusals: Refusal[] = [];
  const matches = [...code.matchAll(suspects)];
  if (matches.length === 0) return { edits, refusals };
  const contexts = contextsOf(
    code,
    matches.map((match) => match.index),
  );
  matches.forEach(({ 0: text, index: offset }, nth) => {
    const found = respell(text, offset, contexts[nth] ?? 'comment');
    if (typeof found === 'string') refusals.push({ offset, message: found });
    else if (found !== undefined) edits.push(found);
  });
  return { edits, refusals };
}

/** The edit that respells a suspect, `undefined` where it may stay, or why it is refused. */
function respell(text: string, offset: number, context: Context): Edit | string | undefined {
  const word = text === 'import' || text === 'eval';
  if (text === IMPORT_META_MARK) {
    return context === 'name'
      ? "'import.meta' is not available in a vat, whose code has no address"
      : undefined;
  }
  switch (context) {
    case 'import-call':
      return "'import()' is not available in a vat: use a static import, which is bundled";
    case 'eval-call':
      return (
        "a direct 'eval()' is not available in a vat: write '(0, eval)(text)', " +
        'which evaluates in the global scope, or pass a function'
      );
    case 'tagged-template':
      if (text.startsWith('//')) return undefined;
      return (
        `SES refuses program text that contains '${{ '<!': '<!--', '--': '-->' }[text] ?? `${text}(`}', ` +
        "and a tagged template shows its text to its tag: put a part of it into '${...}'"
      );
    case 'name':
      // The second letter: all of these stay what they were, be it a method, a property or a private name.
      return text === 'import'
        ? { offset: offset + 1, length: 1, text: '\\u006D' }
        : { offset: offset + 1, length: 1, text: '\\u0076' };
    case 'literal':
      if (text.startsWith('//')) return undefined;
      // The character that is escaped is never an operator of a regular expression: neither the
      // `!` of `(?<!--)` nor the first `-` of `[<!--z]` nor that of `[!-->]`.
      if (text === '<!') return { offset: offset + 3, length: 1, text: '\\x2D' };
      if (text === '--') return { offset: offset + 2, length: 1, text: '\\x3E' };
      return { offset: offset + 1, length: 1, text: text === 'import' ? '\\x6D' : '\\x76' };
    case 'comment':
      if (word) return { offset, length: text.length, text: text.toUpperCase() };
      if (text.startsWith('//')) return { offset: offset + 2, length: 1, text: ' ' };
      // Between two operators, if this is no comment but `x-->0` or `x<!--y`.
      return { offset: offset + 2, length: 0, text: ' ' };
  }
}

function contextsOf(code: string, offsets: readonly number[]): (Context | undefined)[] {
  const contexts: (Context | undefined)[] = offsets.map(() => undefined);
  const mark = (start: number, end: number, context: Context) => {
    for (let nth = firstAtLeast(offsets, start); (offsets[nth] ?? end) < end; nth += 1) {
      contexts[nth] = context;
    }
  };
  visit(parseAst(code, { allowReturnOutsideFunction: true }), (node, parent) => {
    const { type, start, end } = node;
    switch (type) {
      case 'Literal':
        mark(start, end, 'literal');
        break;
      case 'TemplateElement':
        mark(start, end, isTagged(parent) ? 'tagged-template' : 'literal');
        break;
      case 'Identifier':
        mark(start, end, isDirectEval(node, parent) ? 'eval-call' : 'name');
        break;
      case 'PrivateIdentifier':
        mark(start, end, 'name');
        break;
      case 'ImportExpression':
        mark(start, start + 1, 'import-call');
        break;
      case 'TaggedTemplateExpression': {
        const quasi = childOf(node, 'quasi');
        if (quasi !== undefined) quasi.tagged = true;
        break;
      }
    }
  });
  return contexts;
}

const isTagged = (template: SyntaxNode | undefined) => template?.tagged === true;

const isDirectEval = (node: SyntaxNode, parent: SyntaxNode | undefined) =>
  node.name === 'eval' &&
  parent?.type === 'CallExpression' &&
  parent.callee === node &&
  parent.optional !== true;

function firstAtLeast(sorted: readonly number[], wanted: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
