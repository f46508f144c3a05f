/** Reads vats: what their roots, and everything that these lead to, can be asked. */
import { basename, dirname, relative, resolve, sep } from 'node:path';
import { ts } from 'ts-morph';
import { placeOf as placeInText, type Problem } from '../bundler/problems.js';
import { makeInterfaceReader, type ExoSite, type InterfaceReader } from './interface-reader.js';
import { docOf } from './jsdoc.js';
import { makerOfLiteral } from './makers.js';
import { deepParts, MODEL_VERSION, type VatModel } from './model.js';
import { camelCase, makeNames, pascalCase, vatNameOf } from './names.js';
import { openProgram } from './program.js';
import { literalOf } from './type-reader.js';

export type ReadVat = {
  /** Absolute path. */
  entry: string;
  model: VatModel;
  exos: ExoSite[];
};

export type Reading = {
  /** Those without problems. */
  vats: ReadVat[];
  /** Of all files, in the order of files and lines. */
  problems: Problem[];
  warnings: Problem[];
  /** Entries that are modules without `buildRootObject`. */
  notVats: string[];
};

/** @param entries - absolute paths of modules that export `buildRootObject`. */
export function readVats(entries: readonly string[]): Reading {
  const program = openProgram(entries);
  const problems = program.syntaxErrors().map(problemOfDiagnostic);
  const warnings: Problem[] = [];
  const vats: ReadVat[] = [];
  const notVats: string[] = [];
  for (const entry of entries) {
    const file = program.sourceFile(entry);
    if (file === undefined) {
      problems.push({ file: entry, message: 'there is no such file' });
      continue;
    }
    const outcome = readVat(entry, file, program.checker);
    if (outcome === undefined) {
      notVats.push(entry);
      continue;
    }
    problems.push(...outcome.problems);
    warnings.push(...outcome.warnings);
    if (outcome.problems.length === 0) vats.push(outcome.vat);
  }
  if (vats.some(({ model }) => hasUnknownResult(model))) {
    warnings.push(...program.endlessTypes().map(problemOfEndless));
  }
  return { vats, problems: inOrder(problems), warnings: inOrder(warnings), notVats };
}

type Outcome = { vat: ReadVat; problems: Problem[]; warnings: Problem[] };

/** Undefined where the module exports no `buildRootObject`. */
function readVat(entry: string, file: ts.SourceFile, checker: ts.TypeChecker): Outcome | undefined {
  const module = checker.getSymbolAtLocation(file);
  const build = (module === undefined ? [] : checker.getExportsOfModule(module)).find(
    ({ name }) => name === 'buildRootObject',
  );
  if (build === undefined) return undefined;
  const source = basename(entry);
  const name = vatNameOf(source);
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const tell = (list: Problem[]) => (node: ts.Node, message: string) => {
    const { fileName, text } = node.getSourceFile();
    list.push({ file: resolve(fileName), ...placeInText(text, node.getStart()), message });
  };
  const report = tell(problems);
  const names = makeNames();
  names.claim(camelCase(name));
  const read = makeInterfaceReader({
    checker,
    report,
    warn: tell(warnings),
    claim: names.claim,
    placeOf(node) {
      const holder = node.getSourceFile();
      // What a package brings is no source of the vat's, and lies elsewhere on every machine.
      if (holder.isDeclarationFile) return undefined;
      const { line, character } = holder.getLineAndCharacterOfPosition(node.getStart());
      const from = relative(dirname(entry), resolve(holder.fileName)).split(sep).join('/');
      return { source: from, line, column: character };
    },
  });

  const model: VatModel = {
    version: MODEL_VERSION,
    name,
    source,
    root: '',
    parameters: null,
    bootstrap: null,
    interfaces: [],
    types: [],
  };
  const function_ = functionBehind(build, checker);
  if (function_ === undefined) report(build.declarations?.[0] ?? file, notFunction);
  else readRoot(function_, model, read, { checker, report });
  read.warnOfHeap(model.root);
  model.interfaces = read.interfaces();
  model.types = read.types();
  return { vat: { entry, model, exos: read.exos() }, problems, warnings };
}

const notFunction =
  "'buildRootObject' is no function; write 'export function buildRootObject(vatPowers, parameters, baggage)'";

type RootFunction = { signature: ts.Signature; declaration: ts.Declaration };

/** The function behind the export, wherever it was declared. */
function functionBehind(build: ts.Symbol, checker: ts.TypeChecker): RootFunction | undefined {
  const symbol = build.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(build) : build;
  const declaration = symbol.valueDeclaration ?? symbol.declarations?.[0];
  if (declaration === undefined) return undefined;
  const type = checker.getTypeOfSymbolAtLocation(symbol, declaration);
  const signature = type.getCallSignatures().at(-1);
  return signature === undefined ? undefined : { signature, declaration };
}

function readRoot(
  { signature, declaration }: RootFunction,
  model: VatModel,
  read: InterfaceReader,
  { checker, report }: { checker: ts.TypeChecker; report(node: ts.Node, message: string): void },
): void {
  const node = ts.getNameOfDeclaration(declaration) ?? declaration;
  const returned = checker.getAwaitedType(signature.getReturnType()) ?? signature.getReturnType();
  const literal = literalOf(returned);
  const isPlain = literal !== undefined && makerOfLiteral(literal, checker) === undefined;
  if (!read.isRemotable(returned) || isPlain) {
    const found = isPlain ? 'a plain object' : read.textOf(returned);
    report(node, `buildRootObject returns ${found}; return an exo: makeDefaultExo('root', { … })`);
  } else {
    model.root = read.readRoot(returned, {
      name: `${pascalCase(model.name)}Root`,
      doc: docOf(declaration) ?? docOf(signature.getDeclaration()),
      spot: { node, subject: 'the root', path: '', side: 'result' },
      build: signature.getDeclaration(),
    });
    const bootstrap = checker.getPropertyOfType(returned, 'bootstrap');
    const [call] =
      bootstrap === undefined ? [] : checker.getTypeOfSymbol(bootstrap).getCallSignatures();
    if (call !== undefined) {
      const [vats, services] = call.getParameters();
      model.bootstrap = {
        vats: read.readSetting(vats, node, "bootstrap's vats"),
        services: read.readSetting(services, node, "bootstrap's services"),
      };
    }
  }
  model.parameters = read.readSetting(signature.getParameters()[1], node, "the vat's parameters");
}

function problemOfDiagnostic({ file, start, messageText }: ts.Diagnostic): Problem {
  const message = ts.flattenDiagnosticMessageText(messageText, '\n');
  if (file === undefined) return { message };
  const place = start === undefined ? {} : placeInText(file.text, start);
  return { file: resolve(file.fileName), ...place, message };
}

const hasUnknownResult = ({ interfaces }: VatModel): boolean =>
  interfaces
    .flatMap(({ methods }) => methods.flatMap(({ signatures }) => signatures))
    .some(({ result }) =>
      deepParts(result).some((part) => part.kind === 'primitive' && part.name === 'unknown'),
    );

function problemOfEndless(diagnostic: ts.Diagnostic): Problem {
  const problem = problemOfDiagnostic(diagnostic);
  const [said] = problem.message.split(' because ');
  return {
    ...problem,
    message: `${said}, for it leads back to itself: callers may see 'unknown'; write its type out`,
  };
}

/** Each once, by file and line. */
function inOrder(problems: readonly Problem[]): Problem[] {
  const unique = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  const order = (a = '', b = ''): number => (a < b ? -1 : a > b ? 1 : 0);
  return [...unique.values()].sort(
    (a, b) =>
      order(a.file, b.file) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  );
}
