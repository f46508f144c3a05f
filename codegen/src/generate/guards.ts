/**
 * Guards made from types, put into a vat's source where its exos are made. What the types do not allow is refused
 * before a method runs. A type that no pattern can tell from others is a problem, not a weaker guard.
 */
import { realpathSync } from 'node:fs';
import { ts } from 'ts-morph';
import { placeOf, type Problem } from '../bundler/problems.js';
import type { SourceEdit, SourceEdits } from '../bundler/source-edits.js';
import type { ExoSite } from './interface-reader.js';
import { unwrap } from './makers.js';
import type {
  Interface,
  Method,
  Parameter,
  Signature,
  TupleItem,
  Type,
  VatModel,
} from './model.js';
import { propertyKey } from './page-types.js';
import type { ReadVat } from './read-vats.js';

export type { SourceEdits };

/** `M` of `@vatkit/sdk/vat`, and patterns without the limits that Endo sets by default: types know of none. */
const M = '__vatkitM';
const LIMITS = '__vatkitLimits()';
const appended = [
  `import { M as ${M} } from '@vatkit/sdk/vat';`,
  'function __vatkitLimits() { return { stringLengthLimit: Infinity, decimalDigitsLimit: Infinity, arrayLengthLimit: Infinity, numPropertiesLimit: Infinity, propertyNameLengthLimit: Infinity }; }',
].join(' ');

export function guardEdits({ model, exos }: ReadVat): { edits: SourceEdits; problems: Problem[] } {
  const problems: Problem[] = [];
  const files = new Map<string, { edits: SourceEdit[]; append: string }>();
  for (const [call, sites] of groupByCall(exos)) {
    const file = call.getSourceFile();
    const report = (message: string): void =>
      void problems.push({
        file: file.fileName,
        ...placeOf(file.text, call.getStart()),
        message,
      });
    const edit = guardEdit(call, sites, model, report);
    if (edit === undefined) continue;
    const path = realpathSync(file.fileName);
    const found = files.get(path) ?? { edits: [], append: appended };
    files.set(path, found);
    found.edits.push(edit);
  }
  return { edits: files, problems };
}

function groupByCall(exos: readonly ExoSite[]): Map<ts.CallExpression, ExoSite[]> {
  const groups = new Map<ts.CallExpression, ExoSite[]>();
  for (const site of exos) {
    groups.set(site.maker.call, [...(groups.get(site.maker.call) ?? []), site]);
  }
  return groups;
}

/** Undefined where the author has put a guard there. */
function guardEdit(
  call: ts.CallExpression,
  sites: readonly ExoSite[],
  model: VatModel,
  report: (message: string) => void,
): SourceEdit | undefined {
  const [first] = sites;
  if (first === undefined) return undefined;
  const { name, form } = first.maker;
  const subject = sites.map((site) => site.interface).join(', ');
  if (form.guard === undefined) {
    report(
      `${subject}: ${name} takes no guard, and --guards needs one; make it with makeDefaultExo`,
    );
    return undefined;
  }
  const argument = call.arguments[form.guard];
  const isOpen = argument === undefined || unwrap(argument).getText() === 'undefined';
  if (!isOpen) return undefined;
  const guard = form.kit
    ? kitGuard(call, sites, model, report)
    : interfaceGuard(first.interface, model, report);
  const at = (offset: number): Pick<SourceEdit, 'line' | 'column'> => {
    const { line, character } = call.getSourceFile().getLineAndCharacterOfPosition(offset);
    return { line, column: character };
  };
  if (argument !== undefined) {
    return { ...at(argument.getStart()), length: argument.getWidth(), text: guard };
  }
  const last = call.arguments.at(-1);
  if (last === undefined || call.arguments.length !== form.guard) {
    report(
      `${subject}: ${name} is called without its arguments written out; --guards cannot add one`,
    );
    return undefined;
  }
  return { ...at(last.getEnd()), length: 0, text: `, ${guard}` };
}

function kitGuard(
  call: ts.CallExpression,
  sites: readonly ExoSite[],
  model: VatModel,
  report: (message: string) => void,
): string {
  const methods = call.arguments[sites[0]?.maker.form.methods ?? 0];
  const facets = methods === undefined ? undefined : unwrap(methods);
  const names =
    facets !== undefined && ts.isObjectLiteralExpression(facets)
      ? facets.properties.flatMap(({ name }) => (name === undefined ? [] : [name.getText()]))
      : [];
  if (names.length === 0)
    report('the facets of a kit are not written out; --guards cannot see them');
  const parts = names.map((facet) => {
    const site = sites.find(({ maker }) => maker.facet === facet);
    // One that no method of the root leads to.
    const guard =
      site === undefined
        ? `${M}.interface(${JSON.stringify(facet)}, {}, { defaultGuards: 'passable' })`
        : interfaceGuard(site.interface, model, report);
    return `${facet}: ${guard}`;
  });
  return `{ ${parts.join(', ')} }`;
}

/** Methods that are not among the interface's, such as `bootstrap`, take what can pass. */
function interfaceGuard(name: string, model: VatModel, report: (message: string) => void): string {
  const found = model.interfaces.find((each) => each.name === name) as Interface;
  const methods = found.methods.map(
    (method) => `${propertyKey(method.name)}: ${methodGuard(method, name, model, report)}`,
  );
  return `${M}.interface(${JSON.stringify(name)}, { ${methods.join(', ')} }, { defaultGuards: 'passable' })`;
}

