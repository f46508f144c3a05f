import { describe, expect, expectTypeOf, test } from 'vitest';
import { isKernelError, KernelError } from '../errors.js';
import { limits } from '../limits.js';
import {
  allowedGlobalNames,
  AllowedGlobalNameStruct,
  ClusterConfigStruct,
  isVatConfig,
  SystemSubclusterConfigsStruct,
  VatConfigStruct,
  type ClusterConfig,
} from './config.js';
import type { Problem } from './schema.js';

const bundleSpec = 'http://localhost:3000/sample-vat.bundle';
const guide = {
  bootstrap: 'alice',
  forceReset: true,
  vats: {
    alice: { bundleSpec, parameters: { name: 'Alice' } },
    bob: { bundleSpec, parameters: { name: 'Bob' } },
  },
};
/** The guide's configuration with another bob. */
const withBob = (bob: unknown) => ({ ...guide, vats: { ...guide.vats, bob } });
const problemsOf = (config: unknown): string[] => {
  const [error] = ClusterConfigStruct.validate(config);
  const { problems } = (error?.data ?? { problems: [] }) as { problems: Problem[] };
  return problems.map(({ path, message }) => (path ? `${path}: ${message}` : message));
};

describe('ClusterConfigStruct', () => {
  test('gives a copy of what it accepts', () => {
    const config = ClusterConfigStruct.check(guide);
    expect(config).toStrictEqual(guide);
    expect(config.vats['alice']).not.toBe(guide.vats.alice);
    expect(config.vats['alice']?.parameters).not.toBe(guide.vats.alice.parameters);
    expectTypeOf(config).toEqualTypeOf<ClusterConfig>();
  });

  test('accepts every field', () => {
    const config: ClusterConfig = {
      bootstrap: 'a',
      services: ['ocapURLIssuerService'],
      forceReset: false,
      bundles: { counter: { bundleSpec }, local: { sourceSpec: './vat.js' } },
      io: {
        log: { type: 'console', direction: 'out' },
        wire: { type: 'socket', path: 'run/x.sock', unit: 'line' },
        net: { type: 'listen', hostport: '127.0.0.1:8000' },
      },
      vats: {
        a: {
          bundleName: 'counter',
          parameters: { deep: [{ list: [null, true, 1.5, 'x'] }], __proto__: null },
          globals: ['fetch', 'Date'],
          network: { allowedHosts: ['api.example.com'] },
          platformConfig: {
            fs: { rootDir: '/data', existsSync: true, promises: { readFile: true } },
          },
          creationOptions: { start: 'eager', durable: true },
        },
        'b c': { sourceSpec: './vat.js' },
      },
    };
    expect(ClusterConfigStruct.check(config)).toStrictEqual(JSON.parse(JSON.stringify(config)));
  });

  test('takes an optional field that is undefined for absent', () => {
    const { vats, bootstrap } = guide;
    expect(ClusterConfigStruct.check({ vats, bootstrap, services: undefined })).toStrictEqual({
      vats,
      bootstrap,
    });
  });

  const wrong: [config: unknown, problem: string][] = [
    [undefined, 'needs a record; found nothing'],
    [[], 'needs a record; found an array'],
    [new (class Config {})(), 'needs a record; found a Config instance'],
    [{ vats: guide.vats }, "bootstrap: needs a vat's name; found nothing"],
    [
      { ...guide, bootstrap: 'carol' },
      'bootstrap: invalid bootstrap vat name "carol" is not one of vats (alice, bob)',
    ],
    [
      { ...guide, bootstrap: 'alcie' },
      'bootstrap: invalid bootstrap vat name "alcie" is not one of vats (alice, bob; did you mean alice?)',
    ],
    [
      { ...guide, bootstrap: 'toString' },
      'bootstrap: invalid bootstrap vat name "toString" is not one of vats (alice, bob)',
    ],
    [
      { ...guide, forcereset: 1 },
      'forcereset: unknown key (known: bootstrap, vats, services, io, forceReset, bundles; did you mean forceReset?)',
    ],
    [{ ...guide, forceReset: 'yes' }, 'forceReset: needs true or false; found a string'],
    [{ ...guide, services: 'x' }, 'services: needs an array; found a string'],
    [{ ...guide, services: ['x', 1] }, 'services[1]: needs a name; found a number'],
    [withBob({}), 'vats.bob: needs exactly one of bundleSpec, sourceSpec, bundleName; found none'],
    [
      withBob({ bundleSpec, sourceSpec: './b.js' }),
      'vats.bob: needs exactly one of bundleSpec, sourceSpec, bundleName; found bundleSpec and sourceSpec',
    ],
    [
      withBob({ bundleSpec: new URL(bundleSpec) }),
      'vats.bob.bundleSpec: needs a URL or the content of a bundle, as a string; found a URL',
    ],
    [
      withBob({ bundleSpec: '' }),
      'vats.bob.bundleSpec: needs a URL or the content of a bundle, as a string; found an empty string',
    ],
    [
      withBob({ bundleName: 'counter' }),
      'vats.bob.bundleName: "counter" is not one of bundles (there are none)',
    ],
    [
      { ...withBob({ bundleName: 'countr' }), bundles: { counter: { bundleSpec } } },
      'vats.bob.bundleName: "countr" is not one of bundles (counter; did you mean counter?)',
    ],
    [
      { ...guide, bundles: { b: { bundleSpec, bundleName: 'b' } } },
      'bundles.b.bundleName: unknown key (known: bundleSpec, sourceSpec)',
    ],
    [
      withBob({ bundleSpec, globals: ['setTimeOut'] }),
      `vats.bob.globals[0]: "setTimeOut" is not one of ${allowedGlobalNames.join(', ')}; did you mean setTimeout?`,
    ],
    [
      withBob({ bundleSpec, globals: ['fetch'] }),
      'vats.bob.network: requested "fetch" but no network.allowedHosts was specified',
    ],
    [
      withBob({ bundleSpec, network: {} }),
      'vats.bob.network.allowedHosts: needs an array; found nothing',
    ],
    [
      withBob({ bundleSpec, network: { allowedHosts: ['https://x.org/'] } }),
      'vats.bob.network.allowedHosts[0]: "https://x.org/" is not a host name like "api.example.com"',
    ],
    [
      withBob({ bundleSpec, parameters: [] }),
      'vats.bob.parameters: needs a record; found an array',
    ],
    [
      withBob({ bundleSpec, parameters: { a: [{ b: 1n }] } }),
      'vats.bob.parameters.a[0].b: a bigint is not JSON',
    ],
    [
      withBob({ bundleSpec, parameters: { a: undefined } }),
      'vats.bob.parameters.a: undefined is not JSON',
    ],
    [withBob({ bundleSpec, parameters: { a: NaN } }), 'vats.bob.parameters.a: NaN is not JSON'],
    [
      withBob({ bundleSpec, parameters: { a: new Date() } }),
      'vats.bob.parameters.a: a Date is not JSON',
    ],
    [
      withBob({ bundleSpec, platformConfig: { fs: {} } }),
      "vats.bob.platformConfig.fs.rootDir: needs a directory's path; found nothing",
    ],
    [
      withBob({ bundleSpec, creationOptions: { start: 'now' } }),
      'vats.bob.creationOptions.start: "now" is not one of eager, lazy',
    ],
    [
      { ...guide, io: { x: { type: 'sockt', path: '/x' } } },
      'io.x.type: "sockt" is not one of console, listen, network, file, socket; did you mean socket?',
    ],
    [{ ...guide, io: { x: { type: 'socket' } } }, 'io.x.path: a socket channel needs a path'],
    [
      { ...guide, io: { x: { type: 'console', path: '/x' } } },
      'io.x.path: a console channel has no path',
    ],
    [{ ...guide, vats: { ...guide.vats, '': { bundleSpec } } }, 'vats[""]: a name cannot be empty'],
    [
      { ...guide, vats: { ...guide.vats, 'a\nb': { bundleSpec } } },
      'vats["a\\nb"]: a name has no control characters',
    ],
    [
      {
        ...guide,
        vats: { ...guide.vats, ...(JSON.parse('{"__proto__":{"sourceSpec":"x"}}') as object) },
      },
      'vats.__proto__: cannot be a name',
    ],
    [
      { ...guide, vats: { ...guide.vats, ['x'.repeat(101)]: { bundleSpec } } },
      `vats.${'x'.repeat(101)}: a name has at most 100 characters`,
    ],
  ];
  test.each(wrong.map(([config, problem]) => ({ config, problem })))(
    'says $problem',
    ({ config, problem }) => {
      expect(problemsOf(config)).toStrictEqual([problem]);
    },
  );

  test('tells every problem in one error', () => {
    const config = {
      bootstrap: 'carol',
      vats: { alice: { bundelSpec: bundleSpec }, bob: { bundleSpec, globals: ['fetch', 'Array'] } },
    };
    const run = () => ClusterConfigStruct.check(config);
    expect(run).toThrow(KernelError);
    expect(run).toThrowErrorMatchingInlineSnapshot(`
      [KernelError: [KERNEL:BAD_CONFIG] invalid cluster config:
        vats.alice.bundelSpec: unknown key (known: bundleSpec, sourceSpec, bundleName, parameters, globals, network, platformConfig, creationOptions; did you mean bundleSpec?)
        vats.alice: needs exactly one of bundleSpec, sourceSpec, bundleName; found none
        vats.bob.globals[1]: "Array" is not one of setTimeout, clearTimeout, setInterval, clearInterval, Date, Math, crypto, SubtleCrypto, fetch, Request, Headers, Response, TextEncoder, TextDecoder, URL, URLSearchParams, atob, btoa, AbortController, AbortSignal
        vats.bob.network: requested "fetch" but no network.allowedHosts was specified
        bootstrap: invalid bootstrap vat name "carol" is not one of vats (alice, bob)]
    `);
    const [error] = ClusterConfigStruct.validate(withBob({ bundleSpec, globls: [] }));
    expect(error?.message).toMatch(
      /^\[KERNEL:BAD_CONFIG\] invalid cluster config: vats\.bob\.globls: unknown key \(.*did you mean globals\?\)$/,
    );
  });

  test('bounds what it takes, and comes to an end with what has none', () => {
    const many = Object.fromEntries(
      Array.from({ length: 1001 }, (_, i) => [`v${i}`, { bundleSpec }]),
    );
    expect(problemsOf({ bootstrap: 'v0', vats: many })).toStrictEqual([
      'vats: has over 1000 entries',
    ]);
    expect(
      problemsOf({
        ...guide,
        x: 1,
        ...Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`x${i}`, 1])),
      }),
    ).toHaveLength(20);
    const parametersOf = (parameters: unknown) => problemsOf(withBob({ bundleSpec, parameters }));
    expect(parametersOf({ text: 'x'.repeat(limits.configParametersCharsMax) })).toStrictEqual([
      'vats.bob.parameters.text: too long: vats.bob.parameters is over 1048576 characters as JSON',
    ]);
    const cycle: Record<string, unknown> = {};
    Object.assign(cycle, { a: cycle, b: cycle });
    expect(parametersOf(cycle)[0]).toMatch(
      /^vats\.bob\.parameters\.a\.a.*: too deep, over 500 levels$/,
    );
    let laughs: unknown = 'ha';
    for (let level = 0; level < 60; level += 1) laughs = [laughs, laughs];
    expect(parametersOf({ laughs })[0]).toContain('too long');
  });

  test("has superstruct's methods", () => {
    expect(ClusterConfigStruct.is(guide)).toBe(true);
    expect(ClusterConfigStruct.is({})).toBe(false);
    expect(ClusterConfigStruct.create(guide)).toStrictEqual(guide);
    expect(ClusterConfigStruct.validate(guide)).toStrictEqual([undefined, guide]);
    const config: unknown = guide;
    ClusterConfigStruct.assert(config);
    expectTypeOf(config).toEqualTypeOf<ClusterConfig>();
    expect(() => ClusterConfigStruct.assert({})).toThrow('invalid cluster config');
  });
});

