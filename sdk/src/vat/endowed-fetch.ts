/**
 * fetch, Request, Response and Headers in plain JavaScript. The request itself is made by the host, which holds the
 * list of allowed hosts; here are only the classes by which a vat's author knows it.
 *
 * Bodies are whole: there are no streams in a vat, and so no `body`, no `blob` and no `formData`.
 */
import { limits } from '../limits.js';
import type { FetchRequest, FetchResponse } from '../protocol/vat-wire.js';
import type { HostAsks } from './host-asks.js';

type Pair = [name: string, value: string];

/** As the web converts what it is given. */
const text = (value: unknown): string => `${value as string}`;

const nameForm = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Without line breaks and NUL; what is not Latin-1 has no bytes in a header. */
const valueForm = /^[\t\x20-\x7e\x80-\xff]*$/;
const normalizedMethods: readonly string[] = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT'];
const forbiddenMethods: readonly string[] = ['CONNECT', 'TRACE', 'TRACK'];
const redirectModes: readonly unknown[] = ['follow', 'error', 'manual'];
const bodylessStatuses: readonly number[] = [101, 103, 204, 205, 304];

/** What a vat's AbortSignal has. Asked for, not sought by class: signals are granted apart from fetch. */
type Signal = {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
};

const toPairs = (init: unknown): [unknown, unknown][] => {
  if (init === undefined || init === null) return [];
  if (typeof init !== 'object') throw TypeError('Headers are given as a record or as pairs');
  const iterate = (init as Partial<Iterable<unknown>>)[Symbol.iterator];
  if (typeof iterate !== 'function') return Object.entries(init);
  return [...(init as Iterable<unknown>)].map((pair) => {
    const parts = [...(pair as Iterable<unknown>)];
    if (parts.length !== 2) throw TypeError('A header is a pair of name and value');
    return parts as [unknown, unknown];
  });
};

const toName = (name: unknown): string => {
  const given = text(name);
  if (!nameForm.test(given)) throw TypeError(`Invalid header name: ${JSON.stringify(given)}`);
  return given.toLowerCase();
};

const toValue = (value: unknown): string => {
  const given = text(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
  if (!valueForm.test(given)) throw TypeError('Invalid header value');
  return given;
};

/** Bytes of a body, and the type that they have where the headers do not say. */
function toBody(given: unknown): { bytes: Uint8Array; type?: string } | undefined {
  if (given === undefined || given === null) return undefined;
  if (given instanceof ArrayBuffer) return { bytes: new Uint8Array(given.slice(0)) };
  if (ArrayBuffer.isView(given)) {
    const { buffer, byteOffset, byteLength } = given;
    return { bytes: Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength)) };
  }
  const isParams =
    Object.prototype.toString.call(given) === '[object URLSearchParams]' &&
    typeof given === 'object';
  return {
    bytes: new TextEncoder().encode(text(given)),
    type: `${isParams ? 'application/x-www-form-urlencoded' : 'text/plain'};charset=UTF-8`,
  };
}

