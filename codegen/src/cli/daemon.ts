import { reportToParent } from '../daemon/background.js';
import { resolveHome, DaemonError, type DaemonHome } from '../daemon/home.js';
import { askWhoIsThere, type DaemonInfo } from '../daemon/handshake.js';
import { purgeDaemon, spawnDaemon, stopDaemon } from '../daemon/lifecycle.js';
import { LOG_LEVELS, type LogLevel } from '../daemon/log-file.js';
import { isAlive, readPidFile } from '../daemon/processes.js';
import { AlreadyRunning, runDaemon } from '../daemon/run-daemon.js';
import {
  didYouMean,
  parseCommandLine,
  UsageError,
  type Command,
  type ExitCode,
  type Terminal,
} from './command.js';
import {
  parseJson,
  parseTimeout,
  print,
  queueMessage,
  resultOf,
  withAbsoluteSpecs,
} from './daemon-calls.js';

const help = `vatkit daemon: a kernel that runs in the background

Usage: vatkit daemon [start] [--foreground] [--log-level <level>]
       vatkit daemon stop [--force]
       vatkit daemon status [--json]
       vatkit daemon exec [method] [params-json] [--timeout <s>]
       vatkit daemon queueMessage <target> <method> [args-json] [--raw] [--timeout <s>]
       vatkit daemon redeem-url <url> [--timeout <s>]
       vatkit daemon purge --force

start         starts it, or says that it is running, and prints its process and its socket
stop          ends it: by asking, then by SIGTERM, then, with --force, by SIGKILL
status        says whether it is running
exec          calls a control method, getStatus if none is named. In launchSubcluster, a path as
              bundleSpec or sourceSpec is meant from the current folder
queueMessage  sends a message to an object; krefs among the arguments mean the objects. Of the
              answer, what JSON has not is shown as text: <ko5> (Alleged: purse), 5n, [undefined]
redeem-url    prints the kref of the object that an ocap URL stands for
purge         stops it, by force if need be, and deletes all that it keeps (also: begone)

Options:
  --home <folder>       where it keeps its store, socket and log (default $VATKIT_HOME, else
                        ~/.vatkit). One daemon for each; only its owner may enter the folder
  --foreground          stay, until Ctrl-C or stop; the log goes to the error output, too
  --log-level <level>   debug, info (default), log, warn or error: the least that is logged
  --force               of stop and purge, see there
  --json                of status: print one JSON object, { running, pid, socket, home, since }
  --raw                 the answer as the kernel has it: CapData
  --timeout <seconds>   give up after that long; what was asked may still be done (default: never)
  -h, --help            show this help

In the folder: kernel.sqlite, daemon.sock (JSON-RPC 2.0, one request a connection, a line each),
daemon.pid (its first line), daemon.log (a JSON record a line; when full it becomes daemon.log.1).

Examples:
  vatkit daemon start
  vatkit daemon exec launchSubcluster '{"config":{"bootstrap":"a","vats":{"a":{"bundleSpec":"a.bundle"}}}}'
  vatkit daemon queueMessage ko4 greet '["you"]'
  vatkit daemon exec pingVat '{"id":"v1"}'
  vatkit daemon exec issueOcapURL '{"kref":"ko4","uses":1,"expiresInMs":3600000}'
  vatkit daemon exec executeDBQuery '{"sql":"SELECT * FROM kv LIMIT 5"}'

Exit codes: 0 all went well (start: it runs; stop, purge: there is none any more), 1 it failed, the
daemon's answer is an error, or (status) none is running, 2 the command line is wrong.`;

const options = {
  home: { type: 'string' },
  foreground: { type: 'boolean' },
  'log-level': { type: 'string' },
  force: { type: 'boolean' },
  json: { type: 'boolean' },
  raw: { type: 'boolean' },
  timeout: { type: 'string' },
} as const;

type Values = ReturnType<typeof parseCommandLine<typeof options>>['values'];
type Asked = { home: DaemonHome; values: Values; args: string[]; terminal: Terminal };

