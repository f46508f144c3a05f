import { useEffect, useState, type ReactNode } from 'react';
import type { Meta, StoryObj } from '@storybook/react-vite';
import type { KernelClient } from '@vatkit/sdk';
import { KernelProvider, useRemotePeer, useVatCall } from '@vatkit/react';
import { createTestKernel, makeTestNetwork } from '@vatkit/sdk/testing';
import { expect, userEvent, within } from 'storybook/test';
import { Frame, Problem, State, Things } from './frame.js';
import { patient, shows } from './play.js';
import { TodoRoot, todo } from './todo.vat.gen.js';

type Props = {
  /** What Alice adds to her list. */
  text: string;
  /** How long Bob's calls wait for Alice, in milliseconds. */
  peerTimeoutMs: number;
};

type Two = {
  bob: KernelClient;
  url: string;
  add: (text: string) => Promise<unknown>;
  reach: (isReachable: boolean) => void;
  takeBack: () => Promise<unknown>;
};

let last = 0;

/** Alice's kernel with a list, and Bob's, with a network between them. */
async function makeTwo(peerTimeoutMs: number): Promise<Two & { close: () => void }> {
  const network = makeTestNetwork({ delayMs: 20 });
  const make = (who: string) => createTestKernel({ network, name: `${who}-${(last += 1)}` });
  const [alice, bob] = [make('alice'), make('bob')];
  await alice.admin.initRemoteComms({});
  await bob.admin.initRemoteComms({ peerTimeoutMs });
  const { root } = await alice.launch(todo);
  const url = await alice.issue(root);
  const { peerId = '' } = (await alice.admin.getStatus()).remoteComms;
  return {
    bob,
    url,
    add: (text) => root.add(text),
    reach: (isReachable) => network.setReachable(peerId, isReachable),
    takeBack: () => alice.admin.revokeOcapURL(url),
    close: () => void Promise.all([alice.close(), bob.close()]),
  };
}

/** Alice's list, as Bob sees it. */
function Friend({ url }: { url: string }): ReactNode {
  const { ref, status, error, retry } = useRemotePeer(url, TodoRoot);
  const list = useVatCall(TodoRoot.list, { on: ref, args: [], retry: false });
  return (
    <Frame hook="useRemotePeer">
      <State name="Peer" of={status} />
      <State name="Her list" of={list.fetchStatus === 'fetching' ? 'asking' : list.status} />
      <Problem error={error ?? list.error} />
      {list.data && <Things items={list.data} />}
      <div className="row">
        <button onClick={retry}>Redeem again</button>
        <button disabled={!ref} onClick={() => void list.refetch()}>
          Ask again
        </button>
      </div>
    </Frame>
  );
}

function Peers({ text, peerTimeoutMs }: Props): ReactNode {
  const [two, setTwo] = useState<Two>();
  const [isShown, setIsShown] = useState(false);
  useEffect(() => {
    const making = makeTwo(peerTimeoutMs);
    void making.then(setTwo);
    return () => void making.then(({ close }) => close());
  }, [peerTimeoutMs]);
  if (two === undefined) return null;
  return (
    <>
      <div className="story row">
        <button onClick={() => void two.add(text)}>Alice adds “{text}”</button>
        <button onClick={() => two.reach(false)}>Alice goes away</button>
        <button onClick={() => two.reach(true)}>Alice comes back</button>
        <button onClick={() => void two.takeBack()}>Alice takes the URL back</button>
        <button onClick={() => setIsShown(true)}>Bob opens it</button>
      </div>
      {isShown && (
        <KernelProvider kernel={two.bob}>
          <Friend url={two.url} />
        </KernelProvider>
      )}
    </>
  );
}

const meta: Meta<typeof Peers> = {
  title: 'Hooks/Peers',
  component: Peers,
  args: { text: 'buy milk', peerTimeoutMs: 60_000 },
};
export default meta;
type Story = StoryObj<typeof Peers>;

const press = async (canvas: HTMLElement, name: string | RegExp): Promise<void> =>
  userEvent.click(await within(canvas).findByRole('button', { name }, patient));

export const Loading: Story = {
  async play({ canvasElement }) {
    await press(canvasElement, 'Alice goes away');
    await press(canvasElement, 'Bob opens it');
    await shows(canvasElement, 'Peer', 'connecting');
  },
};

export const Live: Story = {
  async play({ canvasElement }) {
    await press(canvasElement, /Alice adds/);
    await press(canvasElement, 'Bob opens it');
    await shows(canvasElement, 'Peer', 'connected');
    await within(canvasElement).findByText('buy milk', undefined, patient);
  },
};

/** What was seen stays to be seen; what is asked waits, and fails in the end. */
export const PeerLost: Story = {
  args: { peerTimeoutMs: 1_000 },
  async play({ canvasElement }) {
    const page = within(canvasElement);
    await Live.play?.({ canvasElement } as never);
    await press(canvasElement, 'Alice goes away');
    await press(canvasElement, 'Ask again');
    await shows(canvasElement, 'Her list', 'asking');
    await expect(await page.findByRole('alert', undefined, patient)).toHaveTextContent(
      'CONNECTION_LOST',
    );
    await page.findByText('buy milk');
  },
};

export const PeerBack: Story = {
  args: { peerTimeoutMs: 1_000 },
  async play({ canvasElement }) {
    await PeerLost.play?.({ canvasElement } as never);
    await press(canvasElement, 'Alice comes back');
    await press(canvasElement, 'Ask again');
    await shows(canvasElement, 'Her list', 'success');
  },
};

export const Failed: Story = {
  async play({ canvasElement }) {
    await press(canvasElement, 'Alice takes the URL back');
    await press(canvasElement, 'Bob opens it');
    await shows(canvasElement, 'Peer', 'error');
    await within(canvasElement).findByRole('alert', undefined, patient);
  },
};
