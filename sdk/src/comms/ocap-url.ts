/**
 * Ocap URLs: an object of one kernel as text. Who has the text has the object.
 *
 *     ocap:v1.kpY3…@12D3KooW…,/dns4/relay.example/tcp/443/wss/p2p/12D3KooW…
 *          number   who       where, if known: hints, best first
 *
 * The number is 128 bits that nobody can guess, in base64url. It stands for nothing but a row of the kernel that issued it.
 */
import { fromHex, toHex } from '../protocol/hex.js';
import { KernelError } from '../errors.js';
import { describe } from '../protocol/describe.js';
import { fromBase64, toBase64 } from '../protocol/base64.js';
import { isPeerId } from './identity.js';
import type { PeerId } from './transport.js';

/** 32 hexadecimal digits. */
export type OcapNumber = string;

export type OcapUrl = { number: OcapNumber; peerId: PeerId; hints: string[] };

/** UTF-16 code units of a URL, its hints included. */
export const urlCharsMax = 8 * 1024;
/** Hints of one URL that are read. */
export const urlHintsMax = 16;

const numberForm = /^v1\.([\w-]{22})$/;
/** What MetaMask's kernels issue: a multibase text of 60 encrypted bytes. */
const foreignForm = /^z[1-9A-HJ-NP-Za-km-z]{70,100}$/;

export const randomNumber = (): OcapNumber => toHex(crypto.getRandomValues(new Uint8Array(16)));

export function formatOcapUrl({ number, peerId, hints }: OcapUrl): string {
  const bytes = fromHex(number);
  const text = toBase64(bytes).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  // A comma or an @ is a mark of the URL's own; no usual address has one.
  const places = hints.map((hint) => hint.replace(/[,@?#%\s]/g, encodeURIComponent));
  return `ocap:v1.${text}@${[peerId, ...places].join(',')}`;
}

const bad = (message: string): never => {
  throw new KernelError('NOT_FOUND', message);
};

/**
 * The parts of an ocap URL. No error repeats the URL, which is a secret.
 *
 * @throws KernelError NOT_FOUND that says what is wrong with it.
 */
export function parseOcapUrl(url: unknown): OcapUrl {
  if (typeof url !== 'string') {
    return bad(`unparseable URL: an ocap URL is text like "ocap:v1.…"; found ${describe(url)}`);
  }
  if (url.length > urlCharsMax) {
    return bad(`unparseable URL: an ocap URL is text of at most ${urlCharsMax} characters`);
  }
  if (!/^[a-z][a-z\d+.-]*:/i.test(url)) return bad('unparseable URL: it has no scheme');
  if (!/^ocap:/i.test(url)) return bad('not an ocap URL: it does not begin with "ocap:"');
  const [oid = '', where, ...rest] = url.slice('ocap:'.length).split('@');
  if (where === undefined || rest.length > 0) {
    return bad('bad ocap URL: it needs one @, between the object and its kernel');
  }
  const [peerId = '', ...places] = where.split(',');
  if (!isPeerId(peerId)) return bad('bad ocap URL: behind the @ is no peer id like "12D3KooW…"');
  if (foreignForm.test(oid)) {
    return bad(
      'bad ocap URL: a kernel of MetaMask issued it, which speaks another protocol; have it issued by a vatkit kernel',
    );
  }
  const [, digits] = numberForm.exec(oid) ?? [];
  const bytes = digits && fromBase64(`${digits.replace(/-/g, '+').replace(/_/g, '/')}==`);
  if (!bytes) return bad('ocapURL has bad object reference: it is cut off or misspelt');
  return { number: toHex(bytes), peerId, hints: places.slice(0, urlHintsMax).map(decodeHint) };
}

const decodeHint = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
