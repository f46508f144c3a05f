/** From what the compiler knows of a type to the model's. Whatever cannot pass is reported, and reading goes on. */
import { ts } from 'ts-morph';
import { docOf } from './jsdoc.js';
import {
  deepParts,
  primitive,
  unknownType,
  type NamedType,
  type Place,
  type Property,
  type Signature,
  type Type,
} from './model.js';
import { typeText } from './type-text.js';
import { functionHint, isLibraryType, objectHint, refusalOf } from './unpassable.js';

/** What is being read: who is to be told of what is wrong with it, and where. */
export type Spot = {
  node: ts.Node;
  /** `TodoRoot.add, parameter 'items'` */
  subject: string;
  /** The way from the subject to the part that is looked at: `.tags[]`. */
  path: string;
  /** An argument may hold functions and objects of the caller's; a result holds what the vat made. */
  side: 'argument' | 'result';
};

export type TypeReaderPowers = {
  checker: ts.TypeChecker;
  report(node: ts.Node, message: string): void;
  claim(name: string): string;
  placeOf(node: ts.Node): Place | undefined;
  /** The name of the interface of a remotable object. */
  readInterface(type: ts.Type, spot: Spot): string;
  /** Whether an object literal is made an exo. */
  isExo(literal: ts.ObjectLiteralExpression): boolean;
  readSignature(signature: ts.Signature, spot: Spot): Signature;
};

/** Types that nest deeper have no end: they are recursive and have no name. */
const depthMax = 40;

type Flags = ts.TypeFlags;
const has = (type: ts.Type, flags: Flags): boolean => (type.flags & flags) !== 0;

