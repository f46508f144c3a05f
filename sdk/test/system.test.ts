/** What kernels are given besides the app's own subclusters: system subclusters, services, channels. */
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { KernelError, kslot, kunser, type Kernel } from '@vatkit/sdk/kernel';
import { describe, expect, it } from 'vitest';
import {
  bundleOfCode,
  bundleOfRoot,
  call,
  clusterOf,
  expectWorkers,
  makeFolder,
  makeStoreFile,
  startKernel,
  stopKernel,
} from './harness.js';

const notes = bundleOfRoot(`
  add(text) { const all = baggage.has('all') ? baggage.get('all') : []; baggage.has('all') ? baggage.set('all', [...all, text]) : baggage.init('all', [text]); },
  list: () => (baggage.has('all') ? baggage.get('all') : []),
`);

const withServices = bundleOfCode(`return {
  buildRootObject(powers, parameters, baggage) {
    let given;
    return far.makeDefaultExo('root', {
      bootstrap(vats, services) { given = services; return Object.keys(services).sort(); },
      use: (service, method, ...args) => far.E(given[service])[method](...args),
      pass: (service, method) => far.E(far.E(given[service])[method]()).greet('you'),
    });
  },
};`);

describe('system subclusters', () => {
  const system = (text = notes) => [{ name: 'notes', config: clusterOf(text) }];

  it('are launched once, and found again with their state', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename, systemSubclusters: system() });
    const root = first.getSystemSubclusterRoot('notes');
    await call(first, root, 'add', 'one');
    await stopKernel(first);
    const second = await startKernel({ dbFilename, systemSubclusters: system() });
    expect(second.getSystemSubclusterRoot('notes')).toBe(root);
    expect(await call(second, root, 'list')).toEqual(['one']);
  });

  it('end when the options no longer name them', async () => {
    const dbFilename = makeStoreFile();
    await stopKernel(await startKernel({ dbFilename, systemSubclusters: system() }));
    const kernel = await startKernel({ dbFilename });
    expect(kernel.getSubclusters()).toEqual([]);
    expect(() => kernel.getSystemSubclusterRoot('notes')).toThrow(
      'System subcluster "notes" not found',
    );
  });

  it('of another configuration are an error that says what to do, and forceReset does it', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename, systemSubclusters: system() });
    await call(first, first.getSystemSubclusterRoot('notes'), 'add', 'one');
    await stopKernel(first);
    const [{ name, config } = { name: '', config: clusterOf('') }] = system();
    const changed = {
      ...config,
      vats: { main: { bundleSpec: notes, parameters: { other: true } } },
    };
    await expect(
      startKernel({ dbFilename, systemSubclusters: [{ name, config: changed }] }),
    ).rejects.toThrow(/System subcluster "notes" .* forceReset .* upgradeVat/);
    const kernel = await startKernel({
      dbFilename,
      systemSubclusters: [{ name, config: { ...changed, forceReset: true } }],
    });
    expect(await call(kernel, kernel.getSystemSubclusterRoot('notes'), 'list')).toEqual([]);
    expect(kernel.getSubclusters()).toHaveLength(1);
  });

  it('are reloaded as what they are, under their name and id, with their services', async () => {
    const [{ config } = { config: clusterOf('') }] = system(withServices);
    const kernel = await startKernel({
      systemSubclusters: [{ name: 'notes', config: { ...config, services: ['kernelFacet'] } }],
    });
    const before = kernel.getSystemSubclusterRoot('notes');
    expect(await kernel.reloadSubcluster('s1')).toMatchObject({ id: 's1', vats: { main: 'v2' } });
    const root = kernel.getSystemSubclusterRoot('notes');
    expect(root).not.toBe(before);
    expect(await call(kernel, root, 'use', 'kernelFacet', 'ping')).toBe('pong');
  });

  it('may have two of one name no more than two of one id', async () => {
    await expect(startKernel({ systemSubclusters: [...system(), ...system()] })).rejects.toThrow(
      'Duplicate system subcluster names in config',
    );
  });
});

