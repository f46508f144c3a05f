/** The forms that methods, types and exos come in. */
import { Far } from '@endo/far';
import { defineExoClass, defineExoClassKit, makeDefaultExo, makeTopic } from '@vatkit/sdk/vat';
import { exo } from './helpers/wrapped.js';

enum Color {
  Red = 'red',
  Blue = 'blue',
}

type Branded = string & { readonly brand: 'id' };
type Tree<Leaf> = { value: Leaf; left?: Tree<Leaf>; right?: Tree<Leaf> };
type Shape = { kind: 'circle'; radius: number } | { kind: 'square'; side: number };
type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Declared beside what implements it. */
interface Account {
  /** In cents. */
  balance(): bigint;
  deposit(amount: bigint): bigint;
}

/** The same name as a tag's. */
type Counter = { count: number };

const makeCounter = defineExoClass('counter', undefined, () => ({ count: 0 }), {
  add(by: number) {
    this.state.count += by;
    return { count: this.state.count } satisfies Counter;
  },
});

const makePair = defineExoClassKit('pair', undefined, () => ({ sum: 0 }), {
  reader: {
    sum() {
      return this.state.sum;
    },
  },
  writer: {
    put(value: number) {
      this.state.sum += value;
      return this.facets.reader;
    },
  },
});

function openAccount(): Account {
  let balance = 0n;
  return makeDefaultExo('account', {
    balance: () => balance,
    /** Adds to it. */
    deposit(amount) {
      balance += amount;
      return balance;
    },
  });
}

function describe(value: string): string;
function describe(value: number): number;
function describe(value: unknown): unknown {
  return value;
}

class Point {
  constructor(
    readonly x: number,
    readonly y: number,
  ) {}
}

const build = () => {
  const { publisher, subscriber } = makeTopic<string>();
  return makeDefaultExo('forms', {
    color: (color: Color) => color,
    branded: (id: Branded) => id,
    tree: (tree: Tree<string>) => tree,
    area: (shape: Shape) => (shape.kind === 'circle' ? shape.radius : shape.side),
    json: (json: Json) => json,
    pair: (pair: readonly [name: string, count?: number]) => pair,
    record: (record: Record<string, bigint>) => Object.values(record),
    path: (path: `/${string}`): `/${string}` => path,
    nothing: (value: null | undefined) => value,
    error: (message: string) => new Error(message),
    symbol: () => Symbol.asyncIterator as symbol,
    point: (x: number, y: number) => ({ ...new Point(x, y) }),
    first: <Value extends string | number>(values: Value[]): Value | undefined => values[0],
    describe,
    'with space': (text: string) => text,
    counter: () => makeCounter(),
    counting: (counter: Counter): Counter => counter,
    kit: () => makePair(),
    account: () => openAccount(),
    far: () => Far('Greeter', { greet: (name: string) => `hello ${name}` }),
    adder: (by: number) => Far('adder', (value: number) => value + by),
    wrapped: () => exo('wrapped thing', { touch: () => 'touched' }),
    topic: () => ({ publisher, subscriber }),
    promises: () => ({ soon: Promise.resolve(makeCounter()), now: 1 }),
    default: (value = 1, text: string) => `${value} ${text}`,
  });
};

export { build as buildRootObject };
