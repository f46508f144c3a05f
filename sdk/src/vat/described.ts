/**
 * Guards and descriptions from one source: each leaf carries the pattern that is enforced and the JSON schema that
 * tells a caller about it, so that the two cannot drift apart.
 */
import { M } from '@endo/patterns';
import type { InterfaceGuard, MethodGuard, Pattern } from '@endo/patterns';
import type { MethodSchema } from './exo.js';

type JsonSchema = Record<string, unknown>;
export type Described = { pattern: Pattern; schema: JsonSchema | undefined };
export type NamedArg = { name: string; described: Described; optional: boolean };
export type DescribedMethod = { guard: MethodGuard; schema: MethodSchema };
export type DescribedInterface = {
  interfaceGuard: InterfaceGuard;
  schemas: Record<string, MethodSchema>;
};

const leaf = (pattern: unknown, schema: JsonSchema, description?: string): Described => ({
  pattern: pattern as Pattern,
  schema: description === undefined ? schema : { ...schema, description },
});

function object(
  properties: Record<string, Described>,
  { optional = [], description }: { optional?: string[]; description?: string } = {},
): Described {
  const entries = Object.entries(properties);
  const isOptional = (name: string): boolean => optional.includes(name);
  const patterns = (wanted: boolean) =>
    Object.fromEntries(
      entries
        .filter(([name]) => isOptional(name) === wanted)
        .map(([name, { pattern }]) => [name, pattern]),
    );
  const schema = {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, { schema: inner }]) => [name, inner])),
    required: entries.map(([name]) => name).filter((name) => !isOptional(name)),
  };
  return leaf(M.splitRecord(patterns(false), patterns(true)), schema, description);
}

function method(description: string, args: NamedArg[], returns: Described): DescribedMethod {
  const required = args.filter(({ optional }) => !optional);
  if (args.slice(0, required.length).some(({ optional }) => optional)) {
    throw TypeError('An optional argument cannot stand before a required one');
  }
  const optional = args.slice(required.length).map(({ described }) => described.pattern);
  const base = M.callWhen(...required.map(({ described }) => described.pattern));
  return {
    guard: (optional.length > 0 ? base.optional(...optional) : base).returns(returns.pattern),
    schema: {
      description,
      args: Object.fromEntries(args.map(({ name, described }) => [name, described.schema])),
      ...(returns.schema !== undefined && { returns: returns.schema }),
    },
  };
}

const describedInterface = (
  name: string,
  methods: Record<string, DescribedMethod>,
): DescribedInterface => {
  const pick = <Part>(part: (described: DescribedMethod) => Part) =>
    Object.fromEntries(Object.entries(methods).map(([key, described]) => [key, part(described)]));
  return {
    interfaceGuard: M.interface(name, pick(({ guard }) => guard) as never, {
      defaultGuards: 'passable',
    }),
    schemas: pick(({ schema }) => schema),
  };
};

/**
 * Combinators for {@link makeDiscoverableExo}:
 *
 *     const { interfaceGuard, schemas } = S.interface('adder', {
 *       add: S.method('Adds two numbers', [S.arg('a', S.number()), S.arg('b', S.number())], S.number()),
 *     });
 */
export const S = {
  string: (description?: string) => leaf(M.string(), { type: 'string' }, description),
  number: (description?: string) => leaf(M.number(), { type: 'number' }, description),
  boolean: (description?: string) => leaf(M.boolean(), { type: 'boolean' }, description),
  arrayOf: (items: Described, description?: string) =>
    leaf(M.arrayOf(items.pattern), { type: 'array', items: items.schema }, description),
  /** Any record. */
  record: (description?: string) =>
    leaf(M.record(), { type: 'object', properties: {}, additionalProperties: true }, description),
  object,
  /** Of a method that returns nothing. */
  nothing: (): Described => ({ pattern: M.undefined() as Pattern, schema: undefined }),
  arg: (
    name: string,
    described: Described,
    { optional = false }: { optional?: boolean } = {},
  ): NamedArg => ({
    name,
    described,
    optional,
  }),
  method,
  interface: describedInterface,
};
