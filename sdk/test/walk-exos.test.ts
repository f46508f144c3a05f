/** Exos of vats that were written for MetaMask's kernel: classes, kits, guards, descriptions, stores. */
import { krefOf, kunser, type Kernel } from '@vatkit/sdk/kernel';
import { expect, it } from 'vitest';
import { call, rejectionOf, startKernel, useSharedKernel } from './harness.js';
import { strangerBundle } from './walk.js';

let kernel: Kernel;
let root: string;

useSharedKernel(async () => {
  kernel = await startKernel();
  const bundleSpec = await strangerBundle('exos.js');
  const { rootKref, bootstrapResult } = await kernel.launchSubcluster({
    bootstrap: 'main',
    vats: { main: { bundleSpec, parameters: { name: 'Ann' } } },
  });
  expect(kunser(bootstrapResult!)).toBe('Ann has exos');
  root = rootKref;
  return kernel;
});

const get = async (method: string, ...args: unknown[]) =>
  krefOf(await call(kernel, root, method, ...args));
const why = async (target: string, method: string, ...args: unknown[]) =>
  (await rejectionOf(call(kernel, target, method, ...args))).message;

it('instances of a class have a state of their own, and hold to their guard', async () => {
  const [one, ten] = [await get('counter'), await get('counter', 10)];
  expect(await call(kernel, one, 'increment')).toBe(1);
  expect(await call(kernel, one, 'increment', 5)).toBe(6);
  expect(await call(kernel, ten, 'get')).toBe(10);
  expect(await why(one, 'increment', 0)).toContain(
    'In "increment" method of (Counter): arg 0?: 0 - Must be >= 1',
  );
  expect(await why(one, 'increment', 1, 2)).toContain('accepts at most 1 arguments, not 2');
  expect(await why(one, 'decrement')).toContain('target has no method "decrement"');
  expect(await call(kernel, one, 'get')).toBe(6);
});

it('facets of a kit share their state', async () => {
  const { celsius, fahrenheit } = (await call(kernel, root, 'temperature')) as {
    celsius: never;
    fahrenheit: never;
  };
  await call(kernel, celsius, 'set', 100);
  expect(await call(kernel, fahrenheit, 'get')).toBe(212);
  expect(await why(krefOf(fahrenheit), 'set', 1)).toContain('has no method "set"');
});

it('guards of every form are kept to', async () => {
  const guarded = await get('guarded');
  expect(await call(kernel, guarded, 'when', 1)).toBe('number 1');
  expect(await why(guarded, 'when', 'x')).toContain('Must be a number');
  expect(await call(kernel, guarded, 'record', { name: 'Ann', age: 7 })).toBe('Ann 7');
  expect(await why(guarded, 'record', { age: 7 })).toContain(
    'Must have missing properties ["name"]',
  );
  expect(await call(kernel, guarded, 'rest', 'sum', 1, 2, 3)).toBe(6);
  expect(await why(guarded, 'rest')).toContain('at least 1 argument');
  expect(await call(kernel, guarded, 'raw', { any: [1n] })).toEqual({ any: [1n] });
  expect(await why(guarded, 'badResult')).toContain('result: string "text" - Must be a number');
  expect(await why(guarded, 'promise', 1)).toContain('Must be a promise');
  expect(await call(kernel, guarded, 'sloppy', 1, 2)).toBe(2);
  const counter = await call(kernel, root, 'counter', 3);
  expect(await call(kernel, guarded, 'remotable', counter)).toBe(3);
});

it('describe themselves', async () => {
  const adder = await get('adder');
  const add = {
    description: 'Adds.',
    args: { a: { type: 'number' }, b: { type: 'number' } },
    returns: { type: 'number' },
  };
  expect(await call(kernel, adder, 'add', 1, 2)).toBe(3);
  expect(await call(kernel, adder, '__getDescription__')).toEqual({ add });
  expect(await call(kernel, adder, '__getMethodNames__')).toEqual(expect.arrayContaining(['add']));
  const speller = await get('speller');
  expect(await call(kernel, speller, 'spell', 'ab', 2)).toEqual(['a', 'b', 'a', 'b']);
  expect(await why(speller, 'spell', 1)).toContain('Must be a string');
  expect(await call(kernel, speller, '__getDescription__')).toEqual({
    spell: {
      description: 'Spells a word',
      args: { word: { type: 'string', description: 'the word' }, times: { type: 'number' } },
      returns: { type: 'array', items: { type: 'string' } },
    },
  });
});

it("Agoric's scalar stores keep what they are told", async () => {
  expect(await call(kernel, root, 'register', 'Bob', 1)).toEqual([['Bob', 1]]);
  expect(await call(kernel, root, 'register', 'Bob', 2)).toEqual([['Bob', 2]]);
  expect(await call(kernel, root, 'groups')).toEqual(['Bob']);
  expect(await why(root, 'registerTwice', 'Bob')).toMatch(/already (?:registered|has)/);
  expect(await why(root, 'unknown', 'Eve')).toContain('not found');
});

it('see what passes, and of which kind', async () => {
  const far = await call(kernel, root, 'far');
  expect(
    await call(kernel, root, 'styles', 1, 'a', null, undefined, 2n, [], {}, new Error('x'), far),
  ).toEqual([
    'number',
    'string',
    'null',
    'undefined',
    'bigint',
    'copyArray',
    'copyRecord',
    'error',
    'remotable',
  ]);
  expect(await call(kernel, root, 'matching', 1)).toEqual([true, false]);
  expect(await why(root, 'mustMatch', 1)).toContain('what was given: number 1 - Must be a string');
  expect(await call(kernel, root, 'guardOfCounter')).toEqual(['Counter', ['increment', 'get']]);
  expect(await call(kernel, far as never, 'hello')).toBe('from far');
});
