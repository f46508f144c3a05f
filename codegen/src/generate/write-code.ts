/** From a model to `todo.vat.gen.js`. */
import { createHash } from 'node:crypto';
import { interfaceNames } from './interface-names.js';
import type { Interface, VatModel } from './model.js';
import { camelCase } from './names.js';
import { propertyKey } from './page-types.js';
import { dataText, interfaceText, methodText } from './type-text.js';

/** @param bundle - the name of the bundle's file, `todo.vat.bundle`. */
export function writeCode(model: VatModel, bundle: string, header: string): string {
  const names = interfaceNames(model);
  const interfaces = model.interfaces.filter(({ name }) => names.has(name));
  const leadsTo = interfaces.flatMap(({ name }) => (name === model.root ? [] : [name]));
  return [
    header,
    "import { defineInterface, defineVat } from '@vatkit/sdk/codegen';",
    ...interfaces.flatMap((each) => ['', ...interfaceLines(model, each)]),
    '',
    `export const ${camelCase(model.name)} = /* @__PURE__ */ defineVat({`,
    `  name: ${quote(model.name)},`,
    `  root: ${model.root},`,
    ...(leadsTo.length === 0 ? [] : [`  leadsTo: [${leadsTo.join(', ')}],`]),
    `  bundleSpec: new URL(${quote(`./${urlOf(bundle)}`)}, import.meta.url).href,`,
    '});',
    '',
  ].join('\n');
}

function interfaceLines(model: VatModel, { name, methods }: Interface): string[] {
  const hash = digest(interfaceText(model, name), 16);
  return [
    `export const ${name} = /* @__PURE__ */ defineInterface(${quote(name)}, ${quote(hash)}, {`,
    ...methods.map((method) => {
      const data = dataText(model, method);
      // A data type that changes under its name is told by its digest.
      const text = methodText(method) + (data === '' ? '' : ` #${digest(data, 8)}`);
      return `  ${propertyKey(method.name)}: [${quote(method.kind)}, ${quote(text)}],`;
    }),
    '});',
  ];
}

/** A file's name in a URL, in which `#`, `?`, `%` and quotes have other meanings. */
const urlOf = (name: string): string => encodeURIComponent(name).replaceAll("'", '%27');

const digest = (text: string, letters: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, letters);

const quote = (text: string): string =>
  `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
