/** Components that look at objects of another kernel, which goes away and comes back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { useState, type ReactNode } from 'react';
import { QueryClient, skipToken } from '@tanstack/react-query';
import { fireEvent, screen } from '@testing-library/react';
import { vatQueryOptions } from '@vatkit/sdk/query';
import { expect, it, vi } from 'vitest';
import { makeMemoryNetwork } from '../../sdk/src/comms/memory-transport.js';
import { useRemotePeer, useVatCall, useVatLive } from '../src/index.js';
import {
  atEnd,
  eventually,
  launchBoard,
  makeTestKernel,
  renderIn,
  sleep,
  type TestKernel,
} from './harness.js';
import { BoardRoot } from './vats/board.vat.gen.js';

function Far({ url: first }: { url?: string }): ReactNode {
  const [url, setUrl] = useState(first);
  const { ref, status, error, retry } = useRemotePeer(url, BoardRoot);
  const { data } = useVatCall(BoardRoot.list, { on: ref });
  const { data: count } = useVatLive(BoardRoot.count, { on: ref });
  return (
    <>
      <input aria-label="URL" onChange={(event) => setUrl(event.target.value)} />
      <button type="button" onClick={retry}>
        {status} {(error as { code?: string } | null)?.code}
      </button>
      <output data-testid="items">{data?.map(({ text }) => text).join()}</output>
      <output data-testid="count">{count}</output>
    </>
  );
}

const Own = ({ url }: { url: string }): ReactNode => (
  <p>own: {useRemotePeer(url, BoardRoot).status}</p>
);

// Two kernels on files, one of them twice.
vi.setConfig({ testTimeout: 60_000 });

const status = (): string => (screen.getByRole('button').textContent ?? '').trim();
const items = (): string | null => screen.getByTestId('items').textContent;
const comms = { reconnectionBaseDelayMs: 10, reconnectionMaxDelayMs: 50 };

it('useRemotePeer redeems, is asked like any ref, and goes on when the peer is back', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vatkit-react-'));
  atEnd(() => rmSync(folder, { recursive: true }));
  const network = makeMemoryNetwork();
  const far = makeTestKernel({ network, dbFilename: join(folder, 'far.db') });
  const root = await launchBoard(far.client);
  await far.client.admin.initRemoteComms(comms);
  const url = await far.client.issue(root);

  const near = makeTestKernel({ network });
  await near.client.admin.initRemoteComms(comms);
  renderIn(<Far />, near);
  expect(status()).toBe('disabled');
  fireEvent.change(screen.getByLabelText('URL'), { target: { value: url } });
  await eventually(() => expect(status()).toBe('connected'));
  await root.add('milk');
  await eventually(() => expect(items()).toBe('milk'));
  await root.add('tea');
  await eventually(() => expect(items()).toBe('milk,tea'));
  await eventually(() => expect(screen.getByTestId('count').textContent).toBe('2'));

  await far.die();
  // The client of that kernel starts another one on the same store.
  await far.client.admin.initRemoteComms(comms);
  await (await launchBoard(far.client)).add('bread');
  await eventually(() => expect(items()).toBe('milk,tea,bread'));
  // The topic is followed on, in the vat's next incarnation.
  await eventually(() => expect(screen.getByTestId('count').textContent).toBe('3'));
  expect(status()).toBe('connected');
});

/** Two kernels, of which the first has a board that the second one's client has as well. */
async function makeTwo(): Promise<{
  far: TestKernel;
  near: TestKernel;
  root: BoardRoot;
  url: string;
}> {
  const network = makeMemoryNetwork();
  const [far, near] = [makeTestKernel({ network }), makeTestKernel({ network })];
  const root = await launchBoard(far.client);
  await far.client.admin.initRemoteComms(comms);
  await near.client.admin.initRemoteComms(comms);
  return { far, near, root, url: await far.client.issue(root) };
}

const readsOf = (root: BoardRoot): Promise<number> =>
  new QueryClient().fetchQuery(vatQueryOptions(BoardRoot.reads, { on: root, gcTime: 0 }));

