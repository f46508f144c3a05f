/**
 * How golden scripts write values, messages and effects.
 *
 *     value     o+5  kp40              a reference
 *               [a, b]  {key: value}   arrays and records of values
 *               Error(it broke)        an error
 *               7  true  undefined     what they say; all other text is a string
 *     message   o-1.greet(you, o+5) -> p+6
 */
import type { KernelEffect } from '../events.js';
import type { SessionName, SessionOp } from '../session-rows.js';
import type { Trace } from '../traces.js';
import type { CapData } from '../../protocol/capdata.js';
import type { Delivery, Resolution } from '../../protocol/vat-wire.js';

const reference = /^(?:k[op]\d+|[op][+-]\d+|o\+d\d+\/\d+(?::\d+)?)(?![\w/])/;

/** Reads one value of the notation from the start of a text, and says what is left of it. */
function readValue(text: string, slots: string[]): { value: unknown; rest: string } {
  text = text.trimStart();
  const ref = reference.exec(text)?.[0];
  if (ref !== undefined) {
    const known = slots.indexOf(ref);
    const index = known >= 0 ? known : slots.push(ref) - 1;
    const mark = ref.startsWith('p') || ref.startsWith('kp') ? '&' : '$';
    return { value: `${mark}${index}`, rest: text.slice(ref.length) };
  }
  if (text.startsWith('[')) {
    const list: unknown[] = [];
    const rest = readMembers(text.slice(1), ']', (member) => {
      const read = readValue(member, slots);
      list.push(read.value);
      return read.rest;
    });
    return { value: list, rest };
  }
  if (text.startsWith('{')) {
    const record: { [key: string]: unknown } = {};
    const rest = readMembers(text.slice(1), '}', (member) => {
      const colon = member.indexOf(':');
      const read = readValue(member.slice(colon + 1), slots);
      record[member.slice(0, colon).trim()] = read.value;
      return read.rest;
    });
    return { value: record, rest };
  }
  const error = /^Error\(([^)]*)\)/.exec(text);
  if (error !== null) {
    return { value: { '#error': error[1], name: 'Error' }, rest: text.slice(error[0].length) };
  }
  const word = /^[^,\]})]*/.exec(text)?.[0] ?? '';
  return { value: readWord(word.trim()), rest: text.slice(word.length) };
}

function readMembers(text: string, end: string, read: (member: string) => string): string {
  text = text.trimStart();
  while (!text.startsWith(end)) {
    text = read(text).trimStart();
    if (text.startsWith(',')) text = text.slice(1).trimStart();
    else if (!text.startsWith(end)) throw new SyntaxError(`"${end}" is missing before: ${text}`);
  }
  return text.slice(1);
}

function readWord(word: string): unknown {
  if (word === 'undefined') return '#undefined';
  if (word === 'true' || word === 'false') return word === 'true';
  return /^-?\d+$/.test(word) ? Number(word) : word;
}

export function parseValue(text: string): CapData {
  const slots: string[] = [];
  const { value, rest } = readValue(text, slots);
  if (rest.trim() !== '') throw new SyntaxError(`what is this: ${rest}`);
  return { body: `#${JSON.stringify(value)}`, slots };
}

/** `o-1.greet(you, o+5) -> p+6`, the result at will. */
export function parseMessage(text: string): { target: string; methargs: CapData; result?: string } {
  const match = /^(\S+?)\.(\w+)\((.*)\)(?:\s*->\s*(\S+))?$/.exec(text.trim());
  if (match === null) throw new SyntaxError(`not a message: ${text}`);
  const [, target, method, args, result] = match as unknown as [
    string,
    string,
    string,
    string,
    string?,
  ];
  const { body, slots } = parseValue(`[${args}]`);
  return {
    target,
    methargs: { body: `#${JSON.stringify([method, JSON.parse(body.slice(1))])}`, slots },
    ...(result !== undefined && { result }),
  };
}

