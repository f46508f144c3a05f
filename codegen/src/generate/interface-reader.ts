/** Exos and what declares them, to the model's interfaces: methods, signatures, kinds, names. */
import { ts } from 'ts-morph';
import { guardTypes, type MethodGuardTypes } from './guard-types.js';
import { docOf, tagsOf } from './jsdoc.js';
import { hasGuard, makerOfLiteral, type Maker } from './makers.js';
import {
  deepParts,
  primitive,
  unknownType,
  type Interface,
  type Method,
  type MethodKind,
  type NamedType,
  type Parameter,
  type Place,
  type Signature,
  type Type,
  type TypeParameter,
} from './model.js';
import { isIdentifier, isReserved, pascalCase } from './names.js';
import { makeSeenTypes } from './seen-types.js';
import { sourcesOfResult, type Source } from './trace.js';
import {
  awaited,
  isForeign,
  literalOf,
  makeTypeReader,
  mentions,
  unionOf,
  withoutUndefined,
  type Spot,
} from './type-reader.js';

/** An exo of a vat, for those who put guards into its source. */
export type ExoSite = { interface: string; maker: Maker };

/** `build` is the function that returns it; the spot, what it goes by. */
type RootSpot = {
  name: string;
  doc: string | undefined;
  spot: Spot;
  build: ts.Node | undefined;
};

type Tell = (node: ts.Node, message: string) => void;

export type InterfaceReaderPowers = {
  checker: ts.TypeChecker;
  report: Tell;
  warn: Tell;
  /** Gives a name that nothing else of the vat has. */
  claim(name: string): string;
  /** Undefined outside the vat's own sources. */
  placeOf(node: ts.Node): Place | undefined;
};

export type InterfaceReader = {
  /** The root's: its name is given, and what the kernel alone calls is left out. */
  readRoot(type: ts.Type, root: RootSpot): string;
  /** A type that stands alone, such as that of `parameters`; null where nothing is said. */
  readSetting(symbol: ts.Symbol | undefined, node: ts.Node, subject: string): Type | null;
  isRemotable(type: ts.Type): boolean;
  textOf(type: ts.Type): string;
  interfaces(): Interface[];
  types(): NamedType[];
  exos(): ExoSite[];
  /** Tells of methods whose results do not outlive an incarnation. To be called last. */
  warnOfHeap(root: string): void;
};

/** What a ref cannot have: its own members, and those of the promises that calls give. */
const impossible = new Set([
  ...['then', 'catch', 'finally'],
  ...['toJSON', 'constructor', '__proto__'],
]);

/** Endo looks a method's guard up by its name, and would find what every object inherits. */
const unguardable = (owner: string, method: string): string =>
  `${owner}.${method}: no exo with a guard has a method of the name '${method}', which every object inherits; give it another name`;

/** Called once by the kernel, not by who holds the root. */
const lifecycle = new Set(['bootstrap', 'upgraded']);

