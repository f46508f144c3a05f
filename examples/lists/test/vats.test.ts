/** The vats of the lists, on a kernel of their own, through the client that is generated from them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKernel, iterate, type KernelClient } from '@vatkit/sdk';
import { startKernelWorker } from '@vatkit/sdk/node';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { nosy } from '../plugins/nosy.vat.gen.js';
import { tally } from '../plugins/tally.vat.gen.js';
import { aisles } from '../plugins/aisles.vat.gen.js';
import { lists, type JoinedView, type ListsRoot, type ListView } from '../vats/lists.vat.gen.js';
import { generate } from './generate.js';

type Card = { headline: string; lines: string[] };

const patience = { timeout: 15_000, interval: 20 };
const folder = mkdtempSync(join(tmpdir(), 'vatkit-lists-'));
const open: KernelClient[] = [];

beforeAll(generate, 60_000);
afterEach(async () => {
  await Promise.all(open.splice(0).map((kernel) => kernel.close()));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const startKernel = (dbFilename = ':memory:'): KernelClient => {
  const kernel = createKernel({ worker: () => startKernelWorker({ dbFilename }) });
  open.push(kernel);
  return kernel;
};

async function launch(kernel = startKernel()): Promise<ListsRoot> {
  return (await kernel.launch(lists)).root;
}

/** The latest of a topic, as long as the test runs. */
function watch<Value>(source: unknown) {
  const seen: { last?: Value; ended?: boolean; error?: Error } = {};
  void (async () => {
    for await (const value of iterate<Value>(source)) seen.last = value;
    seen.ended = true;
  })().catch((error: Error) => (seen.error = error));
  return seen;
}

const until = (check: () => void): Promise<void> => vi.waitFor(check, patience);
const texts = (view?: ListView): string[] | undefined => view?.items.map(({ text }) => text);

it('keeps lists over a restart, and tells what changes', async () => {
  const file = join(folder, 'lists.db');
  const root = await launch(startKernel(file));
  const list = await root.create('  Groceries ');
  const seen = watch<ListView>(list.watch());
  await list.add('Milk');
  await list.add('Bread');
  await list.check('1', true);
  await until(() =>
    expect(seen.last).toStrictEqual({
      title: 'Groceries',
      items: [
        { id: '1', text: 'Milk', done: true, by: 'You', note: '' },
        { id: '2', text: 'Bread', done: false, by: 'You', note: '' },
      ],
    }),
  );
  await list.edit('2', 'Rye bread');
  await list.clearDone();
  await list.rename('Shopping');
  await open.pop()?.close();

  const again = await launch(startKernel(file));
  const overview = watch<{ id: string; title: string; open: number }[]>(again.watch());
  await until(() => expect(overview.last).toMatchObject([{ title: 'Shopping', open: 1 }]));
  const same = await again.own(overview.last?.[0]?.id ?? '');
  expect(texts(await same.view())).toStrictEqual(['Rye bread']);
});

it('says what it does not take', async () => {
  const root = await launch();
  await expect(root.create('   ')).rejects.toThrow('The title is empty');
  const list = await root.create('Groceries');
  await expect(list.add('x'.repeat(281))).rejects.toThrow('An item has 281 characters; 280 fit');
  await expect(list.add(7 as unknown as string)).rejects.toThrow('An item must be text');
  await expect(list.check('9', true)).rejects.toThrow('This item is not in the list any more');
  await expect(root.own('list-9')).rejects.toThrow('There is no such list any more');
  await expect(root.join(list as never)).rejects.toThrow('about');
  expect(texts(await list.view())).toStrictEqual([]);
});

it('shares to look or to change, each share by itself, until it is taken back', async () => {
  const root = await launch();
  await root.introduce('Alice');
  const list = await root.create('Party');
  const reader = await list.shareToRead('Bob');
  const editor = await list.shareToEdit('Carol');
  expect(Object.keys(reader).sort()).toStrictEqual(['about', 'view', 'watch']);
  expect(await reader.about()).toStrictEqual({ title: 'Party', mode: 'read', from: 'Alice' });
  await list.add('Candles');
  await editor.add('Cake');
  expect((await reader.view()).items.map(({ by }) => by)).toStrictEqual(['Alice', 'Carol']);
  expect((await editor.view()).items.map(({ by }) => by)).toStrictEqual(['Alice', 'You']);
  expect((await list.view()).items.map(({ by }) => by)).toStrictEqual(['You', 'Carol']);

  const ofBob = watch<ListView>(reader.watch());
  const ofCarol = watch<ListView>(editor.watch());
  await until(() => expect(texts(ofBob.last)).toStrictEqual(['Candles', 'Cake']));
  await list.keepLink('1', 'ocap:bob');
  expect(await list.shares()).toStrictEqual([
    { id: '1', to: 'Bob', mode: 'read', opened: true, link: 'ocap:bob', plugin: '' },
    { id: '2', to: 'Carol', mode: 'edit', opened: true, link: '', plugin: '' },
  ]);

  await list.revoke('1');
  await until(() => expect(ofBob.ended).toBe(true));
  await expect(reader.view()).rejects.toThrow('This share of “Party” was taken back');
  await editor.add('Balloons');
  await until(() => expect(texts(ofCarol.last)).toStrictEqual(['Candles', 'Cake', 'Balloons']));
  expect(await list.shares()).toMatchObject([{ to: 'Carol' }]);
});

