/** Types out of guards: `M.interface('Counter', { increment: M.call(M.nat()).returns(M.nat()) })`. */
import { ts } from 'ts-morph';
import { functionOf, initializerOf, resolveSymbol, unwrap, type Maker } from './makers.js';
import { primitive, unknownType, type Type } from './model.js';

/** What a method's guard says of it. */
export type MethodGuardTypes = {
  required: Type[];
  optional: Type[];
  rest: Type | undefined;
  result: Type | undefined;
};

/** What the guards of an exo say, by method. Empty where it has none that is written out. */
export function guardTypes(
  maker: Maker,
  checker: ts.TypeChecker,
): ReadonlyMap<string, MethodGuardTypes> {
  const guards = new Map<string, MethodGuardTypes>();
  const { guard } = maker.form;
  const argument = guard === undefined ? undefined : maker.call.arguments[guard];
  if (argument === undefined) return guards;
  const read = makeGuardReader(checker);
  const own = maker.facet === undefined ? argument : read.property(argument, maker.facet);
  const methods = own === undefined ? undefined : read.interfaceMethods(own);
  for (const [name, expression] of methods ?? []) {
    const types = read.method(expression);
    if (types !== undefined) guards.set(name, types);
  }
  return guards;
}

/** Patterns without arguments that say more than "something that can pass". */
const leaves: Readonly<Record<string, Type>> = {
  string: primitive('string'),
  number: primitive('number'),
  bigint: primitive('bigint'),
  nat: primitive('bigint'),
  boolean: primitive('boolean'),
  undefined: primitive('undefined'),
  null: primitive('null'),
  symbol: primitive('symbol'),
  error: { kind: 'error' },
  remotable: { kind: 'remotable' },
  array: { kind: 'array', item: unknownType, readonly: false },
  record: { kind: 'record', properties: [], index: unknownType },
  promise: { kind: 'promise', type: unknownType },
};

