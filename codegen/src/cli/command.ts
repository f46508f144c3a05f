import { parseArgs, type ParseArgsConfig } from 'node:util';

/** Where a command writes and what it waits for. */
export type Terminal = {
  out(line: string): void;
  err(line: string): void;
  /** Whether `out` is a screen, on which people read. */
  isScreen: boolean;
  /** Resolves when the user wants a command that stays to end. */
  untilInterrupted(): Promise<void>;
};

export type ExitCode = 0 | 1 | 2;

export type Command = {
  name: string;
  help: string;
  run(args: readonly string[], terminal: Terminal): Promise<ExitCode>;
};

/** The command line does not fit the command: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

type Options = NonNullable<ParseArgsConfig['options']>;

type CommandLine<O extends Options> = ReturnType<
  typeof parseArgs<{ options: O; allowPositionals: true; strict: true }>
>;

/** `parseArgs` of Node with errors that a user understands. */
export function parseCommandLine<const O extends Options>(
  args: readonly string[],
  options: O,
): CommandLine<O> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    const unknown = /'(-[^']*)'/.exec(message)?.[1];
    if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' && unknown !== undefined) {
      const known = Object.keys(options).map((name) => `--${name}`);
      throw new UsageError(`Unknown option '${unknown}'.${didYouMean(unknown, known)}`);
    }
    throw new UsageError(message.split('\n')[0]);
  }
}

/** ` Did you mean 'serve'?`, or nothing where no name is near. */
export function didYouMean(wanted: string, known: readonly string[]): string {
  const [nearest] = known
    .map((name) => ({ name, distance: distanceOf(wanted, name) }))
    .sort((a, b) => a.distance - b.distance);
  if (nearest === undefined) return '';
  const near = nearest.distance <= Math.max(1, Math.floor(nearest.name.length / 3));
  return near || (wanted.length > 1 && nearest.name.startsWith(wanted))
    ? ` Did you mean '${nearest.name}'?`
    : '';
}

/** How many letters must be put in, taken out, changed or swapped with a neighbour to get from one to the other. */
function distanceOf(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number) => rows[row]?.[column] ?? Infinity;
  for (let row = 1; row <= from.length; row += 1) {
    rows[row] = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const change = from[row - 1] === to[column - 1] ? 0 : 1;
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      (rows[row] as number[])[column] = Math.min(
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + change,
        swapped ? at(row - 2, column - 2) + 1 : Infinity,
      );
    }
  }
  return at(from.length, to.length);
}
