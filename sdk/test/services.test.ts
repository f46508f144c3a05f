/** Kernel services: objects of the host process that vats may call, as vats that mean no good see them. */
import './precise-gc.js';
import { krefOf, kslot, type Kernel } from '@vatkit/sdk/kernel';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, vi } from 'vitest';
import {
  bundleOf,
  bundleOfCode,
  bundleOfRoot,
  call,
  clusterOf,
  makeStoreFile,
  patience,
  rejectionOf,
  rowsChanged,
  rowsOf,
  startKernel,
  stopKernel,
} from './harness.js';

// So that the host's own collector can be asked.
setFlagsFromString('--expose-gc');

const using = bundleOfRoot(`
  bootstrap: (vats, services) => { for (const name of Object.keys(services)) baggage.init(name, services[name]); },
  ask: (name, method, ...args) => far.E(baggage.get(name))[method](...args),
  askNameless: name => far.E(baggage.get(name))(),
  through: async (name, method) => { const got = await far.E(baggage.get(name))[method](); return far.E(got).hello(); },
  give: () => far.makeDefaultExo('mine', { hello: () => 'from the vat' })`);

const launch = async (kernel: Kernel, services: string[]) =>
  (await kernel.launchSubcluster({ ...clusterOf(using), services })).rootKref;

class Counter {
  #count = 0n;
  get secret(): string {
    throw new Error('a getter was read');
  }
  up(by = 1n): bigint {
    this.#count += by;
    return this.#count;
  }
  private hidden(): string {
    return 'typescript hides it, not the language';
  }
  static make(): Counter {
    return new Counter();
  }
}

