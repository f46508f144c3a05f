/** Strict checks of every message between a client session and the kernel's host: `session-wire.ts` has the shapes. */
import { KernelError } from '../errors.js';
import { limits } from '../limits.js';
import { isPromiseVRef, isVRef, type VRef } from './refs.js';
import {
  sessionBounds,
  type ClientOp,
  type EventMessage,
  type HostOp,
  type ToClient,
  type ToHost,
} from './session-wire.js';
import { at, isNot, isRecord, type Fields, type Problem } from './wire-form.js';

/**
 * Throws unless `value` is a {@link ToHost}. The message of the error names the place: `frame.ops[0].target is …`.
 * What references mean is not judged, and the text of a body is looked at only for its length and its depth.
 *
 * @throws KernelError PROTOCOL_ERROR.
 */
export function insistToHost(value: unknown): asserts value is ToHost {
  insist(value, inToHost);
}

/** As {@link insistToHost}, of a {@link ToClient}. */
export function insistToClient(value: unknown): asserts value is ToClient {
  insist(value, inToClient);
}

/** What the message may still take up. */
export type Room = { items: number; chars: number };
export type Check = (value: unknown, room: Room) => Problem;

/*
 * A structured clone carries any data: holes, cycles, Maps, a length of four billion, arrays with a property of their
 * own that is called `map`. So no method of what came in is called: its arrays are walked by index.
 */
export function insist(value: unknown, check: (fields: Fields, room: Room) => Problem): void {
  const room = { items: sessionBounds.frameItemsMax, chars: sessionBounds.frameCharsMax };
  const problem = isRecord(value) ? check(value, room) : isNot('a record', value);
  if (problem === undefined) return;
  const type = isRecord(value) && typeof value.type === 'string' ? value.type.slice(0, 20) : '';
  throw new KernelError('PROTOCOL_ERROR', `malformed message: ${type || 'it'}${problem}`);
}

const inToHost = (message: Fields, room: Room): Problem => {
  const type = message.type as ToHost['type'];
  switch (type) {
    case 'hello':
      return (
        at('.protocol', inRange(message.protocol)) ??
        (message.resume === undefined ? undefined : at('.resume', inResume(message.resume)))
      );
    case 'frame':
      return inFrame(message, room, inClientOp);
    case 'channel-open':
      return (
        at('.channel', inNumber(message.channel)) ??
        at('.session', inId(message.session)) ??
        at('.secret', inId(message.secret))
      );
    case 'bye':
      return undefined;
    default:
      return inEither(message, type);
  }
};

const inToClient = (message: Fields, room: Room): Problem => {
  const type = message.type as ToClient['type'];
  switch (type) {
    case 'welcome':
      return inWelcome(message);
    case 'refused':
      return at('.error', inError(message.error)) ?? at('.protocol', inRange(message.protocol));
    case 'frame':
      return (
        inFrame(message, room, inHostOp) ??
        at('.acked', inNumber(message.acked)) ??
        at('.names', inList(message.names, room, inObjectName))
      );
    case 'event':
      return at('.event', inEvent(message.event, room));
    case 'closed':
      return at('.error', inError(message.error)) ?? at('.resumable', inBoolean(message.resumable));
    default:
      return inEither(message, type);
  }
};

/** Messages of both directions. */
const inEither = (message: Fields, type: ToHost['type'] & ToClient['type']): Problem => {
  switch (type) {
    case 'ack':
      return at('.ack', inNumber(message.ack));
    case 'ping':
    case 'pong':
      return at('.id', inNumber(message.id));
    case 'channel':
    case 'channel-close':
      return at('.channel', inNumber(message.channel));
    default:
      return at('.type', isNot("a message's", type satisfies 'frame'));
  }
};

export const inFrame = ({ seq, ack, ops }: Fields, room: Room, inOp: Check): Problem =>
  at('.seq', inNumber(seq)) ??
  (seq === 0 ? '.seq is 0, not a number from 1' : undefined) ??
  at('.ack', inNumber(ack)) ??
  at('.ops', inList(ops, room, inOp)) ??
  ((ops as unknown[]).length === 0 ? '.ops is empty' : undefined);

const inClientOp: Check = (value, room) => {
  if (!isRecord(value)) return isNot('a record', value);
  const op = value.op as ClientOp['op'];
  switch (op) {
    case 'call':
      return (
        inCall(value, room) ??
        (value.read === undefined || value.read === true
          ? undefined
          : at('.read', isNot('true', value.read)))
      );
    case 'settle':
      return at('.resolutions', inList(value.resolutions, room, inResolution));
    case 'drop':
      return at('.refs', inList(value.refs, room, inDropCount));
    default:
      return at('.op', isNot("a client's op", op satisfies never));
  }
};

