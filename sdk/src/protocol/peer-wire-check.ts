/** Strict checks of every message between two kernels: `peer-wire.ts` has the shapes. */
import { isExportVRef, isPromiseVRef, type VRef } from './refs.js';
import {
  inCall,
  inDropCount,
  inFrame,
  inId,
  inList,
  inMethods,
  inNumber,
  inPromise,
  inRange,
  inResolution,
  inText,
  insist,
  inVRef,
  type Check,
  type Room,
} from './session-wire-check.js';
import {
  describeCharsMax,
  UNWATCHED,
  watchesMax,
  type PeerMessage,
  type PeerOp,
} from './peer-wire.js';
import { at, isNot, isRecord, type Fields, type Problem } from './wire-form.js';

const hintsMax = 16;
const hintCharsMax = 500;

/**
 * Throws unless `value` is a {@link PeerMessage}. The message of the error names the place: `frame.ops[0].target is …`.
 *
 * @throws KernelError PROTOCOL_ERROR.
 */
export function insistPeerMessage(value: unknown): asserts value is PeerMessage {
  insist(value, inMessage);
}

const inMessage = (message: Fields, room: Room): Problem => {
  const type = message.type as PeerMessage['type'];
  switch (type) {
    case 'hello':
      return inHello(message, room);
    case 'frame':
      return inFrame(message, room, inOp);
    case 'ack':
      return at('.ack', inNumber(message.ack));
    case 'ping':
    case 'pong':
      return undefined;
    case 'changed':
      return at('.watches', inWatches(message.watches, room));
    case 'refused':
      return inRefusal(message, room);
    case 'bye':
      return at('.why', inText(message.why, room));
    default:
      return at('.type', isNot("a peer's message", type satisfies never));
  }
};

const inHello = (hello: Fields, room: Room): Problem =>
  at('.protocol', inRange(hello.protocol)) ??
  inLife(hello) ??
  at('.hints', inHints(hello.hints, room)) ??
  at('.me', inNumber(hello.me)) ??
  (hello.me === 0 ? '.me is 0, not a number from 1' : undefined) ??
  at('.you', inNumber(hello.you)) ??
  at('.sent', inNumber(hello.sent)) ??
  at('.acked', inNumber(hello.acked)) ??
  at('.received', inNumber(hello.received));

const inLife = ({ lineage, epoch, proof }: Fields): Problem =>
  at('.lineage', inId(lineage)) ??
  at('.epoch', inNumber(epoch)) ??
  at(
    '.proof',
    typeof proof === 'string' && /^[0-9a-f]{128}$/.test(proof)
      ? undefined
      : isNot('128 hexadecimal digits', proof),
  );

const inHints: Check = (value, room) =>
  Array.isArray(value) && value.length > hintsMax
    ? ` has ${value.length} entries, more than ${hintsMax}`
    : inList(value, room, (hint) => inText(hint, room, hintCharsMax));

const inRefusal = ({ code, message, other }: Fields, room: Room): Problem =>
  at('.code', inId(code)) ??
  at('.message', inText(message, room)) ??
  (other === undefined
    ? undefined
    : at('.other', isRecord(other) ? inLife(other) : isNot('a record', other)));

const inOp: Check = (value, room) => {
  if (!isRecord(value)) return isNot('a record', value);
  const op = value.op as PeerOp['op'];
  switch (op) {
    case 'call':
      return (
        inCall(value, room) ??
        (value.result === undefined ? undefined : inNewResult(value)) ??
        inRead(value)
      );
    case 'settle':
      return at('.resolutions', inList(value.resolutions, room, inPeerResolution));
    case 'drop':
      return at('.refs', inList(value.refs, room, inDropCount));
    case 'retire':
      return at('.refs', inList(value.refs, room, inObject));
    case 'describe':
      return (
        at('.refs', inList(value.refs, room, inOwnObject)) ??
        (value.iface === undefined ? undefined : at('.iface', inText(value.iface, room))) ??
        at('.methods', inMethods(value.methods, room)) ??
        inDescription(value)
      );
    case 'redeem':
      return (
        at('.number', inNumberOfUrl(value.number)) ??
        at('.result', inPromise(value.result, room)) ??
        inNewResult(value)
      );
    default:
      return at('.op', isNot("a peer's op", op satisfies never));
  }
};

const inNewResult = ({ result }: Fields): Problem =>
  isExportVRef(result as VRef) ? undefined : at('.result', isNot("the sender's own", result));

const inRead = ({ read, result }: Fields): Problem => {
  if (read === undefined) return undefined;
  if (read !== true) return at('.read', isNot('true', read));
  return result === undefined ? '.read is of a call without a result' : undefined;
};

const inPeerResolution: Check = (value, room) => {
  const problem = inResolution(value, room);
  if (problem !== undefined) return problem;
  const { watch } = value as Fields;
  return watch === undefined ? undefined : at('.watch', inWatch(watch, UNWATCHED));
};

const inWatch = (value: unknown, least: number): Problem =>
  Number.isInteger(value) && Number(value) >= least && Number(value) <= watchesMax
    ? undefined
    : isNot(`a whole number from ${least} to ${watchesMax}`, value);

const inWatches: Check = (value, room) =>
  Array.isArray(value) && value.length > watchesMax
    ? ` has ${value.length} entries, more than ${watchesMax}`
    : inList(value, room, (watch) => inWatch(watch, 1));

const inObject: Check = (value) =>
  inVRef(value) ?? (isPromiseVRef(value as VRef) ? ' is a promise, not an object' : undefined);

const inOwnObject: Check = (value, room) =>
  inObject(value, room) ??
  (isExportVRef(value as VRef) ? undefined : isNot("the sender's own", value));

const inDescription = ({ iface, methods }: Fields): Problem => {
  const { length } = JSON.stringify({ iface, methods });
  return length > describeCharsMax
    ? ` has ${length} characters, more than ${describeCharsMax}`
    : undefined;
};

const inNumberOfUrl = (value: unknown): Problem =>
  typeof value === 'string' && /^[0-9a-f]{32}$/.test(value)
    ? undefined
    : isNot('32 hexadecimal digits', value);