export function makeInterfaceReader(powers: InterfaceReaderPowers): InterfaceReader {
  const { checker, report, warn, claim, placeOf } = powers;
  const interfaces: Interface[] = [];
  const exos: ExoSite[] = [];
  /** Names, by what is declared and with which type arguments. */
  const known = new Map<ts.Node | ts.Symbol, Map<string, string>>();
  const returning: { method: Method; node: ts.Node; subject: string; sources: Source[] }[] = [];

  const types = makeTypeReader({
    checker,
    report,
    claim,
    placeOf,
    isExo: (literal) => makerOfLiteral(literal, checker) !== undefined,
    readInterface: (type, spot) => readInterface(type, spot),
    readSignature: (signature, spot) => readSignature(signature, spot, undefined),
  });

  const seenTypes = makeSeenTypes({
    checker,
    readExo: (methods, spot) => readInterface(checker.getTypeAtLocation(methods), spot),
    readType: types.read,
  });

  /** One interface for each exo in the source, or each type that declares one. */
  const readInterface = (
    type: ts.Type,
    spot: Spot,
    root?: { name: string; doc: string | undefined },
  ): string => {
    const literal = literalOf(type);
    const symbol = type.aliasSymbol ?? type.symbol;
    const isFixed = literal !== undefined && !isWithinGeneric(literal);
    const instance = isFixed ? '' : types.textOf(type);
    const instances = known.get(literal ?? symbol) ?? new Map<string, string>();
    known.set(literal ?? symbol, instances);
    const before = instances.get(instance);
    if (before !== undefined) return before;

    const maker = literal === undefined ? undefined : makerOfLiteral(literal, checker);
    const name = claim(root?.name ?? interfaceName(maker, symbol, spot));
    instances.set(instance, name);
    const doc = root?.doc ?? docOfInterface(literal, symbol);
    const declared = maker?.call ?? symbol?.declarations?.[0];
    const entry: Interface = {
      name,
      ...(doc !== undefined && { doc }),
      durable: maker === undefined ? null : maker.form.durable,
      methods: [],
      ...(declared && {
        place: placeOf(ts.getNameOfDeclaration(declared) ?? declared),
      }),
    };
    interfaces.push(entry);
    if (maker !== undefined) exos.push({ interface: name, maker });
    const guards = maker === undefined ? undefined : guardTypes(maker, checker);
    for (const property of types.stringProperties(type)) {
      if (root !== undefined && lifecycle.has(property.name)) continue;
      const guard = guards?.get(property.name);
      const isGuarded = maker !== undefined && guard === undefined && hasGuard(maker);
      if (isGuarded && property.name in Object.prototype && !impossible.has(property.name)) {
        report(property.valueDeclaration ?? spot.node, unguardable(name, property.name));
      }
      const method = readMethod(property, name, guard, spot.node);
      if (method !== undefined) entry.methods.push(method);
    }
    return name;
  };

  const readMethod = (
    property: ts.Symbol,
    owner: string,
    guard: MethodGuardTypes | undefined,
    fallback: ts.Node,
  ): Method | undefined => {
    const { name, declarations = [] } = property;
    const declaration = property.valueDeclaration ?? declarations[0];
    const node = (declaration && ts.getNameOfDeclaration(declaration)) ?? declaration ?? fallback;
    const subject = `${owner}.${name}`;
    if (impossible.has(name)) {
      const hint = `give it another name, or leave it out and reach it with call(ref, '${name}')`;
      report(node, `${subject}: no ref has a method of the name '${name}'; ${hint}`);
      return undefined;
    }
    const type = checker.getNonNullableType(checker.getTypeOfSymbolAtLocation(property, node));
    const spot: Spot = { node, subject, path: '', side: 'result' };
    const forms = type.getCallSignatures();
    const signatures = forms.map((signature) => readSignature(signature, spot, guard));
    const kind = kindOf(declarations.flatMap(tagsOf), subject, node);
    const doc = declarations.map(docOf).find((text) => text !== undefined);
    const method: Method = {
      name,
      kind,
      ...(doc !== undefined && { doc }),
      signatures,
      place: placeOf(node),
    };
    const sources = sourcesOfResult(declaration, checker);
    const [only, ...others] = signatures;
    if (only !== undefined && others.length === 0) {
      adopt(only.result, sources);
    }
    if (method.kind === 'live') insistFollowable(method, subject, node);
    returning.push({ method, node, subject, sources });
    return method;
  };

  /** A declared interface learns from the exos that are returned as it: comments, places, how they are made. */
  const adopt = (result: Type | undefined, sources: readonly Source[]): void => {
    const entry = interfaces.find(
      (each) => result?.kind === 'interface' && each.name === result.name,
    );
    const made = sources.filter((source) => source.kind === 'exo');
    if (entry === undefined || made.length === 0) return;
    for (const { maker } of made) {
      if (exos.some((exo) => sameExo(exo.maker, maker))) continue;
      exos.push({ interface: entry.name, maker });
    }
    if (entry.durable !== null) return;
    entry.durable = made.every(({ maker }) => maker.form.durable);
    const implementation = made.find(({ methods }) => methods !== undefined)?.methods;
    for (const method of entry.methods) {
      const own = implementation?.properties.find(
        ({ name }) => name !== undefined && nameText(name) === method.name,
      );
      if (own?.name === undefined) continue;
      method.place = placeOf(own.name);
      const doc = method.doc ?? docOf(own);
      if (doc !== undefined) method.doc = doc;
      const kind = kindOf(tagsOf(own), `${entry.name}.${method.name}`, own.name);
      if (method.kind === 'mutation') method.kind = kind;
    }
  };

  const kindOf = (tags: readonly string[], subject: string, node: ts.Node): MethodKind => {
    const isQuery = tags.includes('query');
    const isLive = tags.includes('live');
    if (isQuery && isLive) report(node, `${subject}: it is @query or @live, not both`);
    return isLive ? 'live' : isQuery ? 'query' : 'mutation';
  };

  const insistFollowable = (method: Method, subject: string, node: ts.Node): void => {
    const other = method.signatures.find(
      ({ result }) => !mentions(result, 'subscriber') && !mentions(result, 'iterator'),
    );
    if (other === undefined) return;
    const what = "a @live method returns a topic's subscriber or an async iterator";
    report(node, `${subject}: ${what}; return the subscriber of prepareTopic, or mark it @query`);
  };

  const readSignature = (
    signature: ts.Signature,
    spot: Spot,
    guard: MethodGuardTypes | undefined,
  ): Signature => {
    const own = signature.getTypeParameters() ?? [];
    return types.within(own, () => {
      const typeParameters = own.map((parameter): TypeParameter => {
        const { name } = parameter.symbol;
        const constraint = parameter.getConstraint();
        const subject = `${spot.subject}, type parameter '${name}'`;
        return {
          name,
          constraint:
            constraint === undefined ? null : types.read(constraint, { ...spot, subject }),
        };
      });
      const parameters = readParameters(signature, spot, guard);
      return { typeParameters, parameters, result: readResult(signature, spot, guard) };
    });
  };

  const readResult = (
    signature: ts.Signature,
    spot: Spot,
    guard: MethodGuardTypes | undefined,
  ): Type => {
    const annotation = annotationOf(signature.getDeclaration());
    const subject = `${spot.subject}, result`;
    const own = { ...spot, node: annotation ?? spot.node, subject };
    const seen = annotation === undefined ? seenTypes.resultOf(signature, own) : undefined;
    const result = awaited(seen ?? types.read(signature.getReturnType(), own));
    if (guard?.result !== undefined && deepParts(result).some(isUnknown)) {
      return awaited(guard.result);
    }
    // `return 'saved'` says that it is text, not that it will always be this one.
    return annotation === undefined ? widened(result) : result;
  };

  const readParameters = (
    signature: ts.Signature,
    spot: Spot,
    guard: MethodGuardTypes | undefined,
  ): Parameter[] => {
    const used = new Set<string>();
    const parameters = signature.getParameters().map((symbol, index): Parameter => {
      const declared = symbol.valueDeclaration;
      const declaration = declared !== undefined && ts.isParameter(declared) ? declared : undefined;
      const name = parameterName(symbol, index, used);
      const rest = declaration?.dotDotDotToken !== undefined;
      const node = declaration ?? spot.node;
      const type = checker.getTypeOfSymbolAtLocation(symbol, node);
      const said = guard === undefined ? undefined : guardOf(guard, index, rest);
      const subject = `${spot.subject}, parameter '${name}'`;
      const read =
        said !== undefined && isAny(type)
          ? said.type
          : types.read(type, { node, subject, path: '', side: flip(spot.side) });
      const isUntyped = declaration !== undefined && annotationOf(declaration) === undefined;
      const optional =
        (declaration !== undefined && checker.isOptionalParameter(declaration)) ||
        (isUntyped && said?.optional === true);
      const given = declaration?.initializer && !optional ? orUndefined(read) : read;
      return {
        name,
        type: optional ? withoutUndefined(given) : given,
        optional: optional && !rest,
        rest,
      };
    });
    // `f(a?, b)` says less than it seems: a is left out only by passing undefined.
    const lastRequired = parameters.findLastIndex(({ optional, rest }) => !optional && !rest);
    return parameters.map((parameter, index) =>
      parameter.optional && index < lastRequired
        ? { ...parameter, optional: false, type: orUndefined(parameter.type) }
        : parameter,
    );
  };

  const warnOfHeap = (root: string): void => {
    const byName = new Map(interfaces.map((each) => [each.name, each]));
    for (const { method, node, subject, sources } of returning) {
      if (sources.some((source) => source.kind === 'topic' && !source.durable)) {
        const hint = 'make it with prepareTopic(baggage, name)';
        warn(
          node,
          `${subject} returns a topic on the heap, which ends when the vat restarts; ${hint}`,
        );
      }
      const makesHeap = sources.some(
        (source) => source.kind === 'exo' && !source.maker.form.durable,
      );
      const isHeap = method.signatures
        .flatMap(({ result }) => referred(result))
        .filter((name) => name !== root)
        .some((name) => {
          const durable = byName.get(name)?.durable;
          return durable === false || (durable === null && makesHeap);
        });
      if (!isHeap) continue;
      const hint = 'make it with prepareExo or prepareExoClass';
      warn(
        node,
        `${subject} returns an exo on the heap: refs to it break when the vat restarts; ${hint}`,
      );
    }
  };

  return {
    readRoot(type, { name, doc, spot, build }) {
      const root = readInterface(types.remoteSide(type), spot, { name, doc });
      adopt({ kind: 'interface', name: root }, sourcesOfResult(build, checker));
      const entry = interfaces.find((each) => each.name === root);
      if (entry !== undefined) entry.place = placeOf(spot.node);
      return root;
    },
    readSetting(symbol, node, subject) {
      if (symbol === undefined) return null;
      const at = symbol.valueDeclaration ?? node;
      const type = checker.getTypeOfSymbolAtLocation(symbol, at);
      const read = types.read(type, { node: at, subject, path: '', side: 'argument' });
      return read.kind === 'primitive' && read.name === 'unknown' ? null : read;
    },
    isRemotable: types.isRemotable,
    textOf: types.textOf,
    interfaces: () => interfaces,
    types: types.namedTypes,
    exos: () => exos,
    warnOfHeap,
  };
}

