import { Suspense, type ReactElement, type ReactNode } from 'react';
import type { Meta, StoryObj } from '@storybook/react-vite';
import {
  useSubcluster,
  useSuspenseSubcluster,
  useSuspenseVatCall,
  useVatCall,
  useVatLive,
  useVatMutation,
} from '@vatkit/react';
import { expect, userEvent, waitFor, within } from 'storybook/test';
import { failing, silent, slowToAdd } from './fakes.js';
import { Boundary, Frame, Problem, State, Things } from './frame.js';
import { withRealKernel, withTestKernel } from './kernels/kernels.js';
import { patient, shows } from './play.js';
import { TodoRoot, todo } from './todo.vat.gen.js';

type Props = {
  /** What the button adds. */
  text: string;
};

/** A query, a mutation and a topic of one vat: nobody tells the first to refresh. */
function Calls({ text }: Props): ReactNode {
  const { data: sub } = useSubcluster(todo);
  const on = sub?.root;
  const list = useVatCall(TodoRoot.list, { on, args: [] });
  const add = useVatMutation(TodoRoot.add, { on });
  const count = useVatLive(TodoRoot.count, { on });
  return (
    <Frame hook="useVatCall, useVatMutation, useVatLive">
      <State name="Query" of={list.status} />
      <State name="Mutation" of={add.status} />
      <State name="Topic" of={count.data ?? count.status} />
      <Problem error={list.error ?? add.error ?? count.error} />
      {list.data && <Things items={list.data} />}
      <div className="row">
        <button disabled={!sub} onClick={() => void add.send(text).catch(() => undefined)}>
          Add “{text}”
        </button>
        <button disabled={!sub} onClick={() => void add.send(' ').catch(() => undefined)}>
          Add nothing
        </button>
      </div>
    </Frame>
  );
}

function Suspending(): ReactNode {
  const { data } = useSuspenseSubcluster(todo);
  const { data: items } = useSuspenseVatCall(TodoRoot.list, { on: data.root, args: [] });
  return <Things items={items} />;
}

const suspense = (): ReactElement => (
  <Frame hook="useSuspenseVatCall">
    <Boundary>
      <Suspense fallback={<p className="quiet">Reading …</p>}>
        <Suspending />
      </Suspense>
    </Boundary>
  </Frame>
);

/** The outcome is shown before it is there. */
function Guessing({ text }: Props): ReactNode {
  const { data: sub } = useSubcluster(todo);
  const on = sub?.root;
  const list = useVatCall(TodoRoot.list, { on, args: [] });
  const add = useVatMutation(TodoRoot.add, {
    on,
    optimistic: (cache, added) =>
      cache.update(TodoRoot.list, { on }, (items) => [...items, `${added} …`]),
  });
  const send = (what: string): void => void add.send(what).catch(() => undefined);
  return (
    <Frame hook="useVatMutation: optimistic">
      <State name="Mutation" of={add.status} />
      <Problem error={add.error} />
      {list.data && <Things items={list.data} />}
      <div className="row">
        <button disabled={!list.data} onClick={() => send(text)}>
          Add “{text}”
        </button>
        <button disabled={!list.data} onClick={() => send('fail')}>
          Add what fails
        </button>
      </div>
    </Frame>
  );
}

const meta: Meta<typeof Calls> = {
  title: 'Hooks/Calls',
  component: Calls,
  args: { text: 'buy milk' },
};
export default meta;
type Story = StoryObj<typeof Calls>;

const press = async (canvas: HTMLElement, name: string | RegExp): Promise<void> => {
  const button = within(canvas).getByRole('button', { name });
  await waitFor(() => expect(button).toBeEnabled(), patient);
  await userEvent.click(button);
};

/** The vat answers nothing. */
export const Loading: Story = {
  decorators: [withTestKernel({ vats: { todo: silent } })],
  async play({ canvasElement }) {
    await press(canvasElement, /Add “/);
    await shows(canvasElement, 'Mutation', 'pending');
    await shows(canvasElement, 'Query', 'pending');
    await shows(canvasElement, 'Topic', 'pending');
  },
};

export const Live: Story = {
  decorators: [withRealKernel],
  async play({ canvasElement, args }) {
    const page = within(canvasElement);
    await shows(canvasElement, 'Topic', '0');
    await press(canvasElement, /Add “/);
    await page.findByText(args.text, undefined, patient);
    await shows(canvasElement, 'Topic', '1');
    await shows(canvasElement, 'Mutation', 'success');
    await press(canvasElement, 'Add nothing');
    await expect(await page.findByRole('alert', undefined, patient)).toHaveTextContent(
      'There is nothing to add',
    );
    await shows(canvasElement, 'Query', 'success');
  },
};

export const Failed: Story = {
  decorators: [withTestKernel({ vats: { todo: failing } })],
  async play({ canvasElement }) {
    await press(canvasElement, /Add “/);
    await shows(canvasElement, 'Query', 'error');
    await shows(canvasElement, 'Mutation', 'error');
    await shows(canvasElement, 'Topic', 'error');
    await expect(within(canvasElement).getByRole('alert')).toHaveTextContent('The list is locked');
  },
};

export const Optimistic: Story = {
  render: (args) => <Guessing {...args} />,
  decorators: [withTestKernel({ vats: { todo: slowToAdd } })],
  async play({ canvasElement }) {
    const page = within(canvasElement);
    await press(canvasElement, /Add “/);
    await page.findByText('buy milk …', undefined, patient);
    await page.findByText('buy milk', undefined, patient);
    await press(canvasElement, 'Add what fails');
    await page.findByText('fail …', undefined, patient);
    await page.findByText(/There is no room/, undefined, patient);
    await waitFor(() => expect(page.queryByText('fail …')).toBeNull(), patient);
  },
};

export const SuspenseLoading: Story = {
  render: suspense,
  decorators: [withTestKernel({ vats: { todo: silent } })],
  async play({ canvasElement }) {
    await within(canvasElement).findByText('Reading …', undefined, patient);
  },
};

export const SuspenseLive: Story = {
  render: suspense,
  decorators: [withRealKernel],
  async play({ canvasElement }) {
    await within(canvasElement).findByText('Nothing to do.', undefined, patient);
  },
};

export const SuspenseFailed: Story = {
  render: suspense,
  decorators: [withTestKernel({ vats: { todo: failing } })],
  async play({ canvasElement }) {
    await expect(
      await within(canvasElement).findByRole('alert', undefined, patient),
    ).toHaveTextContent('The list is locked');
  },
};
