/** Iterates what other vats give item by item, and speaks over channels. */
import { E } from '@endo/eventual-send';
import { makeDefaultExo } from '@metamask/kernel-utils/exo';
import { makeEventualIterator, makeExoGenerator } from '@ocap/remote-iterables';
export function buildRootObject(_vatPowers, { name }) {
  let producer;
  let channel;
  return makeDefaultExo('root', {
    bootstrap(vats, services) {
      producer = vats.producer;
      channel = services.wire;
      return Object.keys(services);
    },
    count(to) {
      return makeExoGenerator(
        (async function* counting() {
          for (let n = 1; n <= to; n += 1) yield `${name} ${n}`;
        })(),
      );
    },
    broken() {
      return makeExoGenerator(
        (async function* breaking() {
          yield 'one';
          throw Error('no more');
        })(),
      );
    },
    async collect(method, ...args) {
      const items = [];
      try {
        for await (const item of makeEventualIterator(await E(producer)[method](...args)))
          items.push(item);
      } catch (error) {
        items.push(error.message);
      }
      return items;
    },
    async take(count) {
      const items = [];
      for await (const item of makeEventualIterator(await E(producer).count(1000))) {
        items.push(item);
        if (items.length === count) break;
      }
      return items;
    },
    async shout() {
      const line = await E(channel).read();
      if (line === null) return 'the end';
      await E(channel).write(`${line}!`);
      return line;
    },
  });
}
