/** Launches by name: joined, upgraded as a whole or not at all, gone back to, kept over a reload. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { isKernelError, type KernelClient } from '@vatkit/sdk';
import { defineInterface } from '@vatkit/sdk/codegen';
import { describe, expect, it } from 'vitest';
import { interfaceInfoKey } from '../../src/protocol/definition.js';
import { bundleOfCode, makeFolder } from '../harness.js';
import { makeClient, type Loose } from './harness.js';

/** A vat that counts in its baggage, says its version, and notes what `upgraded` was given. */
const counter = (version: number, extra = ''): string =>
  bundleOfCode(`return {
    buildRootObject(powers, parameters, baggage) {
      if (!baggage.has('count')) baggage.init('count', 0);
      const upgrades = [];
      ${extra}
      return far.makeDefaultExo('root', {
        version: () => ${version},
        increment() { baggage.set('count', baggage.get('count') + 1); return baggage.get('count'); },
        upgraded(vats, services) { upgrades.push([Object.keys(vats), Object.keys(services)]); },
        upgrades: () => upgrades,
      });
    },
  };`);

type Vats = { [name: string]: string };
const definition = (vats: Vats, rest: object = {}) => ({
  name: 'app',
  config: {
    bootstrap: 'main',
    vats: Object.fromEntries(
      Object.entries(vats).map(([name, bundleSpec]) => [name, { bundleSpec }]),
    ),
    ...rest,
  },
});

const call = (root: unknown, method: string): Promise<unknown> =>
  (root as Loose)[method]?.() as Promise<unknown>;

const launchFirst = async (): Promise<KernelClient> => {
  const kernel = makeClient();
  const { roots } = await kernel.launch(definition({ main: counter(1), side: counter(1) }));
  await call(roots.main, 'increment');
  await call(roots.side, 'increment');
  return kernel;
};

