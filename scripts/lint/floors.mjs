/**
 * The lint rule that keeps the house standing: who may import whom.
 *
 * A place may import itself and places on lower floors. No arrow runs up, or sideways between two places
 * of one floor; a test may look sideways. `all` places also see everything else on their own floor.
 */
import { posix, relative, sep } from 'node:path';

/** A path without a slash at its end is one file. */
const places = [
  { floor: 6, paths: ['react/src/'] },
  { floor: 4, paths: ['sdk/src/entries/'], all: true },
  { floor: 4, paths: ['sdk/src/query/'] },
  { floor: 4, paths: ['sdk/src/host/'] },
  { floor: 4, paths: ['sdk/src/index.ts'] },
  { floor: 4, paths: ['sdk/src/testing/'], all: true },
  { floor: 3, paths: ['sdk/src/comms/'] },
  { floor: 3, paths: ['sdk/src/vat/'] },
  { floor: 3, paths: ['sdk/src/kernel/'] },
  { floor: 3, paths: ['sdk/src/client/'] },
  { floor: 3, paths: ['sdk/src/codegen-runtime/'] },
  { floor: 2, paths: ['sdk/src/protocol/'] },
  { floor: 1, paths: ['sdk/src/store/'] },
  // The ground that even the store stands on.
  { floor: 0, paths: ['sdk/src/errors.ts', 'sdk/src/limits.ts'] },
];

/** Packages that only some places of the sdk may import. */
const reserved = [
  { packages: /^(?:@endo\/|ses(?:\/|$))/, paths: ['sdk/src/vat/', 'sdk/src/entries/vat.ts'] },
  { packages: /^@sqlite\.org\//, paths: ['sdk/src/store/'] },
  { packages: /^better-sqlite3(?:\/|$)/, paths: ['sdk/src/store/', 'sdk/src/host/node/'] },
];

const within = (file, paths) =>
  paths.some((path) => (path.endsWith('/') ? file.startsWith(path) : file === path));

/** The source file that a relative specifier means, seen from the repository's root. */
const target = (file, specifier) =>
  posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts');

/** What is wrong with this import, or undefined. */
function objection(file, specifier) {
  const isTest = /\.test\.tsx?$/.test(file);
  if (!specifier.startsWith('.')) {
    if (isTest || !file.startsWith('sdk/src/')) return undefined;
    if (specifier.startsWith('@vatkit/'))
      return `the sdk's sources import each other by relative path`;
    const rule = reserved.find(({ packages }) => packages.test(specifier));
    if (!rule || within(file, rule.paths)) return undefined;
    return `only ${rule.paths.join(' and ')} may import it`;
  }
  const from = places.find(({ paths }) => within(file, paths));
  if (!from) return `${file} is in no place of the table in scripts/lint/floors.mjs`;
  const path = target(file, specifier);
  const to = places.find(({ paths }) => within(path, paths));
  if (!to) return `${path} is in no place of the table in scripts/lint/floors.mjs`;
  if (to === from || to.floor < from.floor) return undefined;
  if (to.floor === from.floor && (isTest || from.all)) return undefined;
  const how = to.floor > from.floor ? 'up' : 'sideways';
  return `${from.paths[0]} is on floor ${from.floor}, ${to.paths[0]} on ${to.floor}: no arrow runs ${how}`;
}

export const floors = {
  meta: {
    type: 'problem',
    docs: { description: 'dependencies point down the floors of the house' },
    messages: { wrong: `Cannot import '{{specifier}}': {{reason}}` },
    schema: [],
  },
  create(context) {
    const file = relative(context.cwd, context.filename).split(sep).join('/');
    const check = (source) => {
      const specifier = source?.value;
      if (typeof specifier !== 'string') return;
      const reason = objection(file, specifier);
      if (reason) context.report({ node: source, messageId: 'wrong', data: { specifier, reason } });
    };
    return {
      ImportDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      TSImportType: (node) => check(node.source),
    };
  },
};
