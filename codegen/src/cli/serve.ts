import { readdir } from 'node:fs/promises';
import { displayPath } from '../bundler/problems.js';
import { startBundleServer } from '../serve/bundle-server.js';
import { parseCommandLine, UsageError, type Command } from './command.js';

export const serve: Command = {
  name: 'serve',
  help: `vatkit serve: serve a folder of .bundle files over HTTP

Usage: vatkit serve <folder> [options]

Only files that end with .bundle are there; all else is 404. Every origin may read them, and no
answer is cached without asking again. Ctrl-C ends it.

Options:
  -p, --port <number>   the port, 0 for any that is free (default 3000)
  --host <address>      the address to listen at (default 127.0.0.1: this machine only)
  -h, --help            show this help

Examples:
  vatkit serve vats
  vatkit serve public/bundles --port 0
  vatkit serve vats --host 0.0.0.0 --port 8080

Exit codes: 0 ended by Ctrl-C, 1 it could not serve, 2 the command line is wrong.`,
  run: async (args, terminal) => {
    const { values, positionals } = parseCommandLine(args, {
      port: { type: 'string', short: 'p', default: '3000' },
      host: { type: 'string', default: '127.0.0.1' },
    });
    const dir = oneFolder(positionals);
    const port = parsePort(values.port);
    let server;
    try {
      server = await startBundleServer({ dir, port, host: values.host });
    } catch (error) {
      terminal.err((error as Error).message);
      return 1;
    }
    // Before it is said: who reads it may end it at once.
    const interrupted = terminal.untilInterrupted();
    terminal.out(`Serving ${displayPath(dir)} at ${server.url}`);
    const bundles = (await readdir(dir)).filter((name) => /^[^.].*\.bundle$/.test(name)).sort();
    for (const name of bundles) terminal.out(`  ${server.url}/${encodeURIComponent(name)}`);
    if (bundles.length === 0) terminal.out(`  no bundle in it yet: vatkit bundle ${dir}`);
    await interrupted;
    await server.close();
    return 0;
  },
};

export function oneFolder(positionals: readonly string[]): string {
  const [dir, ...more] = positionals;
  if (dir === undefined) throw new UsageError('Which folder? None was named.');
  if (more.length === 0) return dir;
  throw new UsageError(`One folder at a time, and there are ${positionals.length}.`);
}

export function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65535) return port;
  throw new UsageError(`'--port ${text}' is no port: it is a whole number from 0 to 65535.`);
}
