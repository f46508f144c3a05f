import { displayPath } from '../bundler/problems.js';
import { startBundleServer, type BundleServer } from '../serve/bundle-server.js';
import { parseCommandLine, type Command } from './command.js';
import { oneFolder, parsePort } from './serve.js';
import { beginWatching, untilEnd } from './watch.js';

export const start: Command = {
  name: 'start',
  help: `vatkit start: watch a folder and serve its bundles

Usage: vatkit start <folder> [options]

What 'vatkit watch' and 'vatkit serve' do, in one. Ctrl-C ends it. A kernel in the background is
'vatkit daemon start'.

Options:
  -p, --port <number>   the port, 0 for any that is free (default 3000)
  --host <address>      the address to listen at (default 127.0.0.1: this machine only)
  -h, --help            show this help

Examples:
  vatkit start vats
  vatkit start vats --port 0

Exit codes: 0 ended by Ctrl-C, 1 it cannot watch or serve, 2 the command line is wrong.`,
  run: async (args, terminal) => {
    const { values, positionals } = parseCommandLine(args, {
      port: { type: 'string', short: 'p', default: '3000' },
      host: { type: 'string', default: '127.0.0.1' },
    });
    const dir = oneFolder(positionals);
    const port = parsePort(values.port);
    let server: BundleServer;
    try {
      server = await startBundleServer({ dir, port, host: values.host });
    } catch (error) {
      terminal.err((error as Error).message);
      return 1;
    }
    try {
      const watching = await beginWatching(dir, terminal);
      if (watching === undefined) return 1;
      const what = `Watching ${displayPath(dir)}, serving it at ${server.url}`;
      return await untilEnd(watching, terminal, what);
    } finally {
      await server.close();
    }
  },
};
