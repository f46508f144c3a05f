/**
 * Bundles as content: fetched once, checked, named by their SHA-256 and kept in the store, so that a restart needs
 * no server and code never changes under a vat's state.
 */
import { toHex } from '../protocol/hex.js';
import { limits } from '../limits.js';
import type { VatConfig } from '../protocol/config.js';
import type { Bundle } from '../protocol/vat-wire.js';
import type { PlatformServices } from './platform-services.js';

const formats = ['vatkit', 'iife', 'endoScript', 'getExport', 'nestedEvaluate'];

/** Reads a `.bundle` file's text. Throws an Error that says what is wrong with it. */
export function parseBundle(text: string): Bundle {
  let bundle: unknown;
  try {
    bundle = JSON.parse(text);
  } catch {
    throw new Error(`it is not JSON (it begins with ${JSON.stringify(text.slice(0, 40))})`);
  }
  if (typeof bundle !== 'object' || bundle === null || Array.isArray(bundle)) {
    throw new Error('Invalid bundle: must be an object');
  }
  const { moduleFormat, code, source, ...rest } = bundle as { [key: string]: unknown };
  if (typeof moduleFormat !== 'string' || !formats.includes(moduleFormat)) {
    throw new Error(
      `Unknown bundle format: ${String(moduleFormat)} (known: ${formats.join(', ')})`,
    );
  }
  const program = code ?? source;
  if (program === undefined) throw new Error('Invalid bundle: missing code');
  if (typeof program !== 'string') throw new Error('Invalid bundle: code must be a string');
  return { ...rest, moduleFormat: moduleFormat as Bundle['moduleFormat'], code: program };
}

export type FetchedBundles = {
  /** By vat name. */
  bundles: { [vatName: string]: string };
  /** By hash. */
  contents: { [hash: string]: string };
};

/** The code of a vat cannot be had; the message says what was asked and what came instead. */
export class NoBundleError extends Error {
  constructor(
    readonly vat: string,
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

/**
 * Fetches, or makes, and checks the bundles of a subcluster's vats.
 *
 * @throws NoBundleError of the first that cannot be had.
 */
export async function fetchBundles(
  vats: { [name: string]: VatConfig },
  shared: { [bundleName: string]: VatConfig },
  platform: PlatformServices,
  onFetched: (vat: string, chars: number) => void = () => {},
): Promise<FetchedBundles> {
  const texts = new Map<string, Promise<string>>();
  const textOf = (spec: string): Promise<string> => {
    // Content instead of an address.
    if (/^\s*\{/.test(spec)) return Promise.resolve(spec);
    let text = texts.get(spec);
    if (text === undefined) texts.set(spec, (text = platform.fetchText(spec)));
    return text;
  };
  const bundled = new Map<string, Promise<string>>();
  const bundle = (name: string, spec: string): Promise<string> => {
    let text = bundled.get(spec);
    if (text === undefined) {
      if (platform.bundleSource === undefined) {
        const instead = 'name a bundle with bundleSpec';
        throw new NoBundleError(
          name,
          `sourceSpec ${spec}: this platform has no bundler; ${instead}`,
        );
      }
      bundled.set(spec, (text = platform.bundleSource(spec)));
    }
    return text;
  };
  const fetchOne = async (name: string, config: VatConfig) => {
    const source = config.bundleName === undefined ? config : shared[config.bundleName];
    const { bundleSpec, sourceSpec } = source ?? {};
    const spec = bundleSpec ?? sourceSpec;
    if (spec === undefined) throw new NoBundleError(name, 'its configuration names no code');
    const what = spec.length > 200 ? `${spec.slice(0, 100)}…` : spec;
    const action = bundleSpec === undefined ? 'bundling' : 'fetch';
    const coming = bundleSpec === undefined ? bundle(name, spec) : textOf(spec);
    const text = await coming.catch((cause: unknown) => {
      throw new NoBundleError(
        name,
        `${action} of user code ${what} failed: ${fetchMessageOf(cause)}`,
        cause,
      );
    });
    if (text.length > limits.bundleCharsMax) {
      throw new NoBundleError(
        name,
        `${what} has ${text.length} characters; the limit is ${limits.bundleCharsMax}`,
      );
    }
    try {
      parseBundle(text);
    } catch (cause) {
      throw new NoBundleError(name, `${what} is no bundle: ${messageOf(cause)}`, cause);
    }
    onFetched(name, text.length);
    return { name, hash: await sha256(text), text };
  };
  const fetched = await Promise.all(
    Object.entries(vats).map(([name, config]) => fetchOne(name, config)),
  );
  return {
    bundles: Object.fromEntries(fetched.map(({ name, hash }) => [name, hash])),
    contents: Object.fromEntries(fetched.map(({ hash, text }) => [hash, text])),
  };
}

export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);

/** The engine's fetch says only `fetch failed`, and why in its cause. */
const fetchMessageOf = (thrown: unknown): string =>
  thrown instanceof Error && thrown.cause instanceof Error
    ? `${thrown.message}: ${thrown.cause.message}`
    : messageOf(thrown);

/** In hexadecimal. */
export async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return toHex(new Uint8Array(digest));
}
