/**
 * A vat's fetch, performed in the host: which hosts a vat may reach is decided here, for every redirect anew, and
 * never in the vat's worker.
 *
 * What goes in and what comes out is plain data. The vat's `Request`, `Response` and `Headers` are made of it in its
 * worker, which this module takes for hostile.
 */
import { KernelError } from '../errors.js';
import { limits } from '../limits.js';
import { describe, shorten } from '../protocol/describe.js';

export type HostFetchRequest = {
  /** Absolute, http or https. */
  url: string;
  method: string;
  headers: [name: string, value: string][];
  body?: Uint8Array | string | undefined;
  /** `error` rejects at a redirect, `manual` gives it as the response. Default `follow`. */
  redirect?: 'follow' | 'error' | 'manual' | undefined;
};

export type HostFetchResponse = {
  status: number;
  statusText: string;
  /** Of the last hop, without its fragment. */
  url: string;
  redirected: boolean;
  /** Names in lower case, without cookies. */
  headers: [name: string, value: string][];
  /** Decompressed, whatever its `content-encoding` says, as in browsers. */
  body: Uint8Array;
};

export type HostFetchGrant = {
  /**
   * The hosts that may be reached. `api.example.com` stands for that name alone, at every port, by http and https;
   * `api.example.com:8443` for that port of it. Names are compared as URLs write them: in lower case, other scripts in
   * Punycode, IP addresses in their one form (`[::1]`, or `::1` without a port). There are no wildcards.
   */
  allowedHosts: readonly string[];
  /** Ends the fetch, as when the vat does, or its incarnation ends. */
  signal?: AbortSignal;
};

export type HostFetchPowers = {
  fetch: typeof globalThis.fetch;
  /** Does `redirect: 'manual'` show where a redirect leads? On Node it does, in browsers it does not. */
  isRedirectVisible: boolean;
  /** Bounds in place of the defaults. */
  timeoutMs?: number;
  bodyBytesMax?: number;
};

export type HostFetch = (
  request: HostFetchRequest,
  grant: HostFetchGrant,
) => Promise<HostFetchResponse>;

/** A request that was checked, as it goes to one hop. */
type Hop = {
  url: URL;
  method: string;
  headers: [string, string][];
  body: Uint8Array<ArrayBuffer> | undefined;
};

/**
 * Makes the function that performs the fetches of all vats of a kernel.
 *
 *     const hostFetch = makeHostFetch({ fetch, isRedirectVisible: true });
 *     const { status, body } = await hostFetch({ url, method: 'GET', headers: [] }, { allowedHosts: ['api.example.com'] });
 *
 * Redirects are followed as the fetch standard says (https://fetch.spec.whatwg.org/#http-redirect-fetch), each to an
 * allowed host only. Nothing of the host's goes along: no cookies, no credentials, no referrer, no cached answer.
 * Headers that the standard forbids are left out, as in browsers, and so are a response's cookies.
 *
 * The list is one of names. It does not bind a name to an address: who controls an allowed name's DNS can lead
 * it to an address of the host's own network (DNS rebinding). Where that matters, the host needs a `fetch` that checks the
 * address it connects to, or a proxy.
 *
 * The function rejects with
 * - Error `Invalid host: h` for a host that is not allowed, in a redirect too, and for a `file:` URL;
 * - KernelError FETCH_REDIRECT_REFUSED for a redirect that this platform does not show;
 * - TypeError for a request that is none, a body beyond `fetchBodyBytesMax`, the 21st redirect, and where the
 *   network fails; its message has the host and nothing else of the URL, no header and no body;
 * - a `TimeoutError` after `fetchTimeoutMs`, and the signal's reason when that is aborted.
 */