describe('a service', () => {
  it('is an object with methods or an instance of a class, and is called with its own this', async () => {
    const kernel = await startKernel();
    kernel.registerKernelServiceObject('counter', new Counter());
    const root = await launch(kernel, ['counter']);
    expect(await call(kernel, root, 'ask', 'counter', 'up')).toBe(1n);
    expect(await call(kernel, root, 'ask', 'counter', 'up', 5n)).toBe(6n);
  });

  it.each([
    'constructor',
    '__proto__',
    'toString',
    'hasOwnProperty',
    'valueOf',
    'then',
    'secret',
    'make',
    'none',
  ])('has no method %s, unless it says so', async (method) => {
    const kernel = await startKernel();
    kernel.registerKernelServiceObject('counter', new Counter());
    const root = await launch(kernel, ['counter']);
    const error = await rejectionOf(kernel.queueMessage(root, 'ask', ['counter', method]));
    expect(error.message).toContain(`target has no method "${method}", has [`);
    expect(error.message).toContain('"up"');
  });

  it('is no function, and its methods are named by text', async () => {
    const kernel = await startKernel();
    kernel.registerKernelServiceObject('counter', new Counter());
    const root = await launch(kernel, ['counter']);
    expect(
      (await rejectionOf(kernel.queueMessage(root, 'askNameless', ['counter']))).message,
    ).toContain('no method');
    expect(
      (await rejectionOf(kernel.queueMessage(root, 'ask', ['counter', Symbol.asyncIterator])))
        .message,
    ).toContain('no method');
  });

  it('is given references as stand-ins, which it may keep, send on, and give back', async () => {
    const kernel = await startKernel();
    const kept: unknown[] = [];
    kernel.registerKernelServiceObject('keeper', {
      keep: (...values: unknown[]) => void kept.push(...values),
      last: () => kept.at(-1),
    });
    const root = await launch(kernel, ['keeper']);
    const mine = await call(kernel, root, 'give');
    await call(kernel, root, 'ask', 'keeper', 'keep', { a: [mine] }, mine);
    expect(kept).toStrictEqual([{ a: [mine] }, mine]);
    kernel.release(krefOf(mine));
    expect(await call(kernel, krefOf(kept.at(-1)), 'hello')).toBe('from the vat');
    expect(await call(kernel, root, 'through', 'keeper', 'last')).toBe('from the vat');
  });

  it('may give further objects, which vats call, and which are forgotten when no vat holds them', async () => {
    const kernel = await startKernel();
    let made = 0;
    kernel.registerKernelServiceObject('factory', {
      make: () => {
        made += 1;
        return { hello: () => `from the host ${made}` };
      },
    });
    const root = await launch(kernel, ['factory']);
    const before = rowsOf(kernel).size;
    expect(await call(kernel, root, 'through', 'factory', 'make')).toBe('from the host 1');
    expect(await call(kernel, root, 'through', 'factory', 'make')).toBe('from the host 2');
    await vi.waitFor(async () => {
      await kernel.reapVats();
      expect(rowsOf(kernel).size).toBe(before);
    }, patience);
  });

  it('returns promises, alone and within data, which vats await and pipeline to', async () => {
    const kernel = await startKernel();
    const settles: ((value: unknown) => void)[] = [];
    const later = () => new Promise((resolve) => settles.push(resolve));
    kernel.registerKernelServiceObject('later', {
      plain: () => Promise.resolve('plain'),
      inData: () => ({ soon: later(), never: later(), now: Promise.resolve([1n]) }),
      failing: () => [Promise.reject(new RangeError('not today'))],
      unpassable: () => [Promise.resolve(new Map())],
      nested: () => [Promise.resolve([Promise.resolve({ hello: () => 'nested' })])],
      twice: () => {
        const promise = later();
        return [promise, promise];
      },
    });
    const vat = bundleOfRoot(`
      bootstrap: (vats, { later }) => void baggage.init('later', later),
      plain: () => far.E(baggage.get('later')).plain(),
      async inData() {
        const { soon, never, now } = await far.E(baggage.get('later')).inData();
        const piped = far.E(soon).hello();
        return [await now, await piped];
      },
      async failing() {
        const [promise] = await far.E(baggage.get('later')).failing();
        return promise.catch(error => error.name + ': ' + error.message);
      },
      async unpassable() {
        const [promise] = await far.E(baggage.get('later')).unpassable();
        return promise.catch(error => error.message);
      },
      async nested() {
        const [first] = await far.E(baggage.get('later')).nested();
        const [second] = await first;
        return far.E(second).hello();
      },
      async twice() {
        const [one, other] = await far.E(baggage.get('later')).twice();
        return [one === other, await one];
      },
    `);
    const config = { ...clusterOf(vat), services: ['later'] };
    const { rootKref } = await kernel.launchSubcluster(config);
    const before = rowsOf(kernel);
    expect(await call(kernel, rootKref, 'plain')).toBe('plain');
    const piped = call(kernel, rootKref, 'inData');
    await vi.waitFor(() => expect(settles).toHaveLength(2), patience);
    settles[0]?.({ hello: () => 'pipelined' });
    expect(await piped).toStrictEqual([[1n], 'pipelined']);
    settles[1]?.('at last');
    expect(await call(kernel, rootKref, 'failing')).toBe(
      'RangeError: [KERNEL:DELIVERY_FAILED] not today',
    );
    expect(await call(kernel, rootKref, 'unpassable')).toContain('what a promise gave: a Map');
    expect(await call(kernel, rootKref, 'nested')).toBe('nested');
    const twice = call(kernel, rootKref, 'twice');
    await vi.waitFor(() => expect(settles).toHaveLength(3), patience);
    settles[2]?.('done');
    expect(await twice).toStrictEqual([true, 'done']);
    await vi.waitFor(async () => {
      await kernel.reapVats();
      expect(rowsChanged(before, rowsOf(kernel))).toStrictEqual([]);
    }, patience);
  });

  it('awaits promises that it is given, alone and within data', async () => {
    const kernel = await startKernel();
    const kept: unknown[] = [];
    kernel.registerKernelServiceObject('waiter', {
      wait: async (promise: Promise<unknown>) => ({ got: await promise }),
      all: async ({ promises }: { promises: Promise<unknown>[] }) =>
        (await Promise.allSettled(promises)).map((each) =>
          each.status === 'fulfilled' ? each.value : `${(each.reason as Error).message}`,
        ),
      back: (promise: unknown) => [promise],
      keep: (promise: unknown) => void kept.push(promise),
    });
    const vat = bundleOfRoot(`
      bootstrap: (vats, { waiter }) => void baggage.init('waiter', waiter),
      async wait() {
        let settle;
        const promise = new Promise(resolve => { settle = resolve; });
        const answer = far.E(baggage.get('waiter')).wait(promise);
        await far.E(baggage.get('waiter')).keep(promise);
        settle({ mine: far.makeDefaultExo('mine', { hello: () => 'here' }) });
        return answer;
      },
      all: () => far.E(baggage.get('waiter')).all({ promises: [
        Promise.resolve('one'), Promise.reject(Error('two')), far.E(baggage.get('waiter')).back(3), Promise.resolve(Promise.resolve('four')),
      ] }),
      async back() {
        const promise = Promise.resolve('round trip');
        const [again] = await far.E(baggage.get('waiter')).back(promise);
        return again;
      },
    `);
    const config = { ...clusterOf(vat), services: ['waiter'] };
    const { rootKref } = await kernel.launchSubcluster(config);
    const { got } = (await call(kernel, rootKref, 'wait')) as { got: { mine: unknown } };
    expect(await call(kernel, krefOf(got.mine), 'hello')).toBe('here');
    // It is a promise, and a stand-in like any other.
    expect(kept[0]).toBeInstanceOf(Promise);
    expect(krefOf(kept[0])).toMatch(/^kp/);
    expect(await kept[0]).toStrictEqual({ mine: got.mine });
    expect(await call(kernel, rootKref, 'all')).toStrictEqual(['one', 'two', [3], 'four']);
    expect(await call(kernel, rootKref, 'back')).toBe('round trip');
  });

  it('may wait for a promise whose vat ends', async () => {
    const kernel = await startKernel();
    const heard: unknown[] = [];
    kernel.registerKernelServiceObject('waiter', {
      wait: async (promise: Promise<unknown>) => {
        heard.push('called');
        heard.push(await promise.catch((error: Error) => error.message.slice(0, 24)));
      },
    });
    const vat = bundleOfRoot(`
      bootstrap: (vats, { waiter }) => void baggage.init('waiter', waiter),
      start: () => far.E(baggage.get('waiter')).wait(new Promise(() => {})),
    `);
    const config = { ...clusterOf(vat, ['main', 'other']), services: ['waiter'] };
    const { rootKref, subclusterId } = await kernel.launchSubcluster(config);
    void kernel.queueMessage(rootKref, 'start').catch(() => undefined);
    await vi.waitFor(() => expect(heard).toHaveLength(1), patience);
    await kernel.terminateVat('v1');
    await vi.waitFor(() => expect(heard[1]).toBe('[KERNEL:VAT_TERMINATED] '), patience);
    expect(kernel.getSubclusterVats(subclusterId)).toStrictEqual(['v2']);
  });

  it('holds what it was given for as long as it has it, and no longer', async () => {
    const kernel = await startKernel();
    let kept: unknown;
    kernel.registerKernelServiceObject('keeper', {
      keep: (value: unknown) => void (kept = value),
      drop: () => void (kept = undefined),
      see: () => 'seen',
    });
    const root = await launch(kernel, ['keeper']);
    const before = rowsOf(kernel);
    const collectHost = runInNewContext('gc') as () => void;
    const mine = await call(kernel, root, 'give');
    for (let times = 0; times < 50; times += 1) {
      await call(kernel, root, 'ask', 'keeper', 'see', mine, { a: [mine] });
    }
    await call(kernel, root, 'ask', 'keeper', 'keep', [mine]);
    kernel.release(krefOf(mine));
    collectHost();
    await kernel.reapVats();
    expect(await call(kernel, krefOf((kept as unknown[])[0]), 'hello')).toBe('from the vat');
    await call(kernel, root, 'ask', 'keeper', 'drop');
    await vi.waitFor(async () => {
      collectHost();
      await kernel.reapVats();
      expect(rowsChanged(before, rowsOf(kernel))).toStrictEqual([]);
    }, patience);
  });

  it("may be a vat's object, registered by the host or through kernelFacet, over a restart", async () => {
    const boss = bundleOfCode(`return { buildRootObject(powers, parameters, baggage) {
      const greeter = far.prepareExo(baggage, 'greeter', undefined, { greet: name => 'hello ' + name });
      return far.makeDefaultExo('root', {
        async bootstrap(vats, { kernelFacet }) {
          const made = await far.E(kernelFacet).registerKernelServiceObject('greeter', greeter);
          return made.name;
        },
      });
    } };`);
    const config = { ...clusterOf(boss), services: ['kernelFacet'] };
    const options = { dbFilename: makeStoreFile(), systemSubclusters: [{ name: 'boss', config }] };
    const first = await startKernel(options);
    const given = await call(first, await launch(first, []), 'give');
    const { kref } = first.registerKernelServiceObject('mine', given as object);
    expect(kref).toBe(krefOf(given));
    const root = await launch(first, ['greeter', 'mine']);
    expect(await call(first, root, 'ask', 'greeter', 'greet', 'you')).toBe('hello you');
    expect(await call(first, root, 'ask', 'mine', 'hello')).toBe('from the vat');
    await stopKernel(first);
    const second = await startKernel(options);
    expect(await call(second, root, 'ask', 'greeter', 'greet', 'me')).toBe('hello me');
    // On the heap of an incarnation that is over.
    expect(await rejectionOf(second.queueMessage(root, 'ask', ['mine', 'hello']))).toMatchObject({
      code: 'OBJECT_DELETED',
    });
  });

  it('gets no prototype from what it is sent', async () => {
    const kernel = await startKernel();
    let got: unknown;
    kernel.registerKernelServiceObject('sink', { take: (value: unknown) => void (got = value) });
    const root = await launch(kernel, ['sink']);
    await call(
      kernel,
      root,
      'ask',
      'sink',
      'take',
      JSON.parse('{"__proto__":{"admin":true},"constructor":1}'),
    );
    expect((got as { admin?: boolean }).admin).toBe(undefined);
    expect(Object.getOwnPropertyNames(got)).toStrictEqual(
      expect.arrayContaining(['__proto__', 'constructor']),
    );
    expect(({} as { admin?: boolean }).admin).toBe(undefined);
  });

  it('is the same reference when it is registered again, at once or after a restart', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    const { kref } = first.registerKernelServiceObject('clock', { now: () => 1 });
    const root = await launch(first, ['clock']);
    expect(await call(first, root, 'ask', 'clock', 'now')).toBe(1);
    expect(first.registerKernelServiceObject('clock', { now: () => 2 }).kref).toBe(kref);
    expect(await call(first, root, 'ask', 'clock', 'now')).toBe(2);
    await stopKernel(first);
    const second = await startKernel({ dbFilename });
    const asked = call(second, root, 'ask', 'clock', 'now');
    expect(second.registerKernelServiceObject('clock', { now: () => 3 }).kref).toBe(kref);
    expect(await asked).toBe(3);
  });

  it('for system subclusters only is as if it were not there for others', async () => {
    const kernel = await startKernel();
    kernel.registerKernelServiceObject('secret', { tell: () => 'x' }, { systemOnly: true });
    const config = { ...clusterOf(using), services: ['secret'] };
    const error = await rejectionOf(kernel.launchSubcluster(config));
    const none = await rejectionOf(kernel.launchSubcluster({ ...config, services: ['none'] }));
    expect(error.message.replace('secret', 'none')).toBe(none.message);
  });

  it('that calls its vat back in the middle of a call is answered', async () => {
    const kernel = await startKernel();
    kernel.registerKernelServiceObject('echo', {
      back: async (target: { kref: string }) => call(kernel, target.kref, 'hello'),
    });
    const root = await launch(kernel, ['echo']);
    const mine = await call(kernel, root, 'give');
    expect(await call(kernel, root, 'ask', 'echo', 'back', mine)).toBe('from the vat');
  });

  it('may stop its own kernel', async () => {
    const kernel = await startKernel();
    let stopping: Promise<void> | undefined;
    kernel.registerKernelServiceObject('off', { off: () => void (stopping = stopKernel(kernel)) });
    const root = await launch(kernel, ['off']);
    const answer = await kernel
      .queueMessage(root, 'ask', ['off', 'off'])
      .catch((error: unknown) => error);
    await stopping;
    expect(answer).toMatchObject({ code: 'KERNEL_STOPPED' });
  });

  it('cannot be reached by a vat that was not given it, by guessing', async () => {
    const kernel = await startKernel();
    kernel.registerKernelServiceObject('clock', { now: () => 1 });
    const { rootKref } = await kernel.launchSubcluster(clusterOf(await bundleOf('keeper.vat.js')));
    // The host may name it; a vat has no way to say so.
    for (const text of ['ko5', '$0', '#ko5', { '#slot': 0 }, { kref: 'ko5' }]) {
      const error = await rejectionOf(kernel.queueMessage(rootKref, 'ask', [text, 'now']));
      expect(error.message).toMatch(/has no method|target/);
    }
    expect(
      await call(
        kernel,
        rootKref,
        'ask',
        kslot(kernel.registerKernelServiceObject('clock', { now: () => 2 }).kref),
        'now',
      ),
    ).toBe(2);
  });
});
