/** Names of what is generated: valid, and each of them once. */

/** Names that would hide what generated code itself needs. */
const taken = [
  ...['Promise', 'PromiseLike', 'Record', 'Error', 'Uint8Array', 'ReadonlyArray', 'Array'],
  ...['vatkit', 'Object', 'Symbol', 'URL', 'any', 'unknown', 'never', 'string', 'number'],
  ...['boolean', 'bigint', 'symbol', 'object', 'undefined', 'null', 'void'],
];

const reserved = new Set(
  (
    'arguments await break case catch class const continue debugger default delete do else enum eval export ' +
    'extends false finally for function if implements import in instanceof interface let new null package ' +
    'private protected public return static super switch this throw true try typeof var void while with yield'
  ).split(' '),
);

/** `todo-list` as `TodoList`. */
export function pascalCase(text: string): string {
  const words = text.replace(/^Alleged: /, '').match(/[\p{L}\p{N}_$]+/gu) ?? [];
  const name = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return name === '' || /^\p{N}/u.test(name) ? `_${name}` : name;
}

/** `todo-list` as `todoList`. */
export function camelCase(text: string): string {
  const name = pascalCase(text);
  const camel = name.charAt(0).toLowerCase() + name.slice(1);
  return reserved.has(camel) ? `${camel}Vat` : camel;
}

export const isIdentifier = (text: string): boolean => /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(text);

export const isReserved = (text: string): boolean => reserved.has(text);

/** Gives each name once: the second `Note` is `Note2`. */
export function makeNames(): { claim(wanted: string): string } {
  const used = new Set<string>([...taken, ...reserved]);
  return {
    claim(wanted) {
      let name = wanted;
      for (let count = 2; used.has(name); count += 1) name = `${wanted}${count}`;
      used.add(name);
      return name;
    },
  };
}

/** Of `todo.vat.ts`, and of `todo.ts`, it is `todo`. */
export const vatNameOf = (source: string): string =>
  source.replace(/\.[cm]?[jt]s$/, '').replace(/\.vat$/, '');
