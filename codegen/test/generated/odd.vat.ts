/** Names, texts and shapes that need care. */
import { makeDefaultExo, makeExo } from '@vatkit/sdk/vat';
import * as loops from './helpers/loops.js';

/** Its comment says `*\/`, </script> and {@link buildRootObject}. */
type Quoted =
  "it's" | 'say "hi"' | 'a\nb' | '</script>' | 'back\\slash' | '\u2028' | '${x}' | '`tick`' | '*/';
type Wide = `${0 | 1 | 2 | 3 | 4 | 5}${0 | 1 | 2 | 3 | 4 | 5}`;
type Knot = { self?: Knot; list: Knot[]; map: { [key: string]: Knot }; pair?: [Knot, Knot?] };
type Größe = { größe: number; 'key with */': 1; "quote'd"?: 2; ['__proto__']?: 3; then?: 4 };
type Template = `a\`b${string}\${c}`;
/** The names of what generated code needs. */
type vatkit = { clash: 1 };
type OddRoot = { data: 1 };
interface Record {
  mine: 1;
}

export function buildRootObject() {
  const self = makeDefaultExo('odd', {
    new: (text: string) => text,
    get: () => 'get',
    set: () => 'set',
    class: () => 'class',
    delete: () => 'delete',
    dup: () => 'dup',
    key: () => 'key',
    release: () => 'release',
    name: () => 'name',
    length: () => 'length',
    prototype: () => 'prototype',
    plain: () =>
      makeExo('plain', undefined, {
        toString: () => 'text',
        hasOwnProperty: (name: string) => name,
      }),
    größe: (größe: number) => größe,
    '𝒳': () => 'x',
    '': () => 'nothing',
    '1': () => 'one',
    1.5: () => 'one and a half',
    "it's": () => 'quote',
    'quote"d': () => 'quotes',
    'back\\slash': () => 'slash',
    'new\nline': () => 'line',
    'line\u2028separator': () => 'separator',
    '*/ </script>': () => 'script',
    quoted: (quoted: Quoted) => quoted,
    wide: (wide: Wide) => wide,
    knot: (knot: Knot) => knot,
    umlaut: (size: Größe) => size,
    template: (template: Template) => template,
    vatkit: (clash: vatkit, root: OddRoot, record: Record) => [clash, root, record],
    /** Whoever is told of @query in a sentence, or writes to x@live.com, is no read.  All the same. */
    mention: () => 'mention',
    /** In one line with its comment. @query */
    brief: () => 'brief',
    rest: (first: string, ...rest: [a: string, b?: number]) => [first, ...rest],
    /** Leads back to what it belongs to. */
    self: () => self,
    soon: async () => self,
    there: () => loops.makeThere(),
    next: () => loops.makeNext(),
    renamed: (named: loops.Renamed) => named,
  });
  return self;
}