const inHostOp: Check = (value, room) => {
  if (!isRecord(value)) return isNot('a record', value);
  const op = value.op as HostOp['op'];
  switch (op) {
    case 'call':
      return inCall(value, room);
    case 'settle':
      return at('.resolutions', inList(value.resolutions, room, inHostResolution));
    case 'drop':
      return at('.refs', inList(value.refs, room, inDropCount));
    case 'broken':
      return at('.refs', inList(value.refs, room, inBroken));
    case 'give':
      return at('.value', inCapData(value.value, room));
    default:
      return at('.op', isNot("a host's op", op satisfies never));
  }
};

export const inCall = ({ target, methargs, result }: Fields, room: Room): Problem =>
  at('.target', inVRef(target)) ??
  at('.methargs', inCapData(methargs, room)) ??
  (result === undefined ? undefined : at('.result', inPromise(result, room)));

export const inResolution: Check = (value, room) => {
  if (!isRecord(value)) return isNot('a record', value);
  return (
    at('.promise', inPromise(value.promise, room)) ??
    at('.rejected', inBoolean(value.rejected)) ??
    at('.value', inCapData(value.value, room))
  );
};

const inHostResolution: Check = (value, room) => {
  const problem = inResolution(value, room);
  if (problem !== undefined) return problem;
  const { stack, touched } = value as Fields;
  return (
    (stack === undefined ? undefined : at('.stack', inText(stack, room))) ??
    (touched === undefined ? undefined : at('.touched', inVersions(touched, room)))
  );
};

export const inDropCount: Check = (value, room) => {
  if (!Array.isArray(value) || value.length !== 2) return isNot('a pair', value);
  const [ref, count] = value as unknown[];
  return (
    at('[0]', inVRef(ref)) ??
    (isPromiseVRef(ref as VRef) ? '[0] is a promise, not an object' : undefined) ??
    at('[1]', inNumber(count)) ??
    (count === 0 ? '[1] is 0, not a number from 1' : undefined) ??
    take(room, 1)
  );
};

const inBroken: Check = (value, room) => {
  if (!isRecord(value)) return isNot('a record', value);
  return (
    at('.ref', inVRef(value.ref)) ??
    at('.code', inId(value.code)) ??
    at('.message', inText(value.message, room))
  );
};

const inObjectName: Check = (value, room) => {
  if (!isRecord(value)) return isNot('a record', value);
  const { ref, id, iface, methods } = value;
  return (
    at('.ref', inVRef(ref)) ??
    at('.id', inId(id)) ??
    (iface === undefined ? undefined : at('.iface', inText(iface, room))) ??
    (methods === undefined ? undefined : at('.methods', inMethods(methods, room)))
  );
};

/** Names of an object's methods. */
export const inMethods: Check = (value, room) => {
  if (!Array.isArray(value)) return isNot('an array', value);
  if (value.length > sessionBounds.methodsMax) return ` has ${value.length} names`;
  for (let index = 0; index < value.length; index += 1) {
    const problem = inText(value[index], room, sessionBounds.methodCharsMax);
    if (problem !== undefined) return `[${index}]${problem}`;
  }
  return undefined;
};

const inWelcome = (welcome: Fields): Problem => {
  const { window, admin, secret } = welcome;
  return (
    at('.protocol', inNumber(welcome.protocol)) ??
    at('.session', inId(welcome.session)) ??
    (secret === undefined ? undefined : at('.secret', inId(secret))) ??
    at('.resumed', inBoolean(welcome.resumed)) ??
    at('.received', inNumber(welcome.received)) ??
    at('.closedBelow', inNumber(welcome.closedBelow)) ??
    (admin === undefined ? undefined : at('.admin', inVRef(admin))) ??
    (isRecord(window)
      ? (at('.window.frames', inNumber(window.frames)) ??
        at('.window.chars', inNumber(window.chars)))
      : at('.window', isNot('a record', window))) ??
    at('.storeId', inId(welcome.storeId)) ??
    at('.epoch', inId(welcome.epoch)) ??
    (welcome.storage === 'file' || welcome.storage === 'memory'
      ? undefined
      : at('.storage', isNot("'file' or 'memory'", welcome.storage)))
  );
};

const inError = (value: unknown): Problem => {
  if (!isRecord(value)) return isNot('a record', value);
  const room = { items: 0, chars: sessionBounds.frameCharsMax };
  const { cause } = value;
  return (
    at('.code', inId(value.code)) ??
    at('.message', inText(value.message, room)) ??
    (cause === undefined
      ? undefined
      : isRecord(cause)
        ? (at('.cause.name', inText(cause.name, room)) ??
          at('.cause.message', inText(cause.message, room)))
        : at('.cause', isNot('a record', cause)))
  );
};