type Action = {
  /** What it takes beside `--home`. */
  options: readonly (keyof typeof options)[];
  /** The names of what it takes without an option; those with a `?` may be left out. */
  args: readonly string[];
  run(asked: Asked): Promise<ExitCode>;
};

const start: Action = {
  options: ['foreground', 'log-level'],
  args: [],
  run: async ({ home, values, terminal }) => {
    const logLevel = parseLogLevel(values['log-level']);
    if (values.foreground) return stay(home, logLevel, terminal);
    const { type, info } = await spawnDaemon(home, logLevel);
    const what = type === 'started' ? 'Daemon started' : 'Daemon is already running';
    terminal.out(`${what} (PID ${info.pid})`);
    terminal.out(`Socket: ${info.socket}`);
    return 0;
  },
};

/** The daemon in this process, which may be one that `start` has spawned and that reports to it. */
async function stay(
  home: DaemonHome,
  logLevel: LogLevel | undefined,
  terminal: Terminal,
): Promise<ExitCode> {
  const parent = process.send === undefined ? undefined : reportToParent<DaemonInfo>;
  let daemon;
  try {
    daemon = await runDaemon({
      home,
      ...(logLevel && { logLevel }),
      ...(parent === undefined && { echo: (line: string) => terminal.err(line) }),
    });
  } catch (thrown) {
    if (thrown instanceof AlreadyRunning) {
      await parent?.({ type: 'already-running', info: thrown.info });
      terminal.out(thrown.message);
      return 0;
    }
    await parent?.({ type: 'failed', message: oneLine((thrown as Error).message) });
    throw thrown;
  }
  const { info, log } = daemon;
  // Nobody reads it any more when the parent has gone.
  process.stderr.on('error', () => {});
  process.on('uncaughtException', (error) => {
    log.error('the daemon ends by a fault of its own', error);
    process.exit(1);
  });
  // It outlives its user's stay in a folder; what is relative its clients make absolute.
  process.chdir(home.folder);
  // Before it is said that it runs: who reads it may end it at once.
  void terminal.untilInterrupted().then(() => daemon.stop('a signal'));
  await parent?.({ type: 'started', info });
  if (parent === undefined) {
    terminal.out(`Daemon started (PID ${info.pid})`);
    terminal.out(`Socket: ${info.socket}`);
  }
  const failure = await daemon.ended;
  if (failure !== undefined) terminal.err(failure.message);
  // Should anything still hold the process, it has nothing left to do.
  setTimeout(() => process.exit(), 1_000).unref();
  return failure === undefined ? 0 : 1;
}

const stop: Action = {
  options: ['force'],
  args: [],
  run: async ({ home, values, terminal }) => {
    const stopped = await stopDaemon(home, { force: values.force ?? false });
    terminal.out(stopped ? 'Daemon stopped.' : 'Daemon is not running.');
    return 0;
  },
};

const status: Action = {
  options: ['json'],
  args: [],
  run: async ({ home, values, terminal }) => {
    const found = await askWhoIsThere(home);
    const info = found.state === 'running' ? found.info : undefined;
    if (values.json) print(terminal, { running: info !== undefined, ...info });
    else if (info !== undefined) tellInfo(info, terminal);
    else {
      const name = readPidFile(home.pidFile);
      const hangs = name !== undefined && isAlive(name);
      terminal.out(hangs ? `Daemon (PID ${name.pid}) does not answer.` : 'Daemon is not running.');
    }
    return info === undefined ? 1 : 0;
  },
};

function tellInfo({ pid, socket, home, since }: DaemonInfo, terminal: Terminal): void {
  terminal.out(`Daemon is running (PID ${pid}).`);
  terminal.out(`Socket: ${socket}`);
  terminal.out(`Home: ${home}`);
  terminal.out(`Since: ${since}`);
}

