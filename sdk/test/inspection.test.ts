/** What devtools see of a kernel: who holds what, what became of messages, the store's rows. */
import { kunser } from '@vatkit/sdk/kernel';
import type { StandIn } from '@vatkit/sdk/kernel';
import { describe, expect, it, vi } from 'vitest';
import {
  bundleOf,
  call,
  clusterOf,
  patience,
  rejectionOf,
  startKernel,
  stopKernel,
} from './harness.js';

const launch = async () => {
  const kernel = await startKernel();
  const config = clusterOf(await bundleOf('keeper.vat.js'), ['alice', 'bob']);
  const { rootKref } = await kernel.launchSubcluster(config);
  return { kernel, alice: rootKref, bob: kernel.getRootObject('v2') };
};

describe('getObjects', () => {
  it('tells who owns and who holds what', async () => {
    const { kernel, alice, bob } = await launch();
    const note = kunser(await kernel.queueMessage(alice, 'note', ['milk'])) as StandIn;
    await kernel.queueMessage(bob, 'keep', ['note', note]);
    const { objects, total } = await kernel.getObjects({ owner: 'v1' });
    expect(total).toBe(2);
    expect(objects[0]).toMatchObject({ kref: alice, kind: 'root', owner: 'v1', revoked: false });
    expect(objects[0]?.methods).toContain('relay');
    expect(objects[0]?.holders).toContainEqual({ by: 'a1', times: 1 });
    expect(objects[1]).toMatchObject({ kref: note.kref, kind: 'durable', iface: 'Note' });
    expect(objects[1]?.methods).toStrictEqual(['edit', 'read']);
    expect(objects[1]?.holders).toStrictEqual([
      { by: 'v2', times: 1, durable: true },
      { by: 'a1', times: 1 },
    ]);
    kernel.revoke(note.kref);
    const held = await kernel.getObjects({ holder: 'v2' });
    expect(held.objects.map(({ kref, revoked }) => [kref, revoked])).toStrictEqual([
      [note.kref, true],
    ]);
  });

  it('gives page after page', async () => {
    const { kernel } = await launch();
    const all = (await kernel.getObjects()).objects.map(({ kref }) => kref);
    const found: string[] = [];
    let after: string | undefined;
    do {
      const page = await kernel.getObjects({ limit: 2, ...(after && { after }) });
      expect(page.total).toBe(all.length);
      found.push(...page.objects.map(({ kref }) => kref));
      after = page.next;
    } while (after !== undefined);
    expect(found).toStrictEqual(all);
    expect((await kernel.getObjects({ after: 'ko999' })).objects).toStrictEqual([]);
  });
});

describe('getMessages', () => {
  it('tells of nothing before it is asked, and then of messages and what they caused', async () => {
    const { kernel, alice } = await launch();
    expect((await kernel.getMessages()).messages).toStrictEqual([]);
    await kernel.queueMessage(alice, 'relay', ["it's", 'bob']);
    await vi.waitFor(async () => {
      const { messages } = await kernel.getMessages();
      expect(messages.every(({ outcome }) => outcome === 'fulfilled')).toBe(true);
    }, patience);
    const { messages, change } = await kernel.getMessages();
    const [relay, count] = messages;
    expect(messages).toHaveLength(2);
    expect(relay).toMatchObject({ from: 'a1', to: 'v1', method: 'relay', value: '1n' });
    expect(relay?.args).toBe("('it\\'s', 'bob')");
    expect(count).toMatchObject({ from: 'v1', to: 'v2', method: 'countFor', cause: relay?.id });
    expect(relay?.begunAt).toBeLessThanOrEqual(relay?.settledAt as number);
    expect((await kernel.getMessages({ after: change })).messages).toStrictEqual([]);
  });

  it('tells a rejection, and is bounded', async () => {
    const { kernel, alice } = await launch();
    await kernel.getMessages();
    await rejectionOf(call(kernel, alice, 'fail', 'on purpose'));
    const [failed] = (await kernel.getMessages()).messages;
    expect(failed).toMatchObject({ outcome: 'rejected', value: 'Error: on purpose' });
    await Promise.all(Array.from({ length: 1_100 }, () => call(kernel, alice, 'greet')));
    const { messages, oldest } = await kernel.getMessages();
    expect(messages).toHaveLength(1_000);
    expect(oldest).toBe(102);
    await call(kernel, alice, 'echo', 'x'.repeat(30_000), 'y'.repeat(1_000));
    const last = (await kernel.getMessages()).messages.at(-1);
    expect(last).toMatchObject({ method: 'echo', args: '(… 31017 characters)' });
  });

  it('ends when nobody asks any more, and begins afresh after a reset', async () => {
    const { kernel, alice } = await launch();
    await kernel.getMessages();
    await call(kernel, alice, 'greet');
    expect((await kernel.getMessages()).messages).toHaveLength(1);
    const now = vi.spyOn(performance, 'now');
    const later = performance.now() + 10_001;
    now.mockReturnValue(later);
    await call(kernel, alice, 'greet');
    now.mockRestore();
    expect((await kernel.getMessages()).messages).toStrictEqual([]);
    await kernel.reset();
    expect((await kernel.getMessages()).messages).toStrictEqual([]);
  });
});

it('queryStore reads, and only reads', async () => {
  const { kernel, alice } = await launch();
  const { rows, total } = await kernel.queryStore("SELECT key FROM kv WHERE key LIKE 'v.%'");
  expect(rows).toStrictEqual([{ key: 'v.v1' }, { key: 'v.v2' }]);
  expect(total).toBe(2);
  const long = await kernel.queryStore("SELECT printf('%.*c', 20000, 'x') AS value");
  expect(String(long.rows[0]?.value)).toMatch(/^x{10000}… 20000 characters$/);
  expect((await rejectionOf(kernel.queryStore('DELETE FROM kv'))).message).toMatch(/reads/);
  expect((await rejectionOf(kernel.queryStore(7 as never))).message).toMatch(/takes text/);
  expect(await call(kernel, alice, 'greet')).toBe('nobody greets world');
});

it('getActivity counts', async () => {
  const { kernel, alice } = await launch();
  const before = await kernel.getActivity();
  await call(kernel, alice, 'greet');
  const after = await kernel.getActivity();
  expect(after.deliveries).toBe(before.deliveries + 1);
  expect(after.commits).toBeGreaterThan(before.commits);
  expect(after).toMatchObject({ vats: 2, runningVats: 2, queues: {} });
  expect(after.limits.queueMax).toBe(10_000);
});

it('awaitActivity answers when a vat has done something, and not for what is only read', async () => {
  const { kernel, alice } = await launch();
  const after = await kernel.awaitActivity();
  let answered = 0;
  const next = kernel.awaitActivity({ after }).then((number) => {
    answered += 1;
    return number;
  });
  await kernel.getObjects();
  await kernel.getMessages();
  await kernel.queryStore('SELECT 1');
  await kernel.getActivity();
  expect(answered).toBe(0);
  await call(kernel, alice, 'greet');
  expect(await next).toBeGreaterThan(after);
  expect(await kernel.awaitActivity({ after })).toBeGreaterThan(after);
  const ended = kernel.awaitActivity({ after: await kernel.awaitActivity() });
  await stopKernel(kernel);
  await ended;
  await expect(kernel.awaitActivity()).rejects.toMatchObject({ code: 'KERNEL_STOPPED' });
});
