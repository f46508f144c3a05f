/** The calls that make exos, and which object literal becomes one by which of them. */
import { ts } from 'ts-morph';
import { isInPackage } from './program.js';

/** Where a maker of exos takes what, as indexes of its arguments. */
type MakerForm = {
  tag: number;
  methods: number;
  guard?: number;
  durable: boolean;
  /** Its methods are a record of facets. */
  kit?: true;
};

const forms: ReadonlyMap<string, MakerForm> = new Map<string, MakerForm>([
  ['makeDefaultExo', { tag: 0, methods: 1, guard: 2, durable: false }],
  ['makeDiscoverableExo', { tag: 0, methods: 1, guard: 3, durable: false }],
  ['makeExo', { tag: 0, guard: 1, methods: 2, durable: false }],
  ['Far', { tag: 0, methods: 1, durable: false }],
  ['Remotable', { tag: 0, methods: 2, durable: false }],
  ['defineExoClass', { tag: 0, guard: 1, methods: 3, durable: false }],
  ['defineExoClassKit', { tag: 0, guard: 1, methods: 3, durable: false, kit: true }],
  ['prepareExo', { tag: 1, guard: 2, methods: 3, durable: true }],
  ['prepareExoClass', { tag: 1, guard: 2, methods: 4, durable: true }],
  ['prepareExoClassKit', { tag: 1, guard: 2, methods: 4, durable: true, kit: true }],
]);

/** The makers whose call gives a maker in turn, not the exo itself. */
const classMakers = new Set([
  'defineExoClass',
  'defineExoClassKit',
  'prepareExoClass',
  'prepareExoClassKit',
]);

export const makerNames: readonly string[] = [...forms.keys()];

/** How an exo is made. */
export type Maker = {
  call: ts.CallExpression;
  /** `makeExo` */
  name: string;
  form: MakerForm;
  /** The name that the author gave it, where it is written out. */
  tag: string | undefined;
  /** Of a kit's. */
  facet: string | undefined;
};

/** These put a guard of their own where they are given none. */
const guarding = new Set(['makeDefaultExo', 'makeDiscoverableExo']);

/** Whether a guard stands before its methods. */
export function hasGuard({ call, name, form }: Omit<Maker, 'facet'>): boolean {
  const argument = form.guard === undefined ? undefined : call.arguments[form.guard];
  const isOpen = argument === undefined || unwrap(argument).getText() === 'undefined';
  return !isOpen || guarding.has(name);
}

/** What an expression is called, imported under whatever name: `makeExo`; undefined for the author's own. */
export function libraryName(
  expression: ts.Expression,
  checker: ts.TypeChecker,
): string | undefined {
  const symbol = resolveSymbol(expression, checker);
  const file = symbol?.declarations?.[0]?.getSourceFile();
  if (symbol === undefined || file === undefined) return undefined;
  return isInPackage(file.fileName) || file.isDeclarationFile ? symbol.name : undefined;
}

