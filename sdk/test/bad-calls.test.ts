/** Calls that cannot be answered with a value: what the caller hears, and that nobody else does. */
import { isKernelError, kser, kslot, kunser, type Kernel } from '@vatkit/sdk/kernel';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  bundleOf,
  call,
  clusterOf,
  failsWithoutTrace,
  makeLogRecorder,
  rejectionOf,
  startKernel,
  useSharedKernel,
  type LogRecord,
} from './harness.js';

let kernel: Kernel;
let rootKref: string;
let records: LogRecord[];

const start = async (): Promise<Kernel> => {
  const logger = makeLogRecorder();
  ({ records } = logger);
  kernel = await startKernel({ logger });
  ({ rootKref } = await kernel.launchSubcluster(
    clusterOf(await bundleOf('odd-values.vat.js'), ['odd']),
  ));
  return kernel;
};

describe('a message to', () => {
  beforeEach(async () => void (await start()));

  it.each([
    [
      'a kref that does not exist',
      'ko99',
      'NOT_FOUND',
      'there is no ko99, the target of a message',
    ],
    ['a promise that does not exist', 'kp99', 'NOT_FOUND', 'there is no kp99'],
    ['a kref far beyond all', 'ko99999999999999999999', 'NOT_FOUND', 'ko99999999999999999999'],
  ])('%s rejects', async (_what, target, code, message) => {
    const error = await failsWithoutTrace(kernel, () => kernel.queueMessage(target, 'hello', []));
    expect(isKernelError(error)).toBe(true);
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(message);
  });

  it.each([
    ['an empty string', ''],
    ['a name', 'root'],
    ['a kref with a leading zero', 'ko04'],
    ['a kref with white space', 'ko4 '],
    ['a kref in capitals', 'KO4'],
    ['a negative number', 'ko-4'],
    ['a vref', 'o+0'],
    ['a vat', 'v1'],
    ['__proto__', '__proto__'],
    ['undefined', undefined],
    ['null', null],
    ['a number', 4],
    ['a record that has a kref of another kind', { kref: 'x' }],
    ['an array', ['ko4']],
  ])("%s is the caller's mistake", async (_what, target) => {
    const error = await failsWithoutTrace(kernel, () =>
      kernel.queueMessage(target as string, 'hello', []),
    );
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain('queueMessage takes a kref like "ko4"; found');
  });

  it('a terminated vat rejects', async () => {
    await kernel.terminateVat('v1');
    const error = await failsWithoutTrace(kernel, () => kernel.queueMessage(rootKref, 'hello', []));
    expect(error).toMatchObject({ code: 'OBJECT_DELETED' });
    expect(error.message).toContain('Target object has no owner; it may have been deleted');
  });

  it('a released object that nobody else holds rejects', async () => {
    const fresh = kunser(await kernel.queueMessage(rootKref, 'fresh', [])) as { kref: string };
    expect(await call(kernel, fresh.kref, 'hello')).toBe('hello from the fresh');
    kernel.release(fresh.kref);
    const error = await rejectionOf(kernel.queueMessage(fresh.kref, 'hello', []));
    expect(error).toMatchObject({
      code: expect.stringMatching(/OBJECT_DELETED|NOT_FOUND/) as string,
    });
  });

  it('a revoked object rejects, for ever', async () => {
    kernel.revoke(rootKref);
    expect(kernel.isRevoked(rootKref)).toBe(true);
    const error = await rejectionOf(kernel.queueMessage(rootKref, 'hello', []));
    expect(error.message).toContain('[KERNEL:OBJECT_REVOKED] Target object has been revoked');
    kernel.revoke(rootKref);
    await kernel.restartVat('v1');
    expect(await rejectionOf(kernel.queueMessage(rootKref, 'hello', []))).toMatchObject({
      code: 'OBJECT_REVOKED',
    });
  });
});

