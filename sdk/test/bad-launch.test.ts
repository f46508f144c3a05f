/** Launches that cannot be: each is refused with its cause and leaves nothing behind. */
import type { ClusterConfig, Kernel } from '@vatkit/sdk/kernel';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  bundleOf,
  bundleOfCode,
  bundleOfRoot,
  call,
  clusterOf,
  failsWithoutTrace,
  makeLogRecorder,
  makeStoreFile,
  rejectionOf,
  startKernel,
  stopKernel,
  useSharedKernel,
} from './harness.js';

const good = bundleOfRoot(`bootstrap: () => 'up', hello: () => 'hello'`);
const root = `far.makeDefaultExo('root', {})`;
const building = (body: string): string =>
  bundleOfCode(`return { buildRootObject(powers, parameters, baggage) { ${body} } };`);

let kernel: Kernel;
let innocent: string;

/** A kernel with a vat on it that must not notice. */
async function start(): Promise<Kernel> {
  kernel = await startKernel();
  ({ rootKref: innocent } = await kernel.launchSubcluster(clusterOf(good, ['innocent'])));
  return kernel;
}

const expectUnharmed = async (): Promise<void> =>
  expect(await call(kernel, innocent, 'hello')).toBe('hello');

describe('a configuration', () => {
  useSharedKernel(start);

  const vats = { alice: { bundleSpec: good } };
  it.each([
    [
      'a bootstrap vat that is not there',
      { bootstrap: 'bob', vats },
      'invalid bootstrap vat name "bob"',
    ],
    ['no bootstrap', { vats }, 'bootstrap'],
    ['no vats', { bootstrap: 'alice' }, 'vats'],
    [
      'an empty list of vats',
      { bootstrap: 'alice', vats: {} },
      'invalid bootstrap vat name "alice"',
    ],
    ['an unknown key', { bootstrap: 'alice', vats, bundels: {} }, 'bundels: unknown key (known: '],
    [
      'an unknown key in a vat',
      { bootstrap: 'alice', vats: { alice: { bundelSpec: good } } },
      'vats.alice.bundelSpec: unknown key (known: bundleSpec',
    ],
    [
      'a vat without a source',
      { bootstrap: 'alice', vats: { alice: {} } },
      'vats.alice: needs exactly one of bundleSpec',
    ],
    [
      'a vat with two sources',
      { bootstrap: 'alice', vats: { alice: { bundleSpec: good, bundleName: 'x' } } },
      'found bundleSpec and bundleName',
    ],
    [
      'a bundleName that is not there',
      {
        bootstrap: 'alice',
        vats: { alice: { bundleName: 'countr' } },
        bundles: { counter: { bundleSpec: good } },
      },
      'vats.alice.bundleName: "countr" is not one of bundles (counter; did you mean counter?)',
    ],
    [
      'an unknown global',
      { bootstrap: 'alice', vats: { alice: { bundleSpec: good, globals: ['process'] } } },
      'process',
    ],
    [
      'fetch without hosts',
      { bootstrap: 'alice', vats: { alice: { bundleSpec: good, globals: ['fetch'] } } },
      'allowedHosts',
    ],
    [
      'a vat named __proto__',
      JSON.parse(`{"bootstrap":"__proto__","vats":{"__proto__":{}}}`) as object,
      '__proto__',
    ],
    [
      'a vat without a name',
      { bootstrap: '', vats: { '': { bundleSpec: good } } },
      'a name cannot be empty',
    ],
    [
      'a lone surrogate in a name',
      { bootstrap: '\ud800', vats: { '\ud800': { bundleSpec: good } } },
      'control characters',
    ],
    [
      'parameters that are no JSON',
      { bootstrap: 'a', vats: { a: { bundleSpec: good, parameters: { n: 1n } } } },
      'parameters.n',
    ],
    [
      'a service that is not registered',
      { bootstrap: 'alice', vats, services: ['clok'] },
      "no registered kernel service 'clok'",
    ],
    [
      "the kernel's own facet among its services",
      { bootstrap: 'alice', vats, services: ['kernelFacet'] },
      "no registered kernel service 'kernelFacet'",
    ],
    ['nothing', undefined, 'invalid cluster config'],
    ['null', null, 'invalid cluster config'],
    ['a string', 'alice', 'invalid cluster config'],
    ['a list', [], 'invalid cluster config'],
  ])('with %s is refused', async (_what, config, message) => {
    const error = await failsWithoutTrace(kernel, () =>
      kernel.launchSubcluster(config as ClusterConfig),
    );
    expect(error).toMatchObject({ code: 'BAD_CONFIG' });
    expect(error.message).toContain(message);
  });

  it('with a getter or a proxy in it is read once and by value', async () => {
    let reads = 0;
    const config = {
      bootstrap: 'a',
      get vats() {
        reads += 1;
        return reads === 1
          ? { a: { bundleSpec: good } }
          : { a: { bundleSpec: 'file:///etc/passwd' } };
      },
    };
    const outcome = await kernel.launchSubcluster(config).then(
      () => 'launched',
      (error: Error) => error.message,
    );
    expect(outcome === 'launched' || outcome.includes('invalid cluster config')).toBe(true);
  });

  it('that its caller changes later stays as it was launched', async () => {
    const config = clusterOf(good, ['a'], { parameters: { n: 1 } });
    const launch = kernel.launchSubcluster(config);
    config.vats.a!.parameters!.n = 2;
    const { subclusterId } = await launch;
    const told = kernel.getSubcluster(subclusterId)!;
    told.config.vats.a!.parameters!.n = 3;
    told.vats.a = 'v99';
    expect(kernel.getSubcluster(subclusterId)).toMatchObject({
      config: { vats: { a: { parameters: { n: 1 } } } },
      vats: { a: expect.stringMatching(/^v\d$/) as string },
    });
  });
});

