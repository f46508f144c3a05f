/** Promises between vats in all forms. Alice bootstraps and logs; Bob and Carol make, keep, pass and settle promises. */
import { E } from '@endo/eventual-send';
import { Far } from '@endo/far';
import { makePromiseKit } from '@endo/promise-kit';
import { makeDefaultExo } from '@metamask/kernel-utils/exo';

export function buildRootObject(vatPowers, parameters) {
  const { name, test } = parameters;
  const logger = vatPowers.logger.subLogger({ tags: ['test', name] });
  const tlog = (...args) => logger.log(...args);
  const kits = new Map();
  const kit = (key) => {
    if (!kits.has(key)) kits.set(key, makePromiseKit());
    return kits.get(key);
  };
  const told = (label) => [
    (value) => tlog(`${label} fulfilled: ${JSON.stringify(value)}`),
    (error) => tlog(`${label} rejected: ${error?.name}: ${error?.message ?? error}`),
  ];

  const tests = {
    // Results and arguments.
    async argumentResolvedBefore({ bob }) {
      await E(bob)
        .take(Promise.resolve('early'))
        .then(...told('take'));
    },
    async argumentResolvedAfter({ bob }) {
      const { promise, resolve } = makePromiseKit();
      const answer = E(bob).take(promise);
      await E(bob).noop();
      resolve('late');
      await answer.then(...told('take'));
    },
    async argumentRejected({ bob }) {
      const { promise, reject } = makePromiseKit();
      promise.catch(() => {});
      const answer = E(bob).take(promise);
      reject(RangeError('too bad'));
      await answer.then(...told('take'));
    },
    async argumentWithinData({ bob }) {
      const { promise, resolve } = makePromiseKit();
      const answer = E(bob).takeDeep({ list: [1, promise], again: promise });
      resolve({ n: 7 });
      await answer.then(...told('takeDeep'));
    },
    async argumentOfAnotherVats({ bob, carol }) {
      const promise = E(bob).makePromise('x');
      const answer = E(carol).take(promise);
      await E(bob).resolve('x', 'from bob');
      await answer.then(...told('take'));
    },
    async argumentResolvedByAnother({ bob }) {
      const { promise, resolve } = makePromiseKit();
      const resolver = Far('resolver', { resolve });
      promise.then(...told('mine'));
      await E(bob).call(resolver, 'resolve', 'by bob');
      await promise;
    },
    async resultIsAPromise({ bob }) {
      const result = E(bob).makePromise('x');
      await E(bob).resolve('x', 'kept');
      await result.then(...told('result'));
    },
    async resultIsAnArgument({ bob }) {
      const { promise, resolve } = makePromiseKit();
      const result = E(bob).echo(promise);
      resolve('echoed');
      await result.then(...told('result'));
    },
    async resultWithPromises({ bob }) {
      const { now, later, never } = await E(bob).several();
      await now.then(...told('now'));
      await later.then(...told('later'));
      await never.then(...told('never'));
    },
    async chain({ bob, carol }) {
      // A promise resolved to a promise resolved to a promise, over three vats.
      const first = E(bob).forward(carol, 'makePromise', 'end');
      const second = E(carol).echo(first);
      const third = E(bob).echo(second);
      await E(carol).noop();
      await E(carol).resolve('end', 'chained');
      await Promise.all([first.then(...told('first')), third.then(...told('third'))]);
    },
    async chainRejected({ bob, carol }) {
      const first = E(bob).forward(carol, 'makePromise', 'end');
      const second = E(carol).echo(first);
      await E(carol).noop();
      first.catch(() => {});
      await E(carol).reject('end', 'broken link');
      await second.then(...told('second'));
    },
    async crossing({ bob, carol }) {
      // Each is handed the other's promise and resolves its own when that is there.
      const pb = E(bob).makePromise('mine');
      const pc = E(carol).makePromise('mine');
      const gotB = E(bob).take(pc);
      const gotC = E(carol).take(pb);
      await Promise.all([E(bob).resolve('mine', 'of bob'), E(carol).resolve('mine', 'of carol')]);
      await Promise.allSettled([gotB, gotC]);
      await gotB.then(...told('bob'));
      await gotC.then(...told('carol'));
    },
    async cycleWithin({ bob }) {
      // Two promises, each resolved to data that has the other.
      const [pa, pb] = [E(bob).makePromise('a'), E(bob).makePromise('b')];
      await E(bob).resolveToEachOther('a', 'b', pa, pb);
      const [ofB] = await pa;
      const [ofA] = await pb;
      const same = [(await ofB)[0], (await ofA)[0]];
      tlog(`cycle: ${(await same[0])[0] === ofB} ${(await same[1])[0] === ofA}`);
    },
    async cycleAcross({ bob, carol }) {
      const pa = E(bob).makePromise('a');
      const pb = E(carol).makePromise('b');
      await Promise.all([E(bob).resolve('a', [pb]), E(carol).resolve('b', [pa])]);
      const [b] = await pa;
      const [a] = await b;
      tlog(`cycle: ${Object.prototype.toString.call(a)} ${Array.isArray(await a)}`);
    },
    async cycleOfItself({ bob }) {
      const promise = E(bob).makePromise('self');
      await E(bob).resolve('self', [promise]);
      const [inner] = await promise;
      tlog(`self: ${(await inner)[0] === inner}`);
    },
    async resolveToItself({ bob }) {
      const promise = E(bob).makePromise('self');
      E(bob).resolveTo('self', promise);
      const settled = await Promise.race([
        promise.then(
          () => 'fulfilled',
          (error) => `rejected ${error.name}`,
        ),
        E(bob)
          .noop()
          .then(() => E(bob).noop())
          .then(() => 'open'),
      ]);
      tlog(`itself: ${settled}`);
    },

    // Pipelining.
    async pipeline({ bob }) {
      const answer = E(E(E(bob).makeObject('one')).child('two')).title();
      await answer.then(...told('pipelined'));
    },
    async pipelineToUnresolved({ bob }) {
      const promise = E(bob).makePromise('target');
      const answers = [1, 2, 3].map((n) => E(promise).hear(n));
      await E(bob).noop();
      await E(bob).resolveWithObject('target', 'pipe');
      (await Promise.all(answers)).forEach((answer) => tlog(answer));
    },
    async pipelineToAnother({ bob, carol }) {
      // Bob's promise becomes an object of Carol's.
      const promise = E(bob).makePromise('target');
      const answer = E(promise).hear('you');
      await E(bob).resolve('target', E(carol).makeObject('of carol'));
      await answer.then(...told('heard'));
    },
    async pipelineToMine({ bob }) {
      const mine = Far('mine', { hear: (what) => `I heard ${what}` });
      await E(E(bob).echo(mine))
        .hear('myself')
        .then(...told('heard'));
    },
    async pipelineToData({ bob }) {
      await E(E(bob).echo('just text'))
        .hear('you')
        .then(...told('heard'));
    },
    async pipelineToRejection({ bob }) {
      await E(E(E(bob).fail('no object')).hear('you'))
        .more()
        .then(...told('heard'));
    },
    async pipelineOwnResult({ bob }) {
      // The sender names the open result of its own earlier message as an argument of the next.
      const object = E(bob).makeObject('one');
      await E(bob)
        .call(object, 'hear', 'it')
        .then(...told('heard'));
    },

    // Rejections.
    async errors({ bob }) {
      await E(bob)
        .fail('plain')
        .then(...told('error'));
      await E(bob)
        .failWith('TypeError', 'typed')
        .then(...told('error'));
      await E(bob)
        .failWithText('words')
        .then(...told('text'));
      await E(bob)
        .missing()
        .then(...told('missing'));
      const error = await E(bob)
        .fail('stack')
        .catch((caught) => caught);
      tlog(
        `stack hidden: ${!/promises|buildRoot|fail/.test(String(error.stack).replace(String(error), ''))}`,
      );
    },
    async rejectionIsAReference({ bob }) {
      const thrown = await E(bob)
        .failWithObject()
        .catch((caught) => caught);
      tlog(`thrown: ${await E(thrown).title()}`);
    },

    // The forms of E.
    async sendOnly({ bob }) {
      tlog(`sendOnly: ${E.sendOnly(bob).remember('only')}`);
      tlog(`remembered: ${await E(bob).recall()}`);
      tlog(`sendOnly failing: ${E.sendOnly(bob).fail('nobody hears')}`);
      tlog(`still there: ${await E(bob).recall()}`);
    },
    async when({ bob }) {
      tlog(`when: ${await E.when(E(bob).echo(1), (n) => n + 1)}`);
      tlog(`when rejected: ${await E.when(E(bob).fail('no'), undefined, (e) => e.message)}`);
      tlog(`resolve: ${await E.resolve(E(bob).echo('r'))}`);
    },
    async get({ bob }) {
      const record = E(bob).echo({ a: 1, b: { c: 'deep' } });
      tlog(`get of data: ${await E.get(record).a}`);
      tlog(`get of deep data: ${await E.get(E.get(record).b).c}`);
      await E.get(E(bob).several()).now.then(...told('get of a promise'));
      await E.get(bob).remember.then(...told('get of an object'));
    },
    async local() {
      const local = Far('local', {
        twice: (n) => n * 2,
        fail: () => Promise.reject(Error('local no')),
      });
      const order = [];
      const answer = E(local).twice(21);
      order.push('sent');
      await answer.then((n) => order.push(n));
      tlog(`local: ${order.join()}`);
      await E(local)
        .fail()
        .then(...told('local'));
      await E(local)
        .none()
        .then(...told('none'));
    },
    async order({ bob }) {
      const answers = [];
      for (let n = 0; n < 20; n += 1) answers.push(E(bob).sequence(n));
      tlog(`order: ${(await Promise.all(answers)).join()}`);
    },
    async identity({ bob }) {
      const mine = Far('mine', {});
      tlog(`mine again: ${(await E(bob).echo(mine)) === mine}`);
      tlog(`bob's again: ${(await E(bob).self()) === bob}`);
      const object = await E(bob).makeObject('one');
      tlog(`presence again: ${(await E(bob).echo(object)) === object}`);
      tlog(`bob knows his: ${await E(bob).isLast(object)}`);
      const { promise } = makePromiseKit();
      tlog(`same promise twice: ${await E(bob).isSame([promise, promise])}`);
    },
    async race({ bob, carol }) {
      const slow = E(bob).makePromise('slow');
      const quick = E(carol).echo('quick');
      tlog(`race: ${await Promise.race([slow, quick])}`);
      await E(bob).resolve('slow', 'slow');
      tlog(`all: ${(await Promise.all([slow, quick])).join()}`);
      const settled = await Promise.allSettled([slow, E(bob).fail('settled')]);
      tlog(`settled: ${settled.map(({ status }) => status).join()}`);
      tlog(`any: ${await Promise.any([E(bob).fail('first'), E(carol).echo('any')])}`);
    },
    async unsettledAtTheEnd({ bob }) {
      // Its launch does not wait for what nobody awaits.
      E(bob).makePromise('never');
      tlog('went on');
    },
    async rejectionHandledLater({ bob }) {
      const failed = E(bob).fail('handled later');
      await E(bob).noop();
      await E(bob).noop();
      await failed.then(...told('later'));
    },
  };

  const makeObject = (own) =>
    Far('object', {
      title: () => own,
      child: (next) => makeObject(`${own}.${next}`),
      hear: (what) => `${own} heard ${what}`,
    });
  let memory;
  let last;
  const heard = [];

  return makeDefaultExo('root', {
    async bootstrap(vats) {
      tlog(`${name} runs ${test}`);
      await tests[test](vats);
      return 'done';
    },
    noop() {},
    self() {
      return this.self;
    },
    echo: (value) => value,
    take: async (promise) => `${name} took ${await promise}`,
    takeDeep: async ({ list, again }) => {
      const [n, promise] = list;
      return { same: promise === again, n, value: await promise };
    },
    isSame: ([a, b]) => a === b,
    makePromise: (key) => kit(key).promise,
    resolve: (key, value) => kit(key).resolve(value),
    resolveTo: (key, promise) => kit(key).resolve(promise),
    resolveWithObject: (key, own) => kit(key).resolve(makeObject(own)),
    resolveToEachOther(a, b, pa, pb) {
      kit(a).resolve([pb]);
      kit(b).resolve([pa]);
    },
    reject: (key, message) => kit(key).reject(Error(message)),
    forward: (target, method, ...args) => E(target)[method](...args),
    call: (target, method, ...args) => E(target)[method](...args),
    several: () => ({
      now: Promise.resolve('now'),
      later: E(makeObject('inner')).title(),
      never: Promise.reject(Error('not ever')),
    }),
    makeObject(own) {
      last = makeObject(own);
      return last;
    },
    isLast: (object) => object === last,
    fail(message) {
      throw Error(message);
    },
    failWith(type, message) {
      throw new globalThis[type](message);
    },
    failWithText(text) {
      throw text;
    },
    failWithObject: () => Promise.reject(makeObject('thrown one')),
    remember(what) {
      memory = what;
    },
    recall: () => memory,
    sequence(n) {
      heard.push(n);
      return heard.at(-1);
    },
  });
}
