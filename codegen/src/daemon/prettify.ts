import { kunser, type CapData } from '@vatkit/sdk/kernel';

/**
 * An answer as JSON for people's eyes: what JSON has not becomes text.
 *
 *     prettify({ body: '#["$0.Alleged: purse","+5","#undefined"]', slots: ['ko5'] });
 *     // ['<ko5> (Alleged: purse)', '5n', '[undefined]']
 *
 * @throws TypeError where it is no CapData, or cannot be read.
 */
export const prettify = (capdata: CapData<string>): unknown => prettifyValue(kunser(capdata));

function prettifyValue(value: unknown): unknown {
  switch (typeof value) {
    case 'undefined':
      return '[undefined]';
    case 'bigint':
      return `${value}n`;
    case 'number':
      return Number.isFinite(value) ? value : `[${value}]`;
    case 'symbol':
      return `[Symbol: ${Symbol.keyFor(value) ?? value.description?.replace(/^Symbol\./, '@@')}]`;
    case 'object':
      return value === null ? null : prettifyObject(value);
    default:
      return value;
  }
}

type StandIn = { kref: string; iface: string | undefined };
type Tagged = { [Symbol.toStringTag]: string; payload: unknown };

function prettifyObject(value: object): unknown {
  if (Array.isArray(value)) return value.map(prettifyValue);
  if (value instanceof Error) return `[${value.name}: ${value.message}]`;
  if (value instanceof Uint8Array) return `[bytes: ${Buffer.from(value).toString('base64')}]`;
  if (isStandIn(value)) return `<${value.kref}>${value.iface ? ` (${value.iface})` : ''}`;
  const tag = (value as Partial<Tagged>)[Symbol.toStringTag];
  if (tag !== undefined) return { [`[Tagged: ${tag}]`]: prettifyValue((value as Tagged).payload) };
  const entries = Object.entries(value).map(([key, part]) => [key, prettifyValue(part)] as const);
  return Object.fromEntries(entries);
}

/** Data has no methods. */
const isStandIn = (value: object): value is StandIn =>
  typeof (value as { getKref?: unknown }).getKref === 'function';