describe("a bundle's code", () => {
  useSharedKernel(start);

  it.each([
    [
      'does not parse',
      JSON.stringify({ moduleFormat: 'vatkit', abi: 1, code: 'const x = ;' }),
      'Unexpected token',
    ],
    ['throws at the top level', bundleOfCode(`throw RangeError('top trouble');`), 'top trouble'],
    [
      'exports nothing',
      bundleOfCode(`return {};`),
      'The bundle exports no function buildRootObject; it exports nothing',
    ],
    [
      'exports something else',
      bundleOfCode(`return { build: 1 };`),
      'no function buildRootObject; it exports build',
    ],
    [
      'exports no function',
      bundleOfCode(`return { buildRootObject: {} };`),
      'no function buildRootObject',
    ],
    [
      'is of another runtime',
      bundleOfRoot('').replace('"abi":1', '"abi":99'),
      'version 99 of the vat runtime',
    ],
    ['throws in buildRootObject', building(`throw Error('build trouble');`), 'build trouble'],
    ['throws undefined in buildRootObject', building(`throw undefined;`), 'Failed to launch vat'],
    ['throws a string in buildRootObject', building(`throw 'plain words';`), 'plain words'],
    [
      'throws an error that throws in buildRootObject',
      building(`throw Object.defineProperty(Error('x'), 'message', { get() { throw 1; } });`),
      'Failed to launch vat',
    ],
    [
      'throws an error whose stack is a function',
      building(`throw Object.assign(Error('odd stack'), { stack: () => 1, name: Symbol('n') });`),
      'Failed to launch vat',
    ],
    [
      'throws a proxy',
      building(`throw new Proxy({}, { get() { throw 1; }, getPrototypeOf() { throw 2; } });`),
      'Failed to launch',
    ],
    [
      'rejects in buildRootObject',
      building(`return Promise.reject(TypeError('async trouble'));`),
      'async trouble',
    ],
    ['rejects with nothing', building(`return Promise.reject();`), 'Failed to launch vat'],
    [
      'leaves a rejection unhandled in buildRootObject',
      building(`Promise.reject(Error('nobody looked')); return ${root};`),
      'nobody looked',
    ],
    [
      'leaves a rejection unhandled at the top level',
      bundleOfCode(
        `Promise.reject(Error('nobody looked at top')); return { buildRootObject: () => ${root} };`,
      ),
      'nobody looked at top',
    ],
    [
      'leaves a rejection unhandled a few turns later in its start',
      building(
        `Promise.resolve().then(() => {}).then(() => { throw Error('a little late'); }); return ${root};`,
      ),
      'a little late',
    ],
    ['never settles', building(`return new Promise(() => {});`), 'buildRootObject has not settled'],
    [
      'builds nothing',
      building(``),
      'buildRootObject must return an object made with makeDefaultExo, makeExo or Far, not nothing',
    ],
    ['builds a plain object', building(`return { hello() {} };`), 'not a plain object'],
    [
      'builds a promise of data',
      building(`return Promise.resolve({ a: 1 });`),
      'not a plain object',
    ],
    ['builds a number', building(`return 7;`), 'not a number'],
    ['builds null', building(`return null;`), 'not null'],
    ['builds a function', building(`return () => 7;`), 'not a function'],
    [
      'builds a proxy',
      building(`return new Proxy({}, { getPrototypeOf() { throw 1; }, ownKeys() { throw 1; } });`),
      'must return an object',
    ],
    ['builds a thenable', building(`return { then(resolve) { resolve(7); } };`), 'not a number'],
    [
      'asks for the network by a global',
      building(`return fetch('http://localhost');`),
      'fetch is not a function',
    ],
  ])('that %s fails the launch as a whole', async (_what, bundleSpec, message) => {
    const error = await failsWithoutTrace(kernel, () =>
      kernel.launchSubcluster({
        bootstrap: 'fine',
        vats: { fine: { bundleSpec: good }, bad: { bundleSpec } },
      }),
    );
    expect(error).toMatchObject({ code: 'START_FAILED', data: { name: 'bad' } });
    expect(error.message).toMatch(/Failed to launch vat v\d+ \(bad\)/);
    expect(error.message).toContain(message);
    expect(error.cause).toBeInstanceOf(Error);
    await expectUnharmed();
  });

  it.each([
    ['throws', `bootstrap() { throw Error('boot trouble'); }`, 'boot trouble'],
    [
      'rejects',
      `bootstrap: async () => { await null; throw TypeError('late trouble'); }`,
      'late trouble',
    ],
    ['rejects with nothing', `bootstrap: () => Promise.reject()`, 'bootstrap of vat fine rejected'],
    ['rejects with a string', `bootstrap: () => Promise.reject('words')`, 'words'],
    [
      'gives what cannot pass',
      `bootstrap: () => ({ map: new Map() })`,
      'result of "bootstrap".map: cannot pass a Map',
    ],
    [
      'fails in the other vat',
      `bootstrap: async vats => { await far.E(vats.bad).nothing(); }`,
      'target has no method "nothing"',
    ],
  ])('whose bootstrap %s fails the launch as a whole', async (_what, methods, message) => {
    const error = await failsWithoutTrace(kernel, () =>
      kernel.launchSubcluster({
        bootstrap: 'fine',
        vats: { fine: { bundleSpec: bundleOfRoot(methods) }, bad: { bundleSpec: good } },
      }),
    );
    expect(error).toMatchObject({ code: 'LAUNCH_FAILED' });
    expect(error.message).toContain('bootstrap of vat fine rejected');
    expect(error.message).toContain(message);
    expect((error.cause as Error).message).toContain(
      message === 'bootstrap of vat fine rejected' ? '' : message,
    );
    await expectUnharmed();
  });

  it('that leaves a rejection unhandled in bootstrap fails the launch', async () => {
    const bundle = bundleOfRoot(
      `bootstrap() { Promise.reject(Error('nobody looked')); return 'up'; }`,
    );
    const error = await failsWithoutTrace(kernel, () => kernel.launchSubcluster(clusterOf(bundle)));
    expect(error).toMatchObject({ code: 'LAUNCH_FAILED' });
    expect(error.message).toContain('nobody looked');
    expect(error.message).toContain('main');
    expect((error.cause as Error).message).toContain('nobody looked');
    await expectUnharmed();
  });

  it.each([
    ['exits in buildRootObject', building(`powers.exit('enough'); return ${root};`), ''],
    [
      'exits in buildRootObject with a failure',
      building(`powers.exitWithFailure(Error('no thanks')); return ${root};`),
      'no thanks',
    ],
    ['exits in bootstrap', bundleOfRoot(`bootstrap() { powers.exit('enough'); }`), ''],
    [
      'exits in bootstrap with a failure',
      bundleOfRoot(`bootstrap() { powers.exitWithFailure(Error('no thanks')); }`),
      'no thanks',
    ],
  ])('that %s fails the launch with its reason', async (_what, bundle, reason) => {
    const error = await failsWithoutTrace(kernel, () => kernel.launchSubcluster(clusterOf(bundle)));
    expect(error).toMatchObject({ code: 'LAUNCH_FAILED' });
    expect(error.message).toMatch(/Vat v\d+ \(main\)/);
    expect(error.message).toContain(reason);
    await expectUnharmed();
  });

  it("whose launch failed is named by its source's lines in the cause", async () => {
    const error = await rejectionOf(
      kernel.launchSubcluster(
        clusterOf(await bundleOf('stumbling.vat.js'), ['a'], { parameters: { where: 'build' } }),
      ),
    );
    expect((error.cause as Error).stack).toMatch(
      /^RangeError: stumbled in build\n {4}at .*stumbling\.vat\.js:\d+:\d+/,
    );
    const second = await rejectionOf(
      kernel.launchSubcluster(
        clusterOf(await bundleOf('stumbling.vat.js'), ['a'], {
          parameters: { where: 'bootstrap' },
        }),
      ),
    );
    expect((second.cause as Error).stack).toMatch(
      /^RangeError: stumbled in bootstrap\n {4}at .*stumbling\.vat\.js:\d+:\d+/,
    );
  });
});