export function makeHostFetch({
  fetch,
  isRedirectVisible,
  timeoutMs = limits.fetchTimeoutMs,
  bodyBytesMax = limits.fetchBodyBytesMax,
}: HostFetchPowers): HostFetch {
  const insistVisible = (response: Response, { url }: Hop): void => {
    const { type, redirected, status } = response;
    const isHidden = type === 'opaqueredirect' || (!isRedirectVisible && isRedirectStatus(status));
    // Some platforms follow although they were told not to.
    if (!isHidden && !redirected) return;
    abandon(response);
    throw new KernelError(
      'FETCH_REDIRECT_REFUSED',
      `Cannot fetch from ${url.host}: it redirects, and this platform does not show where to`,
      { data: { host: url.host } },
    );
  };

  const run = async (first: Hop, mode: string, allowed: AllowedHosts, signal: AbortSignal) => {
    let hop = first;
    for (let redirects = 0; ; redirects += 1) {
      const response = await ask(fetch, hop, signal);
      const isRedirect = response.type === 'opaqueredirect' || isRedirectStatus(response.status);
      if (isRedirect && mode === 'error') {
        abandon(response);
        throw failedFetch(hop.url, `it redirects, and redirect: 'error' was requested`);
      }
      insistVisible(response, hop);
      const location = isRedirect && mode === 'follow' ? response.headers.get('location') : null;
      if (location === null) {
        return {
          status: response.status,
          statusText: response.statusText,
          url: hop.url.href.replace(/#.*/s, ''),
          redirected: redirects > 0,
          headers: [...response.headers].filter(([name]) => !/^set-cookie2?$/i.test(name)),
          body: await readBody(response, hop.url, bodyBytesMax),
        };
      }
      abandon(response);
      if (redirects === limits.fetchRedirectsMax) {
        throw failedFetch(hop.url, `exceeded ${limits.fetchRedirectsMax} redirects`);
      }
      hop = nextHop(hop, response.status, location, allowed);
    }
  };

  return async (request, { allowedHosts, signal }) => {
    const allowed = parseAllowedHosts(allowedHosts);
    const first = checkRequest(request, allowed, bodyBytesMax);
    // Not AbortSignal.any, which on Node 20 may lose a timeout to the garbage collector.
    const controller = new AbortController();
    const abort = (): void => controller.abort(signal?.reason);
    const timer = setTimeout(() => {
      const message = `Cannot fetch from ${first.url.host}: no whole answer after ${timeoutMs} ms`;
      controller.abort(new DOMException(message, 'TimeoutError'));
    }, timeoutMs);
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    try {
      controller.signal.throwIfAborted();
      return await run(first, request.redirect ?? 'follow', allowed, controller.signal);
    } catch (thrown) {
      throw controller.signal.aborted ? controller.signal.reason : thrown;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  };
}

const isRedirectStatus = (status: number): boolean => [301, 302, 303, 307, 308].includes(status);

const failedFetch = (url: URL, why: string, cause?: unknown): TypeError =>
  new TypeError(`Cannot fetch from ${url.host}: ${why}`, cause === undefined ? {} : { cause });

/** Lets go of the connection. That it may fail concerns nobody any more. */
const abandon = (response: Response): void => void response.body?.cancel().catch(() => {});

async function ask(
  fetch: HostFetchPowers['fetch'],
  hop: Hop,
  signal: AbortSignal,
): Promise<Response> {
  const { url, method, headers, body } = hop;
  try {
    return await fetch(url.href, {
      method,
      headers,
      ...(body && { body }),
      redirect: 'manual',
      credentials: 'omit',
      cache: 'no-store',
      referrer: '',
      referrerPolicy: 'no-referrer',
      signal,
    });
  } catch (cause) {
    throw failedFetch(url, networkFault(cause), cause);
  }
}

/** `ECONNREFUSED`. Not the message: it names addresses of the host's network, and a vat will see this. */
function networkFault(thrown: unknown): string {
  const cause: unknown = thrown instanceof Error ? thrown.cause : undefined;
  const { code } = (cause ?? thrown ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : 'the network failed';
}

async function readBody(response: Response, url: URL, bytesMax: number): Promise<Uint8Array> {
  // One buffer that grows: a server may send millions of pieces of one byte, each an object.
  let buffer = new Uint8Array(0);
  let length = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const read = await reader?.read().catch((cause: unknown) => {
      throw failedFetch(url, networkFault(cause), cause);
    });
    if (read?.value === undefined) return buffer.slice(0, length);
    const { value } = read;
    if (length + value.length > bytesMax) {
      void reader?.cancel().catch(() => {});
      throw failedFetch(url, `the body has more than ${bytesMax} bytes`);
    }
    if (length + value.length > buffer.length) {
      const larger = new Uint8Array(Math.max(buffer.length * 2, length + value.length, 4_096));
      larger.set(buffer.subarray(0, length));
      buffer = larger;
    }
    buffer.set(value, length);
    length += value.length;
  }
}

/** Headers that say what the body is. */
const bodyHeaders = ['content-encoding', 'content-language', 'content-location', 'content-type'];

/** A header's value has a code unit for each byte, and servers write UTF-8 into this one, or Latin-1. */
function utf8Of(value: string): string {
  try {
    const bytes = Uint8Array.from(value, (unit) => unit.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return value;
  }
}

/** https://fetch.spec.whatwg.org/#http-redirect-fetch, from step 5 on. */
function nextHop(hop: Hop, status: number, location: string, allowed: AllowedHosts): Hop {
  const url = checkUrl(utf8Of(location), allowed, hop.url);
  const isGet =
    (status === 303 && !['GET', 'HEAD'].includes(hop.method)) ||
    ((status === 301 || status === 302) && hop.method === 'POST');
  const dropped = [
    ...(isGet ? bodyHeaders : []),
    ...(url.origin === hop.url.origin ? [] : ['authorization']),
  ];
  return {
    url,
    method: isGet ? 'GET' : hop.method,
    headers: hop.headers.filter(([name]) => !dropped.includes(name.toLowerCase())),
    body: isGet ? undefined : hop.body,
  };
}

function checkRequest(request: HostFetchRequest, allowed: AllowedHosts, bytesMax: number): Hop {
  const url = checkUrl(request.url, allowed);
  const method = checkMethod(request.method);
  const headers = checkHeaders(request.headers);
  const body = checkBody(request.body, bytesMax);
  if (body !== undefined && (method === 'GET' || method === 'HEAD')) {
    throw new TypeError(`Cannot fetch: a ${method} request has no body`);
  }
  if (typeof request.body === 'string' && !headers.some(([name]) => /^content-type$/i.test(name))) {
    headers.push(['content-type', 'text/plain;charset=UTF-8']);
  }
  const { redirect = 'follow' } = request;
  if (!['follow', 'error', 'manual'].includes(redirect)) {
    throw new TypeError(`Cannot fetch: redirect is "follow", "error" or "manual"`);
  }
  return { url, method, headers, body };
}

/** @param base - the URL that redirects to this one. */
function checkUrl(text: unknown, insistAllowed: AllowedHosts, base?: URL): URL {
  if (typeof text !== 'string') {
    throw new TypeError(`Cannot fetch: the URL is ${describe(text)}`);
  }
  if (text.length > limits.fetchHeadCharsMax) {
    throw new TypeError(
      `Cannot fetch: the URL is longer than ${limits.fetchHeadCharsMax} characters`,
    );
  }
  const which =
    base === undefined
      ? 'Cannot fetch: the URL'
      : `Cannot fetch from ${base.host}: the URL that it redirects to`;
  if (!URL.canParse(text, base)) throw new TypeError(`${which} is not absolute and valid`);
  const url = new URL(text, base);
  if (url.protocol === 'file:') {
    throw new Error(
      'fetch cannot target file:// URLs. Use the fs platform capability (VatConfig.platformConfig.fs) for filesystem access.',
    );
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TypeError(`${which} is not http: or https:, but ${shorten(url.protocol)}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError(`${which} has a user name or password`);
  }
  insistAllowed(url);
  return url;
}

const token = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;
const isForbiddenMethod = (method: string): boolean => /^(?:connect|trace|track)$/i.test(method);

function checkMethod(method: unknown): string {
  if (typeof method !== 'string' || method.length > 100 || !token.test(method)) {
    throw new TypeError('Cannot fetch: the method is not an HTTP token');
  }
  if (isForbiddenMethod(method))
    throw new TypeError(`Cannot fetch: ${method} is a forbidden method`);
  return /^(?:delete|get|head|options|post|put)$/i.test(method) ? method.toUpperCase() : method;
}

/** https://fetch.spec.whatwg.org/#forbidden-request-header */
const forbiddenHeaders = new Set([
  ...['accept-charset', 'accept-encoding', 'access-control-request-headers'],
  ...['access-control-request-method', 'connection', 'content-length', 'cookie', 'cookie2', 'date'],
  ...['dnt', 'expect', 'host', 'keep-alive', 'origin', 'referer', 'set-cookie', 'te', 'trailer'],
  ...['transfer-encoding', 'upgrade', 'via'],
]);
const methodHeaders = ['x-http-method', 'x-http-method-override', 'x-method-override'];

function isForbiddenHeader(name: string, value: string): boolean {
  const lower = name.toLowerCase();
  return (
    forbiddenHeaders.has(lower) ||
    /^(?:proxy|sec|access-control-request)-/.test(lower) ||
    (methodHeaders.includes(lower) &&
      value.split(',').some((each) => isForbiddenMethod(each.trim())))
  );
}

/** Without a pattern, which would take quadratic time for a value of white space that does not end there. */
function trimHeader(value: string): string {
  const isSpace = (at: number): boolean => ['\t', '\n', '\r', ' '].includes(value.charAt(at));
  let [from, to] = [0, value.length];
  while (from < to && isSpace(from)) from += 1;
  while (from < to && isSpace(to - 1)) to -= 1;
  return value.slice(from, to);
}

function checkHeaders(headers: unknown): [string, string][] {
  if (!Array.isArray(headers)) throw new TypeError('Cannot fetch: the headers are not a list');
  let length = 0;
  const checked: [string, string][] = [];
  for (const header of headers as unknown[]) {
    const [name, given] = Array.isArray(header) ? (header as unknown[]) : [];
    if (typeof name !== 'string' || typeof given !== 'string') {
      throw new TypeError('Cannot fetch: a header is not a name and a value');
    }
    // What a header line costs its reader, beside its text.
    length += name.length + given.length + 4;
    if (length > limits.fetchHeadCharsMax) {
      throw new TypeError(
        `Cannot fetch: the headers have more than ${limits.fetchHeadCharsMax} characters`,
      );
    }
    if (!token.test(name)) {
      throw new TypeError(`Cannot fetch: ${shorten(JSON.stringify(name))} is not a header's name`);
    }
    const value = trimHeader(given);
    if (/[\0\n\r]|[^\0-\xff]/.test(value)) {
      throw new TypeError(
        `Cannot fetch: the value of header ${shorten(name)} has a character that none can have`,
      );
    }
    if (!isForbiddenHeader(name, value)) checked.push([name, value]);
  }
  return checked;
}

function checkBody(body: unknown, bytesMax: number): Uint8Array<ArrayBuffer> | undefined {
  if (body === undefined) return undefined;
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
    throw new TypeError(`Cannot fetch: the body is ${describe(body)}`);
  }
  if (body.length <= bytesMax) {
    // A copy, which stays the same for every hop.
    const bytes = new Uint8Array(typeof body === 'string' ? new TextEncoder().encode(body) : body);
    if (bytes.length <= bytesMax) return bytes;
  }
  throw new TypeError(`Cannot fetch: the body has more than ${bytesMax} bytes`);
}

/** Throws an Error `Invalid host: h` where the URL's host is not allowed. */
export type AllowedHosts = (url: URL) => void;

/**
 * Reads a list of hosts; see {@link HostFetchGrant}.
 * @throws TypeError for an entry that is no host, so that a configuration can be refused before a vat starts.
 */
export function parseAllowedHosts(entries: readonly string[]): AllowedHosts {
  const everyPort = new Set<string>();
  const onePort = new Set<string>();
  const hostnames = new Set<string>();
  for (const entry of entries) {
    const { hostname, port } = parseAllowedHost(entry);
    hostnames.add(hostname);
    if (port === undefined) everyPort.add(hostname);
    else onePort.add(`${hostname}:${port}`);
  }
  return ({ hostname, host, port, protocol }) => {
    if (everyPort.has(hostname)) return;
    if (onePort.has(`${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`)) return;
    throw new Error(`Invalid host: ${shorten(hostnames.has(hostname) ? host : hostname, 300)}`);
  };
}

function parseAllowedHost(entry: string): { hostname: string; port: number | undefined } {
  const isBareIPv6 = /^[\da-f]*:[\da-f]*:[\da-f:.]*$/i.test(entry);
  const [, host, digits] =
    /^(\[[^\]]*\]|[^:[\]]+)(?::([1-9]\d{0,4}))?$/.exec(isBareIPv6 ? `[${entry}]` : entry) ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  const isHost =
    host !== undefined &&
    !/[\s/\\?#@*]/.test(host) &&
    URL.canParse(`http://${host}`) &&
    (port ?? 0) <= 65_535;
  if (!isHost) {
    const wanted =
      'not a host like "api.example.com", or one with its port, "api.example.com:8443"';
    throw new TypeError(`Invalid allowed host ${shorten(JSON.stringify(entry))}: ${wanted}`);
  }
  return { hostname: new URL(`http://${host}`).hostname, port };
}
