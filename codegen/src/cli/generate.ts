import { rm } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import { displayPath, formatProblem, type Problem } from '../bundler/problems.js';
import { compareFiles, type Deviation } from '../generate/compare.js';
import { generateVats, writeFiles, type Generation } from '../generate/generate.js';
import {
  parseCommandLine,
  UsageError,
  type Command,
  type ExitCode,
  type Terminal,
} from './command.js';
import { everyVat, findGenerated, findVats } from './find-vats.js';
import { watchFolders } from './watch-folders.js';
import { untilEnd } from './watch.js';

export const generate: Command = {
  name: 'generate',
  help: `vatkit generate: write the types, definitions and bundles that apps import

Usage: vatkit generate [files, folders or globs ...] [options]

Without a name it takes ${everyVat}, except in node_modules, dist and folders whose name
begins with a dot. Beside each vat, todo.vat.ts, it writes

  todo.vat.gen.js        what the app imports: import { todo } from './todo.vat.gen.js'
  todo.vat.gen.d.ts      its types, with the comments of the vat
  todo.vat.gen.d.ts.map  leads editors from them to the vat's source
  todo.vat.gen.json      what was read, as a model: for programs that make something else of it
  todo.vat.bundle        the vat's code

and removes what is left of vats that are gone. Files that are as they should be are not touched. All
problems of all vats are told at once; a vat with problems keeps the files that it had.

Options:
      --check   write nothing; exit 1, with a diff, if a file is stale, missing or left over
  -w, --watch   go on, and write again what changes. Ctrl-C ends it
      --guards  put guards made from the types into the bundles: what does not fit them is refused
      --json    print one JSON object, { vats, problems, warnings, deviations? }; each vat has its model
  -h, --help    show this help

Examples:
  vatkit generate
  vatkit generate vats/todo.vat.ts --guards
  vatkit generate 'src/**/*.vat.ts' --watch
  vatkit generate --check

Exit codes: 0 all is written or as it should be, 1 there are problems or deviations, 2 the command
line is wrong.`,
  run: async (args, terminal) => {
    const { values, positionals } = parseCommandLine(args, {
      check: { type: 'boolean', default: false },
      watch: { type: 'boolean', short: 'w', default: false },
      guards: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    });
    if (values.watch && (values.check || values.json)) {
      throw new UsageError("'--watch' writes and goes on; it does not go with --check or --json.");
    }
    const { check, guards, json } = values;
    const run: Run = { patterns: positionals, check, guards, json };
    if (!values.watch) return generateOnce(run, terminal);
    return generateOn(run, terminal);
  },
};

type Run = { patterns: readonly string[]; check: boolean; guards: boolean; json: boolean };

async function generateOnce(run: Run, terminal: Terminal): Promise<ExitCode> {
  const { patterns, check, json } = run;
  const { vats, unmatched } = await findVats(patterns);
  const missing = unmatched.map((pattern) => ({ message: nothingFor(pattern) }));
  const generation = await generateVats(
    vats.map(({ entry }) => entry),
    { guards: run.guards, ...(!json && { onProgress: progressOf(terminal) }) },
  );
  const named = vats.filter(({ stray }) => !stray).map(({ entry }) => entry);
  const problems = [...missing, ...generation.problems, ...notVats(generation, named)];
  const files = generation.vats.flatMap((vat) => vat.files);
  const deviations = await compareFiles(files, await findGenerated(patterns));
  if (!check) await mend(generation, deviations, terminal, json);
  if (json)
    printJson(terminal, { generation, problems, deviations: check ? deviations : undefined });
  else {
    if (check) tellDeviations(deviations, patterns, terminal);
    tellProblems(generation.warnings, problems, terminal);
    if (problems.length === 0 && deviations.length === 0) {
      terminal.out(`${files.length} files of ${generation.vats.length} vats are as they should be`);
    }
  }
  return problems.length > 0 || (check && deviations.length > 0) ? 1 : 0;
}

const nothingFor = (pattern: string): string =>
  pattern === everyVat
    ? `there is no ${everyVat} in ${displayPath(process.cwd())}; name a file or a folder`
    : `there is no vat at ${pattern}; a vat is a file like todo.vat.ts`;

const notVats = (generation: Generation, named: readonly string[]): Problem[] =>
  generation.notVats
    .filter((file) => named.includes(file))
    .map((file) => ({ file, message: "it exports no 'buildRootObject', so it is no vat" }));

const progressOf =
  (terminal: Terminal) =>
  (done: number, total: number, entry: string): void => {
    // On a screen only: a log is read when it is over.
    if (terminal.isScreen && total > 3) terminal.err(`${done + 1}/${total} ${displayPath(entry)}`);
  };

async function mend(
  generation: Generation,
  deviations: readonly Deviation[],
  terminal: Terminal,
  json: boolean,
): Promise<void> {
  for (const { entry, files } of generation.vats) {
    const written = await writeFiles(files);
    if (written.length === 0 || json) continue;
    const names = written.map((path) => relative(dirname(entry), path)).join(', ');
    terminal.out(`Wrote for ${displayPath(entry)}: ${names}`);
  }
  for (const { path, what } of deviations) {
    if (what !== 'extra') continue;
    await rm(path, { force: true });
    if (!json) terminal.out(`Removed ${displayPath(path)}: its vat is gone`);
  }
}

function tellDeviations(
  deviations: readonly Deviation[],
  patterns: readonly string[],
  terminal: Terminal,
): void {
  if (deviations.length === 0) return;
  for (const { path, what, diff } of deviations) {
    terminal.err(`${what}: ${displayPath(path)}`);
    for (const line of diff) terminal.err(`    ${line}`);
  }
  terminal.err(
    `Run 'npx vatkit generate${patterns.map((each) => ` ${each}`).join('')}' to mend this.`,
  );
}

function tellProblems(
  warnings: readonly Problem[],
  problems: readonly Problem[],
  terminal: Terminal,
): void {
  for (const warning of warnings) terminal.err(`warning: ${formatProblem(warning)}`);
  for (const problem of problems) terminal.err(`error: ${formatProblem(problem)}`);
  if (problems.length > 1) terminal.err(`${problems.length} problems`);
}

function printJson(
  terminal: Terminal,
  outcome: {
    generation: Generation;
    problems: readonly Problem[];
    deviations: readonly Deviation[] | undefined;
  },
): void {
  const at = (path: string): string => displayPath(path);
  const placed = (problem: Problem): Problem =>
    problem.file === undefined ? problem : { ...problem, file: at(problem.file) };
  const { generation, problems, deviations } = outcome;
  const report = {
    vats: generation.vats.map(({ entry, model, files }) => ({
      source: at(entry),
      files: files.map(({ path }) => at(path)),
      model,
    })),
    problems: problems.map(placed),
    warnings: generation.warnings.map(placed),
    deviations: deviations?.map((each) => ({ ...each, path: at(each.path) })),
  };
  terminal.out(JSON.stringify(report, null, 2));
}

async function generateOn(run: Run, terminal: Terminal): Promise<ExitCode> {
  const pass = async (): Promise<void> => void (await generateOnce(run, terminal));
  const watching = await watchFolders({ dir: '.', onChange: pass });
  return untilEnd(watching, terminal, `Watching ${displayPath(process.cwd())}`);
}
