import { ts } from 'ts-morph';

/** The comment of a declaration, from its first star to its last: the lines between the delimiters. */
export function docOf(node: ts.Node | undefined): string | undefined {
  const holder = node === undefined ? undefined : holderOf(node);
  if (holder === undefined) return undefined;
  const comment = ts.getJSDocCommentsAndTags(holder).findLast((part) => ts.isJSDoc(part));
  if (comment === undefined) return undefined;
  const lines = comment
    .getText()
    .replace(/^\/\*\*/, '')
    .replace(/\*\/$/, '')
    .split(/\r\n|\r|\n/)
    .map((line, index) => (index === 0 ? line.trim() : line.replace(/^\s*\* ?/, '').trimEnd()));
  while (lines.length > 0 && lines[0]?.trim() === '') lines.shift();
  while (lines.length > 0 && lines.at(-1)?.trim() === '') lines.pop();
  return lines.length === 0 ? undefined : lines.join('\n');
}

/** The names of a declaration's tags: `['query']`. In a sentence `@query` is a word. */
export const tagsOf = (node: ts.Node | undefined): string[] =>
  node === undefined
    ? []
    : ts
        .getJSDocTags(holderOf(node) ?? node)
        .filter((tag) => standsAlone(tag))
        .map(({ tagName }) => tagName.text);

/** Whether nothing but tags is before it on its line, or after it in the comment. */
function standsAlone(tag: ts.JSDocTag): boolean {
  const comment = tag.parent;
  const { text } = tag.getSourceFile();
  const before = text.slice(comment.getStart(), tag.getStart());
  const after = text.slice(tag.tagName.getEnd(), comment.getEnd());
  return (
    /(?:^\/\*\*|[\r\n])[\s*]*(?:@\w+[ \t]+)*$/.test(before) ||
    /^\s*(?:[\s*]*@\w+)*[\s*]*\*\/$/.test(after)
  );
}

/** A variable's comment stands at its statement. */
function holderOf(node: ts.Node): ts.Node | undefined {
  if (!ts.isVariableDeclaration(node)) return node;
  const statement = node.parent.parent;
  return ts.isVariableStatement(statement) ? statement : undefined;
}