/** The symbol that a name stands for, through imports and re-exports. */
export function resolveSymbol(node: ts.Node, checker: ts.TypeChecker): ts.Symbol | undefined {
  const name = ts.isPropertyAccessExpression(node) ? node.name : node;
  const symbol = checker.getSymbolAtLocation(name);
  if (symbol === undefined) return undefined;
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

/** What stands inside of parentheses, `as`, `await`, `harden(…)` and the like. */
export function unwrap(expression: ts.Expression): ts.Expression {
  if (
    ts.isParenthesizedExpression(expression) ||
    ts.isAsExpression(expression) ||
    ts.isSatisfiesExpression(expression) ||
    ts.isNonNullExpression(expression) ||
    ts.isAwaitExpression(expression)
  ) {
    return unwrap(expression.expression);
  }
  const [argument] = ts.isCallExpression(expression) ? expression.arguments : [];
  return argument !== undefined && isHarden(expression as ts.CallExpression)
    ? unwrap(argument)
    : expression;
}

const isHarden = ({ expression }: ts.CallExpression): boolean =>
  /^(?:harden|Object\.freeze)$/.test(expression.getText());

/** How a call makes an exo, if it is one of the known makers, or a function of the author's around one. */
export function makerOfCall(
  call: ts.CallExpression,
  checker: ts.TypeChecker,
): Omit<Maker, 'facet'> | undefined {
  const name = libraryName(call.expression, checker);
  const form = name === undefined ? undefined : forms.get(name);
  if (name !== undefined && form !== undefined) {
    return { call, name, form, tag: textOf(call.arguments[form.tag], checker) };
  }
  return name === undefined ? wrappedMaker(call, checker) : undefined;
}

export const isClassMaker = ({ name }: Pick<Maker, 'name'>): boolean => classMakers.has(name);

/** `const exo = (name, methods) => makeExo(name, undefined, methods)`: its calls make exos as well. */
function wrappedMaker(
  call: ts.CallExpression,
  checker: ts.TypeChecker,
): Omit<Maker, 'facet'> | undefined {
  const fn = functionOf(call.expression, checker);
  if (fn?.body === undefined) return undefined;
  let found: Omit<Maker, 'facet'> | undefined;
  const indexOf = (argument: ts.Expression | undefined): number => {
    if (argument === undefined) return -1;
    const inner = unwrap(argument);
    const symbol = ts.isIdentifier(inner) ? checker.getSymbolAtLocation(inner) : undefined;
    return fn.parameters.findIndex(
      ({ name }) => symbol !== undefined && checker.getSymbolAtLocation(name) === symbol,
    );
  };
  const look = (node: ts.Node): void => {
    if (found !== undefined) return;
    const name = ts.isCallExpression(node) ? libraryName(node.expression, checker) : undefined;
    const form = name === undefined ? undefined : forms.get(name);
    if (ts.isCallExpression(node) && name !== undefined && form !== undefined) {
      const methods = indexOf(node.arguments[form.methods]);
      if (methods >= 0) {
        const tag = indexOf(node.arguments[form.tag]);
        const text = tag >= 0 ? call.arguments[tag] : node.arguments[form.tag];
        const { durable, kit } = form;
        found = {
          call,
          name,
          form: { tag, methods, durable, ...(kit && { kit }) },
          tag: textOf(text, checker),
        };
        return;
      }
    }
    ts.forEachChild(node, look);
  };
  look(fn.body);
  return found;
}

/** The function that a name stands for, where its body can be read. */
export function functionOf(
  expression: ts.Expression,
  checker: ts.TypeChecker,
): ts.FunctionLikeDeclaration | undefined {
  const symbol = resolveSymbol(expression, checker);
  for (const declaration of symbol?.declarations ?? []) {
    if (ts.isFunctionLike(declaration) && 'body' in declaration) {
      if (declaration.body !== undefined) return declaration;
    }
    const value = initializerOf(declaration);
    if (value !== undefined && (ts.isArrowFunction(value) || ts.isFunctionExpression(value))) {
      return value;
    }
  }
  return undefined;
}

/** What a variable or property is given where it is declared. */
export function initializerOf(declaration: ts.Node): ts.Expression | undefined {
  if (ts.isVariableDeclaration(declaration) || ts.isPropertyAssignment(declaration)) {
    return declaration.initializer === undefined ? undefined : unwrap(declaration.initializer);
  }
  return undefined;
}

/** The text of a string that is written out, here or in a constant. */
function textOf(node: ts.Expression | undefined, checker: ts.TypeChecker): string | undefined {
  if (node === undefined) return undefined;
  const type = checker.getTypeAtLocation(node);
  return type.isStringLiteral() ? type.value : undefined;
}

/** How the object literal becomes an exo; undefined where it does not. */
export function makerOfLiteral(
  literal: ts.ObjectLiteralExpression,
  checker: ts.TypeChecker,
): Maker | undefined {
  for (const { argument, call } of usesOf(literal, checker)) {
    const maker = makerOfCall(call, checker);
    if (maker === undefined) continue;
    const methods = call.arguments[maker.form.methods];
    if (methods !== argument) continue;
    if (!maker.form.kit) return { ...maker, facet: undefined };
  }
  // A facet of a kit.
  const { parent } = literal;
  if (!ts.isPropertyAssignment(parent) || !ts.isObjectLiteralExpression(parent.parent)) {
    return undefined;
  }
  for (const { argument, call } of usesOf(parent.parent, checker)) {
    const maker = makerOfCall(call, checker);
    if (maker?.form.kit && call.arguments[maker.form.methods] === argument) {
      return { ...maker, facet: parent.name.getText() };
    }
  }
  return undefined;
}

type Use = { argument: ts.Expression; call: ts.CallExpression };

/** The calls that take a literal as it is, or the constant that it is given to. */
function usesOf(literal: ts.Expression, checker: ts.TypeChecker): Use[] {
  let value: ts.Expression = literal;
  while (isWrapped(value)) value = value.parent as ts.Expression;
  const { parent } = value;
  if (ts.isCallExpression(parent) && parent.expression !== value) {
    return [{ argument: value, call: parent }];
  }
  if (!ts.isVariableDeclaration(parent) || parent.initializer !== value) return [];
  const symbol = checker.getSymbolAtLocation(parent.name);
  const uses: Use[] = [];
  const look = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) {
      for (const argument of node.arguments) {
        const inner = unwrap(argument);
        if (ts.isIdentifier(inner) && checker.getSymbolAtLocation(inner) === symbol) {
          uses.push({ argument, call: node });
        }
      }
    }
    ts.forEachChild(node, look);
  };
  look(literal.getSourceFile());
  return uses;
}

const isWrapped = (node: ts.Node): boolean => {
  const { parent } = node;
  if (ts.isCallExpression(parent)) return isHarden(parent);
  return (
    ts.isParenthesizedExpression(parent) ||
    ts.isAsExpression(parent) ||
    ts.isSatisfiesExpression(parent) ||
    ts.isNonNullExpression(parent)
  );
};