const sameExo = (a: Maker, b: Maker): boolean => a.call === b.call && a.facet === b.facet;

const nameText = (name: ts.PropertyName): string =>
  ts.isIdentifier(name) || ts.isStringLiteralLike(name) ? name.text : name.getText();

/** A caller's function is given results, and answers with an argument. */
const flip = (side: Spot['side']): Spot['side'] => (side === 'result' ? 'argument' : 'result');

const orUndefined = (type: Type): Type => unionOf([type, primitive('undefined')]);

const isUnknown = (type: Type): boolean => type.kind === 'primitive' && type.name === 'unknown';

const isAny = (type: ts.Type): boolean => (type.flags & ts.TypeFlags.Any) !== 0;

/** The type that stands in the source, or in the JSDoc of JavaScript. */
const annotationOf = (declaration: ts.Declaration | undefined): ts.Node | undefined => {
  if (declaration === undefined) return undefined;
  if (ts.isParameter(declaration)) return declaration.type ?? ts.getJSDocType(declaration);
  if (!ts.isFunctionLike(declaration)) return undefined;
  return declaration.type ?? ts.getJSDocReturnType(declaration);
};

function widened(type: Type): Type {
  switch (type.kind) {
    case 'literal':
      return primitive(typeof type.value as 'string' | 'number' | 'boolean');
    case 'bigint-literal':
      return primitive('bigint');
    case 'template':
      return primitive('string');
    case 'union':
      return unionOf(type.types.map(widened));
    case 'iterator':
      return { ...type, item: widened(type.item) };
    default:
      return type;
  }
}