describe('services', () => {
  const cluster = (services: string[]) => ({ ...clusterOf(withServices), services });

  it('are called with stand-ins and answer with data and objects', async () => {
    const kernel = await startKernel();
    const greeter = { greet: (name: string) => `hello ${name}` };
    kernel.registerKernelServiceObject('adder', {
      add: (a: number, b: number) => a + b,
      greeter: () => greeter,
      map: () => new Map(),
      fail: () => {
        throw new KernelError('QUEUE_FULL', 'enough');
      },
    });
    const { rootKref, bootstrapResult } = await kernel.launchSubcluster(cluster(['adder']));
    expect(kunser(bootstrapResult!)).toEqual(['adder']);
    expect(await call(kernel, rootKref, 'use', 'adder', 'add', 1, 2)).toBe(3);
    expect(await call(kernel, rootKref, 'pass', 'adder', 'greeter')).toBe('hello you');
    await expect(kernel.queueMessage(rootKref, 'use', ['adder', 'map'])).rejects.toThrow(
      'result of map: a Map',
    );
    await expect(kernel.queueMessage(rootKref, 'use', ['adder', 'fail'])).rejects.toMatchObject({
      code: 'QUEUE_FULL',
    });
    await expect(kernel.queueMessage(rootKref, 'use', ['adder', 'constructor'])).rejects.toThrow(
      'has no method',
    );
  });

  it('stay the same reference over a restart, and calls wait for them', async () => {
    const dbFilename = makeStoreFile();
    const adder = { add: (a: number, b: number) => a + b };
    const keeper =
      bundleOfCode(`return { buildRootObject: (powers, parameters, baggage) => far.makeDefaultExo('root', {
      bootstrap(vats, { adder }) { baggage.init('adder', adder); },
      add: (a, b) => far.E(baggage.get('adder')).add(a, b),
    }) };`);
    const first = await startKernel({ dbFilename });
    const { kref } = first.registerKernelServiceObject('adder', adder);
    const { rootKref } = await first.launchSubcluster({
      ...clusterOf(keeper),
      services: ['adder'],
    });
    await stopKernel(first);
    const second = await startKernel({ dbFilename });
    const waiting = call(second, rootKref, 'add', 1, 2);
    expect(second.registerKernelServiceObject('adder', adder).kref).toBe(kref);
    expect(await waiting).toBe(3);
    await stopKernel(second);
    const third = await startKernel({ dbFilename, limits: { serviceWaitMs: 50 } });
    await expect(third.queueMessage(rootKref, 'add', [1, 2])).rejects.toThrow(
      'not been registered',
    );
  });

  it('for the system are hidden from others, and cannot be replaced', async () => {
    const kernel = await startKernel();
    await expect(kernel.launchSubcluster(cluster(['kernelFacet']))).rejects.toThrow(
      "no registered kernel service 'kernelFacet'",
    );
    expect(() => kernel.registerKernelServiceObject('kernelFacet', { ping: () => 'pong' })).toThrow(
      'already registered',
    );
  });

  it('let a system vat run the kernel from inside its own bootstrap and methods', async () => {
    const boss = bundleOfCode(`return { buildRootObject(powers, parameters, baggage) {
      let facet;
      return far.makeDefaultExo('root', {
        async bootstrap(vats, { kernelFacet }) {
          facet = kernelFacet;
          const { rootKref } = await far.E(facet).launchSubcluster(parameters.config);
          const root = await far.E(facet).getPresence(rootKref);
          await far.E(root).add('from the bootstrap');
          baggage.init('notes', root);
        },
        list: () => far.E(baggage.get('notes')).list(),
        async endAll() {
          for (const { id } of (await far.E(facet).getSubclusters()).toReversed()) await far.E(facet).terminateSubcluster(id);
        },
      });
    } };`);
    const config = {
      ...clusterOf(boss, ['boss'], { parameters: { config: clusterOf(notes) } as never }),
      services: ['kernelFacet'],
    };
    const kernel = await startKernel({ systemSubclusters: [{ name: 'boss', config }] });
    const root = kernel.getSystemSubclusterRoot('boss');
    expect(await call(kernel, root, 'list')).toEqual(['from the bootstrap']);
    await expect(kernel.queueMessage(root, 'endAll', [])).rejects.toMatchObject({
      code: 'VAT_TERMINATED',
    });
    expect(kernel.getSubclusters()).toEqual([]);
    await expectWorkers(0);
  });
});

describe('a system vat', () => {
  const boss = (version: number) =>
    bundleOfCode(`return { buildRootObject(powers, parameters, baggage) {
      const facet = () => far.E(baggage.get('facet'));
      return far.makeDefaultExo('root', {
        async bootstrap(vats, { kernelFacet }) {
          baggage.init('facet', kernelFacet);
          // In the midst of its own launch, and of a change to another vat.
          const { subclusterId, rootKref } = await far.E(kernelFacet).launchSubcluster(parameters.config);
          await far.E(kernelFacet).upgradeVat('v2', parameters.change);
          await far.E(kernelFacet).restartVat('v2');
          const root = await far.E(kernelFacet).getPresence(rootKref);
          return [subclusterId, await far.E(root).list(), await far.E(kernelFacet).pingVat('v1')];
        },
        version: () => ${version},
        upgrade: change => facet().upgradeVat('v1', change),
        restart: () => facet().restartVat('v1'),
        terminate: () => facet().terminateVat('v1'),
      });
    } };`);

  it('launches, upgrades, restarts and ends others and itself, from inside its bootstrap and its methods', async () => {
    const parameters = { config: clusterOf(notes), change: { bundleSpec: `${notes} ` } };
    const config = {
      ...clusterOf(boss(1), ['boss'], { parameters: parameters as never }),
      services: ['kernelFacet'],
    };
    const dbFilename = makeStoreFile();
    const systemSubclusters = [{ name: 'boss', config }];
    const kernel = await startKernel({ dbFilename, systemSubclusters });
    const root = kernel.getSystemSubclusterRoot('boss');
    expect(kernel.getVats().map(({ id, subclusterId }) => [id, subclusterId])).toEqual([
      ['v1', 's1'],
      ['v2', 's2'],
    ]);
    const restarted = { code: 'VAT_RESTARTED', indeterminate: true };
    // What it had still to answer ends with the incarnation that it ends.
    await expect(
      kernel.queueMessage(root, 'upgrade', [{ bundleSpec: boss(2) }]),
    ).rejects.toMatchObject(restarted);
    expect(await call(kernel, root, 'version')).toBe(2);
    await expect(kernel.queueMessage(root, 'restart', [])).rejects.toMatchObject(restarted);
    expect(await call(kernel, root, 'version')).toBe(2);
    await expect(kernel.queueMessage(root, 'terminate', [])).rejects.toMatchObject({
      code: 'VAT_TERMINATED',
    });
    expect(kernel.getVatIds()).toEqual(['v2']);
  });
});