export function makeFetchClasses(
  { ask }: HostAsks,
  HostURL: typeof URL,
): { fetch: unknown; Request: unknown; Headers: unknown; Response: unknown } {
  /** Only this module can make what it proves. */
  const key = {};

  const parseUrl = (url: unknown): string => {
    let parsed;
    try {
      parsed = new HostURL(text(url));
    } catch {
      throw TypeError(`Failed to parse URL from ${text(url)}`);
    }
    if (parsed.username !== '' || parsed.password !== '') {
      throw TypeError('Request cannot be constructed from a URL that includes credentials');
    }
    return parsed.href;
  };

  class Headers {
    #pairs: Pair[] = [];
    #isFixed = false;

    constructor(init?: unknown, given?: unknown) {
      for (const [name, value] of toPairs(init)) this.append(name, value);
      this.#isFixed = given === key;
    }

    #insistOpen(): void {
      if (this.#isFixed) throw TypeError('These headers are immutable');
    }

    append(name: unknown, value: unknown): void {
      this.#insistOpen();
      this.#pairs.push([toName(name), toValue(value)]);
    }

    delete(name: unknown): void {
      this.#insistOpen();
      const wanted = toName(name);
      this.#pairs = this.#pairs.filter(([known]) => known !== wanted);
    }

    get(name: unknown): string | null {
      const wanted = toName(name);
      const found = this.#pairs.filter(([known]) => known === wanted);
      return found.length === 0 ? null : found.map(([, value]) => value).join(', ');
    }

    getSetCookie(): string[] {
      return this.#pairs.filter(([name]) => name === 'set-cookie').map(([, value]) => value);
    }

    has(name: unknown): boolean {
      const wanted = toName(name);
      return this.#pairs.some(([known]) => known === wanted);
    }

    set(name: unknown, value: unknown): void {
      this.#insistOpen();
      const pair: Pair = [toName(name), toValue(value)];
      this.delete(name);
      this.#pairs.push(pair);
    }

    #sorted(): Pair[] {
      const names = [...new Set(this.#pairs.map(([name]) => name))].sort();
      return names.flatMap((name): Pair[] =>
        name === 'set-cookie'
          ? this.getSetCookie().map((value): Pair => [name, value])
          : [[name, this.get(name) ?? '']],
      );
    }

    forEach(
      callback: (value: string, name: string, headers: Headers) => void,
      thisArg?: unknown,
    ): void {
      for (const [name, value] of this.#sorted())
        Reflect.apply(callback, thisArg, [value, name, this]);
    }

    entries(): IterableIterator<Pair> {
      return this.#sorted().values();
    }

    keys(): IterableIterator<string> {
      return this.#sorted()
        .map(([name]) => name)
        .values();
    }

    values(): IterableIterator<string> {
      return this.#sorted()
        .map(([, value]) => value)
        .values();
    }

    [Symbol.iterator](): IterableIterator<Pair> {
      return this.entries();
    }

    get [Symbol.toStringTag](): string {
      return 'Headers';
    }
  }

  let takeBody: (message: Message) => Uint8Array | undefined;
  let peekBody: (message: Message) => Uint8Array | undefined;

  /** What Request and Response share: a body that is read once. */
  class Message {
    #bytes: Uint8Array | undefined;
    #used = false;

    constructor(bytes: Uint8Array | undefined) {
      this.#bytes = bytes;
    }

    static {
      takeBody = (message) => message.#take();
      peekBody = (message) => {
        if (message.#used) throw TypeError('The body was already read');
        return message.#bytes;
      };
    }

    #take(): Uint8Array | undefined {
      if (this.#used) throw TypeError('Body is unusable: Body has already been read');
      this.#used = this.#bytes !== undefined;
      return this.#bytes;
    }

    get bodyUsed(): boolean {
      return this.#used;
    }

    async bytes(): Promise<Uint8Array> {
      return Uint8Array.from(this.#take() ?? []);
    }

    async arrayBuffer(): Promise<ArrayBuffer> {
      return Uint8Array.from(this.#take() ?? []).buffer;
    }

    async text(): Promise<string> {
      return new TextDecoder().decode(this.#take() ?? new Uint8Array());
    }

    async json(): Promise<unknown> {
      return JSON.parse(await this.text());
    }
  }

  class Request extends Message {
    readonly #url: string;
    readonly #method: string;
    readonly #headers: Headers;
    readonly #signal: Signal | undefined;
    readonly #redirect: NonNullable<FetchRequest['redirect']>;

    constructor(input: unknown, init: Record<string, unknown> = {}) {
      const from = typeof input === 'object' && input !== null && #url in input ? input : undefined;
      const url = from === undefined ? parseUrl(input) : from.#url;
      const given =
        init['method'] === undefined
          ? from === undefined
            ? 'GET'
            : from.#method
          : text(init['method']);
      if (!nameForm.test(given) || forbiddenMethods.includes(given.toUpperCase()))
        throw TypeError(`'${given}' is not a valid HTTP method`);
      const upper = given.toUpperCase();
      const method = normalizedMethods.includes(upper) ? upper : given;
      const headers = new Headers(init['headers'] ?? (from && from.#headers));
      const own = toBody(init['body']);
      const inherited = own === undefined && from !== undefined ? takeBody(from) : undefined;
      const bytes = own?.bytes ?? inherited;
      if (bytes !== undefined && (method === 'GET' || method === 'HEAD'))
        throw TypeError('Request with GET/HEAD method cannot have body');
      if (own?.type !== undefined && !headers.has('content-type'))
        headers.set('content-type', own.type);
      const redirect = init['redirect'] ?? (from === undefined ? 'follow' : from.#redirect);
      if (!redirectModes.includes(redirect)) throw TypeError(`Unknown redirect mode`);
      super(bytes);
      this.#url = url;
      this.#method = method;
      this.#headers = headers;
      this.#redirect = redirect as NonNullable<FetchRequest['redirect']>;
      const signal = 'signal' in init ? init['signal'] : from && from.#signal;
      if (signal !== undefined && signal !== null) {
        if (typeof (signal as Partial<Signal>).addEventListener !== 'function')
          throw TypeError('signal must be an AbortSignal');
        this.#signal = signal as Signal;
      }
    }

    get url(): string {
      return this.#url;
    }

    get method(): string {
      return this.#method;
    }

    get headers(): Headers {
      return this.#headers;
    }

    get signal(): Signal | undefined {
      return this.#signal;
    }

    get redirect(): NonNullable<FetchRequest['redirect']> {
      return this.#redirect;
    }

    clone(): Request {
      return new Request(this.#url, {
        method: this.#method,
        headers: this.#headers,
        redirect: this.#redirect,
        signal: this.#signal,
        body: peekBody(this),
      });
    }

    get [Symbol.toStringTag](): string {
      return 'Request';
    }
  }

  type Facts = { url: string; redirected: boolean; type: string };

  class Response extends Message {
    readonly #status: number;
    readonly #statusText: string;
    readonly #headers: Headers;
    readonly #facts: Facts;

    constructor(body?: unknown, init: Record<string, unknown> = {}, given?: unknown) {
      const { status: wished = 200, statusText = '' } = init;
      const status = Number(wished);
      const own = toBody(body);
      const isFetched = (given as { key?: unknown } | undefined)?.key === key;
      if (!isFetched) {
        if (!Number.isInteger(status) || status < 200 || status > 599)
          throw RangeError('status must be an integer from 200 to 599');
        if (own !== undefined && bodylessStatuses.includes(status))
          throw TypeError(`Response with status ${status} cannot have body`);
      }
      super(own?.bytes);
      this.#status = status;
      this.#statusText = text(statusText);
      this.#headers = new Headers(init['headers'], isFetched ? key : undefined);
      if (!isFetched && own?.type !== undefined && !this.#headers.has('content-type'))
        this.#headers.set('content-type', own.type);
      this.#facts = isFetched
        ? (given as { facts: Facts }).facts
        : { url: '', redirected: false, type: 'default' };
    }

    static json(data: unknown, init: Record<string, unknown> = {}): Response {
      const body = JSON.stringify(data);
      if (body === undefined) throw TypeError('The data cannot be written as JSON');
      const response = new Response(body, init);
      if (!new Headers(init['headers']).has('content-type'))
        response.#headers.set('content-type', 'application/json');
      return response;
    }

    static error(): Response {
      return fromHost({ status: 0, statusText: '', url: '', headers: [] }, undefined, 'error');
    }

    static redirect(url: unknown, status: unknown = 302): Response {
      if (![301, 302, 303, 307, 308].includes(Number(status)))
        throw RangeError('Invalid redirect status');
      return new Response(null, { status, headers: { location: parseUrl(url) } });
    }

    get status(): number {
      return this.#status;
    }

    get ok(): boolean {
      return this.#status >= 200 && this.#status <= 299;
    }

    get statusText(): string {
      return this.#statusText;
    }

    get headers(): Headers {
      return this.#headers;
    }

    get url(): string {
      return this.#facts.url;
    }

    get redirected(): boolean {
      return this.#facts.redirected;
    }

    get type(): string {
      return this.#facts.type;
    }

    clone(): Response {
      const init = { status: this.#status, statusText: this.#statusText, headers: this.#headers };
      return new Response(peekBody(this), init, { key, facts: this.#facts });
    }

    get [Symbol.toStringTag](): string {
      return 'Response';
    }
  }

  const fromHost = (
    { status, statusText, url, headers, redirected = false }: Omit<FetchResponse, 'body'>,
    body: Uint8Array | undefined,
    type = 'basic',
  ): Response =>
    new Response(
      body,
      { status, statusText, headers },
      { key, facts: harden({ url, redirected, type }) },
    );

  const fetch = async (input: unknown, init?: Record<string, unknown>): Promise<Response> => {
    const request = new Request(input, init);
    const { signal, redirect } = request;
    if (signal?.aborted) throw signal.reason;
    const body = takeBody(request);
    const headers = [...request.headers];
    const headChars = [request.url, ...headers.flat()].reduce((sum, { length }) => sum + length, 0);
    if (headChars > limits.fetchHeadCharsMax)
      throw TypeError(`A request's URL and headers have at most ${limits.fetchHeadCharsMax} chars`);
    if ((body?.length ?? 0) > limits.fetchBodyBytesMax)
      throw TypeError(`A request's body has at most ${limits.fetchBodyBytesMax} bytes`);
    const { answer, cancel } = ask({
      op: 'fetch',
      request: {
        url: request.url,
        method: request.method,
        headers,
        ...(body !== undefined && { body }),
        ...(redirect !== 'follow' && { redirect }),
      },
    });
    let abort: (() => void) | undefined;
    const aborted = new Promise<never>((_resolve, reject) => {
      abort = () => {
        cancel();

        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort);
    });
    try {
      const response = await (signal === undefined ? answer : Promise.race([answer, aborted]));
      const isBodyless = bodylessStatuses.includes(response.status) || request.method === 'HEAD';
      return fromHost(response, isBodyless ? undefined : response.body);
    } finally {
      if (abort !== undefined) signal?.removeEventListener('abort', abort);
    }
  };

  return harden({ fetch, Request, Headers, Response });
}
