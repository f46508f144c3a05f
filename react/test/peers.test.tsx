/** Components that look at objects of another kernel, which goes away and comes back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { useState, type ReactNode } from 'react';
import { fireEvent, screen } from '@testing-library/react';
import { expect, it, vi } from 'vitest';
import { makeMemoryNetwork } from '../../sdk/src/comms/memory-transport.js';
import { useRemotePeer, useVatCall } from '../src/index.js';
import { atEnd, eventually, launchBoard, makeTestKernel, renderIn } from './harness.js';
import { BoardRoot } from './vats/board.vat.gen.js';

function Far({ url: first }: { url?: string }): ReactNode {
  const [url, setUrl] = useState(first);
  const { ref, status, error, retry } = useRemotePeer(url, BoardRoot);
  // Another kernel does not tell of changes.
  const { data } = useVatCall(BoardRoot.list, { on: ref, refetchInterval: 50 });
  return (
    <>
      <input aria-label="URL" onChange={(event) => setUrl(event.target.value)} />
      <button type="button" onClick={retry}>
        {status} {(error as { code?: string } | null)?.code}
      </button>
      <output data-testid="items">{data?.map(({ text }) => text).join()}</output>
    </>
  );
}

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

  await far.die();
  // The client of that kernel starts another one on the same store.
  await far.client.admin.initRemoteComms(comms);
  await (await launchBoard(far.client)).add('bread');
  await eventually(() => expect(items()).toBe('milk,tea,bread'));
  expect(status()).toBe('connected');
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