it('a query of another kernel asks again when that changes, and for no other reason', async () => {
  const { near, root, url } = await makeTwo();
  const Also = (): ReactNode => {
    const { ref } = useRemotePeer(url, BoardRoot);
    const { data } = useVatCall(BoardRoot.pageOf, { on: ref, args: [0, 1] });
    return <p>first: {data?.[0]?.text}</p>;
  };
  // One of its own asks the other kernel's.
  const own = await launchBoard(near.client, 'own');
  const Through = (): ReactNode => {
    const { ref } = useRemotePeer(url, BoardRoot);
    const { data } = useVatCall(BoardRoot.listOf, {
      on: ref && own,
      args: ref === undefined ? skipToken : [ref as never],
    });
    return <p>through: {data?.length}</p>;
  };
  renderIn(
    <>
      <Far url={url} />
      <Also />
      <Through />
    </>,
    near,
  );
  await eventually(() => expect(screen.getByText('through: 0')).toBeDefined());
  await root.add('milk');
  await eventually(() => expect(items()).toBe('milk'));
  await eventually(() => expect(screen.getByText('through: 1')).toBeDefined());
  await eventually(() => expect(screen.getByText('first: milk')).toBeDefined());
  // Its own reads and those of others change nothing.
  const reads = await readsOf(root);
  await new QueryClient().fetchQuery(vatQueryOptions(BoardRoot.list, { on: root, gcTime: 0 }));
  await sleep(200);
  expect(await readsOf(root)).toBe(reads + 1);
});

it('renders on in a storm of another kernel’s commits, and ends on the last value', async () => {
  const { near, root, url } = await makeTwo();
  const shown = new Set<string>();
  const App = (): ReactNode => {
    const { ref } = useRemotePeer(url, BoardRoot);
    const { data = [] } = useVatCall(BoardRoot.list, { on: ref });
    shown.add(String(data.length));
    return <p>length: {data.length}</p>;
  };
  renderIn(<App />, near);
  await eventually(async () => expect(await readsOf(root)).toBeGreaterThan(0));
  let last = 0n;
  for (let each = 0; each < 200; each += 1) {
    last = await root.add(`item ${each}`);
    await sleep(4);
  }
  await eventually(() => expect(screen.getByText(`length: ${last}`)).toBeDefined());
  expect(shown.size).toBeGreaterThan(10);
  expect(await readsOf(root)).toBeLessThan(230);
});

it('useRemotePeer tells why it failed, and tries again when told to', async () => {
  const network = makeMemoryNetwork();
  const far = makeTestKernel({ network });
  const root = await launchBoard(far.client);
  await far.client.admin.initRemoteComms(comms);
  const url = await far.client.issue(root);
  const near = makeTestKernel({ network });
  renderIn(<Far url={url} />, near);
  // This kernel has no network yet.
  await eventually(() => expect(status()).toMatch(/^error [A-Z_]+$/));
  await near.client.admin.initRemoteComms(comms);
  fireEvent.click(screen.getByRole('button'));
  await eventually(() => expect(status()).toBe('connected'));
  await far.client.admin.revoke(await far.client.admin.getRootObject('v1'));
  fireEvent.click(screen.getByRole('button'));
  await eventually(() => expect(status()).toMatch(/^error /));
});

it('useRemotePeer shows how it stands with the peer: closed here or there, lost, and back', async () => {
  const network = makeMemoryNetwork();
  const far = makeTestKernel({ network });
  const near = makeTestKernel({ network });
  const root = await launchBoard(far.client);
  await far.client.admin.initRemoteComms(comms);
  await near.client.admin.initRemoteComms(comms);
  const url = await far.client.issue(root);
  const idOf = async ({ client }: TestKernel): Promise<string> =>
    ((await client.admin.getStatus()).remoteComms as { peerId: string }).peerId;
  const [farId, nearId] = [await idOf(far), await idOf(near)];
  const seen: string[] = [];
  const Peer = (): ReactNode => {
    const { ref, status: now, retry } = useRemotePeer(url, BoardRoot);
    if (seen.at(-1) !== now) seen.push(now);
    return (
      <button type="button" onClick={() => (ref === undefined ? retry() : void ref.list())}>
        {now}
      </button>
    );
  };
  renderIn(
    <>
      <Peer />
      <Own url={await near.client.issue(await launchBoard(near.client, 'own'))} />
    </>,
    near,
  );
  const shows = (wanted: string): Promise<void> =>
    eventually(async () => {
      expect(status()).toBe(wanted);
      expect((await near.client.peer(farId).status()).state).toBe(wanted);
    });
  await shows('connected');
  expect(seen).toStrictEqual(['connecting', 'connected']);

  await near.client.peer(farId).close();
  await shows('closed');
  await eventually(async () =>
    expect((await far.client.peer(nearId).status()).state).toBe('closed'),
  );
  // The next thing that is sent opens it again.
  fireEvent.click(screen.getByRole('button'));
  await shows('connected');
  await far.client.peer(nearId).close();
  await shows('closed');
  await near.client.peer(farId).reconnect();
  await shows('connected');
  network.setReachable(farId, false);
  await eventually(() => expect(['waiting', 'connecting']).toContain(status()));
  network.setReachable(farId, true);
  await shows('connected');
  await near.client.admin.initRemoteComms({ ...comms, deniedPeers: [farId] });
  await shows('refused');
  // What is of this kernel itself is always there.
  expect(screen.getByText('own: connected')).toBeDefined();
});
