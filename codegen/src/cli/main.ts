import { didYouMean, UsageError, type Command, type ExitCode, type Terminal } from './command.js';
import { version } from './version.js';

type Listed = { name: string; summary: string; load: () => Promise<Command> };

/** Loaded when it is asked for: whoever talks to a daemon does not wait for a compiler. */
const commands: readonly Listed[] = [
  {
    name: 'create',
    summary: 'write a new React app with a vat',
    load: async () => (await import('./create.js')).create,
  },
  {
    name: 'init',
    summary: 'add vatkit to a Vite app, or make a new one',
    load: async () => (await import('./init.js')).init,
  },
  {
    name: 'generate',
    summary: 'write the types, definitions and bundles that apps import',
    load: async () => (await import('./generate.js')).generate,
  },
  {
    name: 'bundle',
    summary: 'turn vat sources into .bundle files',
    load: async () => (await import('./bundle.js')).bundle,
  },
  {
    name: 'watch',
    summary: 'bundle the vats of a folder, and again when their sources change',
    load: async () => (await import('./watch.js')).watch,
  },
  {
    name: 'serve',
    summary: 'serve a folder of .bundle files over HTTP',
    load: async () => (await import('./serve.js')).serve,
  },
  {
    name: 'start',
    summary: 'watch a folder and serve its bundles: watch and serve in one',
    load: async () => (await import('./start.js')).start,
  },
  {
    name: 'daemon',
    summary: 'run a kernel in the background and talk to it',
    load: async () => (await import('./daemon.js')).daemon,
  },
  {
    name: 'relay',
    summary: 'run a relay over which kernels reach one another',
    load: async () => (await import('./relay.js')).relay,
  },
];

const help = `vatkit: generates code for vats, bundles and serves them, and runs a kernel for them

Usage: vatkit <command> [options]

Commands:
${commands.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`).join('\n')}

Options:
  -h, --help     show this help, or that of a command: vatkit bundle --help
  --version      show the version

Exit codes: 0 all went well, 1 something failed, 2 the command line is wrong.`;

/** Runs one command line and resolves to the exit code of the process. */
export async function main(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const [first, ...rest] = homeLast(args);
  if (first === '--version') {
    terminal.out(version());
    return 0;
  }
  if (first === '--help' || first === '-h' || (first === 'help' && rest.length === 0)) {
    terminal.out(help);
    return 0;
  }
  if (first === undefined) {
    terminal.err(help);
    return 2;
  }
  const asked = first === 'help' ? (rest[0] as string) : first;
  const listed = commands.find(({ name }) => name === asked);
  if (listed === undefined) {
    const isOption = asked.startsWith('-');
    const what = isOption ? 'option' : 'command';
    const known = isOption ? ['--help', '--version'] : commands.map(({ name }) => name);
    terminal.err(`Unknown ${what} '${asked}'.${didYouMean(asked, known)}`);
    terminal.err("'vatkit --help' lists the commands.");
    return 2;
  }
  const command = await listed.load();
  const beforeFiles = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (first === 'help' || beforeFiles.includes('--help') || beforeFiles.includes('-h')) {
    terminal.out(command.help);
    return 0;
  }
  try {
    return await command.run(rest, terminal);
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.err(error.message);
      terminal.err(`'vatkit ${command.name} --help' says how it is used.`);
      return 2;
    }
    if (isOfDisk(error)) {
      terminal.err(`vatkit ${command.name} could not go on: ${error.message}`);
      return 1;
    }
    throw error;
  }
}

/** The disk's answer: a folder that may not be written to, a file where a folder should be. A fault of ours is none. */
const isOfDisk = (error: unknown): error is Error =>
  error instanceof Error && (error as NodeJS.ErrnoException).syscall !== undefined;

/** `vatkit --home x daemon start` as `vatkit daemon start --home x`. */
function homeLast(args: readonly string[]): readonly string[] {
  const [first] = args;
  if (first?.startsWith('--home=')) return [...args.slice(1), first];
  return first === '--home' && args.length > 2 ? [...args.slice(2), ...args.slice(0, 2)] : args;
}
