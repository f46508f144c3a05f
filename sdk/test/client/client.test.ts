/** The page's client against a kernel in a worker thread of its own. */
import { call, expose, isKernelError, iterate, onBroken, release, withOptions } from '@vatkit/sdk';
import { startKernelWorker } from '@vatkit/sdk/node';
import { describe, expect, it, vi } from 'vitest';
import { patience } from '../harness.js';
import { guestDefinition, launchGuest, makeClient, type Loose } from './harness.js';

describe('a client', () => {
  it('starts nothing until it is used, and then launches and calls', async () => {
    const worker = vi.fn(() => startKernelWorker());
    const kernel = makeClient({ worker });
    const phases: string[] = [];
    kernel.subscribe(() => phases.push(kernel.status.phase));
    expect(kernel.status).toMatchObject({ phase: 'idle', vats: [] });
    expect(worker).not.toHaveBeenCalled();
    const { root, action, bootstrapResult } = await kernel.launch(await guestDefinition());
    expect({ action, bootstrapResult }).toStrictEqual({
      action: 'launched',
      bootstrapResult: 'booted',
    });
    expect(await (root as unknown as Loose).increment?.(2)).toBe(2);
    expect(phases[0]).toBe('starting');
    expect(kernel.status.phase).toBe('ready');
    expect(kernel.status.storage).toBe('memory');
    expect(worker).toHaveBeenCalledOnce();
    await vi.waitFor(
      () => expect(kernel.status.vats).toMatchObject([{ id: 'v1', name: 'main' }]),
      patience,
    );
    expect(Object.isFrozen(kernel.status.vats[0])).toBe(true);
    expect(kernel.status).toBe(kernel.status);
  });

  it('gives one ref for an object, with the methods that the vat has told', async () => {
    const root = await launchGuest(makeClient());
    const reader = (await root.reader?.()) as unknown as Loose;
    expect(Object.keys(reader).filter((name) => !name.startsWith('__'))).toStrictEqual([
      'count',
      'list',
    ]);
    expect(Object.prototype.toString.call(reader)).toBe('[object Reader]');
    expect(await root.reader?.()).toBe(reader);
    const echoed = (await root.echo?.(reader, root)) as unknown as unknown[];
    expect(echoed[0]).toBe(reader);
    expect(echoed[1]).toBe(root);
    expect(await root.same?.(reader, await root.reader?.())).toBe(true);
    expect(typeof JSON.stringify(root)).toBe('string');
    expect(await call(root, 'toJSON', 1, 2)).toBe('toJSON 2');
  });

  it('pipelines, in one round trip', async () => {
    const root = await launchGuest(makeClient());
    expect(await root.reader?.().list?.('a')).toStrictEqual(['listed', 'a']);
    expect(await root.note?.('x').read?.()).toBe('x');
    const broken = root.fail?.('RangeError').more?.();
    await expect(broken).rejects.toThrow(new RangeError('failed as RangeError'));
    await expect(root.count?.().more?.()).rejects.toMatchObject({ code: 'BAD_PROMISE_RESOLUTION' });
  });

  it('passes values both ways unharmed', async () => {
    const root = await launchGuest(makeClient());
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const values = [
      ...[undefined, null, true, 0, -1.5, NaN, Infinity, -Infinity, 12345678901234567890n, -1n, ''],
      ...['#x', '$0', '\ud800', Symbol.for('s'), Symbol.iterator, [], {}, [[], [{}]]],
      { a: { b: [1n, undefined] }, '#tag': 1, ['__proto__x']: 2 },
      bytes,
    ];
    const back = (await root.echo?.(...values)) as unknown as unknown[];
    expect(back).toStrictEqual(values);
    const [error] = (await root.echo?.(new TypeError('odd'))) as unknown as [Error];
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe('odd');
    expect(Object.is(((await root.echo?.(-0)) as unknown as unknown[])[0], 0)).toBe(true);
  });

  it('passes promises both ways', async () => {
    const root = await launchGuest(makeClient());
    const { settled, broken } = (await root.inner?.()) as unknown as Record<
      string,
      Promise<unknown>
    >;
    expect(await settled).toBe(7);
    await expect(broken).rejects.toThrow('inner');
    const mine = Promise.resolve({ deep: 1n });
    const [same] = (await root.echo?.(mine)) as unknown as [Promise<unknown>];
    expect(await same).toStrictEqual({ deep: 1n });
    expect(
      await root.callBack?.(
        expose(async (x: Promise<number>) => (await x) + 1),
        Promise.resolve(4),
      ),
    ).toBe(5);
    expect(await root.same?.(root.reader?.(), root.reader?.())).toBe(false);
  });

  it('rejects with what the vat threw, and with its stack', async () => {
    const root = await launchGuest(makeClient());
    const error = (await root.fail?.('TypeError').catch((thrown: unknown) => thrown)) as Error;
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe('failed as TypeError');
    expect(error.stack).toContain('page-guest.vat.js');
    expect(root.nothing).toBeUndefined();
    await expect(call(root, 'nothing')).rejects.toThrow('no method "nothing"');
  });

  it('lets vats call the page', async () => {
    const root = await launchGuest(makeClient());
    const object = {
      seen: [] as unknown[],
      take(value: unknown) {
        this.seen.push(value);
        return this.seen.length;
      },
    };
    const exposed = expose(object, 'Taker');
    expect(await root.callMethod?.(exposed, 'take', root)).toBe(1);
    expect(object.seen[0]).toBe(root);
    await expect(root.callMethod?.(exposed, 'constructor')).rejects.toThrow('no method');
    await expect(root.callMethod?.(exposed, 'hasOwnProperty', 'x')).rejects.toThrow('no method');
    await expect(
      root.callBack?.(
        expose(() => {
          throw new RangeError('mine');
        }),
      ),
    ).rejects.toThrow(new RangeError('mine'));
    await root.keep?.('taker', exposed);
    expect(await root.give?.('taker')).toBe(exposed);
    exposed[Symbol.dispose]();
    await expect(root.callMethod?.(await root.give?.('taker'), 'take')).rejects.toThrow('revoked');
    expect(await root.sumOf?.(expose(counting(4)))).toBe(6);
  });

  it('reads iterators and topics, as slowly as it likes', async () => {
    const root = await launchGuest(makeClient());
    const items: unknown[] = [];
    for await (const item of iterate(root.numbers?.(5))) items.push(item);
    expect(items).toStrictEqual([0, 1, 2, 3, 4]);
    for await (const item of iterate(root.numbers?.(1_000))) if (item === 3) break;
    await vi.waitFor(async () => expect(await root.returned?.()).toBe(2), patience);
    await root.publish?.('a');
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const value of iterate(root.watch?.())) {
        seen.push(value);
        if (value === 'a') for (const next of ['b', 'c', 'd']) await root.publish?.(next);
        if (value === 'd') await root.finish?.();
      }
    })();
    await reading;
    expect(seen).toStrictEqual(['a', 'd']);
    const control = new AbortController();
    const aborted = (async () => {
      for await (const _ of iterate(root.watchDurable?.(), { signal: control.signal })) void _;
    })();
    control.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
  });

  it('leaves a call when it is aborted or takes too long', async () => {
    const root = await launchGuest(makeClient());
    await expect(withOptions(root, { timeoutMs: 20 }).never?.()).rejects.toMatchObject({
      code: 'TIMEOUT',
    });
    const control = new AbortController();
    const call1 = withOptions(root, { signal: control.signal }).never?.();
    setTimeout(() => control.abort(new Error('left')), 10);
    await expect(call1).rejects.toThrow('left');
    expect(await root.increment?.()).toBe(1);
  });

  it('tells when a ref breaks', async () => {
    const kernel = makeClient();
    const root = await launchGuest(kernel);
    const heap = (await root.heapNote?.('x')) as unknown as Loose;
    const note = (await root.note?.('kept')) as unknown as Loose;
    const told = new Promise((resolve) => onBroken(heap, resolve));
    await kernel.admin.restartVat('v1');
    expect(isKernelError(await told, 'OBJECT_DELETED')).toBe(true);
    await expect(heap.read?.()).rejects.toMatchObject({ code: 'OBJECT_DELETED' });
    expect(await note.read?.()).toBe('kept');
    expect(await root.count?.()).toBe(0);
    await kernel.terminate('guest');
    await expect(root.count?.()).rejects.toMatchObject({ code: 'VAT_TERMINATED' });
  });

  it('joins a launch by name, over clients too, and upgrades a changed one', async () => {
    const worker = startKernelWorker();
    const kernel = makeClient({ worker: () => worker });
    const other = makeClient({ worker: () => worker.connect() });
    const definition = await guestDefinition();
    const [one, two] = await Promise.all([kernel.launch(definition), other.launch(definition)]);
    expect([one.action, two.action].sort()).toStrictEqual(['joined', 'launched']);
    expect(one.subclusterId).toBe(two.subclusterId);
    await (one.root as unknown as Loose).increment?.(5);
    expect(await (two.root as unknown as Loose).count?.()).toBe(5);
    const steps: unknown[] = [];
    const changed = await guestDefinition('guest', { version: 2 });
    const { action, root } = await kernel.launch(changed, {
      onProgress: (step) => steps.push(step.step),
    });
    expect(action).toBe('upgraded');
    expect(root).toBe(one.root);
    expect(await (root as unknown as Loose).version?.()).toBe(2);
    expect(steps).toContain('upgrading');
    expect(kernel.status.launching).toStrictEqual({});
    const third = await guestDefinition('guest', { version: 3 });
    await expect(kernel.launch(third, { onChange: 'error' })).rejects.toMatchObject({
      name: 'InterfaceMismatchError',
      code: 'INTERFACE_MISMATCH',
    });
    await expect(
      kernel.launch({ ...definition, config: { bootstrap: 'x', vats: {} } }),
    ).rejects.toMatchObject({ code: 'BAD_CONFIG' });
    await expect(kernel.launch(definition, { nope: 1 } as never)).rejects.toThrow('nope');
  });

  it('has the methods of Kernel, by kref', async () => {
    const kernel = makeClient();
    const root = await launchGuest(kernel);
    expect(await kernel.admin.getVatIds()).toStrictEqual(['v1']);
    const kref = await kernel.krefOf(root);
    expect(kref).toMatch(/^ko\d+$/);
    expect(await kernel.ref(kref)).toBe(root);
    await expect(kernel.ref('ko99')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(kernel.admin.restartVat('v77')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await kernel.terminate('nobody')).toBe(false);
    await expect((kernel.admin as never as Loose).nonsense?.()).rejects.toThrow('nonsense');
    const url = await kernel.issue(root);
    expect(url).toMatch(/^ocap:/);
    expect(await kernel.redeem(undefined, url)).toBe(root);
    await expect(kernel.redeem(undefined, 'ocap:nothing')).rejects.toMatchObject({
      name: 'KernelError',
    });
  });

  it('says what it takes where it is given something else', async () => {
    const kernel = makeClient();
    const taken: [() => Promise<unknown>, string][] = [
      [
        () => kernel.launch(undefined as never),
        'needs the name of a definition, or `as`; found nothing',
      ],
      [
        () => kernel.launch('guest' as never),
        'needs the name of a definition, or `as`; found nothing',
      ],
      [() => kernel.ref('root'), 'a kref is text like "ko4"; found "root"'],
      [
        () => kernel.krefOf('ko4' as never),
        'take refs, as launch and calls give them; found "ko4"',
      ],
      [
        () => kernel.issue(undefined as never),
        'take refs, as launch and calls give them; found undefined',
      ],
      [() => kernel.connect(undefined as never), 'connect takes an array of refs; found undefined'],
      [() => kernel.connect([{}]), 'take refs, as launch and calls give them; found a record'],
      [
        () => kernel.redeem('ocap:v1' as never, {} as never),
        'is text like "ocap:v1.…"; found a record',
      ],
      [() => kernel.peer('me').status(), 'a peer id is text like "12D3KooW…"; found "me"'],
    ];
    for (const [ask, words] of taken) await expect(ask()).rejects.toThrow(words);
  });

  it('releases what it has, and leaves nothing behind', async () => {
    const kernel = makeClient();
    const root = await launchGuest(kernel);
    const notes: Loose[] = [];
    for (let i = 0; i < 50; i += 1)
      notes.push((await root.heapNote?.(String(i))) as unknown as Loose);
    for (const note of notes) release(note);
    await expect(notes[0]?.read?.()).rejects.toMatchObject({ code: 'REF_RELEASED' });
    expect(await root.count?.()).toBe(0);
  });
});

async function* counting(to: number): AsyncGenerator<number> {
  for (let i = 0; i < to; i += 1) yield i;
}
