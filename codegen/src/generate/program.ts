/** The sources of vats as TypeScript sees them. Everything that knows ts-morph's project stands here. */
import { fileURLToPath } from 'node:url';
import { Project, ts } from 'ts-morph';
import { RUNTIME_MODULES, RUNTIME_STAND_INS } from '@vatkit/sdk/kernel';

export type SourceProgram = {
  checker: ts.TypeChecker;
  /** @param file - an absolute path. */
  sourceFile(file: string): ts.SourceFile | undefined;
  /** What the parser says of the files that are no library's. */
  syntaxErrors(): readonly ts.Diagnostic[];
  /** What it says of types that lead back to themselves, which it takes for `any`. */
  endlessTypes(): readonly ts.Diagnostic[];
};

/** Like the bundler, it takes no account of a tsconfig.json: what a vat means is in its source. */
const compilerOptions: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.esnext.disposable.d.ts'],
  // A vat's globals do not depend on what happens to be installed.
  types: [],
  strict: true,
  allowJs: true,
  checkJs: true,
  maxNodeModuleJsDepth: 0,
  resolveJsonModule: true,
  allowImportingTsExtensions: true,
  noEmit: true,
  skipLibCheck: true,
};

/** A value, a function and a function expression that refer to themselves. */
const endlessCodes = [7022, 7023, 7024];

/** Reads the vats and all that they import. */
export function openProgram(entries: readonly string[]): SourceProgram {
  const project = new Project({
    compilerOptions,
    skipAddingFilesFromTsConfig: true,
    resolutionHost: (host, options) => ({
      resolveModuleNames: (names, importer) =>
        names.map((name) => resolveModule(name, importer, options(), host)),
    }),
  });
  project.addSourceFilesAtPaths([...entries]);
  const program = project.getProgram().compilerObject;
  const own = () =>
    program
      .getSourceFiles()
      .filter(({ fileName, isDeclarationFile }) => !isDeclarationFile && !isInPackage(fileName));
  return {
    checker: program.getTypeChecker(),
    sourceFile: (file) => program.getSourceFile(file),
    syntaxErrors: () => own().flatMap((file) => [...program.getSyntacticDiagnostics(file)]),
    endlessTypes: () =>
      own()
        .flatMap((file) => [...program.getSemanticDiagnostics(file)])
        .filter(({ code }) => endlessCodes.includes(code)),
  };
}

export const isInPackage = (file: string): boolean => /[\\/]node_modules[\\/]/.test(file);

/** TypeScript's way; what the runtime provides has the types of our own copy where it is not installed. */
function resolveModule(
  name: string,
  importer: string,
  options: ts.CompilerOptions,
  host: ts.ModuleResolutionHost,
): ts.ResolvedModuleFull | undefined {
  const { resolvedModule } = ts.resolveModuleName(name, importer, options, host);
  if (resolvedModule !== undefined) return resolvedModule;
  const isStandIn = standIns.includes(name);
  if (!isStandIn && !runtimeModules.includes(name)) return undefined;
  const own = isStandIn ? '@vatkit/sdk/vat' : name;
  return ts.resolveModuleName(own, thisFile, options, host).resolvedModule;
}

const runtimeModules: readonly string[] = RUNTIME_MODULES;
const standIns: readonly string[] = RUNTIME_STAND_INS;
const thisFile = fileURLToPath(import.meta.url);
