/**
 * What a function is seen to return, read off its source. For code whose type leads back to itself: there the compiler
 * gives up and says `any`, while the reader sees exos, and arrays and records of them.
 */
import { ts } from 'ts-morph';
import { functionOf, unwrap } from './makers.js';
import { primitive, type Property, type Type } from './model.js';
import { mayEnd, resultsOf, sourcesOf } from './trace.js';
import { unionOf, type Spot } from './type-reader.js';

export type SeenTypesPowers = {
  checker: ts.TypeChecker;
  /** The name of the interface of the exo that this literal makes. */
  readExo(methods: ts.ObjectLiteralExpression, spot: Spot): string;
  /** What the compiler knows of a type. */
  readType(type: ts.Type, spot: Spot): Type;
};

/** Calls, names and literals within each other, further than anybody writes by hand. */
const depthMax = 12;

export function makeSeenTypes({ checker, readExo, readType }: SeenTypesPowers) {
  const all = <From>(parts: readonly From[], see: (part: From) => Type | undefined) => {
    const seen = parts.map(see);
    return seen.every((type) => type !== undefined) ? seen : undefined;
  };

  const ofFunction = (fn: ts.Node, spot: Spot, depth: number): Type | undefined => {
    if (!ts.isFunctionLike(fn) || !('body' in fn) || fn.body === undefined) return undefined;
    if (fn.asteriskToken !== undefined) return undefined;
    const types = all(resultsOf(fn), (result) => see(result, spot, depth + 1));
    if (types === undefined || types.length === 0) return undefined;
    return unionOf(mayEnd(fn) ? [...types, primitive('undefined')] : types);
  };

  const see = (expression: ts.Expression, spot: Spot, depth: number): Type | undefined => {
    if (depth > depthMax) return undefined;
    const value = unwrap(expression);
    if (ts.isConditionalExpression(value)) {
      const types = all([value.whenTrue, value.whenFalse], (each) => see(each, spot, depth + 1));
      return types && unionOf(types);
    }
    if (ts.isArrayLiteralExpression(value)) {
      const items = all(value.elements, (item) => see(item, spot, depth + 1));
      return items && arrayOf(unionOf(items));
    }
    const type = checker.getTypeAtLocation(value);
    if (!leadsNowhere(type, checker)) {
      return readType(checker.getBaseTypeOfLiteralType(type), spot);
    }
    return (
      ofExos(value, spot) ??
      (ts.isObjectLiteralExpression(value) ? ofRecord(value, spot, depth) : undefined) ??
      (ts.isCallExpression(value) ? ofCall(value, spot, depth) : undefined) ??
      (ts.isIdentifier(value) ? ofConstant(value, spot, depth) : undefined)
    );
  };

  const ofExos = (value: ts.Expression, spot: Spot): Type | undefined => {
    const types = all(sourcesOf(value, checker), (source): Type | undefined =>
      source.kind === 'exo' && source.methods !== undefined
        ? { kind: 'interface', name: readExo(source.methods, spot) }
        : undefined,
    );
    return types === undefined || types.length === 0 ? undefined : unionOf(types);
  };

  const ofRecord = (
    { properties }: ts.ObjectLiteralExpression,
    spot: Spot,
    depth: number,
  ): Type | undefined => {
    const read: Property[] = [];
    for (const property of properties) {
      const isShort = ts.isShorthandPropertyAssignment(property);
      if (!isShort && !ts.isPropertyAssignment(property)) return undefined;
      if (ts.isComputedPropertyName(property.name)) return undefined;
      const type = see(isShort ? property.name : property.initializer, spot, depth + 1);
      if (type === undefined) return undefined;
      const name = ts.isStringLiteralLike(property.name)
        ? property.name.text
        : property.name.getText();
      read.push({ name, type, optional: false, readonly: false });
    }
    return { kind: 'record', properties: read, index: null };
  };

  /** A function of the author's, or `items.map((item) => …)`. */
  const ofCall = (call: ts.CallExpression, spot: Spot, depth: number): Type | undefined => {
    const { expression: callee } = call;
    if (ts.isPropertyAccessExpression(callee) && callee.name.text === 'map') {
      const [each] = call.arguments;
      const isArray = checker.isArrayLikeType(checker.getTypeAtLocation(callee.expression));
      const item = each && isArray ? ofFunction(unwrap(each), spot, depth) : undefined;
      return item && arrayOf(item);
    }
    const fn = functionOf(callee, checker);
    return fn && ofFunction(fn, spot, depth);
  };

  const ofConstant = (name: ts.Identifier, spot: Spot, depth: number): Type | undefined => {
    const declaration = valueOf(name, checker)?.valueDeclaration;
    const isConstant =
      declaration !== undefined &&
      ts.isVariableDeclaration(declaration) &&
      (ts.getCombinedNodeFlags(declaration) & ts.NodeFlags.Const) !== 0;
    return isConstant && declaration.initializer !== undefined
      ? see(declaration.initializer, spot, depth + 1)
      : undefined;
  };

  return {
    /** Undefined where the compiler knows the result, and where it cannot be seen either. */
    resultOf(signature: ts.Signature, spot: Spot): Type | undefined {
      const declaration = signature.getDeclaration();
      return declaration !== undefined && leadsNowhere(signature.getReturnType(), checker)
        ? ofFunction(declaration, spot, 0)
        : undefined;
    },
  };
}

const arrayOf = (item: Type): Type => ({ kind: 'array', item, readonly: false });

/** In `{ note }` the name is the property's as well as the value's. */
const valueOf = (name: ts.Identifier, checker: ts.TypeChecker): ts.Symbol | undefined =>
  ts.isShorthandPropertyAssignment(name.parent)
    ? checker.getShorthandAssignmentValueSymbol(name.parent)
    : checker.getSymbolAtLocation(name);

/** Whether it is `any`, or an array, a promise or plain data with `any` in it. */
function leadsNowhere(type: ts.Type, checker: ts.TypeChecker, depth = 0): boolean {
  if ((type.flags & ts.TypeFlags.Any) !== 0) return true;
  if (depth > 4) return false;
  const within = (part: ts.Type): boolean => leadsNowhere(part, checker, depth + 1);
  if (type.isUnionOrIntersection()) return type.types.some(within);
  if ((type.flags & ts.TypeFlags.Object) === 0) return false;
  const { objectFlags } = type as ts.ObjectType;
  if ((objectFlags & ts.ObjectFlags.Reference) !== 0) {
    return checker.getTypeArguments(type as ts.TypeReference).some(within);
  }
  if ((objectFlags & ts.ObjectFlags.Anonymous) === 0 || isCalled(type)) return false;
  const parts = checker.getPropertiesOfType(type).map((each) => checker.getTypeOfSymbol(each));
  return !parts.some(isCalled) && parts.some(within);
}

const isCalled = (type: ts.Type): boolean =>
  type.getCallSignatures().length > 0 || type.getConstructSignatures().length > 0;