const exec: Action = {
  options: ['timeout'],
  args: ['method?', 'params-json?'],
  run: async ({ home, values, args, terminal }) => {
    const timeoutMs = parseTimeout(values.timeout);
    const [method = 'getStatus', json] = args;
    let params = json === undefined ? undefined : parseJson(json, 'params-json');
    if (params !== undefined && (typeof params !== 'object' || params === null)) {
      throw new UsageError('params-json must be a JSON object or array.');
    }
    if (method === 'launchSubcluster' && params !== undefined) params = withAbsoluteSpecs(params);
    print(terminal, await resultOf({ home, method, params, timeoutMs }));
    return 0;
  },
};

const send: Action = {
  options: ['raw', 'timeout'],
  args: ['target', 'method', 'args-json?'],
  run: async ({ home, values, args, terminal }) => {
    const timeoutMs = parseTimeout(values.timeout);
    const [target, method, json = '[]'] = args;
    const methodArgs = parseJson(json, 'args-json');
    if (!Array.isArray(methodArgs)) throw new UsageError('args-json must be a JSON array.');
    const params = [target, method, methodArgs];
    const call = { home, method: 'queueMessage', params, timeoutMs };
    print(terminal, await queueMessage(call, values.raw ?? false));
    return 0;
  },
};

const redeem: Action = {
  options: ['timeout'],
  args: ['url'],
  run: async ({ home, values, args: [url], terminal }) => {
    const timeoutMs = parseTimeout(values.timeout);
    print(terminal, await resultOf({ home, method: 'redeemOcapURL', params: { url }, timeoutMs }));
    return 0;
  },
};

const purge: Action = {
  options: ['force'],
  args: [],
  run: async ({ home, values, terminal }) => {
    if (!values.force) {
      throw new UsageError(`This deletes all state in ${home.folder}. Say so with --force.`);
    }
    const found = await purgeDaemon(home);
    terminal.out(found ? 'All daemon state deleted.' : 'There is no daemon state.');
    return 0;
  },
};

const actions: { [name: string]: Action } = {
  start,
  stop,
  status,
  exec,
  queueMessage: send,
  'redeem-url': redeem,
  purge,
  begone: purge,
};

export const daemon: Command = {
  name: 'daemon',
  help,
  run: async (args, terminal) => {
    const { values, positionals } = parseCommandLine(args, options);
    const [name = 'start', ...rest] = positionals;
    if (!Object.hasOwn(actions, name)) {
      const known = Object.keys(actions);
      throw new UsageError(`Unknown command 'daemon ${name}'.${didYouMean(name, known)}`);
    }
    const action = actions[name] as Action;
    insistFits(name, action, values, rest);
    try {
      return await action.run({ home: resolveHome(values.home), values, args: rest, terminal });
    } catch (thrown) {
      if (!isForUser(thrown)) throw thrown;
      terminal.err(oneLine(thrown.message));
      return 1;
    }
  },
};

function insistFits(name: string, action: Action, values: Values, args: readonly string[]): void {
  for (const option of Object.keys(values) as (keyof Values)[]) {
    if (option !== 'home' && !action.options.includes(option)) {
      throw new UsageError(`'daemon ${name}' has no option '--${option}'.`);
    }
  }
  const missing = action.args[args.length];
  if (missing !== undefined && !missing.endsWith('?')) {
    throw new UsageError(`'daemon ${name}' needs ${missing}, which was not given.`);
  }
  const surplus = args[action.args.length];
  if (surplus !== undefined) {
    throw new UsageError(`'daemon ${name}' does not know what to do with '${surplus}'.`);
  }
}

function parseLogLevel(text: string | undefined): LogLevel | undefined {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level === undefined && text !== undefined) {
    throw new UsageError(`Unknown log level '${text}': it is one of ${LOG_LEVELS.join(', ')}.`);
  }
  return level;
}

/** Anything else is a fault of ours and shows its stack. */
const isForUser = (thrown: unknown): thrown is Error =>
  thrown instanceof DaemonError ||
  (thrown instanceof Error &&
    (thrown.name === 'KernelError' || (thrown as NodeJS.ErrnoException).syscall !== undefined));

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, ' ');
