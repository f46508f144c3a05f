/** The testing kit, in a realm that is not locked down. */
import { call, expose } from '@vatkit/sdk';
import {
  createTestKernel,
  makeManualClock,
  makeTestNetwork,
  matchers,
  testVat,
} from '@vatkit/sdk/testing';
import { E, makeDefaultExo, makeExo, M, prepareExo, type Baggage } from '@vatkit/sdk/vat';
import { afterEach, describe, expect, it } from 'vitest';
import { bundleOf, clusterOf } from './harness.js';

type Matchers = { toBeRefTo(iface?: string): void; toRejectWithCode(code: string): Promise<void> };
expect.extend(matchers);
const expectThat = (found: unknown): Matchers => expect(found) as unknown as Matchers;

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((kernel) => kernel.close()));
});
const start = (...options: Parameters<typeof createTestKernel>) => {
  const kernel = createTestKernel(...options);
  open.push(kernel);
  return kernel;
};

const sleep = (ms: number): Promise<string> =>
  new Promise((resolve) => setTimeout(resolve, ms, 'later'));

const counter =
  (step: number) => (_powers: unknown, parameters: { from?: number }, baggage: Baggage) => {
    if (!baggage.has('count')) baggage.init('count', parameters.from ?? 0);
    const reader = prepareExo(baggage, 'Reader', undefined, {
      count: () => Number(baggage.get('count')),
    });
    return makeDefaultExo('counter', {
      increment() {
        baggage.set('count', reader.count() + step);
        return reader.count();
      },
      reader: () => reader,
    });
  };

describe('a test kernel', () => {
  it('runs functions as vats, behind the client of the real one', async () => {
    const kernel = start();
    const { root } = await kernel.launch(testVat('counter', counter(1), { from: 5 }));
    expect(await root.increment()).toBe(6);
    expect(await root.reader().count()).toBe(6);
    expectThat(await root.reader()).toBeRefTo('Reader');
    expect(matchers.toBeRefTo(1).message()).toBe('expected a number to be a ref');
    await expectThat(kernel.ref('ko999')).toRejectWithCode('NOT_FOUND');
    await expect(expectThat(root.increment()).toRejectWithCode('TIMEOUT')).rejects.toThrow(
      'expected a promise that gave',
    );
    expect(kernel.status).toMatchObject({ phase: 'ready', storage: 'memory' });
    expect(await kernel.admin.checkInvariants()).toStrictEqual([]);
  });

  it('passes values through marshal, which refuses what cannot pass', async () => {
    const { root } = await start().launch(
      testVat('odd', () =>
        makeDefaultExo('odd', {
          echo: (value: unknown) => value,
          map: () => new Map(),
        }),
      ),
    );
    const value = { list: [1n, undefined, NaN], bytes: new Uint8Array([1]) };
    const back = await root.echo(value);
    expect(back).toStrictEqual(value);
    expect(back).not.toBe(value);
    await expect(root.map()).rejects.toThrow(/cannot pass|Map/);
    // The page's own is not hardened.
    expect(Object.isFrozen(value)).toBe(false);
  });

  it('upgrades a vat that is launched again with another function, and keeps its state', async () => {
    const kernel = start();
    const { root } = await kernel.launch(testVat('counter', counter(1)));
    expect(await root.increment()).toBe(1);
    const again = await kernel.launch(testVat('counter', counter(10)));
    expect(again.action).toBe('upgraded');
    expect(await root.increment()).toBe(11);
  });

  it('runs bundles, and functions in place of them', async () => {
    const config = clusterOf(await bundleOf('keeper.vat.js'));
    const { root } = await start().launch({ name: 'keeper', config });
    expect(await call(root, 'greet')).toBeDefined();
    const fake = start({ vats: { keeper: () => makeDefaultExo('k', { greet: () => 'fake' }) } });
    const faked = await fake.launch({
      name: 'keeper',
      config: clusterOf('file:///nowhere/keeper.vat.bundle'),
    });
    expect(await call(faked.root, 'greet')).toBe('fake');
  });

  it('has a clock that the test moves', async () => {
    const clock = makeManualClock();
    const rung: number[] = [];
    clock.setTimeout(() => rung.push(clock.now()), 20);
    clock.setTimeout(() => rung.push(clock.now()), 10);
    clock.clearTimeout(clock.setTimeout(() => rung.push(-1), 5));
    clock.advance(15);
    expect(rung).toStrictEqual([10]);
    clock.advance(5);
    expect(rung).toStrictEqual([10, 20]);
    expect(() => clock.advance(-1)).toThrow(RangeError);
    const code = `var __vatExports__ = { buildRootObject: () => $vatkit['@vatkit/sdk/vat'].makeDefaultExo('x', {
      ping() {}, later: () => new Promise((resolve) => setTimeout(() => resolve('rung'), 60_000)),
    }) };`;
    const bundleSpec = JSON.stringify({ moduleFormat: 'vatkit', code });
    const { root } = await start({ clock }).launch({
      bootstrap: 'x',
      vats: { x: { bundleSpec, globals: ['setTimeout'] } },
    });
    const later = call(root, 'later');
    await call(root, 'ping');
    clock.advance(60_000);
    expect(await later).toBe('rung');
  });

  it('meets others over a network that loses links, and each call is made once', async () => {
    const network = makeTestNetwork({ delayMs: 1, jitterMs: 3, cutChance: 0.05, seed: 7 });
    const [alice, bob] = [start({ network }), start({ network })];
    await Promise.all([alice.admin.initRemoteComms(), bob.admin.initRemoteComms()]);
    const { root } = await alice.launch(testVat('counter', counter(1)));
    const kref = await bob.admin.redeemOcapURL(await alice.issue(root));
    const remote = await bob.ref(kref);
    const counts = await Promise.all(Array.from({ length: 40 }, () => call(remote, 'increment')));
    expect(counts).toStrictEqual(Array.from({ length: 40 }, (_, at) => at + 1));
    const { peerId = '' } = (await alice.admin.getStatus()).remoteComms;

    network.setReachable(peerId, false);
    const late = call(remote, 'increment');
    expect(await Promise.race([late, sleep(50)])).toBe('later');
    network.setReachable(peerId, true);
    expect(await late).toBe(41);
    expect(network.frames()).toBeGreaterThan(0);
  });

  it('guards, services and exposed functions work as ever; nothing is locked down', async () => {
    const kernel = start({ services: { clock: { now: () => 7 } } });
    const { root } = await kernel.launch(
      testVat('guarded', () =>
        makeExo(
          'guarded',
          M.interface('guarded', { add: M.call(M.number()).returns(M.number()) }),
          { add: (n: number) => n + 1 },
        ),
      ),
    );
    const { name, config } = testVat('asker', () => {
      const clocks: { now(): number }[] = [];
      return makeDefaultExo('asker', {
        bootstrap: (_vats: unknown, services: { clock: { now(): number } }) =>
          void clocks.push(services.clock),
        now: () => E(clocks[0] as { now(): number }).now(),
        tell: (listener: (heard: string) => unknown) => E(listener)('told'),
      });
    });
    const asker = await kernel.launch({ name, config: { ...config, services: ['clock'] } });
    expect(await call(asker.root, 'now')).toBe(7);
    expect(
      await call(
        asker.root,
        'tell',
        expose((heard: string) => `${heard} back`),
      ),
    ).toBe('told back');
    expect(await root.add(1)).toBe(2);
    await expect(root.add('x' as never)).rejects.toThrow(/Must be a number/);
    expect(Object.isFrozen(Array.prototype)).toBe(false);
  });
});
