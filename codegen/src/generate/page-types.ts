/** A vat's types as its callers see them: references for exos, a Uint8Array for bytes, promises for answers. */
import { deepParts, type Parameter, type Signature, type Type, type VatModel } from './model.js';
import { isIdentifier } from './names.js';

/** What a caller gives may be something of its own; what it gets is the vat's. */
type Side = 'argument' | 'result';

export type PageTypes = {
  /** `(text: string, due?: number): Promise<bigint>` */
  signature(signature: Signature): string;
  /** Of a data type by its name, for the declaration of it. */
  text(type: Type, side: Side): string;
  /** The names under which the data type is declared, with the side of each. */
  declarations(name: string): { name: string; side: Side }[];
};

/** The namespace that generated types import. */
const NS = 'vatkit';

const byReference: ReadonlySet<Type['kind']> = new Set<Type['kind']>([
  ...(['interface', 'function', 'iterator', 'subscriber', 'publisher'] as const),
  ...(['remotable', 'promise'] as const),
]);

export function makePageTypes(model: VatModel): PageTypes {
  const types = new Map(model.types.map(({ name, type }) => [name, type]));
  const sided = new Map<string, boolean>();

  /** Whether a data type holds what differs between what is given and what is got. */
  const isSided = (name: string): boolean => {
    const known = sided.get(name);
    if (known !== undefined) return known;
    // A recursive type is what the rest of it is.
    sided.set(name, false);
    const type = types.get(name);
    const found =
      type !== undefined &&
      deepParts(type).some(
        (part) => byReference.has(part.kind) || (part.kind === 'named' && isSided(part.name)),
      );
    sided.set(name, found);
    return found;
  };

  const usedNames = new Set([...types.keys(), ...model.interfaces.map(({ name }) => name)]);
  const inputName = (name: string): string => {
    let wanted = `${name}Input`;
    for (let count = 2; usedNames.has(wanted); count += 1) wanted = `${name}Input${count}`;
    return wanted;
  };

  const text = (type: Type, side: Side): string => {
    const isArgument = side === 'argument';
    switch (type.kind) {
      case 'primitive':
      case 'parameter':
        return type.name;
      case 'literal':
        return JSON.stringify(type.value);
      case 'bigint-literal':
        return `${type.value}n`;
      case 'template':
        return type.text;
      case 'array':
        return `${type.readonly || isArgument ? 'readonly ' : ''}${inner(type.item, side)}[]`;
      case 'tuple':
        return tuple(type, side);
      case 'record':
        return record(type, side);
      case 'union':
        return union(type.types, side);
      case 'intersection':
        return type.types.map((part) => inner(part, side)).join(' & ');
      case 'promise':
        return isArgument ? `PromiseLike<${text(type.type, side)}>` : answer(type.type);
      case 'bytes':
        return 'Uint8Array';
      case 'error':
        return 'Error';
      case 'named':
        return isArgument && isSided(type.name) ? inputName(type.name) : type.name;
      case 'interface':
        return isArgument ? `${NS}.Passed<${type.name}>` : type.name;
      case 'remotable':
        return isArgument ? `${NS}.Passed<${NS}.Ref>` : `${NS}.Ref`;
      case 'iterator':
        return `${NS}.${isArgument ? 'PassedIterator' : 'RemoteIterator'}<${text(type.item, side)}>`;
      case 'subscriber':
        return passed(`${NS}.RemoteSubscriber<${text(type.value, 'result')}>`, side);
      case 'publisher':
        return passed(`${NS}.RemotePublisher<${text(type.value, 'argument')}>`, side);
      case 'function':
        return functionText(type.signature, side);
    }
  };

  const passed = (ref: string, side: Side): string =>
    side === 'argument' ? `${NS}.Passed<${ref}>` : ref;

  const inner = (type: Type, side: Side): string => {
    const written = text(type, side);
    const isCompound =
      type.kind === 'union' ||
      type.kind === 'intersection' ||
      (type.kind === 'array' && written.startsWith('readonly '));
    return isCompound ? `(${written})` : written;
  };

  const tuple = (type: Extract<Type, { kind: 'tuple' }>, side: Side): string => {
    const items = type.items.map(({ type: item, optional, rest, label }) => {
      const dots = rest ? '...' : '';
      const mark = optional ? '?' : '';
      const written = text(item, side);
      if (label !== undefined) return `${dots}${label}${mark}: ${written}`;
      return `${dots}${mark === '' ? written : `${inner(item, side)}?`}`;
    });
    const readonly = type.readonly || side === 'argument' ? 'readonly ' : '';
    return `${readonly}[${items.join(', ')}]`;
  };

  const record = (type: Extract<Type, { kind: 'record' }>, side: Side): string => {
    if (type.properties.length === 0 && type.index === null) return '{}';
    const parts = type.properties.map(
      ({ name, type: value, optional, readonly }) =>
        `${readonly ? 'readonly ' : ''}${propertyKey(name)}${optional ? '?' : ''}: ${text(value, side)}`,
    );
    if (type.index !== null) parts.push(`[key: string]: ${text(type.index, side)}`);
    return `{ ${parts.join('; ')} }`;
  };

  /** `Note | Promise<Note>` is what may be passed for a Note. */
  const union = (parts: readonly Type[], side: Side): string => {
    const isRef = (part: Type): boolean =>
      part.kind !== 'promise' && part.kind !== 'named' && byReference.has(part.kind);
    const references = new Set(parts.filter(isRef).map((part) => text(part, side)));
    const kept = parts.filter(
      (part) =>
        side === 'result' || part.kind !== 'promise' || !references.has(text(part.type, side)),
    );
    return kept.map((part) => inner(part, side)).join(' | ');
  };

  /** What a call gives: the promise of a reference can be called before it is kept. */
  const answer = (type: Type): string => {
    const isPipelined = ['interface', 'iterator', 'subscriber', 'publisher'].includes(type.kind);
    return `${isPipelined ? `${NS}.RemotePromise` : 'Promise'}<${text(type, 'result')}>`;
  };

  const functionText = ({ parameters, result }: Signature, side: Side): string => {
    if (side === 'argument') {
      const written = list(parameters, 'result');
      const given = text(result, 'argument');
      return `${NS}.Callback<(${written}) => ${given} | PromiseLike<${given}>>`;
    }
    const args = parameters.map(
      ({ name, type, optional, rest }) =>
        `${rest ? '...' : ''}${name}${optional ? '?' : ''}: ${text(type, 'argument')}`,
    );
    return `${NS}.RemoteFunction<[${args.join(', ')}], ${text(result, 'result')}>`;
  };

  const list = (parameters: readonly Parameter[], side: Side): string =>
    parameters
      .map(
        ({ name, type, optional, rest }) =>
          `${rest ? '...' : ''}${name}${optional ? '?' : ''}: ${text(type, side)}`,
      )
      .join(', ');

  return {
    text,
    signature({ typeParameters, parameters, result }) {
      const generics = typeParameters.map(({ name, constraint }) =>
        constraint === null ? name : `${name} extends ${text(constraint, 'argument')}`,
      );
      const before = generics.length > 0 ? `<${generics.join(', ')}>` : '';
      return `${before}(${list(parameters, 'argument')}): ${answer(result)}`;
    },
    declarations: (name) => [
      { name, side: 'result' },
      ...(isSided(name) ? [{ name: inputName(name), side: 'argument' as const }] : []),
    ],
  };
}

/** `text`, or `'due date'` where it is no name. A method `new` without quotes would be a constructor. */
export const propertyKey = (name: string): string =>
  isIdentifier(name) && name !== 'new'
    ? name
    : `'${JSON.stringify(name).slice(1, -1).replaceAll("'", "\\'").replaceAll('\\"', '"')}'`;
