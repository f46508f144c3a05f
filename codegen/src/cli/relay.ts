import { startRelay, type RelayInfo } from '@vatkit/sdk/node';
import { reportToParent, spawnBackground } from '../daemon/background.js';
import { bounds } from '../daemon/bounds.js';
import { DaemonError } from '../daemon/home.js';
import {
  isAlive,
  readPidFile,
  removePidFile,
  signal,
  thisProcess,
  waitUntil,
  writePidFile,
} from '../daemon/processes.js';
import {
  prepareRelayHome,
  readInfo,
  removeInfo,
  resolveRelayHome,
  writeInfo,
  type RelayHome,
  type RelayProcess,
} from '../relay/home.js';
import {
  didYouMean,
  parseCommandLine,
  UsageError,
  type Command,
  type ExitCode,
  type Terminal,
} from './command.js';

const help = `vatkit relay: a relay over which kernels reach one another

Usage: vatkit relay [start] [--foreground] [--listen <multiaddr>]... [--announce <multiaddr>]...
                    [--metrics <port>]
       vatkit relay status [--json]
       vatkit relay stop [--force]

start    starts it, or says that it is running, and prints its addresses: what kernels take as relays
status   says whether it is running, and where; with --metrics at its start, also what it does
stop     ends it: by SIGTERM, then, with --force, by SIGKILL

Options:
  --home <folder>          where it keeps its key (default $VATKIT_RELAY_HOME, else ~/.vatkit-relay).
                           One relay for each; only its owner may enter the folder
  --foreground             stay, until Ctrl-C or stop
  --listen <multiaddr>     where it listens; may be given again
                           (default /ip4/0.0.0.0/tcp/9001/ws and /ip4/0.0.0.0/tcp/9002)
  --announce <multiaddr>   how others reach it, where that differs: behind a proxy that speaks TLS,
                           /dns4/relay.example/tcp/443/tls/ws; may be given again
  --metrics <port>         serves http://127.0.0.1:<port>/metrics and /status; 0 takes a free port
  --force                  of stop, see there
  --json                   of status: print one JSON object, { running, pid, addresses, metricsUrl,
                           info }; the last two where it was started with --metrics
  -h, --help               show this help

In the folder: relay.key (its private key: who has it can stand in for the relay, and no more),
relay.pid (its first line), relay.json (its addresses).

Examples:
  vatkit relay start
  vatkit relay start --listen /ip4/127.0.0.1/tcp/0/ws --metrics 0
  vatkit relay start --announce /dns4/relay.example/tcp/443/tls/ws
  vatkit relay status --json

Exit codes: 0 all went well (stop: there is none any more), 1 it failed or (status) none is running,
2 the command line is wrong.`;

