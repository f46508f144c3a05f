import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { displayPath } from '../bundler/problems.js';
import {
  parseCommandLine,
  UsageError,
  type Command,
  type ExitCode,
  type Terminal,
} from './command.js';
import { createApp } from './create.js';
import { vatFiles } from './templates.js';
import { version } from './version.js';
import { writeNew } from './write-new.js';

export const init: Command = {
  name: 'init',
  help: `vatkit init: add vatkit to a Vite app, or make a new one

Usage: vatkit init [folder] [options]

In a folder with a package.json it adds the packages to it, 'vatkit generate' to a build that runs the
compiler, a first vat in src/vats, and the plugin to the Vite configuration, where its plugins are
written out as a list. In a folder that is empty, or not there, it does what 'vatkit create' does. A
file that is there already is never replaced. It installs nothing: run 'npm install' after it.

Options:
  -h, --help   show this help

Examples:
  vatkit init
  vatkit init my-app

Exit codes: 0 it is done, 1 it cannot be done there, 2 the command line is wrong.`,
  run: async (args, terminal) => {
    const { positionals } = parseCommandLine(args, {});
    const [folder = '.', ...more] = positionals;
    if (more.length > 0) throw new UsageError('One folder at a time.');
    const dir = resolve(folder);
    if (existsSync(join(dir, 'package.json'))) return addToApp(dir, terminal);
    return createApp(dir, terminal);
  },
};

type Manifest = { [key: string]: unknown } & Partial<
  Record<'dependencies' | 'devDependencies' | 'scripts', Record<string, string>>
>;

const wanted = {
  dependencies: ['@vatkit/sdk', '@vatkit/react'],
  devDependencies: ['@vatkit/codegen'],
} as const;

async function addToApp(dir: string, terminal: Terminal): Promise<ExitCode> {
  const path = join(dir, 'package.json');
  const text = await readFile(path, 'utf8');
  let manifest: Manifest;
  try {
    manifest = JSON.parse(text) as Manifest;
  } catch (error) {
    terminal.err(`Cannot read ${displayPath(path)}: ${(error as Error).message}`);
    return 1;
  }
  const isThere = (name: string): boolean =>
    name in (manifest.dependencies ?? {}) || name in (manifest.devDependencies ?? {});
  const changed = { ...manifest };
  for (const kind of ['dependencies', 'devDependencies'] as const) {
    const missing = wanted[kind].filter((name) => !isThere(name));
    const added = Object.fromEntries(missing.map((name) => [name, `^${version()}`]));
    if (missing.length > 0) changed[kind] = { ...manifest[kind], ...added };
  }
  // The compiler reads what is generated before Vite and its plugin have their turn.
  const { build } = manifest.scripts ?? {};
  if (build !== undefined && /\btsc\b/.test(build) && !build.includes('vatkit generate')) {
    changed.scripts = { ...manifest.scripts, build: `vatkit generate && ${build}` };
  }
  const indent = /^[ \t]+/m.exec(text)?.[0] ?? '  ';
  const after = `${JSON.stringify(changed, null, indent)}\n`;
  if (after.trim() !== text.trim()) {
    await writeFile(path, after);
    terminal.out(`Added what vatkit needs to ${displayPath(path)}`);
  }
  await writeNew(dir, vatFiles, terminal);
  await addPlugin(dir, terminal);
  terminal.out('Next: npm install, npx vatkit generate');
  return 0;
}

const importLine = "import { vatkit } from '@vatkit/codegen/vite';\n";

async function addPlugin(dir: string, terminal: Terminal): Promise<void> {
  const name = ['ts', 'mts', 'js', 'mjs']
    .map((ending) => `vite.config.${ending}`)
    .find((each) => existsSync(join(dir, each)));
  const advice = `add vatkit() of '@vatkit/codegen/vite' to the plugins of ${name ?? 'a vite.config.ts'} by hand`;
  const path = join(dir, name ?? '');
  const text = name === undefined ? '' : await readFile(path, 'utf8');
  if (text.includes('@vatkit/codegen/vite')) return;
  const list = /\bplugins\s*:\s*\[/.exec(text);
  if (list === null) {
    terminal.err(`Found no list of plugins: ${advice}`);
    return;
  }
  const at = list.index + list[0].length;
  const rest = text.slice(at);
  const isEmpty = /^\s*\]/.test(rest);
  await writeFile(path, `${importLine}${text.slice(0, at)}vatkit()${isEmpty ? '' : ', '}${rest}`);
  terminal.out(`Added the plugin to ${displayPath(path)}`);
}
