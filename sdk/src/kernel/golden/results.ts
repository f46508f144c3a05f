/** What vats and clients do, as golden scripts write it. */
import type { VRef } from '../../protocol/refs.js';
import type { ClientOp } from '../../protocol/session-wire.js';
import type {
  CrankResult,
  ObjectShape,
  Resolution,
  StateWrite,
  Syscall,
} from '../../protocol/vat-wire.js';
import { parseMessage, parseValue } from './notation.js';

export const refuse = (text: string): never => {
  throw new SyntaxError(text);
};

/** A crank's result from its lines, those with `prior` before them apart. */
export function readResult(lines: readonly string[], isStart: boolean): CrankResult {
  const result: CrankResult = { prior: [], own: [], writes: [] };
  if (isStart) result.start = { hasBootstrap: !lines.includes('no-bootstrap') };
  for (const line of lines) {
    const words = line.split(' ');
    if (words[0] === 'no-bootstrap') continue;
    if (words[0] === 'uncaught') result.uncaught = { name: 'Error', message: line.slice(9) };
    else if (words[0] === 'caught') result.uncaught = null;
    else if (words[0] === 'kept') result.kept = words.slice(1);
    else if (words[0] === 'shape') (result.shapes ??= []).push(readShape(line));
    else if (words[0] === 'write' || words[0] === 'delete') result.writes.push(readWrite(line));
    else if (words[0] === 'prior') result.prior.push(readSyscall(line.slice(6)));
    else result.own.push(readSyscall(line));
  }
  return result;
}

/** `shape 0 purse(pay balance) of o+1 o+d1`, `shape 0 of o+2`. */
function readShape(line: string): ObjectShape {
  const [, number, iface, methods, of = ''] =
    /^shape (\d+)(?: (\w+)\((.*)\))? of (.*)$/.exec(line) ?? refuse(line);
  return {
    number: Number(number),
    ...(iface !== undefined && { shape: { iface, methods: (methods as string).split(' ') } }),
    of: of.split(' '),
  };
}

/** `write key = text holding o-1 o+d1/1`, `delete key`. */
function readWrite(line: string): StateWrite {
  const [, key, value, slots] =
    /^(?:write|delete) (\S+)(?: = (.*?))?(?: holding (.*))?$/.exec(line) ?? refuse(line);
  if (value === undefined) return { key: key as string, value: null };
  return { key: key as string, value, ...(slots !== undefined && { slots: slots.split(' ') }) };
}

/**
 *     call MESSAGE     read MESSAGE
 *     settle p+1 to VALUE and p-2 to VALUE             reject p-1 with VALUE
 *     drop 2 of o-1
 */
export function readClientOp(line: string): ClientOp {
  const name = line.split(' ')[0] as string;
  const rest = line.slice(name.length + 1);
  switch (name) {
    case 'call':
      return { op: 'call', ...parseMessage(rest) };
    case 'read':
      return { op: 'call', ...parseMessage(rest), read: true };
    case 'settle':
    case 'reject':
      return {
        op: 'settle',
        resolutions: rest.split(' and ').map((part) => {
          const [, promise, how, value] = /^(\S+) (to|with) (.*)$/.exec(part) ?? refuse(part);
          return {
            promise: promise as VRef,
            rejected: how === 'with',
            value: parseValue(value as string),
          };
        }),
      };
    case 'drop': {
      const [count, , vref = ''] = rest.split(' ');
      return { op: 'drop', refs: [[vref, Number(count)]] };
    }
    default:
      return refuse(`no op is called ${name}`);
  }
}

/**
 *     send MESSAGE                                     subscribe p-1
 *     resolve p-1 to VALUE and p+2 to VALUE            reject p-1 with VALUE
 *     drop o-1 o-2     retire o-1     retire-exports o+5     abandon o+5
 *     exit with VALUE                                  exit-with-failure VALUE
 */
function readSyscall(line: string): Syscall {
  const name = line.split(' ')[0] as string;
  const rest = line.slice(name.length + 1);
  const vrefs: VRef[] = rest.split(' ');
  switch (name) {
    case 'send':
      return { type: 'send', ...parseMessage(rest) };
    case 'subscribe':
      return { type: 'subscribe', vpid: rest };
    case 'resolve':
    case 'reject':
      return {
        type: 'resolve',
        resolutions: rest.split(' and ').map((part): Resolution => {
          const [, vpid, how, value, stack] =
            /^(\S+) (to|with) (.*?)(?: stack (.*))?$/.exec(part) ?? refuse(part);
          return {
            vpid: vpid as VRef,
            rejected: how === 'with',
            value: parseValue(value as string),
            ...(stack !== undefined && { stack }),
          };
        }),
      };
    case 'drop':
      return { type: 'drop-imports', vrefs };
    case 'retire':
      return { type: 'retire-imports', vrefs };
    case 'retire-exports':
      return { type: 'retire-exports', vrefs };
    case 'abandon':
      return { type: 'abandon-exports', vrefs };
    case 'exit':
      return { type: 'exit', failure: false, completion: parseValue(rest.slice('with '.length)) };
    case 'exit-with-failure':
      return { type: 'exit', failure: true, completion: parseValue(rest) };
    default:
      return refuse(`no system call is called ${name}`);
  }
}