describe('a launch', () => {
  beforeEach(async () => void (await start()));

  it('of many vats of which the last cannot start leaves none, and may be tried again', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `vat${index}`);
    const config = clusterOf(good, names);
    config.vats.last = { bundleSpec: building(`throw Error('the last');`) };
    const error = await failsWithoutTrace(kernel, () => kernel.launchSubcluster(config));
    expect(error.message).toContain('(last)');
    await expectUnharmed();
    delete config.vats.last;
    await kernel.launchSubcluster(config);
    expect(kernel.getVats()).toHaveLength(13);
  });

  it('that fails beside one that succeeds does not touch it', async () => {
    const outcomes = await Promise.allSettled([
      kernel.launchSubcluster(clusterOf(building(`throw Error('bad');`), ['a'])),
      kernel.launchSubcluster(clusterOf(good, ['b'])),
      kernel.launchSubcluster(clusterOf(building(`return new Promise(() => {});`), ['c'])),
    ]);
    expect(outcomes.map(({ status }) => status)).toStrictEqual([
      'rejected',
      'fulfilled',
      'rejected',
    ]);
    expect(kernel.getSubclusters().map(({ config }) => config.bootstrap)).toStrictEqual([
      'innocent',
      'b',
    ]);
    await expectUnharmed();
  });

  it('may wait in bootstrap for a launch that the host makes meanwhile', async () => {
    let later: Promise<unknown> | undefined;
    kernel.registerKernelServiceObject('launcher', {
      launch: async () => {
        later = kernel.launchSubcluster(clusterOf(good, ['inner']));
        await later;
        return 'launched';
      },
    });
    const outer = bundleOfRoot(`bootstrap: (vats, { launcher }) => far.E(launcher).launch()`);
    const { bootstrapResult } = await kernel.launchSubcluster({
      ...clusterOf(outer),
      services: ['launcher'],
    });
    expect(bootstrapResult).toStrictEqual({ body: '#"launched"', slots: [] });
  });

  it('that was cut off by the end of its kernel is gone at the next start', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename, limits: { stopTimeoutMs: 100 } });
    const keep = await first.launchSubcluster(clusterOf(good, ['kept']));
    const launch = first.launchSubcluster(
      clusterOf(bundleOfRoot(`bootstrap: () => new Promise(() => {})`)),
    );
    const failed = rejectionOf(launch);
    while (first.getVats().length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    await stopKernel(first);
    expect(await failed).toMatchObject({ code: 'KERNEL_STOPPED' });

    const second = await startKernel({ dbFilename });
    expect(second.getSubclusters().map(({ id }) => id)).toStrictEqual([keep.subclusterId]);
    expect(await call(second, keep.rootKref, 'hello')).toBe('hello');
  });

  it('of launchVat fails as that of a subcluster does', async () => {
    const noSource = await failsWithoutTrace(kernel, () => kernel.launchVat({} as never));
    expect(noSource).toMatchObject({ code: 'BAD_CONFIG' });
    expect(noSource.message).toContain('invalid vat config');
    const broken = await failsWithoutTrace(kernel, () =>
      kernel.launchVat({ bundleSpec: building(`throw Error('no');`) }),
    );
    expect(broken).toMatchObject({ code: 'START_FAILED' });
    await expectUnharmed();
  });

  it('says in the log which vat failed, at warn', async () => {
    const logger = makeLogRecorder();
    const kernel = await startKernel({ logger });
    await rejectionOf(kernel.launchSubcluster(clusterOf(building(`throw Error('why');`), ['bad'])));
    expect(logger.records.filter(({ level }) => level === 'warn')).toStrictEqual([
      { level: 'warn', tags: ['kernel', 'v1'], text: 'vat v1 (bad) failed: why' },
    ]);
  });
});
