/**
 * Options of a kernel's worker in its URL: `kernel.worker.js?relays=["…"]&reset-storage=false`. Everything here can be
 * read by whoever sees the URL, so that no secret is among it.
 */
import {
  commsLists,
  commsNumbers,
  RemoteCommsOptionsStruct,
  type CommsNumber,
  type RemoteCommsOptions,
} from '../../protocol/comms-options.js';
import {
  SystemSubclusterConfigsStruct,
  type SystemSubclusterConfig,
} from '../../protocol/config.js';
import { describe } from '../../protocol/describe.js';

/** What of {@link RemoteCommsOptions} may stand in a URL: all but the phrase of an identity. */
export type CommsQueryOptions = Omit<RemoteCommsOptions, 'mnemonic'>;

const numberNames = Object.keys(commsNumbers) as CommsNumber[];

/**
 * Options of remote comms as parameters of a worker's URL: lists as JSON, numbers in digits.
 *
 *     const url = new URL('kernel-worker.js', import.meta.url);
 *     url.search = createCommsQueryString({ relays, allowedWsHosts: ['localhost'] }).toString();
 *
 * @throws TypeError that names an option which there is not, a secret, or a value of another type; KernelError BAD_CONFIG for one
 * that is too large.
 */
export function createCommsQueryString(options: CommsQueryOptions): URLSearchParams {
  const refuse = (what: string): never => {
    throw new TypeError(`createCommsQueryString: ${what}`);
  };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined) continue;
    if (isListName(name)) {
      if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
        return refuse(`${name} must be an array of strings, got ${describe(value)}`);
      query.set(name, JSON.stringify(value));
    } else if (isNumberName(name)) {
      const least = commsNumbers[name];
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least)
        return refuse(
          `${name} must be ${integerFrom(least)}, got ${typeof value === 'number' ? value : describe(value)}`,
        );
      query.set(name, `${value}`);
    } else if (name === 'mnemonic') {
      return refuse('mnemonic is a secret, and a URL keeps none: give it to serveKernel');
    } else return refuse(`there is no option ${name}`);
  }
  RemoteCommsOptionsStruct.check(options);
  return query;
}

/**
 * Reads what {@link createCommsQueryString} writes; other parameters are left alone.
 *
 * @param query - with or without its question mark.
 * @throws TypeError that names a parameter which cannot be read, KernelError BAD_CONFIG for one that it cannot be.
 */
export function parseCommsQueryString(query: string | URLSearchParams): CommsQueryOptions {
  const parameters = new URLSearchParams(query);
  const options: { [name: string]: unknown } = {};
  for (const name of commsLists) {
    const text = parameters.get(name);
    if (text !== null) options[name] = parseJson(name, text);
  }
  for (const name of numberNames) {
    const text = parameters.get(name);
    if (text === null) continue;
    if (!/^\d{1,16}$/.test(text))
      throw unreadable(
        name,
        `must be ${integerFrom(commsNumbers[name])}, got ${text.slice(0, 40)}`,
      );
    options[name] = Number(text);
  }
  if (parameters.has('mnemonic'))
    throw unreadable('mnemonic', 'is a secret, and a URL keeps none: give it to serveKernel');
  return RemoteCommsOptionsStruct.check(options);
}

/** As {@link parseCommsQueryString}, of the URL that the worker or page was loaded from. */
export const getCommsParamsFromCurrentLocation = (): CommsQueryOptions =>
  parseCommsQueryString(globalThis.location.search);

export type UrlOptions = {
  resetStorage?: boolean;
  systemSubclusters?: SystemSubclusterConfig[];
  /** Absent where the URL says nothing of it. */
  remoteComms?: CommsQueryOptions;
};

/** All that a worker's URL may say of its kernel: `reset-storage`, `system-subclusters`, and remote comms. */
export function parseUrlOptions(query: string): UrlOptions {
  const parameters = new URLSearchParams(query);
  const reset = parameters.get('reset-storage');
  const subclusters = parameters.get('system-subclusters');
  const comms = parseCommsQueryString(parameters);
  if (reset !== null && reset !== 'true' && reset !== 'false')
    throw unreadable('reset-storage', `must be true or false, got ${reset.slice(0, 40)}`);
  return {
    ...(reset !== null && { resetStorage: reset === 'true' }),
    ...(subclusters !== null && {
      systemSubclusters: SystemSubclusterConfigsStruct.check(
        parseJson('system-subclusters', subclusters),
      ),
    }),
    ...(Object.keys(comms).length > 0 && { remoteComms: comms }),
  };
}

const isListName = (name: string): boolean => (commsLists as readonly string[]).includes(name);
const isNumberName = (name: string): name is CommsNumber => Object.hasOwn(commsNumbers, name);
const integerFrom = (least: number): string =>
  least === 0 ? 'a non-negative integer' : `an integer from ${least}`;

function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw unreadable(name, 'must be JSON');
  }
}

const unreadable = (name: string, what: string): TypeError =>
  new TypeError(`Cannot read the worker's URL: ${name} ${what}`);