const formatParsed = (value: unknown, slots: readonly string[]): string => {
  if (typeof value === 'string') {
    const slot = /^[$&](\d+)/.exec(value);
    if (slot !== null) return slots[Number(slot[1])] ?? `no slot ${value}`;
    return value === '#undefined' ? 'undefined' : value;
  }
  if (Array.isArray(value)) return `[${value.map((item) => formatParsed(item, slots)).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    if ('#error' in value) return `Error(${String(value['#error'])})`;
    const members = Object.entries(value).map(
      ([key, item]) => `${key}: ${formatParsed(item, slots)}`,
    );
    return `{${members.join(', ')}}`;
  }
  return String(value);
};

export function formatValue({ body, slots }: CapData): string {
  try {
    return formatParsed(JSON.parse(body.slice(1)), slots);
  } catch {
    return `unreadable ${body}`;
  }
}

export function formatMessage(target: string, methargs: CapData, result?: string): string {
  const text = formatValue(methargs);
  // `[method, [args]]`
  const [, method, args] = /^\[(\w+), \[(.*)\]\]$/s.exec(text) ?? [undefined, '?', text];
  return `${target}.${method}(${args})${result === undefined ? '' : ` -> ${result}`}`;
}

export const formatResolution = ({ vpid, rejected, value }: Resolution): string =>
  `${vpid} ${rejected ? 'rejected with' : '='} ${formatValue(value)}`;

function formatDelivery(delivery: Delivery): string {
  switch (delivery.type) {
    case 'start': {
      const parameters = JSON.stringify(delivery.parameters);
      return [
        `start, exports from ${delivery.nextExport}`,
        ...(parameters === '{}' ? [] : [`parameters ${parameters}`]),
        ...delivery.state.map(([key, value]) => `${key} = ${value}`),
      ].join(', ');
    }
    case 'message':
      return `message ${formatMessage(delivery.target, delivery.methargs, delivery.result)}`;
    case 'notify':
      return `notify ${delivery.resolutions.map(formatResolution).join(', ')}`;
    case 'drop-exports':
    case 'retire-exports':
    case 'retire-imports':
      return `${delivery.type} ${delivery.vrefs.join(' ')}`;
    case 'reap':
    case 'turn':
      return delivery.type;
  }
}

function formatAnswer(effect: KernelEffect & { type: 'answer' }): string {
  const { requestId, outcome } = effect;
  switch (outcome.type) {
    case 'fulfilled':
      return `answer ${requestId} = ${formatValue(outcome.value)}`;
    case 'rejected': {
      const { value, stack } = outcome;
      const from = stack === undefined ? '' : `, stack of ${stack.vatId}: ${stack.text}`;
      return `answer ${requestId} rejected with ${formatValue(value)}${from}`;
    }
    case 'done':
      return `answer ${requestId} done${outcome.result === null ? '' : ` ${JSON.stringify(outcome.result)}`}`;
    case 'failed': {
      const { code, message, cause } = outcome.error;
      const because = cause === undefined ? '' : `, because of ${cause.name}: ${cause.message}`;
      return `answer ${requestId} failed ${code}: ${message}${because}`;
    }
  }
}

const formatName = ({ ref, kref, iface, methods, host }: SessionName): string => {
  const shape = methods === undefined ? '' : ` ${iface ?? ''}(${methods.join(' ')})`;
  return `${ref} is ${kref}${host === undefined ? '' : ` of h1 ${host}`}${shape}`;
};

function formatSessionOp(op: SessionOp): string {
  switch (op.op) {
    case 'call':
      return `call ${formatMessage(op.target, op.methargs, op.result)}`;
    case 'settle':
      return `settle ${op.resolutions
        .map(({ promise, touched, stack, ...rest }) => {
          const read = touched === undefined ? '' : `, touched ${JSON.stringify(touched)}`;
          const from = stack === undefined ? '' : `, stack of ${stack.vatId}: ${stack.text}`;
          return (
            formatResolution({ vpid: promise, rejected: rest.rejected, value: rest.value }) +
            read +
            from
          );
        })
        .join(', ')}`;
    case 'drop':
      return `drop ${op.refs.map(([ref, count]) => `${count} of ${ref}`).join(', ')}`;
    case 'broken':
      return `broken ${op.refs.map(({ ref, code }) => `${ref} ${code}`).join(', ')}`;
    case 'give':
      return `give ${formatValue(op.value)}`;
  }
}

function formatTrace(trace: Trace): string {
  switch (trace.what) {
    case 'sent': {
      const { from, to = '?', target, methargs, result, cause } = trace;
      const because = cause === undefined ? '' : `, because of ${cause}`;
      return `trace ${from ?? 'kernel'} to ${to}: ${formatMessage(target, methargs, result)}${because}`;
    }
    case 'begun':
      return `trace ${trace.vatId} begins ${trace.result}`;
    case 'settled':
      return `trace ${trace.promise} ${trace.rejected ? 'rejected with' : '='} ${formatValue(trace.value)}`;
  }
}

export function formatEffect(effect: KernelEffect): string {
  switch (effect.type) {
    case 'start-vat':
      return `start ${effect.vatId}.${effect.incarnation}`;
    case 'stop-vat':
      return `stop ${effect.vatId}.${effect.incarnation}`;
    case 'deliver': {
      const later = effect.afterCommit ? ' (after commit)' : '';
      return `${effect.vatId} #${effect.deliveryId} ${formatDelivery(effect.delivery)}${later}`;
    }
    case 'host-call':
      return `h1 call ${effect.callId} ${formatMessage(effect.target, effect.methargs)}${effect.caller === undefined ? '' : ` of ${effect.caller}`}`;
    case 'host-retire':
      return `h1 retire ${effect.vrefs.join(' ')}`;
    case 'answer':
      return formatAnswer(effect);
    case 'log':
      return `${effect.level}: ${effect.message}`;
    case 'trace':
      return formatTrace(effect.trace);
    case 'tick-wanted':
      return 'tick wanted';
    case 'to-session': {
      const { seq, acked, ops, names } = effect.frame;
      const named = names.map(formatName);
      return `${effect.session} frame ${seq}, acked ${acked}: ${[...ops.map(formatSessionOp), ...named].join('; ')}`;
    }
    case 'session-received':
      return `${effect.session} received ${effect.received}`;
    case 'session-over': {
      const { code, message } = effect.error ?? {};
      return `${effect.session} over${code === undefined ? '' : `, ${code}: ${message}`}`;
    }
    case 'to-peer': {
      const { seq, ack, ops } = effect.frame;
      return `${effect.remote} frame ${seq}, ack ${ack}: ${JSON.stringify(ops)}`;
    }
    case 'peer-watches':
      return `${effect.remote} watches ${effect.watches.join(' ')} over`;
    case 'peer-received':
      return `${effect.remote} received ${effect.received}`;
    case 'peer-over':
      return `peer over, ${effect.error.code}: ${effect.error.message}`;
    case 'peer-wanted':
      return 'peer wanted';
    case 'vat-version':
      return `version ${effect.version} of ${effect.vatId}`;
  }
}