describe('a launch by name', () => {
  it('gives vats new code, adds vats and removes them, and tells the root once', async () => {
    const kernel = await launchFirst();
    const next = definition({ main: counter(2), extra: counter(2) });
    await expect(kernel.launch(next)).rejects.toMatchObject({
      code: 'UPGRADE_FAILED',
      message: expect.stringContaining('side') as string,
    });
    const { root, roots, action } = await kernel.launch(next, { allowRemoval: true });
    expect(action).toBe('upgraded');
    expect(Object.keys(roots)).toStrictEqual(['extra', 'main']);
    expect(await call(root, 'version')).toBe(2);
    expect(await call(root, 'increment')).toBe(2);
    expect(await call(roots.extra, 'version')).toBe(2);
    expect(await call(root, 'upgrades')).toStrictEqual([[['extra', 'main'], []]]);
    expect((await kernel.launch(next)).action).toBe('joined');
    expect(await call(root, 'upgrades')).toHaveLength(1);
  });

  it('that one vat does not survive leaves every vat with its old code', async () => {
    const kernel = await launchFirst();
    const bad = definition({
      main: counter(2),
      side: counter(2, `throw Error('not today');`),
      extra: counter(2),
    });
    await expect(kernel.launch(bad)).rejects.toMatchObject({
      code: 'UPGRADE_FAILED',
      message: expect.stringContaining('not today') as string,
    });
    const { roots, action } = await kernel.launch(bad, { onChange: 'keep' });
    expect(action).toBe('kept');
    expect(Object.keys(roots)).toStrictEqual(['main', 'side']);
    for (const root of Object.values(roots)) {
      expect(await call(root, 'version')).toBe(1);
      expect(await call(root, 'increment')).toBe(2);
      expect(await call(root, 'upgrades')).toStrictEqual([]);
    }
    expect(await kernel.admin.checkInvariants?.()).toStrictEqual([]);
  });

  it('of a past definition does not go back, unless it is asked to', async () => {
    const old = defineInterface('Main', 'one', {
      version: ['query', '() => number'],
      gone: ['query', '() => number'],
    })[interfaceInfoKey];
    const young = defineInterface('Main', 'two', { version: ['query', '() => string'] })[
      interfaceInfoKey
    ];
    const kernel = makeClient();
    const first = { ...definition({ main: counter(1) }), interfaces: [old] };
    const second = { ...definition({ main: counter(2) }), interfaces: [young] };
    await kernel.launch(first);
    await kernel.launch(second);
    const error: unknown = await kernel.launch(first).catch((thrown: unknown) => thrown);
    expect(isKernelError(error, 'INTERFACE_MISMATCH')).toBe(true);
    expect(error).toMatchObject({
      name: 'InterfaceMismatchError',
      data: {
        reload: true,
        differences: ['Main.gone is gone', 'Main.version was () => number, now is () => string'],
      },
    });
    const kept = await kernel.launch({ ...first, interfaces: [young] });
    expect(kept.action).toBe('kept');
    expect(await call(kept.root, 'version')).toBe(2);
    const back = await kernel.launch(first, { rollback: true });
    expect(back.action).toBe('upgraded');
    expect(await call(back.root, 'version')).toBe(1);
    // Now that one is the past one.
    await expect(kernel.launch(second)).rejects.toMatchObject({ code: 'INTERFACE_MISMATCH' });
  });

  it('of what runs needs nobody to answer for its code', async () => {
    const bundle = counter(1);
    const server = createServer((_request, response) => {
      response.end(bundle);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/main`;
    const kernel = makeClient();
    const { root } = await kernel.launch(definition({ main: url }));
    expect(await call(root, 'increment')).toBe(1);
    server.close();
    server.closeAllConnections();
    await once(server, 'close');

    const again = await kernel.launch(definition({ main: url }));
    expect([again.action, again.root === root]).toStrictEqual(['kept', true]);
    for (const other of [
      definition({ main: `${url}2` }),
      definition({ main: url }, { forceReset: true }),
      { ...definition({ main: url }), name: 'new' },
    ])
      await expect(kernel.launch(other)).rejects.toMatchObject({ code: 'BAD_CONFIG' });
    expect(await call(root, 'increment')).toBe(2);
  });

  it('changes services and channels with the rest', async () => {
    const kernel = makeClient();
    await kernel.launch(definition({ main: counter(1) }));
    const facet = definition({ main: counter(1) }, { services: ['ocapURLIssuerService'] });
    const { root, action } = await kernel.launch(facet);
    expect(action).toBe('upgraded');
    expect(await call(root, 'upgrades')).toStrictEqual([[['main'], ['ocapURLIssuerService']]]);
    await expect(
      kernel.launch(definition({ main: counter(1) }, { services: ['nope'] })),
    ).rejects.toMatchObject({ code: 'UPGRADE_FAILED' });
    await expect(
      kernel.launch(definition({ main: counter(1) }, { bootstrap: 'other' })),
    ).rejects.toMatchObject({ code: 'BAD_CONFIG' });
  });

  it('changes a channel at the address that it has, or leaves it as it was', async () => {
    const path = join(makeFolder(), 'wire.sock');
    const reader = (unit: string, code = ''): object =>
      definition(
        {
          main: bundleOfCode(`return {
            buildRootObject() {
              let wire;
              ${code}
              const take = (vats, services) => { wire = services.wire; };
              return far.makeDefaultExo('root', {
                bootstrap: take,
                upgraded: take,
                read: () => far.E(wire).read(),
              });
            },
          };`),
        },
        { io: { wire: { type: 'socket', path, unit } } },
      );
    const send = async (text: string): Promise<Socket> => {
      const socket = connect(path);
      await once(socket, 'connect');
      socket.write(text);
      return socket;
    };
    const kernel = makeClient();
    const launched = (what: object) => kernel.launch(what as Parameters<typeof kernel.launch>[0]);
    const { root } = await launched(reader('line'));
    (await send('ab\n')).end();
    expect(await call(root, 'read')).toBe('ab');
    expect(await call(root, 'read')).toBeNull();
    expect((await launched(reader('chars'))).action).toBe('upgraded');
    (await send('ab')).end();
    expect(await call(root, 'read')).toBe('a');
    expect(await call(root, 'read')).toBe('b');
    expect(await call(root, 'read')).toBeNull();
    await expect(launched(reader('line', `throw Error('not today');`))).rejects.toMatchObject({
      code: 'UPGRADE_FAILED',
    });
    (await send('cd')).end();
    expect(await call(root, 'read')).toBe('c');
    expect(await kernel.admin.checkInvariants?.()).toStrictEqual([]);
  });

  it('finds a subcluster again that was reloaded', async () => {
    const kernel = await launchFirst();
    const again = definition({ main: counter(1), side: counter(1) });
    const { subclusterId } = await kernel.launch(again);
    await kernel.admin.reloadSubcluster?.(subclusterId);
    const found = await kernel.launch(again);
    expect(found).toMatchObject({ action: 'joined', subclusterId });
    expect(await call(found.root, 'increment')).toBe(1);
  });
});