const inEvent: Check = (value, room) => {
  if (!isRecord(value)) return isNot('a record', value);
  const type = value.type as EventMessage['event']['type'];
  switch (type) {
    case 'status':
      return at('.status', isRecord(value.status) ? undefined : isNot('a record', value.status));
    case 'versions':
      return at('.versions', inVersions(value.versions, room));
    case 'progress':
      return (
        at('.progress', inNumber(value.progress)) ??
        at('.step', isRecord(value.step) ? undefined : isNot('a record', value.step))
      );
    default:
      return at('.type', isNot("an event's", type satisfies never));
  }
};

const inVersions: Check = (value, room) => {
  if (!isRecord(value)) return isNot('a record', value);
  for (const vat of Object.keys(value)) {
    const problem = inId(vat) ?? inNumber(value[vat]) ?? take(room, 1);
    if (problem !== undefined) return `[${JSON.stringify(vat.slice(0, 20))}]${problem}`;
  }
  return undefined;
};

const inCapData: Check = (value, room) => {
  if (!isRecord(value)) return isNot('a record', value);
  return (
    at('.body', inText(value.body, room, limits.messageBytesMax)) ??
    at('.body', inBody(value.body as string)) ??
    at('.slots', inList(value.slots, room, inVRef))
  );
};

/** Smallcaps, and no deeper than every reader can go down. Not parsed: whoever reads it will find the rest. */
const inBody = (body: string): Problem => {
  if (body[0] !== '#') return ' is no smallcaps, which begins with #';
  let depth = 0;
  let inString = false;
  for (let index = 1; index < body.length; index += 1) {
    const code = body.charCodeAt(index);
    if (inString) {
      if (code === 0x5c) index += 1;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      // `[method, args]` is one level of the two that no user sees.
      if (depth > limits.valueDepthMax + 2) return ` is over ${limits.valueDepthMax} levels deep`;
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
  return undefined;
};

export const inList = (value: unknown, room: Room, inElement: Check): Problem => {
  if (!Array.isArray(value)) return isNot('an array', value);
  const problem = take(room, value.length);
  if (problem !== undefined) return problem;
  // By index: a hole is an element that is undefined.
  for (let index = 0; index < value.length; index += 1) {
    const inside = inElement(value[index], room);
    if (inside !== undefined) return `[${index}]${inside}`;
  }
  return undefined;
};

const take = (room: Room, items: number): Problem => {
  room.items -= items;
  return room.items < 0
    ? ` makes more than ${sessionBounds.frameItemsMax} parts of one frame`
    : undefined;
};

export const inText = (
  value: unknown,
  room: Room,
  charsMax: number = sessionBounds.textCharsMax,
): Problem => {
  if (typeof value !== 'string') return isNot('a string', value);
  if (value.length > charsMax) return ` has ${value.length} characters, more than ${charsMax}`;
  room.chars -= value.length;
  return room.chars < 0
    ? ` makes more than ${sessionBounds.frameCharsMax} characters of one frame`
    : undefined;
};

const inResume = (value: unknown): Problem => {
  if (!isRecord(value)) return isNot('a record', value);
  return (
    at('.session', inId(value.session)) ??
    at('.secret', inId(value.secret)) ??
    at('.received', inNumber(value.received))
  );
};

export const inRange = (value: unknown): Problem =>
  isRecord(value)
    ? (at('.min', inNumber(value.min)) ?? at('.max', inNumber(value.max)))
    : isNot('a record', value);

export const inId = (value: unknown): Problem =>
  typeof value === 'string' && value !== '' && value.length <= sessionBounds.idCharsMax
    ? undefined
    : isNot(`text of 1 to ${sessionBounds.idCharsMax} characters`, value);

export const inNumber = (value: unknown): Problem =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    ? undefined
    : isNot('a whole number from 0', value);

const inBoolean = (value: unknown): Problem =>
  typeof value === 'boolean' ? undefined : isNot('a boolean', value);

/** No durable names and no root: a session has neither. */
export const inVRef = (value: unknown): Problem =>
  typeof value === 'string' &&
  value.length <= sessionBounds.vrefCharsMax &&
  value[2] !== 'd' &&
  isVRef(value)
    ? undefined
    : isNot('a name of a session', value);

export const inPromise: Check = (value) =>
  inVRef(value) ?? (isPromiseVRef(value as VRef) ? undefined : isNot("a promise's name", value));
