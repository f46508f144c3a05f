/** What libp2p uses of the platform and Node 20 lacks, in the form of the standards. */
import { WebSocket } from 'ws';

const define = (target: object, name: string, value: unknown): void => {
  Object.defineProperty(target, name, {
    configurable: true,
    writable: true,
    enumerable: false,
    value,
  });
};

type PromiseParts = {
  promise: Promise<unknown>;
  resolve: (value: unknown) => void;
  reject: (reason: unknown) => void;
};

const { withResolvers } = {
  withResolvers(this: PromiseConstructor): PromiseParts {
    const parts: Partial<PromiseParts> = {};
    parts.promise = new this((resolve, reject) => Object.assign(parts, { resolve, reject }));
    return parts as PromiseParts;
  },
};

/** As the standard's, and unlike that of `ws`, it breaks without harm when nobody listens for its errors. */
class StandardWebSocket extends WebSocket {
  constructor(...args: ConstructorParameters<typeof WebSocket>) {
    super(...args);
    this.on('error', () => {});
  }
}

/** Adds what is missing, and nothing else. */
export function providePlatform(): void {
  if (!('withResolvers' in Promise)) define(Promise, 'withResolvers', withResolvers);
  if (!('WebSocket' in globalThis)) define(globalThis, 'WebSocket', StandardWebSocket);
}
