import { parseAst } from 'rollup/parseAst';

type Node = {
  type: string;
  start: number;
  end: number;
  callee?: Node;
  name?: string;
  source?: Node;
};

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';

/** All that would make a module's file load another one. */
export function loadsOf(text: string): string[] {
  const found: string[] = [];
  const visit = (node: Node): void => {
    const { type, callee, source } = node;
    const isLoad =
      type === 'ImportDeclaration' ||
      type === 'ImportExpression' ||
      type === 'MetaProperty' ||
      (type.startsWith('Export') && isNode(source)) ||
      (callee?.type === 'Identifier' && callee.name === 'importScripts');
    if (isLoad) found.push(text.slice(node.start, node.end).slice(0, 100));
    for (const value of Object.values(node))
      for (const child of Array.isArray(value) ? (value as unknown[]) : [value])
        if (isNode(child)) visit(child);
  };
  visit(parseAst(text));
  return found;
}
