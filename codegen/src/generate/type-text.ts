/** Types as text: to compare them, to put them in order, to tell them to people. */
import {
  deepParts,
  typesOf,
  type Method,
  type Signature,
  type Type,
  type VatModel,
} from './model.js';

/** The same for equal types, different for others, whatever the order in which the compiler met them. */
export function typeText(type: Type): string {
  switch (type.kind) {
    case 'primitive':
    case 'named':
    case 'interface':
    case 'parameter':
      return type.name;
    case 'literal':
      return JSON.stringify(type.value);
    case 'bigint-literal':
      return `${type.value}n`;
    case 'template':
      return type.text;
    case 'array':
      return `${type.readonly ? 'readonly ' : ''}${inner(type.item)}[]`;
    case 'tuple': {
      const items = type.items.map(
        ({ type: item, optional, rest }) =>
          `${rest ? '...' : ''}${typeText(item)}${optional ? '?' : ''}`,
      );
      return `${type.readonly ? 'readonly ' : ''}[${items.join(', ')}]`;
    }
    case 'record': {
      const parts = type.properties.map(
        ({ name, type: value, optional, readonly }) =>
          `${readonly ? 'readonly ' : ''}${JSON.stringify(name)}${optional ? '?' : ''}: ${typeText(value)}`,
      );
      if (type.index !== null) parts.push(`[string]: ${typeText(type.index)}`);
      return `{ ${parts.join('; ')} }`;
    }
    case 'union':
      return type.types.map(inner).join(' | ');
    case 'intersection':
      return type.types.map(inner).join(' & ');
    case 'promise':
      return `Promise<${typeText(type.type)}>`;
    case 'iterator':
      return `AsyncIterator<${typeText(type.item)}>`;
    case 'subscriber':
      return `Subscriber<${typeText(type.value)}>`;
    case 'publisher':
      return `Publisher<${typeText(type.value)}>`;
    case 'function':
      return signatureText(type.signature);
    case 'bytes':
      return 'Bytes';
    case 'error':
      return 'Error';
    case 'remotable':
      return 'Remotable';
  }
}

const inner = (type: Type): string =>
  type.kind === 'union' || type.kind === 'intersection' || type.kind === 'function'
    ? `(${typeText(type)})`
    : typeText(type);

/** `(string, boolean?) => bigint`: without the names of the parameters, which callers do not see. */
export function signatureText({ typeParameters, parameters, result }: Signature): string {
  const generics = typeParameters.map(({ name, constraint }) =>
    constraint === null ? name : `${name} extends ${typeText(constraint)}`,
  );
  const list = parameters.map(
    ({ type, optional, rest }) => `${rest ? '...' : ''}${typeText(type)}${optional ? '?' : ''}`,
  );
  const before = generics.length > 0 ? `<${generics.join(', ')}>` : '';
  return `${before}(${list.join(', ')}) => ${typeText(result)}`;
}

/** All that callers of an interface rely on, its data types and the interfaces that it leads to included. */
export function interfaceText(model: VatModel, root: string): string {
  const interfaces = new Map(model.interfaces.map((each) => [each.name, each]));
  const types = new Map(model.types.map((each) => [each.name, each.type]));
  const told = new Map<string, string>();
  const pending = [root];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (told.has(name)) continue;
    const type = types.get(name);
    const methods = interfaces.get(name)?.methods ?? [];
    told.set(name, type === undefined ? methodsText(methods) : typeText(type));
    const parts = type === undefined ? methods.flatMap(typesOfMethod) : [type];
    for (const part of parts.flatMap(deepParts)) {
      if (part.kind === 'named' || part.kind === 'interface') pending.push(part.name);
    }
  }
  const rest = [...told].filter(([name]) => name !== root).sort(([a], [b]) => (a < b ? -1 : 1));
  return [told.get(root), ...rest.map(([name, text]) => `${name}: ${text}`)].join('\n');
}

export const typesOfMethod = ({ signatures }: Method): Type[] => signatures.flatMap(typesOf);

/** `(string) => void`, and of an overloaded method all of its forms. */
export const methodText = ({ signatures }: Method): string =>
  signatures.map(signatureText).join(' & ');

/** The data types that a method's values are made of; the interfaces of references among them are left out. */
export function dataText(model: VatModel, method: Method): string {
  const types = new Map(model.types.map((each) => [each.name, each.type]));
  const told = new Map<string, string>();
  const pending = typesOfMethod(method);
  for (let type = pending.pop(); type !== undefined; type = pending.pop()) {
    for (const part of deepParts(type)) {
      const data = part.kind === 'named' ? types.get(part.name) : undefined;
      if (part.kind !== 'named' || data === undefined || told.has(part.name)) continue;
      told.set(part.name, typeText(data));
      pending.push(data);
    }
  }
  return [...told]
    .map((entry) => entry.join(': '))
    .sort()
    .join('\n');
}

const methodsText = (methods: readonly Method[]): string =>
  methods
    .map((method) => `${method.kind} ${JSON.stringify(method.name)} ${methodText(method)}`)
    .sort()
    .join('\n');
