/** Configurations by URL. */
import { isKernelError, KernelError, parseKernelErrorText } from '../errors.js';
import { limits } from '../limits.js';
import { shorten } from '../protocol/describe.js';

/** Our structs, and superstruct's. */
export type JsonStruct<T> = { create(value: unknown): T };

/** Why a configuration could not be loaded: the `data` of the error. */
export type ConfigFailure = {
  url: string;
  /** `unreachable`: nothing came. `status`: the server refused. `json`, `invalid`: what came is not JSON, or not a configuration. */
  reason: 'unreachable' | 'status' | 'json' | 'invalid';
  /** The server's answer: 404. */
  status?: number;
};

/**
 * Loads JSON and checks it.
 *
 *     const config = await fetchValidatedJson('cluster-config.json', ClusterConfigStruct);
 *
 * @param url - an http(s), data or (on Node) file URL. A relative one is resolved against the page's or the
 * worker's location, on Node against the working directory.
 * @throws KernelError BAD_CONFIG, `Failed to load config from U: …`, with {@link ConfigFailure} as its data and,
 * where there is one, the `cause`.
 */
export async function fetchValidatedJson<T>(url: string | URL, struct: JsonStruct<T>): Promise<T> {
  const text = await load(url);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw failure(url, 'json', `it is not JSON: ${messageOf(cause)}`, { cause });
  }
  try {
    return struct.create(json);
  } catch (cause) {
    throw failure(url, 'invalid', messageOf(cause), { cause });
  }
}

async function load(url: string | URL): Promise<string> {
  try {
    const resolved = resolve(url);
    const text =
      resolved.protocol === 'file:' && nodeModule('node:fs') !== undefined
        ? await nodeModule('node:fs')!.promises.readFile(resolved, 'utf8')
        : await loadFromServer(resolved, url);
    if (text.length <= limits.configCharsMax) return text;
    throw new RangeError(`it is longer than ${limits.configCharsMax} characters`);
  } catch (cause) {
    if (isKernelError(cause)) throw cause;
    throw failure(url, 'unreachable', messageOf(cause), { cause });
  }
}

async function loadFromServer(resolved: URL, url: string | URL): Promise<string> {
  if (resolved.password !== '') throw new TypeError('a URL cannot carry a password');
  const signal = AbortSignal.timeout(limits.configFetchTimeoutMs);
  const response = await fetch(resolved, { cache: 'no-store', signal });
  const { ok, status, statusText } = response;
  if (ok) return response.text();
  const answer = `the server answered ${status} ${statusText}`.trimEnd();
  throw failure(url, 'status', answer, { status });
}

function resolve(url: string | URL): URL {
  const { document, location } = globalThis as Partial<typeof globalThis>;
  const base =
    document?.baseURI ??
    location?.href ??
    nodeModule('node:url')?.pathToFileURL(`${process.cwd()}/`).href;
  return new URL(url, base);
}

/** Without `import()`, which bundlers for browsers would follow. Node has it since 20.16. */
const nodeModule = <Name extends 'node:fs' | 'node:url'>(name: Name) =>
  (globalThis as { process?: Partial<NodeJS.Process> }).process?.getBuiltinModule?.(name);

function failure(
  url: string | URL,
  reason: ConfigFailure['reason'],
  why: string,
  { cause, status }: { cause?: unknown; status?: number } = {},
): KernelError {
  // A URL may carry a password, and a data URL a whole bundle.
  const shown = shorten(String(url).replace(/^([a-z]+:\/\/)[^/?#]*@/i, '$1'), 200);
  const data: ConfigFailure = { url: shown, reason, ...(status !== undefined && { status }) };
  return new KernelError('BAD_CONFIG', `Failed to load config from ${shown}: ${why}`, {
    data,
    ...(cause !== undefined && { cause }),
  });
}

/** Without the kernel's mark, which the message that quotes it has already. */
function messageOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  // Node's fetch says only `fetch failed`, and why in its cause.
  const deeper = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : '';
  const text = parseKernelErrorText(message)?.message ?? message;
  return deeper && message === 'fetch failed' ? `${text} (${deeper})` : text;
}
