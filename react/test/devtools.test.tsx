/** The devtools as a user drives them, against a real kernel. */
import { fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { renderToString } from 'react-dom/server';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { KernelDevtools } from '../src/devtools/index.js';
import { byCause } from '../src/devtools/causes.js';
import type { Kernel } from '@vatkit/sdk/kernel';
import { makeMemoryNetwork } from '../../sdk/src/comms/memory-transport.js';
import {
  board,
  launchBoard,
  makeTestKernel,
  renderIn,
  sleep,
  type TestKernel,
  type TestKernelOptions,
} from './harness.js';
import { BoardRoot } from './vats/board.vat.gen.js';

// Finding things by their roles takes its time in jsdom.
vi.setConfig({ testTimeout: 60_000 });
afterEach(() => vi.unstubAllEnvs());

/** The second press comes before the first one is forgotten, however slow the machine is. */
const pressTwice = (button: HTMLElement, between: () => void = () => {}): void => {
  fireEvent.click(button);
  between();
  expect(button.textContent).toBe('Sure?');
  fireEvent.click(button);
};

async function open(
  panel?: string,
  options?: TestKernelOptions,
): Promise<TestKernel & { user: ReturnType<typeof userEvent.setup> }> {
  const kernel = makeTestKernel(options);
  await launchBoard(kernel.client);
  const user = userEvent.setup();
  render(<KernelDevtools kernel={kernel.client} enabled inline />);
  if (panel !== undefined) await user.click(await screen.findByRole('tab', { name: panel }));
  return { ...kernel, user };
}

describe('KernelDevtools', () => {
  it('renders nothing in production unless asked', async () => {
    const { client } = makeTestKernel();
    vi.stubEnv('NODE_ENV', 'production');
    const { container, rerender } = render(<KernelDevtools kernel={client} />);
    expect(container.innerHTML).toBe('');
    rerender(<KernelDevtools kernel={client} enabled />);
    await screen.findByRole('button', { name: 'Open kernel devtools' });
    expect(client.status.phase).toBe('idle');
  });

  it('is there in development, with the kernel of the provider', async () => {
    const { client } = makeTestKernel();
    vi.stubEnv('NODE_ENV', 'development');
    renderIn(<KernelDevtools />, { client });
    fireEvent.click(await screen.findByRole('button', { name: 'Open kernel devtools' }));
    await screen.findByText(client.name);
    await screen.findByText(/Nothing has used this kernel/);
    expect(client.status.phase).toBe('idle');
    fireEvent.click(screen.getByRole('button', { name: 'Start it' }));
    await screen.findByText('ready');
  });

  it('renders nothing on a server', () => {
    const { client } = makeTestKernel();
    expect(renderToString(<KernelDevtools kernel={client} enabled initiallyOpen />)).toBe('');
  });

  it('has tabs for the keyboard, and closes by Escape', async () => {
    const { client } = makeTestKernel();
    const user = userEvent.setup();
    render(<KernelDevtools kernel={client} enabled initiallyOpen />);
    const first = await screen.findByRole('tab', { name: 'Vats' });
    first.focus();
    await user.keyboard('{ArrowLeft}');
    expect(screen.getByRole('tab', { name: 'Activity', selected: true })).toBe(
      document.activeElement,
    );
    await user.keyboard('{Home}{ArrowRight}');
    expect(screen.getByRole('tab', { name: 'Objects', selected: true })).toBe(
      document.activeElement,
    );
    expect(screen.getAllByRole('tab').map((tab) => tab.tabIndex)).toStrictEqual([
      -1, 0, -1, -1, -1, -1,
    ]);
    await user.keyboard('{Escape}');
    expect(screen.queryByRole('tablist')).toBeNull();
  });
});

describe('Vats', () => {
  it('pings, restarts and terminates, which takes two presses', async () => {
    const { user, client } = await open();
    await user.click(await screen.findByRole('button', { name: 'Ping v1' }));
    await screen.findByText('pong');
    await user.click(screen.getByRole('button', { name: 'Restart v1' }));
    await screen.findByText('restart v1');
    pressTwice(screen.getByRole('button', { name: 'Terminate s1' }), () =>
      expect(client.status.subclusters).toHaveLength(1),
    );
    await screen.findByText(/No subcluster runs/);
  });

  it('launches a configuration, and says what is wrong with one', async () => {
    const { user } = await open();
    const field = await screen.findByLabelText(/Configuration as JSON/);
    fireEvent.change(field, { target: { value: '{' } });
    await user.click(screen.getByRole('button', { name: 'Launch' }));
    await screen.findByText(/This is no JSON/);
    fireEvent.change(field, { target: { value: '{ "bootstrap": "x", "vats": {} }' } });
    await user.click(screen.getByRole('button', { name: 'Launch' }));
    await screen.findByText('launch');
    await waitFor(() => expect(screen.getByRole('status').textContent).toMatch(/failed/));
    const file = new File([JSON.stringify(board.config)], 'board.json');
    fireEvent.drop(field, { dataTransfer: { files: [file] } });
    await waitFor(() => expect((field as HTMLTextAreaElement).value).toContain('bootstrap'));
    await user.click(screen.getByRole('button', { name: 'Launch' }));
    await screen.findByText(/Subcluster s2: 1 vat/);
  });
});

describe('Objects', () => {
  it('shows who holds what, calls and revokes', async () => {
    const { user, kernels } = await open('Objects');
    const table = await screen.findByRole('table', { name: 'Objects' });
    await user.selectOptions(screen.getByLabelText('Owner'), 'v1');
    const row = (await within(table).findByText('root')).closest('tr') as HTMLElement;
    const kref = kernels[0]?.getRootObject('v1') as string;
    await waitFor(() => expect(within(table).getAllByRole('row')).toHaveLength(2));
    expect(row.textContent).toContain(kref);
    await user.click(screen.getByRole('button', { name: `Call ${kref}` }));
    await user.type(screen.getByLabelText('Method'), 'nothing like it');
    await user.click(screen.getByRole('button', { name: 'Send' }));
    await waitFor(() => expect(screen.getByRole('status').textContent).toMatch(/failed/));
    pressTwice(screen.getByRole('button', { name: `Revoke ${kref}` }));
    await within(table).findByText('revoked');
    expect(kernels[0]?.isRevoked(kref)).toBe(true);
  });
});

describe('Messages', () => {
  it('shows what is sent while it is open, and draws it', async () => {
    const { user, kernels } = await open('Messages');
    await screen.findByText(/No message so far/);
    const kernel = kernels[0];
    await waitFor(async () => expect((await kernel?.getMessages())?.oldest).toBe(1));
    await kernel
      ?.queueMessage(kernel.getRootObject('v1'), 'noSuchMethod', ['milk'])
      .catch(() => undefined);
    const table = screen.getByRole('table', { name: 'Messages' });
    await within(table).findByText('noSuchMethod');
    await within(table).findByText('rejected');
    await user.click(
      screen.getByRole('button', { name: /Message 1: noSuchMethod to v1 board, rejected/ }),
    );
    await within(table).findByText(/^sent /);
    await user.click(screen.getByRole('button', { name: 'Clear' }));
    await screen.findByText(/No message so far/);
  });

  it('puts each message below its cause', () => {
    const message = (id: number, cause?: number) => ({
      id,
      change: id,
      from: 'v1',
      target: 'ko4',
      method: 'm',
      args: '()',
      sentAt: id,
      ...(cause && { cause }),
    });
    const order = byCause([
      message(1),
      message(2),
      message(3, 1),
      message(4, 2),
      message(5, 3),
      message(6, 99),
    ]);
    expect(order.map(({ message: { id }, depth }) => [id, depth])).toStrictEqual([
      [1, 0],
      [3, 1],
      [5, 2],
      [2, 0],
      [4, 1],
      [6, 0],
    ]);
  });
});

describe('Database', () => {
  it('shows rows by kind, and answers SQL that reads', async () => {
    const { user } = await open('Database');
    await screen.findByText('v.v1');
    await user.click(screen.getByRole('button', { name: /^subclusters/ }));
    await screen.findByText('s.s1');
    await user.type(screen.getByLabelText('Only rows with this text'), "it's not there");
    await screen.findByText('No row is like that.');
    const sql = screen.getByLabelText(/A SELECT/);
    fireEvent.change(sql, { target: { value: 'SELECT 6 * 7 AS answer' } });
    await user.click(screen.getByRole('button', { name: 'Execute' }));
    await screen.findByText('42');
    fireEvent.change(sql, { target: { value: 'DELETE FROM kv' } });
    await user.click(screen.getByRole('button', { name: 'Execute' }));
    await screen.findByText(/Failed to execute query/);
  });
});

it('Peers makes an identity, issues a URL, redeems it and takes it back', async () => {
  const { user, kernels } = await open('Peers');
  await user.type(
    await screen.findByLabelText('Object'),
    kernels[0]?.getRootObject('v1') as string,
  );
  await user.click(screen.getByRole('button', { name: 'Issue' }));
  const url = ((await screen.findByLabelText('Issued URL')).textContent ?? '').trim();
  expect(url).toMatch(/^ocap:/);
  await screen.findByText(/^12D3Koo/);
  fireEvent.change(screen.getByLabelText('URL'), { target: { value: url } });
  await user.click(screen.getByRole('button', { name: 'Redeem' }));
  await screen.findByText(/it stands for ko\d+/);
  pressTwice(screen.getByRole('button', { name: 'Take back the URL' }));
  await screen.findByText('nobody can redeem it now');
});

it('Peers lists whom this kernel knows, with its state and controls', async () => {
  const network = makeMemoryNetwork();
  const far = makeTestKernel({ network });
  const root = await launchBoard(far.client);
  await far.client.admin.initRemoteComms({});
  const url = await far.client.issue(root);
  const { peerId = '' } = (await far.client.admin.getStatus()).remoteComms;
  const { user, client } = await open('Peers', { network });
  await screen.findByText(/No peer is known/);
  await client.admin.initRemoteComms({});
  await client.redeem(BoardRoot, url);
  const table = await screen.findByRole('table', { name: 'Peers' });
  await within(table).findByText(peerId);
  await within(table).findByText('connected');
  pressTwice(screen.getByRole('button', { name: `Close ${peerId}` }));
  await waitFor(() => expect(screen.getByRole('status').textContent).toMatch(/^close .* done/));
  const reconnect = screen.getByRole('button', { name: `Reconnect ${peerId}` });
  if (reconnect.matches(':enabled')) await user.click(reconnect);
  await within(table).findByText('connected');
});

it('panels are read again when something happens, and not while nothing does', async () => {
  const { client, kernels } = await open('Objects');
  const table = await screen.findByRole('table', { name: 'Objects' });
  await waitFor(() => expect(within(table).getAllByRole('row').length).toBeGreaterThan(1));
  await sleep(500);
  const reads = vi.spyOn(kernels[0] as Kernel, 'getObjects');
  await sleep(1_500);
  expect(reads.mock.calls.length).toBeLessThan(2);
  await (await launchBoard(client)).note('a');
  await within(table).findByText('Note');
});

it('Activity shows limits and rates', async () => {
  await open('Activity');
  await screen.findByText('queueMax');
  await screen.findByText('1 of 1');
});
