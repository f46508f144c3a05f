/**
 * The form of what a vat's worker hands over at the end of a crank.
 *
 * Vat code may have taken its worker over, so nothing of it is taken on trust: only what has passed here, field by
 * field, reaches the kernel's tables. What is malformed costs the vat that sent it its incarnation. What the
 * references mean is not judged here but where they are translated (`clists.ts`, `crank.ts`).
 *
 * A structured clone carries data only, but any data: holes, cycles, Maps, a length of four billion, arrays with a
 * property of their own that is called `map`. So nobody calls a method of what came in: its arrays are walked by
 * index here and with `for`-`of` later.
 */
import { limits } from '../limits.js';
import { isVRef } from '../protocol/refs.js';
import type { CrankResult, Syscall } from '../protocol/vat-wire.js';
import { at, isNot, isRecord, type Problem } from '../protocol/wire-form.js';
import { IllegalSyscall } from './clists.js';
import type { ThrownData } from './events.js';

export const crankBounds = {
  /**
   * System calls, references, resolutions and writes of one crank, together. Each costs the kernel some
   * microseconds, and nothing else happens meanwhile.
   */
  itemsMax: 500_000,
  /** UTF-16 code units of all texts of one crank. They wait in memory for one commit. */
  charsMax: 16 * limits.messageBytesMax,
  /** UTF-16 code units of a row of a vat's state: a value's body, which the vat bounds, and its references. */
  rowCharsMax: 2 * limits.messageBytesMax,
  /** Characters of a reference: `o+d` and three numbers of 15 digits, which are exact as JSON numbers. */
  vrefCharsMax: 50,
  /** Methods of one object, and characters of one's name; of more nobody is told. */
  methodsMax: 10_000,
  nameCharsMax: 1_000,
  /** Characters that are kept of a stack, and of each text of an error that ended a crank. */
  errorCharsMax: 20_000,
} as const;

/** What the crank may still take up. */
type Room = { items: number; chars: number };

/** Throws {@link IllegalSyscall}, which names what is malformed, unless `value` is a {@link CrankResult}. */
export function insistCrankResult(value: unknown): asserts value is CrankResult {
  const problem = inResult(value, { items: crankBounds.itemsMax, chars: crankBounds.charsMax });
  if (problem !== undefined) throw new IllegalSyscall(`malformed crank: result${problem}`);
}

/** What ended a crank, as far as the worker's message can be read as that. */
export function readThrown(value: unknown): ThrownData {
  const { name, message, stack } = isRecord(value) ? value : {};
  const cut = (text: string): string => text.slice(0, crankBounds.errorCharsMax);
  return {
    name: typeof name === 'string' ? cut(name) : 'Error',
    message: typeof message === 'string' ? cut(message) : 'the vat failed and did not say why',
    ...(typeof stack === 'string' && { stack: cut(stack) }),
  };
}

const inResult = (value: unknown, room: Room): Problem => {
  if (!isRecord(value)) return isNot('a record', value);
  const { prior, own, writes, kept, start, shapes } = value;
  return (
    at('.prior', inList(prior, room, inSyscall)) ??
    at('.own', inList(own, room, inSyscall)) ??
    at('.writes', inList(writes, room, inWrite)) ??
    (kept === undefined ? undefined : at('.kept', inList(kept, room, inVRef))) ??
    (start === undefined ? undefined : at('.start', inStart(start))) ??
    (shapes === undefined ? undefined : at('.shapes', inList(shapes, room, inShape)))
  );
};

const inStart = (value: unknown): Problem => {
  if (!isRecord(value)) return isNot('a record', value);
  const { hasBootstrap } = value;
  return typeof hasBootstrap === 'boolean'
    ? undefined
    : at('.hasBootstrap', isNot('a boolean', hasBootstrap));
};

const inShape = (value: unknown, room: Room): Problem => {
  if (!isRecord(value)) return isNot('a record', value);
  const { number, shape, of } = value;
  if (!Number.isSafeInteger(number) || (number as number) < 0)
    return at('.number', isNot('a number from 0', number));
  return (
    (shape === undefined ? undefined : at('.shape', inMethods(shape, room))) ??
    at('.of', inList(of, room, inShaped))
  );
};

