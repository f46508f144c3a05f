import { describe, expect, it } from 'vitest';
import {
  Far,
  M,
  S,
  defineExoClass,
  defineExoClassKit,
  makeDefaultExo,
  makeDiscoverableExo,
  makeExo,
  E,
  prepareExo,
  prepareExoClass,
  prepareExoClassKit,
} from './author-api.js';
import type { Baggage } from './author-api.js';

// Without a lockdown, as an author's own unit tests run.
describe('exos on plain Node', () => {
  it('are called with this.self, and hold to their guards', () => {
    const counter = makeDefaultExo('counter', {
      me() {
        return this.self;
      },
    });
    expect(counter.me()).toBe(counter);
    const guarded = makeExo(
      'g',
      M.interface('g', { len: M.call(M.string()).returns(M.number()) }),
      {
        len: (text: string) => text.length,
      },
    );
    expect(guarded.len('abc')).toBe(3);
    expect(() => guarded.len(5 as never)).toThrow('Must be a string');
  });

  it.each([
    ['a Map', () => new Map(), 'result of "get": cannot pass a Map'],
    [
      'a nested class instance',
      () => ({ list: [new (class Thing {})()] }),
      'result of "get".list[0]: cannot pass a Thing instance',
    ],
    [
      'a function',
      () => ({ f: () => 1 }),
      'result of "get".f: cannot pass a function; make it a method of an exo, or Far',
    ],
    [
      'a symbol',
      () => [Symbol('own')],
      'result of "get"[0]: cannot pass the symbol Symbol(own), which is neither registered nor well known',
    ],
    [
      'a subclass of Promise',
      () => [new (class Later extends Promise<void> {})(() => undefined)],
      'result of "get"[0]: cannot pass a promise with properties of its own, or of a subclass',
    ],
  ])('say where in a result %s stands', (_what, get, message) => {
    const maker = defineExoClass('c', undefined, () => ({}), { get });
    expect(() => maker().get()).toThrow(message);
    const kit = defineExoClassKit('k', undefined, () => ({}), { a: { get }, b: { get } });
    expect(() => kit().b.get()).toThrow(message);
    expect(() =>
      makeExo('e', M.interface('e', {}, { defaultGuards: 'passable' }), { get }).get(),
    ).toThrow(message);
  });

  it('leave raw methods alone', () => {
    const raw = makeExo('raw', M.interface('raw', { get: M.call().returns(M.raw()) }), {
      get: () => new Map([[1, 2]]),
    });
    expect(raw.get().get(1)).toBe(2);
    const allRaw = makeExo('raw', M.interface('raw', {}, { defaultGuards: 'raw' }), {
      get: () => new Set([1]),
    });
    expect(Object.isFrozen(allRaw.get())).toBe(false);
  });

  it('pass on what a method throws', () => {
    const thrower = makeDefaultExo('t', {
      error() {
        throw RangeError('mine');
      },
      data() {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- vats may
        throw { code: 7 };
      },
    });
    expect(() => thrower.error()).toThrow(RangeError);
    expect(() => thrower.data()).toThrow(expect.objectContaining({ code: 7 }) as Error);
  });

  it('describe themselves', () => {
    const { interfaceGuard, schemas } = S.interface('adder', {
      add: S.method(
        'Adds',
        [S.arg('a', S.number('first')), S.arg('b', S.number(), { optional: true })],
        S.number(),
      ),
      log: S.method(
        'Logs',
        [
          S.arg(
            'entry',
            S.object({ text: S.string(), tags: S.arrayOf(S.string()) }, { optional: ['tags'] }),
          ),
        ],
        S.nothing(),
      ),
    });
    const adder = makeDiscoverableExo(
      'adder',
      { add: async (a: number, b = 0) => a + b, log: async () => undefined },
      schemas,
      interfaceGuard,
    );
    expect(adder.__getDescription__()).toEqual({
      add: {
        description: 'Adds',
        args: { a: { type: 'number', description: 'first' }, b: { type: 'number' } },
        returns: { type: 'number' },
      },
      log: {
        description: 'Logs',
        args: {
          entry: {
            type: 'object',
            properties: {
              text: { type: 'string' },
              tags: { type: 'array', items: { type: 'string' } },
            },
            required: ['text'],
          },
        },
      },
    });
    expect(() => makeDiscoverableExo('x', { __getDescription__: () => 1 }, {})).toThrow(
      'reserved for discoverable exos',
    );
    expect(() =>
      S.method(
        '',
        [S.arg('a', S.string(), { optional: true }), S.arg('b', S.string())],
        S.nothing(),
      ),
    ).toThrow('optional argument');
  });

  it('whose guard is described enforce it', async () => {
    const { interfaceGuard, schemas } = S.interface('adder', {
      add: S.method('Adds', [S.arg('a', S.number())], S.number()),
    });
    const adder = makeDiscoverableExo(
      'adder',
      { add: async (a: number) => a + 1 },
      schemas,
      interfaceGuard,
    );
    expect(await adder.add(1)).toBe(2);
    await expect(adder.add('x' as never)).rejects.toThrow('Must be a number');
  });
});

it('Far objects are remotables', () => {
  expect(Reflect.get(Far('thing', {}), Symbol.toStringTag)).toBe('Alleged: thing');
});

/** Never run: what authors write in TypeScript must be typed. */
export function typedAuthors(baggage: Baggage): void {
  const makeNote = prepareExoClass(baggage, 'Note', undefined, (text: string) => ({ text }), {
    read() {
      return this.state.text.length;
    },
    edit(text: string) {
      this.state.text = text;
    },
  });
  const length: number = makeNote('x').read();
  // @ts-expect-error a note is made of text
  makeNote(length);
  const makeKit = prepareExoClassKit(baggage, 'Kit', undefined, (n: bigint) => ({ n }), {
    up: {
      incr(): void {
        this.state.n += 1n;
        this.facets.read.get();
      },
    },
    read: {
      get() {
        return this.state.n;
      },
    },
  });
  const count: bigint = makeKit(1n).read.get();
  const only = prepareExo(baggage, 'only', undefined, { add: (a: bigint) => a + count });
  const sum: Promise<bigint> = E(only).add(1n);
  void sum;
}
