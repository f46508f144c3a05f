/** Exos, classes, kits and guards as MetaMask's and Agoric's vats use them. */
import { makeScalarMapStore, makeScalarSetStore } from '@agoric/store';
import { E } from '@endo/eventual-send';
import { defineExoClass, defineExoClassKit, GET_INTERFACE_GUARD, makeExo } from '@endo/exo';
import { Far, passStyleOf } from '@endo/marshal';
import { getInterfaceGuardPayload, M, matches, mustMatch } from '@endo/patterns';
import { makeDefaultExo, makeDefaultInterface } from '@metamask/kernel-utils/exo';
import { makeDiscoverableExo, S } from '@metamask/kernel-utils/discoverable';

const CounterI = M.interface('Counter', {
  increment: M.call().optional(M.gte(1)).returns(M.number()),
  get: M.call().returns(M.number()),
});

export function buildRootObject(vatPowers, parameters, _baggage) {
  const makeCounter = defineExoClass('Counter', CounterI, (start = 0) => ({ value: start }), {
    increment(by = 1) {
      this.state.value += by;
      return this.state.value;
    },
    get() {
      return this.state.value;
    },
  });
  const makeTemperature = defineExoClassKit(
    'Temperature',
    {
      celsius: M.interface('Celsius', {
        get: M.call().returns(M.number()),
        set: M.call(M.number()).returns(),
      }),
      fahrenheit: M.interface('Fahrenheit', { get: M.call().returns(M.number()) }),
    },
    () => ({ degrees: 0 }),
    {
      celsius: {
        get() {
          return this.state.degrees;
        },
        set(degrees) {
          this.state.degrees = degrees;
        },
      },
      fahrenheit: {
        get() {
          return this.facets.celsius.get() * 1.8 + 32;
        },
      },
    },
  );
  const persons = makeScalarMapStore('persons');
  const groups = makeScalarSetStore('groups');

  const guarded = makeExo(
    'guarded',
    M.interface(
      'guarded',
      {
        when: M.callWhen(M.await(M.number())).returns(M.string()),
        record: M.call(M.splitRecord({ name: M.string() }, { age: M.number() })).returns(M.any()),
        rest: M.call(M.string()).rest(M.arrayOf(M.number())).returns(M.number()),
        raw: M.call(M.raw()).returns(M.raw()),
        badResult: M.call().returns(M.number()),
        remotable: M.call(M.remotable('Counter')).returns(M.any()),
        promise: M.call(M.promise()).returns(M.promise()),
      },
      { sloppy: true },
    ),
    {
      when: (n) => `number ${n}`,
      record: ({ name, age = 0 }) => `${name} ${age}`,
      rest: (_first, ...rest) => rest.reduce((sum, n) => sum + n, 0),
      raw: (value) => value,
      badResult: () => 'text',
      remotable: (counter) => E(counter).get(),
      promise: (value) => value,
      sloppy: (...args) => args.length,
    },
  );

  const adder = makeDiscoverableExo(
    'adder',
    { add: (a, b) => a + b },
    {
      add: {
        description: 'Adds.',
        args: { a: { type: 'number' }, b: { type: 'number' } },
        returns: { type: 'number' },
      },
    },
  );
  const described = S.interface('speller', {
    spell: S.method(
      'Spells a word',
      [S.arg('word', S.string('the word')), S.arg('times', S.number(), { optional: true })],
      S.arrayOf(S.string()),
    ),
  });
  const speller = makeDiscoverableExo(
    'speller',
    { spell: (word, times = 1) => [...word.repeat(times)] },
    described.schemas,
    described.interfaceGuard,
  );

  return makeDefaultExo(
    'root',
    {
      bootstrap: () => `${parameters.name} has exos`,
      counter: (start) => makeCounter(start),
      temperature() {
        const { celsius, fahrenheit } = makeTemperature();
        return { celsius, fahrenheit };
      },
      guarded: () => guarded,
      adder: () => adder,
      speller: () => speller,
      register(name, age) {
        if (persons.has(name)) persons.set(name, age);
        else persons.init(name, age);
        groups.add(name);
        return [...persons.entries()];
      },
      groups: () => [...groups.keys()],
      registerTwice: (name) => persons.init(name, 1),
      unknown: (name) => persons.get(name),
      guardOfCounter: () => {
        const { interfaceName, methodGuards } = getInterfaceGuardPayload(
          makeCounter()[GET_INTERFACE_GUARD](),
        );
        return [interfaceName, Object.keys(methodGuards)];
      },
      styles: (...values) => values.map((value) => passStyleOf(value)),
      matching: (n) => [matches(n, M.number()), matches(n, M.string())],
      mustMatch: (n) => mustMatch(n, M.string(), 'what was given'),
      far: () => Far('far thing', { hello: () => 'from far' }),
    },
    makeDefaultInterface('root'),
  );
}
