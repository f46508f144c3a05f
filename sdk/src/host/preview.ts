/** CapData as a short line for people's eyes. Nothing is decoded that could be large, and nothing throws. */
import { limits } from '../limits.js';
import type { CapData } from '../protocol/capdata.js';

/** Beyond it a body is not even parsed. */
const parsedCharsMax = 20_000;

/**
 * `previewOf({ body: '#["$0.Alleged: purse","+5","#undefined"]', slots: ['ko5'] })` is `[ko5 purse, 5n, undefined]`.
 * At most `previewCharsMax` characters.
 */
export function previewOf({ body, slots }: CapData): string {
  const value = parse(body);
  return value === undefined ? tooLarge(body) : shorten(textOf(value, slots));
}

/** Of a method's name and its arguments, as `kserMethargs` puts them: `{ method: 'add', args: "('milk', 5n)" }`. */
export function previewOfCall({ body, slots }: CapData): { method: string; args: string } {
  const value = parse(body);
  if (!Array.isArray(value) || !Array.isArray(value[1])) {
    const method = /^#\["([^"\\]{1,100})"/.exec(body)?.[1] ?? '?';
    return { method, args: `(${tooLarge(body)})` };
  }
  const [method, args] = value as [unknown, unknown[]];
  return {
    method: shorten(typeof method === 'string' ? nameOf(method) : textOf(method, slots)),
    args: shorten(`(${args.map((arg) => textOf(arg, slots)).join(', ')})`),
  };
}

/** Undefined for what is too large, or no JSON. */
function parse(body: string): unknown {
  if (body.length > parsedCharsMax) return undefined;
  try {
    return JSON.parse(body.slice(1)) as unknown;
  } catch {
    return undefined;
  }
}

const shorten = (text: string): string =>
  text.length > limits.previewCharsMax ? `${text.slice(0, limits.previewCharsMax - 1)}…` : text;
const tooLarge = (body: string): string => `… ${body.length} characters`;

function textOf(value: unknown, slots: readonly string[]): string {
  if (typeof value === 'string') return textOfString(value, slots);
  if (Array.isArray(value)) return `[${value.map((part) => textOf(part, slots)).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const record = value as { [key: string]: unknown };
  if ('#error' in record) {
    return `${plain(String(record.name))}: ${plain(String(record['#error']))}`;
  }
  if ('#tag' in record) {
    return `${plain(String(record['#tag']))} ${textOf(record.payload, slots)}`;
  }
  const parts = Object.entries(record).map(
    ([key, part]) => `${plain(key)}: ${textOf(part, slots)}`,
  );
  return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`;
}

/** A string of smallcaps tells by its first character what it stands for. */
function textOfString(text: string, slots: readonly string[]): string {
  const rest = text.slice(1);
  switch (text[0]) {
    case '$':
    case '&': {
      const [, index = '', iface] =
        /^(\d+)(?:\.(?:Alleged: |DebugName: )?(.*))?$/s.exec(rest) ?? [];
      return `${slots[Number(index)] ?? '?'}${iface === undefined ? '' : ` ${iface}`}`;
    }
    case '#':
      return rest;
    case '+':
      return `${rest}n`;
    case '-':
      return `-${rest}n`;
    case '%':
      return rest;
    default:
      return `'${plain(text).replaceAll(/['\\]/g, '\\$&')}'`;
  }
}

/** What is meant literally, though it begins as something else would, has a `!` before it. */
const plain = (text: string): string => (text.startsWith('!') ? text.slice(1) : text);

/** A method's name: a symbol stands as `%@@asyncIterator`, the call of a function as `#undefined`. */
const nameOf = (text: string): string => (/^[%!]/.test(text) ? text.slice(1) : text);
