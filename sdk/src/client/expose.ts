/** Functions and objects of the page that vats may call. */
import { KernelError } from '../errors.js';
import { describe } from '../protocol/describe.js';
import { makeExports } from './exports.js';
import { disposeKey, isRef } from './ref.js';
import type { Exposed } from '../protocol/remote.js';

export type Exposure = {
  /** As it stands on the wire: `Alleged: Exposed`. */
  readonly iface: string;
  isRevoked: boolean;
  /** Does what a vat's message asks of the object. Throws what the method throws. */
  readonly invoke: (method: unknown, args: unknown) => unknown;
  /** What a session needs once it has something that is exposed. */
  readonly makeExports: typeof makeExports;
};

/** All copies of this package know it. */
const exposureKey = Symbol.for('vatkit.exposed');
export const exposureOf = (value: object): Exposure | undefined =>
  (value as { [exposureKey]?: Exposure })[exposureKey];

const exposed = new WeakMap<object, object>();

/**
 * Lets vats call a function or an object of the page: the result may be passed as an argument.
 *
 *     const ticks = expose((count) => render(count));
 *     await root.subscribe(ticks);
 *     ticks[Symbol.dispose]();          // no vat can call it any more
 *
 * A vat calls all methods of an object, its class's included; of an async iterable it reads the items one by one, with
 * `iterate`. What is exposed twice is the same for vats. It lasts as long as the page's session.
 *
 * @param name - the interface that vats see. Default `Exposed`.
 * @throws TypeError where `target` is neither an object nor a function.
 */
export function expose<Target extends object>(target: Target, name?: string): Exposed<Target> {
  if (Object(target) !== target || isRef(target) || target instanceof Promise)
    throw new TypeError(
      `expose takes a function or an object of the page; found ${describe(target)}`,
    );
  if (exposureOf(target) !== undefined) return target as unknown as Exposed<Target>;
  const known = exposed.get(target);
  if (known !== undefined) return known as Exposed<Target>;
  const exposure = makeExposure(
    reader(target),
    name ?? (isIterable(target) ? 'AsyncIterator' : 'Exposed'),
  );
  const handle = Object.freeze(
    Object.defineProperties(
      {},
      {
        [exposureKey]: { value: exposure },
        [Symbol.toStringTag]: { value: 'Exposed' },
        [disposeKey as symbol]: {
          value: () => {
            exposure.isRevoked = true;
            exposed.delete(target);
          },
        },
      },
    ),
  );
  exposed.set(target, handle);
  return handle as Exposed<Target>;
}

const isIterable = (target: object): target is AsyncIterable<unknown> =>
  typeof (target as { [Symbol.asyncIterator]?: unknown })[Symbol.asyncIterator] === 'function';

const step = ({ value, done }: IteratorResult<unknown, unknown>) => ({
  value,
  done: done === true,
});

/** An iterable is opened when its first item is asked for, and read one item at a time. */
function reader(target: object): object {
  if (!isIterable(target)) return target;
  let iterator: AsyncIterator<unknown, unknown> | undefined;
  const open = (): AsyncIterator<unknown, unknown> => (iterator ??= target[Symbol.asyncIterator]());
  const self = {
    next: async (...args: [] | [unknown]) => step(await open().next(...args)),
    return: async (value?: unknown) =>
      step((await open().return?.(value)) ?? { value, done: true }),
    async throw(reason?: unknown) {
      const ended = open().throw?.(reason);
      if (ended === undefined) throw reason;
      return step(await ended);
    },
    [Symbol.asyncIterator]: () => expose(target),
  };
  return self;
}

/** What every object has by nature is no method of it. */
const natural: ReadonlySet<unknown> = new Set([Object.prototype, Function.prototype, null]);

function findMethod(target: object, name: string | symbol): unknown {
  for (
    let holder: object | null = target;
    !natural.has(holder);
    holder = Object.getPrototypeOf(holder) as object
  ) {
    const own = Object.getOwnPropertyDescriptor(holder, name);
    // A class's constructor is no method either.
    if (own !== undefined) return name === 'constructor' ? undefined : own.value;
  }
  return undefined;
}

const nameOf = (method: unknown): string =>
  typeof method === 'string' || typeof method === 'symbol' ? String(method) : describe(method);

/** Behind the handle, so that pages that expose nothing need none of this. */
const makeExposure = (target: object, iface: string): Exposure => ({
  iface: `Alleged: ${iface}`,
  isRevoked: false,
  makeExports,
  invoke(method, args) {
    if (this.isRevoked) throw new KernelError('OBJECT_REVOKED', 'The page has revoked this object');
    const found = method === undefined ? target : findMethod(target, method as string);
    if (typeof found !== 'function' || !Array.isArray(args)) {
      const what = method === undefined ? 'is no function' : `has no method ${nameOf(method)}`;
      throw new TypeError(`The page's ${iface} ${what}`);
    }
    return Reflect.apply(found, method === undefined ? undefined : target, args) as unknown;
  },
});