/** The interfaces of the objects that a result hands over, itself or among its data. */
function referred(type: Type): string[] {
  switch (type.kind) {
    case 'interface':
      return [type.name];
    case 'array':
      return referred(type.item);
    case 'union':
      return type.types.flatMap(referred);
    case 'record':
      return type.properties.flatMap((property) => referred(property.type));
    case 'promise':
      return referred(type.type);
    default:
      return [];
  }
}

function guardOf(
  { required, optional, rest }: MethodGuardTypes,
  index: number,
  isRest: boolean,
): { type: Type; optional: boolean } | undefined {
  if (isRest) {
    return rest && { type: { kind: 'array', item: rest, readonly: false }, optional: false };
  }
  if (index < required.length) return { type: required[index] ?? unknownType, optional: false };
  const type = optional[index - required.length];
  return type === undefined ? undefined : { type, optional: true };
}

/** One that can stand in a declaration: a pattern such as `{ text, due }` has none. */
function parameterName(symbol: ts.Symbol, index: number, used: Set<string>): string {
  const isName =
    isIdentifier(symbol.name) && !isReserved(symbol.name) && !symbol.name.startsWith('__');
  const wanted = isName ? symbol.name : index === 0 ? 'options' : `options${index + 1}`;
  let name = wanted;
  for (let count = 2; used.has(name); count += 1) name = `${wanted}${count}`;
  used.add(name);
  return name;
}

/** From its tag, its declaration, or where it was met. */
function interfaceName(
  maker: Maker | undefined,
  symbol: ts.Symbol | undefined,
  spot: Spot,
): string {
  if (maker?.tag !== undefined && /[\p{L}\p{N}]/u.test(maker.tag)) {
    return pascalCase(maker.tag) + (maker.facet === undefined ? '' : pascalCase(maker.facet));
  }
  const declared = symbol?.name ?? '';
  if (declared !== '' && !declared.startsWith('__')) return pascalCase(declared);
  const [, property] = /\.([^.[\]]+)$/.exec(spot.path) ?? [];
  return pascalCase(property ?? spot.subject.replace(/, (?:result|parameter)/g, ' '));
}

function docOfInterface(
  literal: ts.ObjectLiteralExpression | undefined,
  symbol: ts.Symbol | undefined,
): string | undefined {
  if (literal === undefined) {
    return symbol === undefined || isForeign(symbol) ? undefined : docOf(symbol.declarations?.[0]);
  }
  for (let node: ts.Node = literal; node.parent !== undefined; node = node.parent) {
    if (ts.isVariableDeclaration(node)) return docOf(node);
    if (ts.isBlock(node) || ts.isSourceFile(node)) return undefined;
  }
  return undefined;
}

/** Whether a type parameter of a function around it may differ from call to call. */
function isWithinGeneric(node: ts.Node): boolean {
  for (let at: ts.Node | undefined = node; at !== undefined; at = at.parent) {
    if (ts.isFunctionLike(at) && (at.typeParameters?.length ?? 0) > 0) return true;
  }
  return false;
}