describe("arguments that cannot be passed are the caller's mistake:", () => {
  useSharedKernel(start);

  const cycle: unknown[] = [];
  cycle.push(cycle);
  let deep: unknown = 0;
  for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];

  it.each([
    ['a function', [() => {}], 'args[0]: a function'],
    ['a Map', [1, { tags: new Map() }], 'args[1].tags: a Map'],
    ['a Date', [new Date()], 'args[0]: a Date'],
    ['an instance of a class', [new (class Point {})()], 'args[0]: a Point instance'],
    ['a promise', [Promise.resolve()], 'args[0]: a Promise'],
    ['a private symbol', [Symbol('mine')], 'args[0]'],
    ['a cycle', [cycle], 'args[0][0]'],
    [
      'an accessor',
      [
        {
          get secret() {
            return 1;
          },
        },
      ],
      'args[0].secret',
    ],
    ['a sparse array', [[1, , 3]], 'args[0]'], // eslint-disable-line no-sparse-arrays
    ['a symbol key', [{ [Symbol.iterator]: 1 }], 'args[0]'],
    ['an array with a property', [Object.assign([1], { more: 2 })], 'args[0]'],
    [
      'a proxy that throws',
      [
        new Proxy(
          {},
          {
            ownKeys: () => {
              throw new Error('trap');
            },
          },
        ),
      ],
      'trap',
    ],
    ['depth without end', [deep], 'deep'],
    ['a huge string', ['x'.repeat(17 * 2 ** 20)], 'args[0]: too long'],
    ['a bigint of a million digits', [10n ** 1_000_000n], 'digits'],
  ])('%s', async (_what, args, message) => {
    const error = await failsWithoutTrace(kernel, () =>
      kernel.queueMessage(rootKref, 'echo', args),
    );
    expect(error === undefined || isKernelError(error, 'INTERNAL_ERROR')).toBe(false);
    expect(error.message).toContain(message);
    expect(await call(kernel, rootKref, 'hello')).toBe('hello');
  });

  it.each([
    ['no array', 'one'],
    ['an array-like', { length: 1, 0: 'one' }],
    ['null', null],
  ])('arguments that are %s', async (_what, args) => {
    const error = await failsWithoutTrace(kernel, () =>
      kernel.queueMessage(rootKref, 'echo', args as never),
    );
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain('queueMessage takes the arguments as an array');
  });

  it.each([
    ['ko99', 'NOT_FOUND', 'there is no ko99, an argument of a message'],
    ['kp99', 'NOT_FOUND', 'there is no kp99, an argument of a message'],
  ])('a reference that does not exist: %s', async (kref, code, message) => {
    const error = await failsWithoutTrace(kernel, () =>
      kernel.queueMessage(rootKref, 'echo', [kslot(kref)]),
    );
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(message);
  });
});

describe('arguments that can be passed arrive as they are:', () => {
  useSharedKernel(start);

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['numbers', [0, -1.5, NaN, Infinity, -Infinity, 2 ** 53, Number.MIN_VALUE]],
    ['bigints', [0n, -1n, 2n ** 200n]],
    [
      'strings',
      ['', 'olá 🦜', '\u0000', '\ud800', '#undefined', '+1', '!x', '$0', '&0', '%x', '-5'],
    ],
    [
      'records',
      { a: { b: [] }, '#error': 'x', __proto__: null, constructor: 1, then: 2, toString: 3 },
    ],
    ['a registered symbol', Symbol.for('ours')],
    ['nested data', [[[[{ a: [undefined] }]]]]],
    ['bytes', Uint8Array.of(0, 255, 128)],
  ])('%s', async (_what, value) => {
    expect(await call(kernel, rootKref, 'echo', value)).toStrictEqual(value);
  });

  it('a key named __proto__', async () => {
    const value = JSON.parse('{"__proto__":{"polluted":true},"a":1}') as object;
    const back = (await call(kernel, rootKref, 'echo', value)) as object;
    expect(Object.getOwnPropertyDescriptor(back, '__proto__')?.value).toStrictEqual({
      polluted: true,
    });
    expect(({} as { polluted?: true }).polluted).toBe(undefined);
  });

  it('errors, with name and message', async () => {
    const back = await call(kernel, rootKref, 'echo', new RangeError('too far'));
    expect(back).toBeInstanceOf(Error);
    expect(back).toMatchObject({ name: 'RangeError', message: 'too far' });
  });

  it('references, which are the same objects on the way back', async () => {
    const fresh = await call(kernel, rootKref, 'fresh');
    expect(await call(kernel, rootKref, 'echo', [fresh, kslot(rootKref)])).toStrictEqual([
      fresh,
      kslot(rootKref),
    ]);
    expect(await call(kernel, rootKref, 'isMine', fresh)).toBe(true);
    expect(await call(kernel, fresh as never, 'hello')).toBe('hello from the fresh');
  });
});

describe('a method', () => {
  useSharedKernel(start);

  it.each([
    'missing',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'valueOf',
    'then',
    '__defineGetter__',
    'prototype',
    '',
    ' ',
    '\ud800',
    'x'.repeat(100_000),
  ])('named %s is not there', async (method) => {
    const error = await failsWithoutTrace(kernel, () => kernel.queueMessage(rootKref, method, []));
    expect(error).toMatchObject({ name: 'TypeError' });
    expect(error.message).toContain('target has no method "');
    expect(await call(kernel, rootKref, 'hello')).toBe('hello');
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a number', 7],
    ['a symbol', Symbol.iterator],
    ['an array', ['hello']],
    ['an object with toString', { toString: () => 'hello' }],
  ])('named by %s is refused', async (_what, method) => {
    await failsWithoutTrace(kernel, () => kernel.queueMessage(rootKref, method as string, []));
    expect(await call(kernel, rootKref, 'hello')).toBe('hello');
  });

  it('missing is told with those that there are, and with the stack of nobody', async () => {
    const error = await rejectionOf(kernel.queueMessage(rootKref, 'helo', []));
    expect(error.message).toContain('target has no method "helo", has [');
    expect(error.message).toContain('"hello"');
    expect(error.message).not.toMatch(/\/|node_modules|dist/);
  });

  it.each(['__getMethodNames__', '__getInterfaceGuard__'])(
    '%s is that of every exo',
    async (method) => {
      await kernel.queueMessage(rootKref, method, []);
    },
  );

  it('named then makes an object one that cannot pass', async () => {
    const error = await rejectionOf(kernel.queueMessage(rootKref, 'withThen', []));
    expect(error.message).toBe('result of "withThen": cannot pass a thenable that is no promise');
  });
});