describe('a launch', () => {
  it('fails by a rejection in bootstrap that nobody catches', async () => {
    const kernel = await startKernel();
    const careless = bundleOfRoot(
      `bootstrap() { Promise.reject(Error('unheeded')); return 'fine'; },`,
    );
    await expect(kernel.launchSubcluster(clusterOf(careless))).rejects.toMatchObject({
      code: 'LAUNCH_FAILED',
      message: expect.stringContaining('unheeded') as string,
    });
    expect(kernel.getVatIds()).toEqual([]);
    await expectWorkers(0);
  });

  it('grants only the globals that the kernel allows', async () => {
    const kernel = await startKernel({ allowedGlobalNames: ['Date'] });
    await kernel.launchSubcluster(clusterOf(notes, ['main'], { globals: ['Date'] }));
    await expect(
      kernel.launchSubcluster(clusterOf(notes, ['main'], { globals: ['Math'] })),
    ).rejects.toThrow('requested unknown global "Math"');
  });

  it('opens the channels that its configuration declares, and a restart opens them again', async () => {
    const path = join(makeFolder(), 'out.txt');
    const dbFilename = makeStoreFile();
    const writer =
      bundleOfCode(`return { buildRootObject: (powers, parameters, baggage) => far.makeDefaultExo('root', {
      bootstrap(vats, { out }) { baggage.init('out', out); },
      write: text => far.E(baggage.get('out')).write(text),
    }) };`);
    const config = {
      ...clusterOf(writer),
      io: { out: { type: 'file', path, direction: 'out' } as const },
    };
    const write = async (kernel: Kernel, text: string) => call(kernel, rootKref, 'write', text);
    const first = await startKernel({ dbFilename });
    const { rootKref, subclusterId } = await first.launchSubcluster(config);
    await write(first, 'one');
    await stopKernel(first);
    const second = await startKernel({ dbFilename });
    await write(second, 'two');
    await second.terminateSubcluster(subclusterId);
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
    expect(second.checkInvariants()).toEqual([]);
  });

  it('starts what is eager with its kernel, and the rest at its first message', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    await first.launchSubcluster(clusterOf(notes, ['lazy']));
    await first.launchSubcluster(
      clusterOf(notes, ['eager'], { creationOptions: { start: 'eager' } }),
    );
    await first.launchSubcluster(clusterOf(notes, ['timed'], { globals: ['setTimeout'] }));
    await stopKernel(first);
    const second = await startKernel({ dbFilename });
    await expectWorkers(2);
    expect(second.getVats().map(({ status }) => status)).toEqual(['stopped', 'running', 'running']);
  });
});

describe('a full queue', () => {
  const cluster = clusterOf(
    bundleOfRoot(`
      async flood(target, count) {
        const results = [];
        for (let i = 0; i < count; i += 1) results.push(far.E(target).take(i));
        const outcomes = await Promise.allSettled(results);
        return {
          taken: outcomes.flatMap(({ status, value }) => (status === 'fulfilled' ? [value] : [])),
          refused: outcomes.flatMap(({ reason }) => (reason ? [reason.message] : [])),
        };
      },
      take: number => number,
    `),
    ['main', 'other'],
  );

  it('refuses what a vat sends beyond it, without a gap', async () => {
    const kernel = await startKernel({ limits: { queueMax: 10 } });
    const { rootKref } = await kernel.launchSubcluster(cluster);
    const other = kslot(kernel.getRootObject('v2'));
    const { taken, refused } = (await call(kernel, rootKref, 'flood', other, 25)) as {
      taken: number[];
      refused: string[];
    };
    expect(taken).toEqual(Array.from(taken, (_, index) => index));
    expect(taken.length).toBe(10);
    expect(new Set(refused)).toEqual(new Set([expect.stringContaining('[KERNEL:QUEUE_FULL]')]));
    expect((await call(kernel, rootKref, 'flood', other, 5)) as object).toMatchObject({
      refused: [],
    });
  });

  it('lets the host wait, in order', async () => {
    const kernel = await startKernel({ limits: { queueMax: 10 } });
    const { rootKref } = await kernel.launchSubcluster(cluster);
    const calls = Array.from({ length: 100 }, (_, index) => call(kernel, rootKref, 'take', index));
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });
});