const inMethods = (value: unknown, room: Room): Problem => {
  if (!isRecord(value)) return isNot('a record', value);
  const { iface, methods } = value;
  const inName = (name: unknown): Problem => inText(name, room, crankBounds.nameCharsMax);
  return (
    (iface === undefined ? undefined : at('.iface', inName(iface))) ??
    at('.methods', inList(methods, room, inName)) ??
    ((methods as unknown[]).length > crankBounds.methodsMax ? '.methods are too many' : undefined)
  );
};

const shapedForm = /^o\+(?:\d+|d[1-9]\d*(?::\d+)?)$/;
const inShaped = (value: unknown): Problem =>
  typeof value === 'string' && value.length <= crankBounds.vrefCharsMax && shapedForm.test(value)
    ? undefined
    : isNot('an object of the vat', value);

const inSyscall = (value: unknown, room: Room): Problem => {
  if (!isRecord(value)) return isNot('a record', value);
  const type = value.type as Syscall['type'];
  switch (type) {
    case 'send':
      return (
        at('.target', inVRef(value.target)) ??
        (value.result === undefined ? undefined : at('.result', inVRef(value.result))) ??
        at('.methargs', inCapData(value.methargs, room))
      );
    case 'subscribe':
      return at('.vpid', inVRef(value.vpid));
    case 'resolve':
      return at('.resolutions', inList(value.resolutions, room, inResolution));
    case 'drop-imports':
    case 'retire-imports':
    case 'retire-exports':
    case 'abandon-exports':
      return at('.vrefs', inList(value.vrefs, room, inVRef));
    case 'exit':
      if (typeof value.failure !== 'boolean')
        return at('.failure', isNot('a boolean', value.failure));
      return at('.completion', inCapData(value.completion, room));
    default:
      return at('.type', isNot("a system call's", type satisfies never));
  }
};

const inResolution = (value: unknown, room: Room): Problem => {
  if (!isRecord(value)) return isNot('a record', value);
  const { vpid, rejected, value: outcome, stack } = value;
  if (typeof rejected !== 'boolean') return at('.rejected', isNot('a boolean', rejected));
  return (
    at('.vpid', inVRef(vpid)) ??
    at('.value', inCapData(outcome, room)) ??
    (stack === undefined || typeof stack === 'string'
      ? undefined
      : at('.stack', isNot('a string', stack)))
  );
};

const inWrite = (value: unknown, room: Room): Problem => {
  if (!isRecord(value)) return isNot('a record', value);
  const { key, value: text, slots } = value;
  return (
    at('.key', inText(key, room, crankBounds.rowCharsMax)) ??
    ((key as WellFormed).isWellFormed() ? undefined : '.key has a lone surrogate') ??
    (text === null ? undefined : at('.value', inText(text, room, crankBounds.rowCharsMax))) ??
    (slots === undefined ? undefined : at('.slots', inList(slots, room, inVRef)))
  );
};

// In Node 20 and in every browser since 2023, but in no TypeScript lib before ES2024.
type WellFormed = { isWellFormed(): boolean };

const inCapData = (value: unknown, room: Room): Problem => {
  if (!isRecord(value)) return isNot('a record', value);
  const { body, slots } = value;
  return (
    at('.body', inText(body, room, limits.messageBytesMax)) ??
    at('.slots', inList(slots, room, inVRef))
  );
};

const inList = (
  value: unknown,
  room: Room,
  inElement: (element: unknown, room: Room) => Problem,
): Problem => {
  if (!Array.isArray(value)) return isNot('an array', value);
  room.items -= value.length;
  if (room.items < 0) return ` makes more than ${crankBounds.itemsMax} parts of one crank`;
  // By index: a hole is an element that is undefined.
  for (let index = 0; index < value.length; index += 1) {
    const problem = inElement(value[index], room);
    if (problem !== undefined) return `[${index}]${problem}`;
  }
  return undefined;
};

const inText = (value: unknown, room: Room, charsMax: number): Problem => {
  if (typeof value !== 'string') return isNot('a string', value);
  if (value.length > charsMax) return ` has ${value.length} characters, more than ${charsMax}`;
  room.chars -= value.length;
  return room.chars < 0
    ? ` makes more than ${crankBounds.charsMax} characters of one crank`
    : undefined;
};

const inVRef = (value: unknown): Problem =>
  typeof value === 'string' && value.length <= crankBounds.vrefCharsMax && isVRef(value)
    ? undefined
    : isNot('a vref', value);
