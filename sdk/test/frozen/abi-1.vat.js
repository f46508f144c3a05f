/**
 * What `abi-1.bundle` was made of, which is not made again: it stands for all bundles of the runtime's first major
 * version that are in somebody's store. It uses what those may use.
 */
import { E } from '@endo/eventual-send';
import { makeExo } from '@endo/exo';
import { Far } from '@endo/far';
import { makeMarshal } from '@endo/marshal';
import { passStyleOf } from '@endo/pass-style';
import { M, matches } from '@endo/patterns';
import { makePromiseKit } from '@endo/promise-kit';
import {
  iterate,
  makeDefaultExo,
  makeDiscoverableExo,
  prepareExo,
  prepareExoClass,
  prepareExoClassKit,
  prepareTopic,
  S,
} from '@vatkit/sdk/vat';

export function buildRootObject(vatPowers, parameters, baggage) {
  const makeNote = prepareExoClass(baggage, 'Note', undefined, (text) => ({ text }), {
    read() {
      return this.state.text;
    },
  });
  const makeCounter = prepareExoClassKit(baggage, 'Counter', undefined, () => ({ count: 0 }), {
    up: {
      up() {
        this.state.count += 1;
      },
    },
    reader: {
      read() {
        return this.state.count;
      },
    },
  });
  const register = prepareExo(baggage, 'register', undefined, { size: () => baggage.getSize() });
  const { publisher, subscriber } = prepareTopic(baggage, 'news');
  if (!baggage.has('note')) baggage.init('note', makeNote(parameters.text));
  const described = S.interface('described', {
    sum: S.method('adds', [S.arg('a', S.number()), S.arg('b', S.number())], S.number()),
  });
  const guarded = makeExo(
    'guarded',
    M.interface('guarded', { half: M.call(M.number()).returns(M.number()) }),
    {
      half: (n) => n / 2,
    },
  );
  const discoverable = makeDiscoverableExo(
    'adder',
    { sum: (a, b) => a + b },
    described.schema,
    described.interfaceGuard,
  );

  return makeDefaultExo('root', {
    bootstrap: () => baggage.get('note').read(),
    async tour() {
      const { up, reader } = makeCounter();
      up.up();
      const kit = makePromiseKit();
      kit.resolve('kept');
      publisher.publish('first news');
      let news;
      for await (const item of iterate(subscriber)) {
        news = item;
        break;
      }
      return {
        count: reader.read(),
        half: await E(guarded).half(4),
        sum: await E(discoverable).sum(1, 2),
        style: passStyleOf(Far('far', { hello: () => 'hello' })),
        matches: matches(3n, M.bigint()),
        body: makeMarshal(undefined, undefined, { serializeBodyFormat: 'smallcaps' }).toCapData(
          harden([1n]),
        ).body,
        promise: await kit.promise,
        news,
        rows: await E(register).size(),
      };
    },
  });
}