test('VatConfigStruct and isVatConfig take one vat', () => {
  expect(isVatConfig({ bundleSpec })).toBe(true);
  expect(isVatConfig({ bundleName: 'counter' })).toBe(true);
  expect(isVatConfig(guide)).toBe(false);
  expect(() => VatConfigStruct.check({})).toThrow(
    '[KERNEL:BAD_CONFIG] invalid vat config: needs exactly one of bundleSpec, sourceSpec, bundleName; found none',
  );
});

test('AllowedGlobalNameStruct takes the 20 names', () => {
  expect(new Set(allowedGlobalNames).size).toBe(20);
  expect(AllowedGlobalNameStruct.check('fetch')).toBe('fetch');
  expect(() => AllowedGlobalNameStruct.check('WebSocket')).toThrow(
    'invalid global name: "WebSocket" is not one of setTimeout,',
  );
});

test('SystemSubclusterConfigsStruct refuses two of one name', () => {
  const configs = [{ name: 'core', config: guide }];
  expect(SystemSubclusterConfigsStruct.check(configs)).toStrictEqual(configs);
  const [error] = SystemSubclusterConfigsStruct.validate([...configs, ...configs]);
  expect(isKernelError(error, 'BAD_CONFIG')).toBe(true);
  expect(error?.message).toContain('Duplicate system subcluster names in config: "core"');
});
