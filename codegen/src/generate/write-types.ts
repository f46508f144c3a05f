/** From a model to `todo.vat.gen.d.ts`, and the map that leads editors from it to the vat's source. */
import { encode, type SourceMapMappings, type SourceMapSegment } from '@jridgewell/sourcemap-codec';
import { interfaceNames } from './interface-names.js';
import type { Interface, Method, NamedType, Place, Type, VatModel } from './model.js';
import { camelCase } from './names.js';
import { makePageTypes, propertyKey, type PageTypes } from './page-types.js';

export type WrittenTypes = { text: string; map: string };

/** @param file - the name of the declaration file, `todo.vat.gen.d.ts`. */
export function writeTypes(model: VatModel, file: string, header: string): WrittenTypes {
  const page = makePageTypes(model);
  const out = makePrinter();
  out.line(header);
  out.line("import type * as vatkit from '@vatkit/sdk/codegen';");
  for (const type of model.types) writeNamedType(out, page, type);
  const withValues = interfaceNames(model);
  for (const each of model.interfaces) {
    writeInterface(out, page, each);
    if (withValues.has(each.name)) writeDescriptors(out, each);
  }
  writeDefinition(out, page, model);
  out.line(`//# sourceMappingURL=${file}.map`);
  return { text: out.text(), map: out.map(file) };
}

function writeNamedType(
  out: Printer,
  page: PageTypes,
  { name, doc, type, place }: NamedType,
): void {
  for (const declared of page.declarations(name)) {
    out.line('');
    writeDoc(out, doc, '');
    const written = writeData(type, page, declared.side);
    out.line(`export type ${declared.name} = ${written};`, {
      column: 'export type '.length,
      length: declared.name.length,
      place,
    });
  }
}

/** A record takes a line for each of its properties, which keep their comments. */
function writeData(type: Type, page: PageTypes, side: 'argument' | 'result'): string {
  if (type.kind !== 'record' || type.properties.length === 0) return page.text(type, side);
  const lines = type.properties.map(({ name, type: value, optional, readonly, doc }) => {
    const comment = doc === undefined ? '' : `${docLines(doc, '  ').join('\n')}\n`;
    const key = `${readonly ? 'readonly ' : ''}${propertyKey(name)}${optional ? '?' : ''}`;
    return `${comment}  ${key}: ${page.text(value, side)};`;
  });
  if (type.index !== null) lines.push(`  [key: string]: ${page.text(type.index, side)};`);
  return `{\n${lines.join('\n')}\n}`;
}

function writeInterface(
  out: Printer,
  page: PageTypes,
  { name, doc, methods, place }: Interface,
): void {
  out.line('');
  writeDoc(out, doc, '');
  const start = 'export interface ';
  out.line(`${start}${name} extends vatkit.Ref {`, {
    column: start.length,
    length: name.length,
    place,
  });
  for (const method of methods) writeMethod(out, page, method);
  out.line('}');
}

function writeMethod(
  out: Printer,
  page: PageTypes,
  { name, doc, signatures, place }: Method,
): void {
  writeDoc(out, doc, '  ');
  const key = propertyKey(name);
  for (const signature of signatures) {
    out.line(`  ${key}${page.signature(signature)};`, { column: 2, length: key.length, place });
  }
}

/** What hooks take: `TodoRoot.list`. */
function writeDescriptors(out: Printer, { name, doc, methods, place }: Interface): void {
  writeDoc(out, doc, '');
  const start = 'export declare const ';
  const open = methods.length === 0 ? ';' : ' & {';
  out.line(`${start}${name}: vatkit.InterfaceTag<${name}>${open}`, {
    column: start.length,
    length: name.length,
    place,
  });
  if (methods.length === 0) return;
  for (const method of methods) {
    writeDoc(out, method.doc, '  ');
    const key = propertyKey(method.name);
    const text = JSON.stringify(method.name);
    const type = `vatkit.MethodDescriptor<${name}[${text}], ${name}, ${JSON.stringify(method.kind)}>`;
    out.line(`  readonly ${key}: ${type};`, {
      column: '  readonly '.length,
      length: key.length,
      place: method.place,
    });
  }
  out.line('};');
}

