import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { displayPath } from '../bundler/problems.js';
import {
  parseCommandLine,
  UsageError,
  type Command,
  type ExitCode,
  type Terminal,
} from './command.js';
import { appFiles, vatFiles } from './templates.js';
import { writeNew } from './write-new.js';

export const create: Command = {
  name: 'create',
  help: `vatkit create: write a new React app with a vat

Usage: vatkit create <folder>
       npm create vatkit <folder>

The app has a first vat in src/vats, a page that calls it, Vite with the plugin, and TypeScript. The
folder is made, or is empty but for a .git. It installs nothing: run 'npm install' after it. To add
vatkit to an app that is there, see 'vatkit init'.

Options:
  -h, --help   show this help

Examples:
  vatkit create my-app
  vatkit create .
  npm create vatkit my-app

Exit codes: 0 it is done, 1 it cannot be done there, 2 the command line is wrong.`,
  run: async (args, terminal) => {
    const { positionals } = parseCommandLine(args, {});
    const [folder, ...more] = positionals;
    if (folder === undefined) throw new UsageError('Which folder? None was named.');
    if (more.length > 0) throw new UsageError('One folder at a time.');
    return createApp(resolve(folder), terminal);
  },
};

/** Writes it, or says why it cannot be there. */
export async function createApp(dir: string, terminal: Terminal): Promise<ExitCode> {
  const there = existsSync(dir) ? await readdir(dir) : [];
  const found = there.filter((name) => name !== '.git');
  if (found.length > 0) {
    const advice = found.includes('package.json')
      ? "; 'vatkit init' adds vatkit to an app"
      : ': name a new folder, or an empty one';
    terminal.err(`${displayPath(dir)} is not empty: it has ${found.sort()[0]}${advice}`);
    return 1;
  }
  await writeNew(dir, { ...appFiles(packageName(dir)), ...vatFiles }, terminal);
  const enter = dir === process.cwd() ? '' : `cd ${displayPath(dir)}, `;
  terminal.out(`Next: ${enter}npm install, npm run dev`);
  return 0;
}

/** As npm takes it. */
function packageName(dir: string): string {
  const name = basename(dir)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return name === '' ? 'app' : name;
}