export function makeTypeReader(powers: TypeReaderPowers) {
  const { checker, report, claim, placeOf, readInterface, isExo, readSignature } = powers;
  const named: NamedType[] = [];
  /** By their symbol and their type arguments. */
  const known = new Map<ts.Symbol, Map<string, NamedType>>();
  const typeParameters = new Set<ts.Type>();
  let depth = 0;

  const textOf = (type: ts.Type): string => {
    const text = checker.typeToString(type, undefined, ts.TypeFormatFlags.NoTruncation);
    return text.length > 120 ? `${text.slice(0, 117)}...` : text;
  };

  const refuse = (spot: Spot, found: string, hint: string): Type => {
    const place = spot.path === '' ? '' : ` (at ${spot.path})`;
    report(spot.node, `${spot.subject}${place}: ${found} cannot pass; ${hint}`);
    return unknownType;
  };

  const at = (spot: Spot, step: string): Spot => ({ ...spot, path: spot.path + step });

  const read = (type: ts.Type, spot: Spot): Type => {
    if (depth > depthMax) {
      return refuse(spot, 'a type that contains itself and has no name', 'give it a name');
    }
    depth += 1;
    try {
      return readNamed(type, spot);
    } finally {
      depth -= 1;
    }
  };

  /** A type that the source gives a name keeps it. */
  const readNamed = (type: ts.Type, spot: Spot): Type => {
    const symbol = dataName(type);
    if (symbol === undefined) return readPlain(type, spot);
    const args =
      (type.aliasSymbol === symbol ? type.aliasTypeArguments : typeArguments(type)) ?? [];
    if (args.some((arg) => mentionsParameter(arg))) return readPlain(type, spot);
    const key = args.map(textOf).join();
    const instances = known.get(symbol) ?? new Map<string, NamedType>();
    known.set(symbol, instances);
    const before = instances.get(key);
    if (before !== undefined) return { kind: 'named', name: before.name };
    const declaration = symbol.declarations?.[0];
    const doc = docOf(declaration);
    const suffix = args.map((arg) => textOf(arg).replace(/[^\p{L}\p{N}_$]+/gu, ' ')).join(' ');
    const wanted = suffix === '' ? symbol.name : `${symbol.name}Of${pascal(suffix)}`;
    const place = declaration === undefined ? undefined : placeOf(nameNode(declaration));
    const entry: NamedType = {
      name: claim(wanted),
      ...(doc !== undefined && { doc }),
      type: unknownType,
      ...(place && { place }),
    };
    instances.set(key, entry);
    named.push(entry);
    entry.type = readPlain(type, { ...spot, path: '', subject: `type ${symbol.name}` });
    return { kind: 'named', name: entry.name };
  };

  /** The symbol whose name a data type goes by; undefined where it has none worth keeping. */
  const dataName = (type: ts.Type): ts.Symbol | undefined => {
    const alias = type.aliasSymbol;
    if (alias !== undefined) {
      const isOurs = special(type) !== undefined || isLibraryType(alias) || isForeign(alias);
      if (isOurs || isRemotable(type) || refusesSymbol(type)) return undefined;
      const isConcrete = type.isUnion() || type.isIntersection() || has(type, ts.TypeFlags.Object);
      return isConcrete && !checker.isArrayType(type) && !isFunction(type) ? alias : undefined;
    }
    if (has(type, ts.TypeFlags.EnumLike)) {
      return type.isUnion() ? type.symbol : undefined;
    }
    const { symbol } = type;
    if (symbol === undefined || !(symbol.flags & ts.SymbolFlags.Interface)) return undefined;
    if (isLibraryType(symbol) || special(type) !== undefined || refusesSymbol(type))
      return undefined;
    return isRemotable(type) ? undefined : symbol;
  };

  const refusesSymbol = (type: ts.Type): boolean =>
    type.symbol !== undefined && refusalOf(type.symbol) !== undefined;

  const readPlain = (type: ts.Type, spot: Spot): Type => {
    const simple = readSimple(type, spot);
    if (simple !== undefined) return simple;
    if (type.isUnion()) return readUnion(type, spot);
    const brand = brandOf(type);
    if (brand !== undefined) return readRemotable(brand, spot);
    if (type.isIntersection()) {
      const atoms = type.types.filter((part) => !has(part, ts.TypeFlags.Object));
      if (atoms.length > 0) return readBranded(type, spot);
    }
    if (has(type, ts.TypeFlags.TypeParameter)) return readTypeParameter(type, spot);
    if (has(type, ts.TypeFlags.Object) || type.isIntersection()) return readObject(type, spot);
    const constraint = checker.getBaseConstraintOfType(type);
    return constraint === undefined || constraint === type ? unknownType : read(constraint, spot);
  };

  const readSimple = (type: ts.Type, spot: Spot): Type | undefined => {
    const { TypeFlags } = ts;
    if (has(type, TypeFlags.Any)) {
      if ((type as { intrinsicName?: string }).intrinsicName === 'error') {
        const place = spot.path === '' ? '' : ` (at ${spot.path})`;
        report(
          spot.node,
          `${spot.subject}${place}: its type cannot be found; see that what it names is declared, and that imports lead somewhere`,
        );
        return unknownType;
      }
      return unknownType;
    }
    if (has(type, TypeFlags.Unknown | TypeFlags.NonPrimitive)) return unknownType;
    if (type.isStringLiteral() || type.isNumberLiteral()) {
      return { kind: 'literal', value: type.value };
    }
    if (has(type, TypeFlags.BigIntLiteral)) {
      const { negative, base10Value } = (type as ts.BigIntLiteralType).value;
      return { kind: 'bigint-literal', value: `${negative ? '-' : ''}${base10Value}` };
    }
    if (has(type, TypeFlags.BooleanLiteral)) {
      return { kind: 'literal', value: textOf(type) === 'true' };
    }
    if (has(type, TypeFlags.TemplateLiteral)) return { kind: 'template', text: textOf(type) };
    const name = primitives.find(
      ([flag]) => has(type, flag) && !has(type, TypeFlags.EnumLike),
    )?.[1];
    if (name !== undefined) return primitive(name);
    if (has(type, TypeFlags.StringMapping)) return primitive('string');
    return undefined;
  };

  const readUnion = (type: ts.UnionType, spot: Spot): Type => {
    // A union of unions is flat, and remembers the names of its parts besides.
    const { origin } = type as { origin?: ts.Type };
    const parts = origin?.isUnion() ? origin.types : type.types;
    return unionOf(parts.map((part) => read(part, spot)));
  };

  /** `string & { brand: 'id' }`: at run time it is the string. */
  const readBranded = (type: ts.IntersectionType, spot: Spot): Type => {
    const parts = type.types
      .filter((part) => !has(part, ts.TypeFlags.Object) || stringProperties(part).length > 0)
      .map((part) =>
        has(part, ts.TypeFlags.Object) ? readRecord(part, spot) : readPlain(part, spot),
      );
    return parts.length === 1 ? (parts[0] as Type) : { kind: 'intersection', types: parts };
  };

  const readTypeParameter = (type: ts.Type, spot: Spot): Type => {
    if (typeParameters.has(type)) return { kind: 'parameter', name: type.symbol.name };
    const constraint = checker.getBaseConstraintOfType(type);
    return constraint === undefined || constraint === type ? unknownType : read(constraint, spot);
  };

  const readRemotable = (type: ts.Type, spot: Spot): Type => {
    if (has(type, ts.TypeFlags.Any | ts.TypeFlags.Unknown)) return { kind: 'remotable' };
    const [signature] = type.getCallSignatures();
    if (signature !== undefined) {
      return { kind: 'function', signature: readSignature(signature, spot) };
    }
    if (stringProperties(type).length === 0 && literalOf(type) === undefined) {
      return { kind: 'remotable' };
    }
    return { kind: 'interface', name: readInterface(type, spot) };
  };

  const readObject = (type: ts.Type, spot: Spot): Type => {
    const meant = special(type);
    if (meant !== undefined) {
      return meant.make(meant.argument === undefined ? unknownType : read(meant.argument, spot));
    }
    if (checker.isTupleType(type)) return readTuple(type as ts.TupleTypeReference, spot);
    if (checker.isArrayType(type)) {
      const [item] = checker.getTypeArguments(type as ts.TypeReference);
      const readonly = type.symbol?.name === 'ReadonlyArray';
      const read1 = item === undefined ? unknownType : read(item, at(spot, '[]'));
      return { kind: 'array', item: read1, readonly };
    }
    if (isError(type)) return { kind: 'error' };
    if (type.getConstructSignatures().length > 0) {
      return refuse(
        spot,
        `a class, ${textOf(type)}`,
        'pass a maker: an exo with a method that makes instances',
      );
    }
    const refusal = type.symbol === undefined ? undefined : refusalOf(type.symbol);
    if (refusal !== undefined) return refuse(spot, refusal.what, refusal.hint);
    const [signature] = type.getCallSignatures();
    if (signature !== undefined) {
      if (spot.side === 'argument') {
        return { kind: 'function', signature: readSignature(signature, spot) };
      }
      return refuse(spot, `a function that is not exposed, ${textOf(type)}`, functionHint);
    }
    return isRemotable(type) ? readMethods(type, spot) : readRecord(type, spot);
  };

  const readMethods = (type: ts.Type, spot: Spot): Type => {
    const literal = literalOf(type);
    if (literal !== undefined && spot.side === 'result' && !isExo(literal)) {
      const names = stringProperties(type).map(({ name }) => `${name}()`);
      return refuse(spot, `an object with methods, { ${names.join(', ')} },`, objectHint);
    }
    return { kind: 'interface', name: readInterface(type, spot) };
  };

  const readTuple = (type: ts.TupleTypeReference, spot: Spot): Type => {
    const { elementFlags, labeledElementDeclarations, readonly } = type.target;
    const items = checker.getTypeArguments(type).map((item, index) => {
      const flag = elementFlags[index] ?? ts.ElementFlags.Required;
      const label = labeledElementDeclarations?.[index]?.name.getText();
      const rest = (flag & ts.ElementFlags.Variable) !== 0;
      const optional = (flag & ts.ElementFlags.Optional) !== 0;
      const inner = read(item, at(spot, `[${index}]`));
      return {
        type: rest
          ? ({ kind: 'array', item: inner, readonly: false } as const)
          : optional
            ? withoutUndefined(inner)
            : inner,
        optional,
        rest,
        ...(label !== undefined && { label }),
      };
    });
    return { kind: 'tuple', items, readonly };
  };

  const readRecord = (type: ts.Type, spot: Spot): Type => {
    const properties = stringProperties(type).map((property): Property => {
      const optional = (property.flags & ts.SymbolFlags.Optional) !== 0;
      const step = at(spot, `.${property.name}`);
      const own = checker.getTypeOfSymbolAtLocation(property, spot.node);
      const isMethod = isFunction(own) && spot.side === 'result';
      const inner = isMethod
        ? refuse(
            step,
            `a function among data, ${property.name}(),`,
            'pass data alone, or an exo with methods alone',
          )
        : read(own, step);
      const doc = docOf(property.valueDeclaration);
      return {
        name: property.name,
        type: optional ? withoutUndefined(inner) : inner,
        optional,
        readonly: isReadonly(property),
        ...(doc !== undefined && { doc }),
      };
    });
    const index = checker
      .getIndexInfosOfType(type)
      .find(({ keyType }) => !has(keyType, ts.TypeFlags.ESSymbolLike));
    return {
      kind: 'record',
      properties,
      index: index === undefined ? null : read(index.type, at(spot, '[key]')),
    };
  };

  // What a type is, seen from outside.

  const stringProperties = (type: ts.Type): ts.Symbol[] =>
    checker
      .getPropertiesOfType(type)
      .filter(
        ({ name, escapedName }) =>
          !escapedName.toString().startsWith('__@') && !bookkeeping.has(name),
      );

  const isFunction = (type: ts.Type): boolean =>
    checker.getNonNullableType(type).getCallSignatures().length > 0;

  /** An object of methods alone. */
  const isRemotable = (type: ts.Type): boolean => {
    if (!has(type, ts.TypeFlags.Object | ts.TypeFlags.Intersection)) return false;
    if (brandOf(type) !== undefined) return true;
    if (special(type) !== undefined || isFunction(type) || checker.isArrayLikeType(type))
      return false;
    if (isLibraryType(type.symbol)) return false;
    const literal = literalOf(type);
    if (literal !== undefined && isExo(literal)) return true;
    const properties = stringProperties(type);
    return (
      properties.length > 0 &&
      properties.every((property) => isFunction(typeOfProperty(property))) &&
      checker.getIndexInfosOfType(type).length === 0
    );
  };

  const typeOfProperty = (property: ts.Symbol): ts.Type => checker.getTypeOfSymbol(property);

  /** The remote side of what Endo brands as remotable: `T` of `T & RemotableBrand<{}, T>`. */
  const brandOf = (type: ts.Type): ts.Type | undefined => {
    const parts = type.isIntersection() ? type.types : [type];
    for (const part of parts) {
      if (part.symbol?.name === 'RemotableBrand') {
        const [, remote] = checker.getTypeArguments(part as ts.TypeReference);
        return remote;
      }
    }
    const isBare = parts.some(
      (part) =>
        part.aliasSymbol?.name === 'RemotableObject' || part.symbol?.name === 'RemotableObject',
    );
    return isBare && stringProperties(type).length === 0 ? checker.getAnyType() : undefined;
  };

  const isError = (type: ts.Type): boolean => {
    if (type.symbol?.name === 'Error' && isLibraryType(type.symbol)) return true;
    if (isLibraryType(type.symbol) && /Error$/.test(type.symbol.name)) return true;
    return type.isClassOrInterface() && checker.getBaseTypes(type).some(isError);
  };

  const typeArguments = (type: ts.Type): readonly ts.Type[] =>
    (type as ts.ObjectType).objectFlags & ts.ObjectFlags.Reference
      ? checker.getTypeArguments(type as ts.TypeReference).slice(0, ownParameters(type))
      : [];

  /** Without the `this` type that a class or interface has besides. */
  const ownParameters = (type: ts.Type): number =>
    ((type as ts.TypeReference).target as ts.InterfaceType).typeParameters?.length ?? 0;

  const mentionsParameter = (type: ts.Type): boolean =>
    has(type, ts.TypeFlags.TypeParameter) ||
    (type.isUnionOrIntersection() && type.types.some(mentionsParameter)) ||
    typeArguments(type).some(mentionsParameter) ||
    (type.aliasTypeArguments ?? []).some(mentionsParameter);

  type Special = { argument: ts.Type | undefined; make(inner: Type): Type };

  /** Types with a meaning of their own: promises, iterators, topics, bytes. */
  const special = (type: ts.Type): Special | undefined => {
    const symbol = type.symbol;
    const [argument] = typeArguments(type);
    if (isLibraryType(symbol)) {
      if (symbol.name === 'Promise' || symbol.name === 'PromiseLike') {
        return { argument, make: (inner) => ({ kind: 'promise', type: awaited(inner) }) };
      }
      if (
        /^Async(?:Generator|Iterable|Iterator|IterableIterator|IteratorObject)$/.test(symbol.name)
      ) {
        return { argument, make: (item) => ({ kind: 'iterator', item }) };
      }
      return undefined;
    }
    const alias = type.aliasSymbol;
    const file = alias?.declarations?.[0]?.getSourceFile().fileName ?? '';
    const value = type.aliasTypeArguments?.[0];
    if (alias === undefined || !isRuntimeFile(file)) return undefined;
    switch (alias.name) {
      case 'Subscriber':
        return { argument: value, make: (inner) => ({ kind: 'subscriber', value: inner }) };
      case 'Publisher':
        return { argument: value, make: (inner) => ({ kind: 'publisher', value: inner }) };
      case 'ExoIterator':
        return { argument: value, make: (item) => ({ kind: 'iterator', item }) };
      case 'Bytes':
        return { argument: undefined, make: () => ({ kind: 'bytes' }) };
      default:
        return undefined;
    }
  };

  return {
    read,
    isRemotable,
    /** What callers see of a type that Endo brands as remotable. */
    remoteSide: (type: ts.Type): ts.Type => brandOf(type) ?? type,
    stringProperties,
    /** While `body` runs, a method's type parameters are its own. */
    within<Result>(parameters: readonly ts.Type[], body: () => Result): Result {
      const fresh = parameters.filter((parameter) => !typeParameters.has(parameter));
      for (const parameter of fresh) typeParameters.add(parameter);
      try {
        return body();
      } finally {
        for (const parameter of fresh) typeParameters.delete(parameter);
      }
    },
    /** In the order in which they were met. */
    namedTypes: (): NamedType[] => named,
    textOf,
  };
}