it('follows lists of others, changes them, and keeps what was last seen', async () => {
  const kernel = startKernel();
  const alice = await launch(kernel);
  const { root: guest } = await kernel.launch(lists, { as: 'lists of Bob' });
  await alice.introduce('Alice');
  const list = await alice.create('Party');
  const id = await guest.join(list.shareToEdit('Bob'));
  const joined = await guest.joined(id);
  const seen = watch<JoinedView>(joined.watch());
  await joined.add('Cake');
  await until(() =>
    expect(seen.last).toStrictEqual({
      title: 'Party',
      from: 'Alice',
      mode: 'edit',
      items: [{ id: '1', text: 'Cake', done: false, by: 'You', note: '' }],
      connection: 'live',
      reason: '',
      waiting: 0,
    }),
  );
  expect((await list.view()).items[0]?.by).toBe('Bob');
  await alice.introduce('Alicia');
  await until(() => expect(seen.last?.from).toBe('Alicia'));
  await expect(joined.add('')).rejects.toThrow('An item is empty');

  await list.revoke('1');
  await until(() => expect(seen.last?.connection).toBe('revoked'));
  expect(texts(seen.last)).toStrictEqual(['Cake']);
  await expect(joined.add('More cake')).rejects.toThrow('was taken back');
  await guest.forget(id);
  await expect(guest.joined(id)).rejects.toThrow('There is no such list any more');
});

it('asks again for a list whose owner was lost, and takes no nonsense', async () => {
  const kernel = startKernel();
  const root = await launch(kernel);
  const code = `const __vatExports__ = (() => ({ buildRootObject(_powers, _parameters, baggage) {
    const { makeDefaultExo, prepareExo } = $vatkit['@vatkit/sdk/vat'];
    let asked = 0;
    const item = { id: '1', text: 'Milk', done: false, by: 'Zoe', note: '' };
    const views = [{ title: 'Odd', from: 'Zoe', items: [{ ...item, text: 7 }] }, { title: 'Odd', from: 'Zoe', items: [item] }];
    const feed = prepareExo(baggage, 'feed', undefined, {
      getUpdate: (after) => after === undefined ? { value: views[asked - 2], count: asked, done: false } : new Promise(() => {}),
    });
    const share = prepareExo(baggage, 'share', undefined, {
      about: () => ({ title: 'Odd', mode: 'read', from: 'Zoe' }),
      watch() { asked += 1; if (asked === 1) throw Error('not now'); return feed; },
    });
    return makeDefaultExo('odd', { share: () => share });
  } }))();`;
  const bundleSpec = JSON.stringify({ moduleFormat: 'vatkit', abi: 1, code });
  const { root: odd } = await kernel.launch<{ share(): object }>({
    bootstrap: 'odd',
    vats: { odd: { bundleSpec } },
  });
  const joined = await root.joined(await root.join(odd.share() as never));
  const seen = watch<JoinedView>(joined.watch());
  await until(() => expect(seen.last).toMatchObject({ connection: 'lost', reason: 'not now' }));
  await joined.reconnect();
  await until(() => expect(seen.last?.reason).toBe('An item must be text'));
  await joined.reconnect();
  await until(() => expect(seen.last).toMatchObject({ connection: 'live', reason: '' }));
  expect(texts(seen.last)).toStrictEqual(['Milk']);
});

it('runs strangers’ code on what it was granted, and on nothing else', async () => {
  const kernel = startKernel();
  const root = await launch(kernel);
  const list = await root.create('Groceries');
  for (const text of ['Milk', 'Apples', 'Hammer']) await list.add(text);

  const { root: counter } = await kernel.launch(tally, { as: 'plugin tally' });
  await counter.start(list.grantToRead('Tally', 'plugin tally'));
  const counted = watch<Card>(counter.card());
  await list.check('1', true);
  await until(() => expect(counted.last?.headline).toBe('33% done'));

  const { root: sorter } = await kernel.launch(aisles, { as: 'plugin aisles' });
  await sorter.start(list.grantToAnnotate('Aisles', 'plugin aisles'));
  const notes = async (): Promise<string[]> => (await list.view()).items.map(({ note }) => note);
  await vi.waitFor(
    async () => expect(await notes()).toStrictEqual(['Dairy', 'Fruit & vegetables', '']),
    patience,
  );

  const { root: spy } = await kernel.launch(nosy, { as: 'plugin nosy' });
  await spy.start(list.grantToRead('Nosy', 'plugin nosy'));
  const report = watch<Card>(spy.card());
  await until(() => expect(report.last?.headline).toBe('7 of 7 attempts were stopped'));
  expect(texts(await list.view())).toStrictEqual(['Milk', 'Apples', 'Hammer']);

  await list.revoke('1');
  await until(() => expect(counted.last?.headline).toBe('Stopped'));
  expect((await list.shares()).map(({ plugin }) => plugin)).toStrictEqual([
    'plugin aisles',
    'plugin nosy',
  ]);
});

it('saves its lists, and restores them elsewhere', async () => {
  const from = await launch();
  const list = await from.create('Groceries');
  await list.add('Milk');
  await list.check('1', true);
  const saved = await from.save();
  const to = await launch();
  await to.restore(saved);
  expect(await to.save()).toStrictEqual(saved);
  await expect(
    to.restore([{ title: 'Bad', items: [{ text: '', done: false, note: '' }] }]),
  ).rejects.toThrow('An item is empty');
  expect(await to.save()).toStrictEqual(saved);
});
