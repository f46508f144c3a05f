/** Where a value comes from: follows an expression back to the call that made the exo or the topic. */
import { ts } from 'ts-morph';
import {
  functionOf,
  isClassMaker,
  libraryName,
  makerOfCall,
  makerOfLiteral,
  resolveSymbol,
  unwrap,
  type Maker,
} from './makers.js';

export type Source =
  | { kind: 'exo'; maker: Maker; methods: ts.ObjectLiteralExpression | undefined }
  | { kind: 'topic'; durable: boolean }
  /** What cannot be followed, or is neither. */
  | { kind: 'other' };

const other: Source[] = [{ kind: 'other' }];

/** Calls within calls, further than anybody writes by hand. */
const depthMax = 12;

/** What a function's `return` statements give, as far as it can be seen. */
export function sourcesOfResult(node: ts.Node | undefined, checker: ts.TypeChecker): Source[] {
  const fn = node === undefined ? undefined : bodyOwner(node);
  return fn === undefined ? [] : ofResults(fn, checker, 0);
}

/** What an expression gives, as far as it can be seen. */
export const sourcesOf = (expression: ts.Expression, checker: ts.TypeChecker): Source[] =>
  trace(expression, checker, 0);

function bodyOwner(node: ts.Node): ts.FunctionLikeDeclaration | undefined {
  if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) return node;
  if (ts.isPropertyAssignment(node) || ts.isVariableDeclaration(node)) {
    return node.initializer === undefined ? undefined : bodyOwner(unwrap(node.initializer));
  }
  return undefined;
}

/** What it returns, as it is written. */
export function resultsOf({ body }: ts.FunctionLikeDeclaration): ts.Expression[] {
  if (body === undefined) return [];
  if (!ts.isBlock(body)) return [body];
  const results: ts.Expression[] = [];
  const look = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) return;
    if (ts.isReturnStatement(node) && node.expression !== undefined) results.push(node.expression);
    ts.forEachChild(node, look);
  };
  ts.forEachChild(body, look);
  return results;
}

function ofResults(
  fn: ts.FunctionLikeDeclaration,
  checker: ts.TypeChecker,
  depth: number,
): Source[] {
  const sources = resultsOf(fn).flatMap((result) => trace(result, checker, depth));
  return mayEnd(fn) ? [...sources, ...other] : sources;
}

/** Whether it may come to its end without a `return`, for all that can be seen at a glance. */
export function mayEnd({ body }: ts.FunctionLikeDeclaration): boolean {
  const last = body !== undefined && ts.isBlock(body) ? body.statements.at(-1) : undefined;
  return last !== undefined && !ts.isReturnStatement(last) && !ts.isThrowStatement(last);
}

function trace(expression: ts.Expression, checker: ts.TypeChecker, depth: number): Source[] {
  if (depth > depthMax) return other;
  const value = unwrap(expression);
  const next = (inner: ts.Expression) => trace(inner, checker, depth + 1);
  if (ts.isConditionalExpression(value)) return [...next(value.whenTrue), ...next(value.whenFalse)];
  if (ts.isBinaryExpression(value)) {
    return isChoice(value) ? [...next(value.left), ...next(value.right)] : other;
  }
  if (ts.isObjectLiteralExpression(value)) return ofLiteral(value, checker);
  if (ts.isCallExpression(value)) return ofCall(value, checker, depth);
  if (ts.isPropertyAccessExpression(value)) {
    const declared = resolveSymbol(value, checker)?.valueDeclaration;
    if (declared !== undefined && ts.isPropertyAssignment(declared)) {
      const found = next(declared.initializer);
      if (found.some(({ kind }) => kind !== 'other')) return found;
    }
    return facetOf(next(value.expression), value.name.text);
  }
  if (ts.isIdentifier(value)) return ofName(value, checker, depth);
  return other;
}

const isChoice = ({ operatorToken: { kind } }: ts.BinaryExpression): boolean =>
  kind === ts.SyntaxKind.BarBarToken ||
  kind === ts.SyntaxKind.QuestionQuestionToken ||
  kind === ts.SyntaxKind.AmpersandAmpersandToken;