function makeGuardReader(checker: ts.TypeChecker) {
  /** The expression that a name stands for. */
  const follow = (expression: ts.Expression): ts.Expression => {
    const inner = unwrap(expression);
    if (!ts.isIdentifier(inner) && !ts.isPropertyAccessExpression(inner)) return inner;
    for (const declaration of resolveSymbol(inner, checker)?.declarations ?? []) {
      const value = initializerOf(declaration);
      if (value !== undefined) return follow(value);
    }
    return inner;
  };

  const propertiesOf = (expression: ts.Expression): Map<string, ts.Expression> => {
    const record = follow(expression);
    const properties = new Map<string, ts.Expression>();
    if (!ts.isObjectLiteralExpression(record)) return properties;
    for (const property of record.properties) {
      if (ts.isSpreadAssignment(property)) {
        for (const [name, value] of propertiesOf(property.expression)) properties.set(name, value);
      } else if (ts.isPropertyAssignment(property)) {
        properties.set(nameText(property.name), property.initializer);
      } else if (ts.isShorthandPropertyAssignment(property)) {
        properties.set(property.name.text, property.name);
      }
    }
    return properties;
  };

  /** `M.string(...)` as its name and arguments. */
  const patternCall = (
    expression: ts.Expression,
  ): { name: string; args: readonly ts.Expression[] } | undefined => {
    if (!ts.isCallExpression(expression)) return undefined;
    const { expression: callee, arguments: args } = expression;
    if (!ts.isPropertyAccessExpression(callee)) return undefined;
    return resolveSymbol(callee.expression, checker)?.name === 'M'
      ? { name: callee.name.text, args }
      : undefined;
  };

  const union = (types: Type[]): Type => {
    const flat = types.flatMap((type) => (type.kind === 'union' ? type.types : [type]));
    return flat.length === 1 ? (flat[0] as Type) : { kind: 'union', types: flat };
  };

  const record = (required: ts.Expression | undefined, optional?: ts.Expression): Type => {
    const part = (of: ts.Expression | undefined, isOptional: boolean) =>
      of === undefined
        ? []
        : [...propertiesOf(of)].map(([name, value]) => ({
            name,
            type: typeOf(value),
            optional: isOptional,
            readonly: false,
          }));
    return {
      kind: 'record',
      properties: [...part(required, false), ...part(optional, true)],
      index: null,
    };
  };

  const ofPattern = (name: string, args: readonly ts.Expression[]): Type => {
    const at = (index: number): Type => {
      const argument = args[index];
      return argument === undefined ? unknownType : typeOf(argument);
    };
    switch (name) {
      case 'or':
        return union(args.map(typeOf));
      case 'and':
        return args.length === 0 ? unknownType : at(args.length - 1);
      case 'opt':
        return union([at(0), primitive('undefined')]);
      case 'eref':
        return union([at(0), { kind: 'promise', type: at(0) }]);
      case 'await':
        return at(0);
      case 'arrayOf':
        return { kind: 'array', item: at(0), readonly: false };
      case 'recordOf':
        return { kind: 'record', properties: [], index: at(1) };
      case 'splitRecord':
        return record(args[0], args[1]);
      case 'eq':
      case 'lt':
      case 'lte':
      case 'gt':
      case 'gte': {
        const type = at(0);
        return type.kind === 'literal' && name !== 'eq'
          ? primitive(typeof type.value as 'string')
          : type;
      }
      case 'callWhen':
      case 'call':
        return unknownType;
      default:
        return leaves[name] ?? unknownType;
    }
  };

  const typeOf = (expression: ts.Expression): Type => {
    const value = follow(expression);
    const call = patternCall(value);
    if (call !== undefined) return ofPattern(call.name, call.args);
    if (ts.isCallExpression(value)) {
      // A helper that returns a pattern.
      const body = functionOf(value.expression, checker)?.body;
      return body !== undefined && !ts.isBlock(body) ? typeOf(body) : unknownType;
    }
    if (ts.isStringLiteralLike(value)) return { kind: 'literal', value: value.text };
    if (ts.isNumericLiteral(value)) return { kind: 'literal', value: Number(value.text) };
    if (ts.isBigIntLiteral(value))
      return { kind: 'bigint-literal', value: value.text.slice(0, -1) };
    if (value.kind === ts.SyntaxKind.TrueKeyword) return { kind: 'literal', value: true };
    if (value.kind === ts.SyntaxKind.FalseKeyword) return { kind: 'literal', value: false };
    if (value.kind === ts.SyntaxKind.NullKeyword) return primitive('null');
    if (ts.isIdentifier(value) && value.text === 'undefined') return primitive('undefined');
    if (ts.isObjectLiteralExpression(value)) return record(value);
    if (ts.isArrayLiteralExpression(value)) {
      const items = value.elements.map((item) => ({
        type: typeOf(item),
        optional: false,
        rest: false,
      }));
      return { kind: 'tuple', items, readonly: false };
    }
    return unknownType;
  };

  return {
    property: (guardKit: ts.Expression, facet: string): ts.Expression | undefined =>
      propertiesOf(guardKit).get(facet),

    /** The method guards of `M.interface(name, { … })`. */
    interfaceMethods(guard: ts.Expression): Map<string, ts.Expression> | undefined {
      const call = patternCall(follow(guard));
      const methods = call?.name === 'interface' ? call.args[1] : undefined;
      return methods === undefined ? undefined : propertiesOf(methods);
    },

    /** Of `M.callWhen(a).optional(b).rest(c).returns(d)`. */
    method(guard: ts.Expression): MethodGuardTypes | undefined {
      const types: MethodGuardTypes = {
        required: [],
        optional: [],
        rest: undefined,
        result: undefined,
      };
      let step = follow(guard);
      for (;;) {
        const start = patternCall(step);
        if (start !== undefined) {
          if (start.name !== 'call' && start.name !== 'callWhen') return undefined;
          types.required = start.args.map(typeOf);
          return types;
        }
        if (!ts.isCallExpression(step) || !ts.isPropertyAccessExpression(step.expression)) {
          return undefined;
        }
        const [first] = step.arguments;
        const name = step.expression.name.text;
        if (name === 'optional') types.optional = step.arguments.map(typeOf);
        else if (name === 'rest' && first !== undefined) types.rest = itemOf(typeOf(first));
        else if (name === 'returns') {
          types.result = first === undefined ? primitive('undefined') : typeOf(first);
        } else return undefined;
        step = follow(step.expression.expression);
      }
    },
  };
}

/** `.rest(M.arrayOf(M.string()))` is given the array, `.rest(M.any())` anything. */
const itemOf = (type: Type): Type => (type.kind === 'array' ? type.item : unknownType);

const nameText = (name: ts.PropertyName): string =>
  ts.isIdentifier(name) || ts.isStringLiteralLike(name) || ts.isNumericLiteral(name)
    ? name.text
    : name.getText();
