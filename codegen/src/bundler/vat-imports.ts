/** What a vat's import statements lead to: the runtime, a file, or a problem that says what to do. */
import { existsSync, readFileSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import type { Plugin } from 'rollup';
import { IMPORT_META_MARK } from './censor.js';
import { displayPath, placeOf, type Problem } from './problems.js';
import { isTypescript } from './vat-source.js';

export type ImportRules = {
  /** The runtime's, whether or not they are installed. */
  provided: readonly string[];
  /** The runtime's where they are not installed. */
  standIns: readonly string[];
  /** Where they are not installed: the module of ours that is bundled in their place. */
  substitutes: ReadonlyMap<string, string>;
};

/** An import that leads nowhere. Rollup takes it for an external module of the name {@link missingId} gives. */
export type MissingImport = { specifier: string; importer: string; message: string };

const missingPrefix = 'vatkit-missing:';

export const missingId = (index: number) => `${missingPrefix}${index}`;

/** The index of {@link missingId}, or `undefined` for another module. */
export const parseMissingId = (id: string) =>
  id.startsWith(missingPrefix) ? Number(id.slice(missingPrefix.length)) : undefined;

/** The module as its importer knows it, if it was left out. */
export const parseLeftOutId = (id: string) =>
  id.startsWith(leftOutPrefix) ? id.slice(leftOutPrefix.length) : undefined;

/** Of the packages that a vat imports, as against its author's own. */
export const isOfPackage = (file: string) => /[\\/]node_modules[\\/]/.test(file);

/**
 * Modules that make a realm what a vat's worker is before any vat starts. In a vat they are left out, so that
 * code which is also tested outside of one needs no change.
 */
const realmMakers = /^(?:ses|@endo\/(?:init|lockdown))(?:\/|$)|^@endo\/eventual-send\/shim/;

const leftOutPrefix = '\0vatkit-left-out:';

/** Ours to say more about than that they are not installed. */
const knownMissing: Record<string, string> = {
  '@ocap/remote-iterables':
    "vatkit has no stand-in for it: return an async generator as it is, for it passes by reference, or use 'makeTopic' of '@vatkit/sdk/vat'; or install the package",
};

export function vatImports(rules: ImportRules, missing: MissingImport[]): Plugin {
  const giveUp = (specifier: string, importer: string, message: string) => {
    missing.push({ specifier, importer, message });
    return { id: missingId(missing.length - 1), external: true };
  };
  return {
    name: 'vatkit:imports',
    async resolveId(specifier, importer, options) {
      if (importer === undefined || specifier.startsWith('\0')) return null;
      if (rules.provided.includes(specifier)) return { id: specifier, external: true };
      if (realmMakers.test(specifier)) return leftOutPrefix + specifier;
      const relative = /^(?:\.{1,2}(?:\/|$)|\/)/.test(specifier);
      if (relative && !isOfPackage(importer)) {
        const wanted = resolve(dirname(importer), specifier);
        for (const file of candidates(wanted, isTypescript(importer))) {
          if (await isFile(file)) return realpath(file);
        }
      }
      const found = await this.resolve(specifier, importer, { ...options, skipSelf: true });
      if (found && !found.external) return found;
      if (rules.standIns.includes(specifier)) return { id: specifier, external: true };
      const substitute = rules.substitutes.get(specifier);
      if (substitute !== undefined) return substitute;
      return giveUp(specifier, importer, explain(specifier, importer));
    },
    load: (id) => (id.startsWith(leftOutPrefix) ? '' : null),
    resolveDynamicImport(specifier, importer) {
      // A package's is bundled, for its author did not write for vats. One of the vat's own stays, and
      // is refused if anything can reach it.
      if (isOfPackage(importer)) return null;
      return { id: typeof specifier === 'string' ? specifier : 'unknown', external: true };
    },
    renderDynamicImport({ moduleId, targetModuleId }) {
      if (!isOfPackage(moduleId)) return null;
      // What `import()` does where there is no such module.
      const index = targetModuleId === null ? undefined : parseMissingId(targetModuleId);
      if (index === undefined) {
        return { left: 'Promise.reject(new Error("A vat cannot import " + (', right: ')))' };
      }
      const text = JSON.stringify(`A vat cannot import ${missing[index]?.specifier}`);
      return { left: '(void ', right: `, Promise.reject(new Error(${text})))` };
    },
    resolveImportMeta: () => IMPORT_META_MARK,
  };
}

/** The files that a relative specifier may mean, best first. `./x.js` may be compiled from `./x.ts`. */
function candidates(wanted: string, fromTypescript: boolean): string[] {
  const typed = ['.ts', '.mts', '.cts'];
  const plain = ['.js', '.mjs', '.cjs'];
  const endings = [...(fromTypescript ? [...typed, ...plain] : [...plain, ...typed]), '.json'];
  const source = typed[plain.indexOf(extname(wanted))];
  return [
    wanted,
    ...(source === undefined ? [] : [wanted.slice(0, -extname(wanted).length) + source]),
    ...endings.map((ending) => wanted + ending),
    ...endings.map((ending) => join(wanted, `index${ending}`)),
  ];
}

const isFile = (path: string) =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );

/** Why a specifier leads nowhere and what its author can do. */
function explain(specifier: string, importer: string): string {
  if (/^(?:\.{1,2}(?:\/|$)|\/)/.test(specifier)) {
    const wanted = displayPath(resolve(dirname(importer), specifier));
    return `'${specifier}' does not exist: no ${wanted}, nor with .ts, .js, .json or another known ending`;
  }
  if (isBuiltin(specifier)) {
    return `'${specifier}' is Node's own, and a vat has no Node: let a kernel service do it, which the vat calls, or use a package that runs in browsers`;
  }
  if (/^[a-z][a-z0-9+.-]*:/i.test(specifier)) {
    return `'${specifier}' is an address, and a vat is bundled from files: install the package`;
  }
  if (Object.hasOwn(knownMissing, specifier)) {
    return `Cannot find '${specifier}': ${knownMissing[specifier]}`;
  }
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  const folder = installed(name, dirname(importer));
  if (folder === undefined) {
    return `Cannot find '${specifier}': package '${name}' is not installed where this file can see it. Run 'npm install ${name}' there`;
  }
  return name === specifier
    ? `Cannot find '${specifier}': ${displayPath(folder)} has no entry that can be imported`
    : `Cannot find '${specifier}': it is not among what ${displayPath(folder)} exports`;
}

/** The folder of a package as a file's folder sees it. */
function installed(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder)) return undefined;
  }
}

/** Points at the specifier in the file that imports it, as its author wrote it. */
export function problemOfMissing({ specifier, importer, message }: MissingImport): Problem {
  const quoted = `(['"])${specifier.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\1`;
  let text: string;
  try {
    text = readFileSync(importer, 'utf8');
  } catch {
    return { file: importer, message };
  }
  const found =
    new RegExp(`\\b(?:from|import|require\\s*\\()\\s*(?=${quoted})`).exec(text) ??
    new RegExp(`(?=${quoted})`).exec(text);
  if (found === null) return { file: importer, message };
  return { file: importer, ...placeOf(text, found.index + found[0].length), message };
}