const options = {
  home: { type: 'string' },
  foreground: { type: 'boolean' },
  listen: { type: 'string', multiple: true },
  announce: { type: 'string', multiple: true },
  metrics: { type: 'string' },
  force: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parseCommandLine<typeof options>>['values'];

type Action = {
  options: readonly (keyof typeof options)[];
  run: (home: RelayHome, values: Values, terminal: Terminal) => Promise<ExitCode>;
};

/** The relay of this folder, if it runs. */
function running(home: RelayHome): RelayProcess | undefined {
  const name = readPidFile(home.pidFile);
  if (name === undefined || !isAlive(name)) return undefined;
  return { addresses: [], ...readInfo(home), pid: name.pid };
}

function tell(
  what: string,
  { pid, addresses, metricsUrl }: RelayProcess,
  terminal: Terminal,
): void {
  terminal.out(`${what} (PID ${pid}).`);
  for (const address of addresses) terminal.out(`Address: ${address}`);
  if (metricsUrl !== undefined) terminal.out(`Metrics: ${metricsUrl}`);
}

const start: Action = {
  options: ['foreground', 'listen', 'announce', 'metrics'],
  run: async (home, values, terminal) => {
    const metrics = parsePort(values.metrics);
    const found = running(home);
    if (found !== undefined) {
      tell('Relay is already running', found, terminal);
      return 0;
    }
    if (values.foreground) return stay(home, values, metrics, terminal);
    const args = ['relay', 'start', '--foreground', '--home', home.folder];
    for (const address of values.listen ?? []) args.push('--listen', address);
    for (const address of values.announce ?? []) args.push('--announce', address);
    if (values.metrics !== undefined) args.push('--metrics', values.metrics);
    const { info } = await spawnBackground<RelayProcess>('The relay', args);
    tell('Relay started', info, terminal);
    return 0;
  },
};

/** The relay in this process, which may be one that `start` has spawned and that reports to it. */
async function stay(
  home: RelayHome,
  values: Values,
  metrics: number | undefined,
  terminal: Terminal,
): Promise<ExitCode> {
  const parent = process.send === undefined ? undefined : reportToParent<RelayProcess>;
  const name = thisProcess();
  let relay;
  try {
    prepareRelayHome(home);
    relay = await startRelay({
      keyFile: home.keyFile,
      ...(values.listen && { listen: values.listen }),
      ...(values.announce && { announce: values.announce }),
      ...(metrics !== undefined && { metrics: { port: metrics } }),
    });
  } catch (thrown) {
    await parent?.({ type: 'failed', message: oneLine((thrown as Error).message) });
    throw new DaemonError((thrown as Error).message, { cause: thrown });
  }
  const { addresses, metricsUrl } = relay;
  const info: RelayProcess = { pid: name.pid, addresses, metricsUrl };
  writeInfo(home, info);
  writePidFile(home.pidFile, name);
  // Nobody reads it any more when the parent has gone.
  process.stderr.on('error', () => {});
  process.chdir(home.folder);
  const interrupted = terminal.untilInterrupted();
  await parent?.({ type: 'started', info });
  if (parent === undefined) tell('Relay started', info, terminal);
  await interrupted;
  await relay.stop();
  removeInfo(home);
  removePidFile(home.pidFile, name);
  // Should anything still hold the process, it has nothing left to do.
  setTimeout(() => process.exit(), 1_000).unref();
  return 0;
}

const status: Action = {
  options: ['json'],
  run: async (home, values, terminal) => {
    const found = running(home);
    const info = found?.metricsUrl === undefined ? undefined : await askNumbers(found.metricsUrl);
    if (values.json) {
      terminal.out(JSON.stringify({ running: found !== undefined, ...found, info }, null, 2));
    } else if (found === undefined) terminal.out('Relay is not running.');
    else {
      tell('Relay is running', found, terminal);
      if (info !== undefined) tellNumbers(info, terminal);
    }
    return found === undefined ? 1 : 0;
  },
};

async function askNumbers(metricsUrl: string): Promise<RelayInfo | { error: string }> {
  const signalOfTime = AbortSignal.timeout(bounds.handshakeMs);
  try {
    const answer = await fetch(new URL('/status', metricsUrl), { signal: signalOfTime });
    return (await answer.json()) as RelayInfo;
  } catch (thrown) {
    return { error: (thrown as Error).message };
  }
}

function tellNumbers(info: RelayInfo | { error: string }, terminal: Terminal): void {
  if ('error' in info) {
    terminal.out(`Its metrics do not answer: ${info.error}`);
    return;
  }
  terminal.out(`Since: ${info.since}`);
  terminal.out(`Connections: ${info.connections}`);
  terminal.out(`Reservations: ${info.reservations} of ${info.limits.reservationsMax}`);
  terminal.out(`Circuits: ${info.circuits} of ${info.limits.circuitsMax}`);
  terminal.out(`Bytes relayed: ${info.bytesRelayed}`);
}

const stop: Action = {
  options: ['force'],
  run: async (home, values, terminal) => {
    const name = readPidFile(home.pidFile);
    if (name === undefined || !isAlive(name)) {
      terminal.out('Relay is not running.');
      return 0;
    }
    const isGone = (): boolean => !isAlive(name);
    signal(name, 'SIGTERM');
    if (!(await waitUntil(isGone, bounds.signalMs))) {
      if (!values.force) {
        const advice = 'Kill it with: vatkit relay stop --force';
        throw new DaemonError(`Relay (PID ${name.pid}) does not end. ${advice}`);
      }
      signal(name, 'SIGKILL');
      if (!(await waitUntil(isGone, bounds.signalMs))) {
        throw new DaemonError(`Relay (PID ${name.pid}) does not end, not even when killed`);
      }
      removeInfo(home);
      removePidFile(home.pidFile, name);
    }
    terminal.out('Relay stopped.');
    return 0;
  },
};

const actions: { [name: string]: Action } = { start, status, stop };

export const relay: Command = {
  name: 'relay',
  help,
  run: async (args, terminal) => {
    const { values, positionals } = parseCommandLine(args, options);
    const [name = 'start', surplus] = positionals;
    if (!Object.hasOwn(actions, name)) {
      throw new UsageError(
        `Unknown command 'relay ${name}'.${didYouMean(name, Object.keys(actions))}`,
      );
    }
    if (surplus !== undefined) {
      throw new UsageError(`'relay ${name}' does not know what to do with '${surplus}'.`);
    }
    const action = actions[name] as Action;
    for (const option of Object.keys(values) as (keyof Values)[]) {
      if (option !== 'home' && !action.options.includes(option)) {
        throw new UsageError(`'relay ${name}' has no option '--${option}'.`);
      }
    }
    try {
      return await action.run(resolveRelayHome(values.home), values, terminal);
    } catch (thrown) {
      if (!(thrown instanceof DaemonError)) throw thrown;
      terminal.err(oneLine(thrown.message));
      return 1;
    }
  },
};

function parsePort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65_535)) throw new UsageError(`'--metrics' needs a port, not '${text}'.`);
  return port;
}

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, ' ');