describe('a result', () => {
  useSharedKernel(start);

  it.each([
    ['a Map', 'resultMap', 'result of "resultMap".deep[1]: cannot pass a Map'],
    ['a function', 'resultFunction', 'cannot pass a function'],
    ['a private symbol', 'resultSymbol', 'Symbol(mine)'],
    ['a cycle', 'resultCycle', 'cycle'],
    ['a proxy', 'resultProxy', 'cannot be examined'],
    ['an accessor', 'resultAccessor', 'accessor'],
    ['too deep', 'resultDeep', 'result of "resultDeep"'],
    [
      'too long',
      'resultHuge',
      'result of "resultHuge": 17825795 code units of text; at most 16777216 can pass',
    ],
    ['a promise of a Map', 'resultPromise', 'result of "resultPromise": cannot pass a Map'],
    ['a typed array that is not of bytes', 'resultShorts', 'cannot pass an Int16Array'],
  ])('that is %s rejects and says where', async (_what, method, message) => {
    const error = await failsWithoutTrace(kernel, () => kernel.queueMessage(rootKref, method, []));
    expect(error.message).toContain(message);
    expect(await call(kernel, rootKref, 'hello')).toBe('hello');
  });

  it.each([
    ['a thenable of data', 'resultThenable', 'from the thenable'],
    ['a thenable that calls back twice and throws', 'resultTwice', 'first'],
    ['a promise of a promise', 'resultNested', 'inner'],
    ['nothing', 'resultNothing', undefined],
    ['a soft record', 'resultSoft', { list: [1, 2] }],
  ])('that is %s is what it comes to', async (_what, method, value) => {
    expect(await call(kernel, rootKref, method)).toStrictEqual(value);
  });

  it('that is a promise of a thenable whose then throws rejects with that', async () => {
    const error = await rejectionOf(kernel.queueMessage(rootKref, 'resultThrowingThen', []));
    expect(error.message).toBe('then threw');
  });
});

describe('what a method throws', () => {
  useSharedKernel(start);

  it.each([
    ['an error', 'throwError', { name: 'RangeError', message: 'out of it' }],
    ['an error of its own class', 'throwCustom', { message: 'custom' }],
    ['an error with extras', 'throwExtras', { message: 'extras' }],
    ['a string', 'throwString', { message: 'words', cause: 'words' }],
    ['a record', 'throwRecord', { message: '{"code":7}', cause: { code: 7 } }],
    ['undefined', 'throwUndefined', { cause: undefined }],
    ['null', 'throwNull', { message: 'null', cause: null }],
    ['a reference', 'throwReference', {}],
    ['a frozen error', 'throwFrozen', { message: 'frozen' }],
    ['an error of a long text', 'throwHuge', {}],
    ['an error whose message throws', 'throwHostileMessage', {}],
    ['an error whose name is an object', 'throwHostileName', {}],
    ['an error whose stack is an object', 'throwHostileStack', { message: 'stack' }],
    ['an error in a circle of causes', 'throwCauses', { message: 'circle' }],
    ['a proxy', 'throwProxy', {}],
    ['a revoked proxy', 'throwRevoked', {}],
    ['a Map', 'throwMap', { message: 'what was thrown by "throwMap".m: cannot pass a Map' }],
    ['a function', 'throwFunction', {}],
    ['a promise', 'throwPromise', {}],
    ['a text in the form of a kernel error', 'throwForged', {}],
  ])('%s rejects the call and nothing else', async (_what, method, expected) => {
    const error = await rejectionOf(kernel.queueMessage(rootKref, method, []));
    expect(error).toMatchObject(expected);
    expect(typeof error.stack).toBe('string');
    expect(await call(kernel, rootKref, 'hello')).toBe('hello');
    expect(records.filter(({ level }) => level === 'warn' || level === 'error')).toStrictEqual([]);
  });

  it('from a long recursion is an error like others', async () => {
    const error = await rejectionOf(kernel.queueMessage(rootKref, 'recurse', []));
    expect(error).toMatchObject({
      name: 'RangeError',
      message: 'Maximum call stack size exceeded',
    });
    expect(await call(kernel, rootKref, 'hello')).toBe('hello');
  });
});

describe('values', () => {
  useSharedKernel(start);

  it('that the host makes are read by vats, and the other way round', async () => {
    const value = {
      n: 1n,
      list: [undefined, NaN],
      error: new TypeError('e'),
      ref: kslot(rootKref, 'root'),
    };
    const body = kser(value);
    expect(kunser(body)).toMatchObject({ n: 1n, list: [undefined, NaN] });
    expect(await call(kernel, rootKref, 'describe', value)).toStrictEqual(
      'bigint,object,error TypeError,remotable',
    );
  });

  it('of kunser are sent back as they came', async () => {
    const first = await call(kernel, rootKref, 'sample');
    const second = await call(kernel, rootKref, 'echo', first);
    expect(second).toStrictEqual(first);
  });
});
