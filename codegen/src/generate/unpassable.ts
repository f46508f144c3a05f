/** What cannot cross from one vat to another, and what can in its place. */
import { ts } from 'ts-morph';

const bytesHint =
  "pass 'makeBytes(array)', of type 'Bytes', and read it with 'readBytes', both of '@vatkit/sdk/vat'; pages see a Uint8Array";

const byName: Readonly<Record<string, string>> = {
  Map: 'pass an array of entries, [...map], or a record',
  ReadonlyMap: 'pass an array of entries, [...map], or a record',
  Set: 'pass an array, [...set]',
  ReadonlySet: 'pass an array, [...set]',
  WeakMap: 'it stays where it is; pass what it is asked about',
  WeakSet: 'it stays where it is; pass what it is asked about',
  WeakRef: 'pass what it refers to',
  Date: 'pass its time as a number, date.getTime(), or as text, date.toISOString()',
  RegExp: 'pass its source as a string',
  URL: 'pass its text, url.href',
  URLSearchParams: 'pass its text, params.toString()',
  Function: 'say what it takes and returns: (text: string) => void',
  Generator: "pass an array, or make it an 'async function*', which passes by reference",
  Iterator: "pass an array, or an 'async function*', which passes by reference",
  Iterable: "pass an array, or an 'async function*', which passes by reference",
  IterableIterator: "pass an array, or an 'async function*', which passes by reference",
  IteratorObject: "pass an array, or an 'async function*', which passes by reference",
  MapIterator: 'pass an array, [...map.keys()]',
  SetIterator: 'pass an array, [...set]',
  ArrayIterator: 'pass an array',
  ...Object.fromEntries(
    [
      ...['ArrayBuffer', 'SharedArrayBuffer', 'DataView', 'Uint8Array', 'Uint8ClampedArray'],
      ...['Int8Array', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array'],
      ...['BigInt64Array', 'BigUint64Array', 'Float32Array', 'Float64Array'],
    ].map((name) => [name, bytesHint]),
  ),
};

export const functionHint =
  "make it an object that can be called by reference, Far('name', (text) => …) or makeDefaultExo('name', { … })";

export const objectHint =
  "it is no exo yet: give it to makeDefaultExo('name', { … }), or to prepareExoClass to make it durable";

const classHint =
  'pass a record of its data, { ...data }, or make it an exo with makeDefaultExo, defineExoClass or prepareExoClass';

export const isLibraryFile = (file: string): boolean => /(?:^|[\\/])lib\.[\w.]+\.d\.ts$/.test(file);

/** Whether a type is TypeScript's own of that name. */
export const isLibraryType = (symbol: ts.Symbol | undefined): boolean =>
  symbol?.declarations?.some((node) => isLibraryFile(node.getSourceFile().fileName)) ?? false;

/** `a Map` with a hint, if instances of this symbol's type cannot pass. */
export function refusalOf(symbol: ts.Symbol): { what: string; hint: string } | undefined {
  const { name } = symbol;
  if (isLibraryType(symbol)) {
    const hint = Object.hasOwn(byName, name) ? byName[name] : undefined;
    if (hint !== undefined) return { what: `${article(name)} ${name}`, hint };
    // `interface Response` with `declare var Response: { new (): Response }`.
    const isClass = symbol.flags & ts.SymbolFlags.Interface && symbol.flags & ts.SymbolFlags.Value;
    if (isClass && name !== 'Object')
      return { what: `${article(name)} ${name}`, hint: 'pass a record of what is needed of it' };
    return undefined;
  }
  return symbol.flags & ts.SymbolFlags.Class
    ? { what: `an instance of class ${name}`, hint: classHint }
    : undefined;
}

const article = (name: string): string => (/^[AEIO]/.test(name) ? 'an' : 'a');
