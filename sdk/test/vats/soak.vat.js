/** A vat that does everything that vats do with references, and can let go of all of it. */
import { E, iterate, makeDefaultExo, makeTopic, prepareExoClass } from '@vatkit/sdk/vat';

export function buildRootObject({ caveat }, parameters, baggage) {
  const makeBox = prepareExoClass(baggage, 'Box', undefined, (held) => ({ held }), {
    open() {
      return this.state.held;
    },
    fill(held) {
      this.state.held = held;
    },
    touch: () => 'box',
  });
  const makeThing = () => makeDefaultExo('thing', { touch: () => 'thing', echo: (x) => x });
  let peers = [];
  let clock;
  /** What the vat keeps on its heap, in few places, so that the old makes room for the new. */
  const shelf = new Map();
  const weak = new WeakMap();
  let pending = [];
  const topic = makeTopic();

  /** Each is one kind of a day's work: `a` and `b` are roots of vats, this one's perhaps; `n` counts the calls. */
  const works = {
    async make(a, b) {
      const thing = await E(a).make();
      return E(b).touch(thing);
    },
    async pass(a, b, n) {
      const thing = makeThing();
      await E(a).keep(n % 7, [thing, { thing, box: makeBox(clock) }]);
      return E(b).touch(E(a).look(n % 7));
    },
    pipeline: (a, b) => E(E(E(a).make()).echo(b)).make(),
    async durable(a, b, n) {
      const box = makeBox(makeBox(clock));
      const key = `box ${n % 5}`;
      baggage.has(key) ? baggage.set(key, box) : baggage.init(key, box);
      box.fill(await E(a).box());
      await E(b).keep(n % 3, box);
      return E(a).touch(E(box).open());
    },
    async promises(a, b, n) {
      let settle;
      const promise = new Promise((resolve) => {
        settle = resolve;
      });
      const first = E(a).wait(promise);
      const second = E(b).wait([promise, Promise.resolve(promise)]);
      settle(n % 3 === 0 ? makeThing() : n % 3 === 1 ? Promise.resolve([promise, n]) : 'data');
      return Promise.all([first, second]).then(() => 'settled');
    },
    async rejected(a, b) {
      const failed = await E(a)
        .fail(b)
        .catch((error) => error.message);
      await Promise.allSettled([E(E(a).fail(b)).touch(), E(a).none(), E(b).wait(E(a).fail(a))]);
      return failed;
    },
    async ring(a, b) {
      const parts = {};
      const one = new Promise((resolve) => (parts.one = resolve));
      const two = new Promise((resolve) => (parts.two = resolve));
      const told = [E(a).wait({ one }), E(b).wait({ two })];
      parts.one([two]);
      parts.two([one]);
      return Promise.all(told).then(() => 'ring');
    },
    later: (a, b, n) => (n % 2 === 0 ? E(a).later() : E(a).settle(b)),
    async weakly(a, b) {
      const thing = await E(a).make();
      weak.set(thing, { b });
      weak.set(await E(b).make(), thing);
      return weak.has(thing);
    },
    async caveats(a, b, n) {
      const { ref, revoker } = await caveat(makeThing(), { uses: 2, expiresInMs: 1e9 });
      await E(a).touch(ref);
      const other = await caveat(b, { methods: ['make', 'touch'] });
      if (n % 2 === 0) await E(revoker).revoke();
      return E(b).touch(E(other.ref).make());
    },
    async iterators(a) {
      const seen = [];
      for await (const thing of iterate(E(a).things(5))) {
        seen.push(await E(thing).touch());
        if (seen.length === 3) break;
      }
      return seen;
    },
    async topics(a, b, n) {
      topic.publisher.publish(n);
      const { value } = await E(E(a).subscribe()).getUpdate();
      return typeof value;
    },
    async services(a, b, n) {
      const thing = makeThing();
      const made = await E(clock).make(thing, [Promise.resolve(n), a]);
      const { soon } = await E(clock).later();
      return [await E(made).touch(), await soon];
    },
    sendOnly(a, b, n) {
      E.sendOnly(a).keep(n % 7, makeThing());
      E.sendOnly(b).fail(a);
      return 'sent';
    },
  };
  const names = Object.keys(works);

  return makeDefaultExo('root', {
    async bootstrap(vats, services) {
      const roots = Object.values(vats);
      await Promise.all(roots.map((root) => E(root).meet(roots, services.clock)));
    },
    async meet(roots, service) {
      peers = roots;
      clock = service;
      topic.publisher.publish(0);
      // Makes rows that stay: the name of the kernel's maker of caveats, the row of a durable kind.
      makeBox(undefined);
      await caveat(makeThing());
    },
    make: makeThing,
    box: () => makeBox(undefined),
    touch: (thing) => E(thing).touch(),
    keep: (place, thing) => void shelf.set(place, thing),
    look: (place) => shelf.get(place)[0],
    wait: async (what) => {
      const [value] = await Promise.all([what].flat());
      return value;
    },
    fail: (thing) => {
      throw thing === undefined ? undefined : Error('as asked');
    },
    later() {
      // Bounded: what waits longest is settled with nothing.
      if (pending.length > 3) pending.shift()('too late');
      const promise = new Promise((resolve) => pending.push(resolve));
      shelf.set('later', promise);
      return [promise];
    },
    settle(value) {
      pending.shift()?.({ value, thing: makeThing() });
      return 'settled one';
    },
    async *things(count) {
      for (let n = 0; n < count; n += 1) yield makeThing();
    },
    subscribe: () => topic.subscriber,
    /** One call of the soak: its work leads to some more. */
    work(n) {
      const a = peers[n % peers.length];
      const b = peers[(n * 7 + 3) % peers.length];
      return works[names[n % names.length]](a, b, Math.floor(n / names.length));
    },
    /** Lets go of everything that was kept. */
    clear() {
      for (const settle of pending.splice(0)) settle('cleared');
      shelf.clear();
      for (const key of baggage.keys()) baggage.delete(key);
    },
  });
}