const { TypeFlags } = ts;
const primitives = [
  [TypeFlags.String, 'string'],
  [TypeFlags.Number, 'number'],
  [TypeFlags.BigInt, 'bigint'],
  [TypeFlags.Boolean, 'boolean'],
  [TypeFlags.ESSymbolLike, 'symbol'],
  [TypeFlags.Undefined, 'undefined'],
  [TypeFlags.Null, 'null'],
  [TypeFlags.Void, 'void'],
  [TypeFlags.Never, 'never'],
] as const;

/** Members by which exos describe themselves, which are no methods of their authors. */
const bookkeeping = new Set(['__getInterfaceGuard__', '__interfaceGuard__', '__getMethodNames__']);

/** The literal that a type was inferred from. */
export function literalOf(type: ts.Type): ts.ObjectLiteralExpression | undefined {
  const parts = type.isIntersection() ? type.types : [type];
  for (const { symbol } of parts) {
    const declaration = symbol?.valueDeclaration;
    if (declaration !== undefined && ts.isObjectLiteralExpression(declaration)) return declaration;
  }
  return undefined;
}

/** `T` of `Promise<T>`, also within a union: what an answer is. */
export function awaited(type: Type): Type {
  if (type.kind === 'promise') return awaited(type.type);
  return type.kind === 'union' ? unionOf(type.types.map(awaited)) : type;
}

