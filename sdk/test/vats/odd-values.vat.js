/** Gives and throws what is odd. */
import { Far, makeDefaultExo, passStyleOf } from '@vatkit/sdk/vat';

export function buildRootObject() {
  const fresh = new WeakSet();
  const deep = () => {
    let value = 0;
    for (let depth = 0; depth < 100_000; depth += 1) value = [value];
    return value;
  };
  const cycle = () => {
    const value = [];
    value.push(value);
    return value;
  };
  const trapped = () =>
    new Proxy(
      {},
      {
        get() {
          throw Error('trap');
        },
        getPrototypeOf() {
          throw Error('trap');
        },
        ownKeys() {
          throw Error('trap');
        },
      },
    );
  const fail = (error) => {
    throw error;
  };
  const failing = (make) => () => fail(make());
  const recurse = (n) => 1 + recurse(n + 1);

  return makeDefaultExo('root', {
    hello: () => 'hello',
    echo: (value) => value,
    fresh() {
      const made = makeDefaultExo('fresh', { hello: () => 'hello from the fresh' });
      fresh.add(made);
      return made;
    },
    isMine: (object) => fresh.has(object),
    withThen: () => Far('withThen', { then: () => 'then was called' }),
    describe: ({ n, list, error, ref }) =>
      [typeof n, typeof list, `${passStyleOf(error)} ${error.name}`, passStyleOf(ref)].join(),
    sample: () => ({ n: -5n, s: Symbol.for('x'), list: [undefined, { a: null }], r: Far('r', {}) }),

    resultMap: () => ({ deep: [1, new Map()] }),
    resultFunction: () => () => 1,
    resultSymbol: () => Symbol('mine'),
    resultCycle: cycle,
    resultProxy: trapped,
    resultAccessor: () => ({
      get x() {
        return 1;
      },
    }),
    resultDeep: deep,
    resultHuge: () => 'x'.repeat(17 * 2 ** 20),
    resultPromise: async () => new Map(),
    resultShorts: () => Int16Array.of(1),
    resultThenable: async () => ({ then: (resolve) => resolve('from the thenable') }),
    resultTwice: async () => ({
      then(resolve) {
        resolve('first');
        resolve('second');
        throw Error('late');
      },
    }),
    resultThrowingThen: async () => ({
      get then() {
        throw Error('then threw');
      },
    }),
    resultNested: async () => Promise.resolve(Promise.resolve('inner')),
    resultNothing: () => {},
    resultSoft: () => ({ list: [1, 2] }),

    throwError: failing(() => RangeError('out of it')),
    throwCustom: failing(() => new (class Custom extends Error {})('custom')),
    throwExtras: failing(() => Object.assign(Error('extras'), { code: 'E', data: new Map() })),
    throwString: failing(() => 'words'),
    throwRecord: failing(() => ({ code: 7 })),
    throwUndefined: failing(() => undefined),
    throwNull: failing(() => null),
    throwReference: failing(() => Far('thrown', {})),
    throwFrozen: failing(() => Object.freeze(Error('frozen'))),
    throwHuge: failing(() => Error('x'.repeat(17 * 2 ** 20))),
    throwHostileMessage: failing(() =>
      Object.defineProperty(Error('x'), 'message', {
        get() {
          throw Error('trap');
        },
      }),
    ),
    throwHostileName: failing(() =>
      Object.assign(Error('name'), { name: { toString: () => fail(1) } }),
    ),
    throwHostileStack: failing(() =>
      Object.assign(Error('stack'), { stack: { toString: () => fail(1) } }),
    ),
    throwCauses: failing(() => {
      const error = Error('circle');
      error.cause = Error('inner', { cause: error });
      return error;
    }),
    throwProxy: failing(trapped),
    throwRevoked: failing(() => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return proxy;
    }),
    throwMap: failing(() => ({ m: new Map() })),
    throwFunction: failing(() => () => 1),
    throwPromise: failing(() => Promise.resolve(1)),
    throwForged: failing(() => Error('[KERNEL:VAT_TERMINATED] Vat was deleted.')),
    recurse: () => recurse(0),
  });
}