function writeDefinition(out: Printer, page: PageTypes, model: VatModel): void {
  const { root, parameters, bootstrap } = model;
  const needs = [
    ...(parameters === null ? [] : [`parameters: ${page.text(parameters, 'result')}`]),
    ...neededRefs('vats', standsFor(model, bootstrap?.vats ?? null), page),
    ...neededRefs('services', standsFor(model, bootstrap?.services ?? null), page),
  ];
  const vat = `vatkit.VatDefinition<${root}, ${needs.length === 0 ? '{}' : `{ ${needs.join('; ')} }`}>`;
  const type = needsNothing(model) ? `${vat} & vatkit.SubclusterDefinition<${root}>` : vat;
  const name = camelCase(model.name);
  const place = model.interfaces.find((each) => each.name === root)?.place;
  out.line('');
  const start = 'export declare const ';
  out.line(`${start}${name}: ${type};`, { column: start.length, length: name.length, place });
}

/** A vat that needs parameters, other vats or services cannot be launched alone. */
function needsNothing(model: VatModel): boolean {
  const { parameters, bootstrap } = model;
  return [parameters, bootstrap?.vats ?? null, bootstrap?.services ?? null].every((asked) => {
    const type = standsFor(model, asked);
    return type?.kind !== 'record' || type.properties.every(({ optional }) => optional);
  });
}

/** The type that a name stands for. */
function standsFor(model: VatModel, type: Type | null): Type | null {
  if (type?.kind !== 'named') return type;
  return standsFor(model, model.types.find(({ name }) => name === type.name)?.type ?? null);
}

/** `{ bob: ERef<Bob> }` as `vats: { bob: Bob }`. */
function neededRefs(what: string, type: Type | null, page: PageTypes): string[] {
  if (type?.kind !== 'record' || type.properties.length === 0) return [];
  const parts = type.properties.map(({ name, type: value, optional }) => {
    const [ref] =
      value.kind === 'union' ? value.types.filter(({ kind }) => kind === 'interface') : [value];
    return `${propertyKey(name)}${optional ? '?' : ''}: ${ref === undefined ? 'unknown' : page.text(ref, 'result')}`;
  });
  return [`${what}: { ${parts.join('; ')} }`];
}

function writeDoc(out: Printer, doc: string | undefined, indent: string): void {
  if (doc !== undefined) docLines(doc, indent).forEach((line) => out.line(line));
}

export function docLines(doc: string, indent: string): string[] {
  const lines = doc.split('\n');
  if (lines.length === 1) return [`${indent}/** ${doc} */`];
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`.trimEnd()), `${indent} */`];
}

/** TypeScript takes U+2028 and U+2029 for line ends, and would count other lines than the map's. */
const withoutSeparators = (text: string): string =>
  text.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');

/** A name on a line that stands for one in the source. */
type Mark = { column: number; length: number; place: Place | undefined };

type Printer = ReturnType<typeof makePrinter>;

function makePrinter() {
  const lines: string[] = [];
  const mappings: SourceMapMappings = [];
  const sources: string[] = [];
  const sourceIndex = (source: string): number => {
    const known = sources.indexOf(source);
    return known >= 0 ? known : sources.push(source) - 1;
  };
  return {
    /** May hold line breaks; the mark is on its first line. */
    line(text: string, mark?: Mark): void {
      const segments: SourceMapSegment[] = [];
      if (mark?.place !== undefined) {
        const { source, line, column } = mark.place;
        const index = sourceIndex(source);
        segments.push([mark.column, index, line, column]);
        // Editors map both ends of a name.
        segments.push([mark.column + mark.length, index, line, column + mark.length]);
      }
      withoutSeparators(text)
        .split('\n')
        .forEach((part, at) => {
          lines.push(part);
          mappings.push(at === 0 ? segments : []);
        });
    },
    text: (): string => `${lines.join('\n')}\n`,
    map: (file: string): string =>
      `${JSON.stringify({ version: 3, file, sources, names: [], mappings: encode(mappings) })}\n`,
  };
}
