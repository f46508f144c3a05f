import {
  E,
  iterate,
  makeDefaultExo,
  makeTopic,
  prepareExoClass,
  prepareTopic,
} from '@vatkit/sdk/vat';

/** What a page does with vats: values both ways, objects kept and given back, topics, iterators, errors. */
export function buildRootObject(_powers, parameters, baggage) {
  const makeNote = prepareExoClass(baggage, 'Note', undefined, (text) => ({ text }), {
    read() {
      return this.state.text;
    },
    edit(text) {
      this.state.text = text;
    },
  });
  const durable = prepareTopic(baggage, 'durable');
  const heap = makeTopic();
  let count = 0;
  let returned = 0;
  const kept = new Map();

  const reader = makeDefaultExo('Reader', {
    list: (...args) => ['listed', ...args],
    count: () => count,
  });

  return makeDefaultExo('Guest', {
    bootstrap: () => 'booted',
    increment: (by = 1) => (count += by),
    count: () => count,
    reader: () => reader,
    readerLater: () => new Promise(() => {}),
    version: () => parameters?.version ?? 1,
    note: (text) => makeNote(text),
    heapNote: (text) => makeDefaultExo('HeapNote', { read: () => text }),
    echo: (...args) => args,
    same: (a, b) => a === b,
    keep: (name, value) => void kept.set(name, value),
    give: (name) => kept.get(name),
    drop: (name) => kept.delete(name),
    never: () => new Promise(() => {}),
    inner: () => ({ settled: Promise.resolve(7), broken: Promise.reject(Error('inner')) }),
    fail(name) {
      const types = { TypeError, RangeError };
      throw (types[name] ?? Error)(`failed as ${name}`);
    },
    callBack: (callee, ...args) => E(callee)(...args),
    callMethod: (callee, method, ...args) => E(callee)[method](...args),
    async sumOf(source) {
      let sum = 0;
      for await (const item of iterate(source)) sum += item;
      return sum;
    },
    async *numbers(to) {
      try {
        for (let i = 0; i < to; i += 1) yield i;
      } finally {
        returned += 1;
      }
    },
    returned: () => returned,
    watch: () => heap.subscriber,
    watchDurable: () => durable.subscriber,
    publish: (value) => heap.publisher.publish(value),
    publishDurable: (value) => durable.publisher.publish(value),
    finish: () => heap.publisher.finish('done'),
    toJSON: (...args) => `toJSON ${args.length}`,
  });
}
