/**
 * What a vat may be granted of the platform: by name the 20 of MetaMask's list, and `fs` by `platformConfig`.
 *
 * Nothing of the engine's own is handed out that lockdown has not hardened. A vat could otherwise change what the
 * runtime beside it relies on, or find its way to what the engine keeps for itself.
 */
import type { VatId } from '../protocol/refs.js';
import type { VatEndowments } from '../protocol/vat-wire.js';
import { makeAbortClasses } from './endowed-abort.js';
import { makeCrypto } from './endowed-crypto.js';
import { makeFetchClasses } from './endowed-fetch.js';
import { makePlatformGlobals, type HostFs } from './endowed-fs.js';
import { makeTimers, type HostTimers } from './endowed-timers.js';
import { makeUrlClasses } from './endowed-urls.js';
import type { HostAsks } from './host-asks.js';

/** The platform's own, taken before a worker removes them from its globals. */
export type PlatformGlobals = {
  timers: HostTimers;
  URL: typeof URL;
  URLSearchParams: typeof URLSearchParams;
  /** Asked for when it is granted: loading it takes longer than starting a vat. */
  crypto(): Crypto;
  atob(text: string): string;
  btoa(text: string): string;
  /** Absent where the platform has no files. Asked for when it is granted. */
  fs?: () => HostFs;
};

/** The engine's own refuses a label with an error of a class that no lockdown has seen. */
class plainDecoder extends TextDecoder {
  constructor(label?: string, options?: TextDecoderOptions) {
    const refusal = refusalOf(() => new TextDecoder(label, options));
    // Without its cause, which is the object that the vat must not have.
    if (refusal !== undefined) throw RangeError(refusal);
    super(label, options);
  }
}

function refusalOf(attempt: () => unknown): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

Object.defineProperty(plainDecoder, 'name', { value: 'TextDecoder' });

type Makers = Record<string, () => unknown>;

/** `InvalidCharacterError` of the engine's class would be a way to that class. */
const plainly =
  (convert: (text: string) => string, what: string) =>
  (text: unknown): string => {
    try {
      return convert(String(text));
    } catch {
      throw TypeError(`The text cannot be ${what}`);
    }
  };

/** Made once, however many of their names are granted. */
function once<Made>(make: () => Made): () => Made {
  let made: { value: Made } | undefined;
  return () => (made ??= { value: make() }).value;
}

/**
 * @returns the granted globals by name.
 * @throws Error that names the vat and the global which it cannot have.
 */
export function makeEndowments(
  vatId: VatId,
  { globals, network, platformConfig = {} }: VatEndowments,
  platform: PlatformGlobals,
  asks: HostAsks,
  uncaught: (reason: unknown) => void,
): Record<string, unknown> {
  const timers = once(() => makeTimers(platform.timers, uncaught));
  const urls = once(() => makeUrlClasses(platform));
  const aborts = once(() => makeAbortClasses(timers(), uncaught));
  const fetching = once(() => makeFetchClasses(asks, platform.URL));
  const crypto = once(() => makeCrypto(platform.crypto()));
  const makers: Makers = {
    setTimeout: () => timers().setTimeout,
    clearTimeout: () => timers().clearTimeout,
    setInterval: () => timers().setInterval,
    clearInterval: () => timers().clearInterval,
    // The start compartment's, which unlike those of other compartments tell the time and roll dice.
    Date: () => Date,
    Math: () => Math,
    TextEncoder: () => TextEncoder,
    TextDecoder: () => plainDecoder,
    URL: () => urls().URL,
    URLSearchParams: () => urls().URLSearchParams,
    AbortController: () => aborts().AbortController,
    AbortSignal: () => aborts().AbortSignal,
    fetch: () => fetching().fetch,
    Request: () => fetching().Request,
    Headers: () => fetching().Headers,
    Response: () => fetching().Response,
    crypto: () => crypto().crypto,
    SubtleCrypto: () => crypto().SubtleCrypto,
    atob: () => plainly(platform.atob, 'decoded from base64'),
    btoa: () => plainly(platform.btoa, 'encoded to base64'),
  };
  const endowments: Record<string, unknown> = {};
  for (const name of globals) {
    if (name === 'fetch' && network === undefined) {
      throw Error(`Vat "${vatId}" requested "fetch" but no network.allowedHosts was specified`);
    }
    const make = Object.hasOwn(makers, name) ? makers[name] : undefined;
    if (make === undefined) throw Error(`Vat "${vatId}" requested unknown global "${name}"`);
    endowments[name] = harden(make());
  }
  const isFsGranted = platformConfig.fs !== undefined;
  return {
    ...endowments,
    ...makePlatformGlobals(platformConfig, isFsGranted ? platform.fs?.() : undefined),
  };
}
