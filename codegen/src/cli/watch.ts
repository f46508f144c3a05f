import { displayPath } from '../bundler/problems.js';
import { parseCommandLine, type Command, type ExitCode, type Terminal } from './command.js';
import { oneFolder } from './serve.js';
import { watchVats, type Watching } from './watch-vats.js';

export const watch: Command = {
  name: 'watch',
  help: `vatkit watch: bundle the vats of a folder, and again when their sources change

Usage: vatkit watch <folder>

All .js and .ts files of the folder, and of those below it, that export buildRootObject are written
beside their source: vats/todo.vat.ts to vats/todo.vat.bundle. Left out are *.test.*, *.gen.*,
*.d.ts, node_modules and names that begin with a dot. When a source changes, its vat is bundled
again, and all vats when it is no vat itself; when a vat's source is deleted, so is its bundle. A
vat that cannot be bundled is told, and keeps the bundle that it had. Ctrl-C ends it.

Options:
  -h, --help   show this help

Examples:
  vatkit watch vats

Exit codes: 0 ended by Ctrl-C, 1 the folder cannot be watched, 2 the command line is wrong.`,
  run: async (args, terminal) => {
    const { positionals } = parseCommandLine(args, {});
    const dir = oneFolder(positionals);
    const watching = await beginWatching(dir, terminal);
    if (watching === undefined) return 1;
    return untilEnd(watching, terminal, `Watching ${displayPath(dir)}`);
  },
};

/** Undefined, and told, where it cannot be watched. */
export async function beginWatching(
  dir: string,
  { out, err }: Terminal,
): Promise<Watching | undefined> {
  try {
    return await watchVats({ dir, out, err });
  } catch (error) {
    err((error as Error).message);
    return undefined;
  }
}

/** Says what is going on, and lets it until the user has enough or the folder is gone. */
export async function untilEnd(
  watching: Watching,
  terminal: Terminal,
  what: string,
): Promise<ExitCode> {
  // Before it is said: who reads it may end it at once.
  const interrupted = terminal.untilInterrupted();
  terminal.out(what);
  const why = await Promise.race([interrupted, watching.failed]);
  await watching.close();
  if (why === undefined) return 0;
  terminal.err(why);
  return 1;
}