function methodGuard(
  { name, signatures }: Method,
  owner: string,
  model: VatModel,
  report: (message: string) => void,
): string {
  const refuse = (parameter: string) => (what: string) => {
    report(`${owner}.${name}, parameter '${parameter}': ${what}, so that --guards cannot check it`);
    return `${M}.any()`;
  };
  const patternsOf = (signature: Signature, { name: parameter, type }: Parameter): string =>
    patternOf(type, {
      model,
      refuse: refuse(parameter),
      constraints: new Map(
        signature.typeParameters.map((each) => [each.name, each.constraint] as const),
      ),
      within: [],
    });
  const positional = signatures.map((signature) =>
    signature.parameters
      .filter(({ rest }) => !rest)
      .map((parameter) => ({
        optional: parameter.optional,
        pattern: patternsOf(signature, parameter),
      })),
  );
  const required = Math.min(
    ...positional.map((list) => list.filter(({ optional }) => !optional).length),
  );
  const count = Math.max(...positional.map((list) => list.length));
  const at = (index: number): string =>
    anyOf(positional.flatMap((list) => list[index]?.pattern ?? []));
  const patterns = Array.from({ length: count }, (_, index) => at(index));
  const rests = signatures.flatMap((signature) =>
    signature.parameters.filter(({ rest }) => rest).map((each) => patternsOf(signature, each)),
  );
  const optional = patterns.slice(required).map((pattern) => `${M}.opt(${pattern})`);
  return [
    `${M}.call(${patterns.slice(0, required).join(', ')})`,
    optional.length > 0 ? `.optional(${optional.join(', ')})` : '',
    rests.length > 0 ? `.rest(${anyOf(rests)})` : '',
    `.returns(${M}.any())`,
  ].join('');
}

const anyOf = (patterns: readonly string[]): string => {
  const unique = [...new Set(patterns)];
  return unique.length === 1 ? (unique[0] as string) : `${M}.or(${unique.join(', ')})`;
};

type Context = {
  model: VatModel;
  /** Tells that a type cannot be checked; gives what stands in its place meanwhile. */
  refuse(what: string): string;
  constraints: ReadonlyMap<string, Type | null>;
  /** The named types around this one. */
  within: readonly string[];
};

function patternOf(type: Type, context: Context): string {
  const inner = (part: Type): string => patternOf(part, context);
  switch (type.kind) {
    case 'primitive':
      return primitivePattern(type.name);
    case 'literal':
      return JSON.stringify(type.value);
    case 'bigint-literal':
      return `${type.value}n`;
    case 'template':
      return context.refuse(`${type.text} is text of a form that no pattern tells from other text`);
    case 'array':
      return `${M}.arrayOf(${inner(type.item)}, ${LIMITS})`;
    case 'tuple': {
      const of = (wanted: (item: TupleItem) => boolean): string =>
        type.items
          .filter(wanted)
          .map(({ type: item }) => inner(item))
          .join(', ');
      const rest = of((item) => item.rest);
      const fixed = `[${of(({ optional, rest: isRest }) => !optional && !isRest)}]`;
      return `${M}.splitArray(${fixed}, [${of(({ optional }) => optional)}], ${rest || '[]'})`;
    }
    case 'record': {
      const part = (wanted: boolean): string =>
        type.properties
          .filter(({ optional }) => optional === wanted)
          .map(({ name, type: value }) => {
            const pattern = wanted ? `${M}.opt(${inner(value)})` : inner(value);
            // Written plainly it would be the pattern's prototype.
            const key = name === '__proto__' ? `['${name}']` : propertyKey(name);
            return `${key}: ${pattern}`;
          })
          .join(', ');
      const index =
        type.index === null ? '' : `${M}.recordOf(${M}.string(), ${inner(type.index)}, ${LIMITS})`;
      if (type.properties.length === 0) return index || `${M}.record(${LIMITS})`;
      return `${M}.splitRecord({ ${part(false)} }, { ${part(true)} }${index && `, ${index}`})`;
    }
    case 'union':
      return anyOf(type.types.map(inner));
    case 'intersection':
      return `${M}.and(${type.types.map(inner).join(', ')})`;
    case 'promise':
      return `${M}.promise()`;
    case 'bytes':
      return `${M}.tagged('bytes', ${M}.string(${LIMITS}))`;
    case 'error':
      return `${M}.error()`;
    case 'named': {
      if (context.within.includes(type.name)) {
        return context.refuse(`${type.name} contains itself`);
      }
      const found = context.model.types.find(({ name }) => name === type.name)?.type;
      const within = [...context.within, type.name];
      return found === undefined ? `${M}.any()` : patternOf(found, { ...context, within });
    }
    case 'parameter': {
      const constraint = context.constraints.get(type.name) ?? null;
      return constraint === null ? `${M}.any()` : inner(constraint);
    }
    default:
      // A reference, or the promise of one: E() makes no difference between them.
      return `${M}.or(${M}.remotable(), ${M}.promise())`;
  }
}

function primitivePattern(name: Extract<Type, { kind: 'primitive' }>['name']): string {
  switch (name) {
    case 'string':
    case 'bigint':
      return `${M}.${name}(${LIMITS})`;
    case 'symbol':
    case 'number':
    case 'boolean':
    case 'undefined':
    case 'null':
      return `${M}.${name}()`;
    case 'void':
      return `${M}.undefined()`;
    case 'never':
      return `${M}.or()`;
    case 'unknown':
      return `${M}.any()`;
  }
}