function ofLiteral(literal: ts.ObjectLiteralExpression, checker: ts.TypeChecker): Source[] {
  const maker = makerOfLiteral(literal, checker);
  return maker === undefined ? other : [{ kind: 'exo', maker, methods: literal }];
}

function ofCall(call: ts.CallExpression, checker: ts.TypeChecker, depth: number): Source[] {
  const name = libraryName(call.expression, checker);
  if (name === 'makeTopic') return [{ kind: 'topic', durable: false }];
  if (name === 'prepareTopic') return [{ kind: 'topic', durable: true }];
  const maker = makerOfCall(call, checker);
  if (maker !== undefined) return isClassMaker(maker) ? other : [madeBy(maker, checker)];
  const made = classMakerOf(call.expression, checker);
  if (made !== undefined) return [madeBy(made, checker)];
  const fn = functionOf(call.expression, checker);
  return fn === undefined ? other : ofResults(fn, checker, depth + 1);
}

/** `makeNote` of `const makeNote = prepareExoClass(…)`. */
function classMakerOf(
  callee: ts.Expression,
  checker: ts.TypeChecker,
): Omit<Maker, 'facet'> | undefined {
  for (const declaration of resolveSymbol(callee, checker)?.declarations ?? []) {
    if (!ts.isVariableDeclaration(declaration) || declaration.initializer === undefined) continue;
    const value = unwrap(declaration.initializer);
    const maker = ts.isCallExpression(value) ? makerOfCall(value, checker) : undefined;
    if (maker !== undefined && isClassMaker(maker)) return maker;
  }
  return undefined;
}

function madeBy(maker: Omit<Maker, 'facet'>, checker: ts.TypeChecker): Source {
  const argument = maker.call.arguments[maker.form.methods];
  const methods = argument === undefined ? undefined : literalOf(argument, checker);
  return { kind: 'exo', maker: { ...maker, facet: undefined }, methods };
}

function literalOf(
  expression: ts.Expression,
  checker: ts.TypeChecker,
): ts.ObjectLiteralExpression | undefined {
  const value = unwrap(expression);
  if (ts.isObjectLiteralExpression(value)) return value;
  if (!ts.isIdentifier(value)) return undefined;
  const declaration = resolveSymbol(value, checker)?.valueDeclaration;
  return declaration !== undefined &&
    ts.isVariableDeclaration(declaration) &&
    declaration.initializer !== undefined
    ? literalOf(declaration.initializer, checker)
    : undefined;
}

function ofName(name: ts.Identifier, checker: ts.TypeChecker, depth: number): Source[] {
  for (const declaration of resolveSymbol(name, checker)?.declarations ?? []) {
    if (ts.isVariableDeclaration(declaration) && declaration.initializer !== undefined) {
      const sources = trace(declaration.initializer, checker, depth + 1);
      const isConstant = (ts.getCombinedNodeFlags(declaration) & ts.NodeFlags.Const) !== 0;
      return isConstant ? sources : [...sources, ...other];
    }
    if (ts.isBindingElement(declaration)) {
      const { parent } = declaration.parent;
      if (!ts.isVariableDeclaration(parent) || parent.initializer === undefined) return other;
      const part = (declaration.propertyName ?? declaration.name).getText();
      return facetOf(trace(parent.initializer, checker, depth + 1), part);
    }
  }
  return other;
}

/** A part of a topic is the topic's, a part of a kit one of its facets. */
function facetOf(sources: readonly Source[], name: string): Source[] {
  return sources.flatMap((source): Source[] => {
    if (source.kind !== 'exo') return [source];
    const { maker, methods } = source;
    if (!maker.form.kit || maker.facet !== undefined) return other;
    const facet = methods?.properties.find((property) => property.name?.getText() === name);
    const literal =
      facet !== undefined && ts.isPropertyAssignment(facet) ? unwrap(facet.initializer) : undefined;
    return [
      {
        kind: 'exo',
        maker: { ...maker, facet: name },
        methods:
          literal !== undefined && ts.isObjectLiteralExpression(literal) ? literal : undefined,
      },
    ];
  });
}
