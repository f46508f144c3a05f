/**
 * Web Crypto for a vat. Keys are opaque objects of ours that stand for the engine's; algorithms are copied before
 * the engine reads them; its errors become plain ones.
 */
type HostCrypto = Pick<Crypto, 'getRandomValues' | 'randomUUID' | 'subtle'>;

const methods = [
  ...['encrypt', 'decrypt', 'sign', 'verify', 'digest', 'generateKey', 'deriveKey', 'deriveBits'],
  ...['importKey', 'exportKey', 'wrapKey', 'unwrapKey'],
] as const;

const maxDepth = 5;

const plainError = (error: unknown): Error => {
  const { name, message } = error as Error;
  const Known = name === 'TypeError' ? TypeError : Error;
  const plain = Known(String(message));
  if (plain.name !== name) Object.defineProperty(plain, 'name', { value: String(name) });
  return plain;
};

const isBytes = (value: object): boolean =>
  ArrayBuffer.isView(value) || value instanceof ArrayBuffer;

export function makeCrypto(host: HostCrypto) {
  const realKeys = new WeakMap<object, CryptoKey>();
  const key = {};

  class VatCryptoKey {
    constructor(given?: unknown, real?: CryptoKey) {
      if (given !== key || real === undefined) throw TypeError('Illegal constructor');
      realKeys.set(this, real);
      Object.defineProperties(this, {
        type: { value: real.type, enumerable: true },
        extractable: { value: real.extractable, enumerable: true },
        algorithm: { value: inward(real.algorithm, 0), enumerable: true },
        usages: { value: [...real.usages], enumerable: true },
      });
      harden(this);
    }

    get [Symbol.toStringTag](): string {
      return 'CryptoKey';
    }
  }

  /** What the vat hands in, as plain data of our own and the engine's keys. */
  const outward = (value: unknown, depth: number): unknown => {
    if (typeof value !== 'object' || value === null || isBytes(value)) return value;
    const real = realKeys.get(value);
    if (real !== undefined) return real;
    if (depth >= maxDepth) throw TypeError('The argument is nested too deep');
    if (Array.isArray(value)) return value.map((item) => outward(item, depth + 1));
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, outward(item, depth + 1)]),
    );
  };

  /** What the engine returns, as plain data and keys of ours. */
  const inward = (value: unknown, depth: number): unknown => {
    if (typeof value !== 'object' || value === null || isBytes(value)) return value;
    if (isCryptoKey(value)) return new VatCryptoKey(key, value);
    if (depth >= maxDepth) return undefined;
    if (Array.isArray(value)) return value.map((item) => inward(item, depth + 1));
    const names = ['publicKey', 'privateKey', ...Object.keys(value)];
    const record = value as Record<string, unknown>;
    return Object.fromEntries(
      [...new Set(names)]
        .filter((name) => record[name] !== undefined)
        .map((name) => [name, inward(record[name], depth + 1)]),
    );
  };

  class SubtleCrypto {
    constructor(given?: unknown) {
      if (given !== key) throw TypeError('Illegal constructor');
    }

    static {
      for (const method of methods) {
        const { [method]: call } = {
          async [method](...args: unknown[]): Promise<unknown> {
            try {
              const real = Reflect.get(host.subtle, method) as (
                ...args: unknown[]
              ) => Promise<unknown>;
              return inward(
                await Reflect.apply(
                  real,
                  host.subtle,
                  args.map((arg) => outward(arg, 0)),
                ),
                0,
              );
            } catch (error) {
              throw plainError(error);
            }
          },
        };
        Object.defineProperty(this.prototype, method, {
          value: call,
          writable: true,
          configurable: true,
        });
      }
    }

    get [Symbol.toStringTag](): string {
      return 'SubtleCrypto';
    }
  }

  const crypto = {
    subtle: new SubtleCrypto(key),
    getRandomValues<Bytes extends ArrayBufferView>(bytes: Bytes): Bytes {
      try {
        return host.getRandomValues(bytes as never);
      } catch (error) {
        throw plainError(error);
      }
    },
    randomUUID: () => host.randomUUID(),
  };
  return harden({ crypto, SubtleCrypto });
}

const isCryptoKey = (value: object): value is CryptoKey =>
  Object.prototype.toString.call(value) === '[object CryptoKey]';
