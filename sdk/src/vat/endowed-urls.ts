/**
 * URL and URLSearchParams over the engine's. A vat sees these classes only: the engine's prototypes are not
 * hardened, its errors carry its own classes, and URL.createObjectURL reaches out of the vat.
 */
/** As the web converts what it is given. */
const text = (value: unknown): string => `${value as string}`;

type HostUrls = { URL: typeof URL; URLSearchParams: typeof URLSearchParams };

const toPairs = (init: unknown): [string, string][] | string => {
  if (init === undefined || init === null) return '';
  if (typeof init !== 'object') return text(init);
  const iterate = (init as Partial<Iterable<unknown>>)[Symbol.iterator];
  const pairs =
    typeof iterate === 'function' ? [...(init as Iterable<unknown>)] : Object.entries(init);
  return pairs.map((pair) => {
    const [name, value, ...rest] = [...(pair as Iterable<unknown>)];
    if (rest.length > 0) throw TypeError('Each query pair must be an iterable [name, value] tuple');
    return [text(name), text(value)];
  });
};

export function makeUrlClasses({ URL: HostURL, URLSearchParams: HostParams }: HostUrls): {
  URL: unknown;
  URLSearchParams: unknown;
} {
  const key = {};

  class VatURLSearchParams {
    #params: URLSearchParams;

    constructor(init?: unknown, given?: unknown) {
      this.#params = given === key ? (init as URLSearchParams) : new HostParams(toPairs(init));
    }

    get size(): number {
      return [...this.#params.keys()].length;
    }

    append(name: unknown, value: unknown): void {
      this.#params.append(text(name), text(value));
    }

    delete(name: unknown, value?: unknown): void {
      if (value === undefined) this.#params.delete(text(name));
      else this.#params.delete(text(name), text(value));
    }

    get(name: unknown): string | null {
      return this.#params.get(text(name));
    }

    getAll(name: unknown): string[] {
      return [...this.#params.getAll(text(name))];
    }

    has(name: unknown, value?: unknown): boolean {
      return value === undefined
        ? this.#params.has(text(name))
        : this.#params.has(text(name), text(value));
    }

    set(name: unknown, value: unknown): void {
      this.#params.set(text(name), text(value));
    }

    sort(): void {
      this.#params.sort();
    }

    forEach(
      callback: (value: string, name: string, params: VatURLSearchParams) => void,
      thisArg?: unknown,
    ): void {
      for (const [name, value] of [...this.#params])
        Reflect.apply(callback, thisArg, [value, name, this]);
    }

    entries(): IterableIterator<[string, string]> {
      return [...this.#params].values();
    }

    keys(): IterableIterator<string> {
      return [...this.#params.keys()].values();
    }

    values(): IterableIterator<string> {
      return [...this.#params.values()].values();
    }

    [Symbol.iterator](): IterableIterator<[string, string]> {
      return this.entries();
    }

    toString(): string {
      return this.#params.toString();
    }

    get [Symbol.toStringTag](): string {
      return 'URLSearchParams';
    }
  }

  const parse = (url: unknown, base: unknown): URL => {
    try {
      return base === undefined ? new HostURL(text(url)) : new HostURL(text(url), text(base));
    } catch {
      throw TypeError('Invalid URL');
    }
  };

  class VatURL {
    #url: URL;
    #params: VatURLSearchParams;

    constructor(url: unknown, base?: unknown) {
      this.#url = parse(url, base);
      this.#params = new VatURLSearchParams(this.#url.searchParams, key);
    }

    static canParse(url: unknown, base?: unknown): boolean {
      try {
        return parse(url, base) !== undefined;
      } catch {
        return false;
      }
    }

    static parse(url: unknown, base?: unknown): VatURL | null {
      return VatURL.canParse(url, base) ? new VatURL(url, base) : null;
    }

    get origin(): string {
      return this.#url.origin;
    }

    get searchParams(): VatURLSearchParams {
      return this.#params;
    }

    toString(): string {
      return this.#url.href;
    }

    toJSON(): string {
      return this.#url.href;
    }

    get [Symbol.toStringTag](): string {
      return 'URL';
    }

    static {
      const parts = [
        ...['href', 'protocol', 'username', 'password', 'host', 'hostname'],
        ...['port', 'pathname', 'search', 'hash'],
      ] as (keyof Pick<URL, 'href' | 'protocol'>)[];
      for (const part of parts) {
        Object.defineProperty(this.prototype, part, {
          get(this: VatURL) {
            return this.#url[part];
          },
          set(this: VatURL, value: unknown) {
            try {
              this.#url[part] = text(value);
            } catch {
              throw TypeError('Invalid URL');
            }
          },
          enumerable: true,
          configurable: true,
        });
      }
    }
  }

  // Their names are those that the web knows.
  Object.defineProperty(VatURL, 'name', { value: 'URL' });
  Object.defineProperty(VatURLSearchParams, 'name', { value: 'URLSearchParams' });
  return harden({ URL: VatURL, URLSearchParams: VatURLSearchParams });
}