/** Without doubles, in an order that does not depend on the compiler's; `true | false` is `boolean`. */
export function unionOf(parts: readonly Type[]): Type {
  const flat = parts.flatMap((part) => (part.kind === 'union' ? part.types : [part]));
  const byText = new Map(flat.map((part) => [typeText(part), part]));
  if (byText.has('unknown')) return unknownType;
  if (byText.has('true') && byText.has('false')) {
    byText.delete('true');
    byText.delete('false');
    byText.set('boolean', primitive('boolean'));
  }
  if (byText.size > 1) byText.delete('never');
  const rank = (type: Type): number =>
    type.kind === 'primitive' && /^(?:undefined|null|void)$/.test(type.name) ? 1 : 0;
  const types = [...byText]
    .sort(([a, left], [b, right]) => rank(left) - rank(right) || (a < b ? -1 : 1))
    .map(([, part]) => part);
  return types.length === 1 ? (types[0] as Type) : { kind: 'union', types };
}

export const withoutUndefined = (type: Type): Type =>
  type.kind === 'union'
    ? unionOf(
        type.types.filter((part) => !(part.kind === 'primitive' && part.name === 'undefined')),
      )
    : type;

export const mentions = (type: Type, kind: Type['kind']): boolean =>
  deepParts(type).some((part) => part.kind === kind);

const isReadonly = (property: ts.Symbol): boolean =>
  property.valueDeclaration !== undefined &&
  (ts.getCombinedModifierFlags(property.valueDeclaration) & ts.ModifierFlags.Readonly) !== 0;

const nameNode = (declaration: ts.Declaration): ts.Node =>
  ts.getNameOfDeclaration(declaration) ?? declaration;

const pascal = (text: string): string =>
  text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');

/** Of the vat runtime's own types. */
const isRuntimeFile = (file: string): boolean =>
  /[\\/](?:sdk|@vatkit[\\/]sdk)[\\/](?:dist|src)[\\/]vat[\\/]/.test(file);

/** Endo's aliases say what something is made of, not what it is. */
export const isForeign = (symbol: ts.Symbol): boolean =>
  symbol.declarations?.some((node) => {
    const { fileName } = node.getSourceFile();
    return /[\\/]node_modules[\\/]@endo[\\/]/.test(fileName) || isRuntimeFile(fileName);
  }) ?? false;
