import { Suspense, type ReactElement, type ReactNode } from 'react';
import type { Meta, StoryObj } from '@storybook/react-vite';
import { useKernel, useSubcluster, useSuspenseSubcluster } from '@vatkit/react';
import { expect, userEvent, within } from 'storybook/test';
import { makeStubborn, neverStarts, slowStart } from './fakes.js';
import { Boundary, Frame, Problem, State } from './frame.js';
import { withRealKernel, withTestKernel } from './kernels/kernels.js';
import { patient, shows } from './play.js';
import { todo } from './todo.vat.gen.js';

/** A subcluster, launched or found by its name. */
function Subcluster(): ReactNode {
  const kernel = useKernel();
  const { data, status, error, relaunch } = useSubcluster(todo);
  return (
    <Frame hook="useSubcluster">
      <State name="Status" of={status} />
      <State name="Action" of={data?.action} />
      <State name="Subcluster" of={data?.subclusterId} />
      <Problem error={error} />
      <div className="row">
        <button onClick={relaunch}>Launch again</button>
        <button disabled={!data} onClick={() => void kernel.terminate('todo')}>
          Terminate
        </button>
      </div>
    </Frame>
  );
}

function Suspending(): ReactNode {
  const { data } = useSuspenseSubcluster(todo);
  return <State name="Action" of={data.action} />;
}

const suspense = (): ReactElement => (
  <Frame hook="useSuspenseSubcluster">
    <Boundary>
      <Suspense fallback={<p className="quiet">Starting …</p>}>
        <Suspending />
      </Suspense>
    </Boundary>
  </Frame>
);

const meta: Meta<typeof Subcluster> = { title: 'Hooks/Subclusters', component: Subcluster };
export default meta;
type Story = StoryObj<typeof Subcluster>;

export const Loading: Story = {
  decorators: [withTestKernel({ vats: { todo: slowStart } })],
  async play({ canvasElement }) {
    await shows(canvasElement, 'Status', 'pending');
  },
};

export const Live: Story = {
  decorators: [withRealKernel],
  async play({ canvasElement }) {
    await shows(canvasElement, 'Status', 'success');
    await shows(canvasElement, 'Action', 'launched');
  },
};

/** It does not start, and rests in its error until somebody launches it again. */
export const FailedAndLaunchedAgain: Story = {
  decorators: [withTestKernel({ vats: { todo: makeStubborn() } })],
  async play({ canvasElement }) {
    const page = within(canvasElement);
    await expect(await page.findByRole('alert', undefined, patient)).toHaveTextContent('not today');
    await userEvent.click(page.getByRole('button', { name: 'Launch again' }));
    await shows(canvasElement, 'Status', 'success');
  },
};

export const SuspenseLoading: Story = {
  render: suspense,
  decorators: [withTestKernel({ vats: { todo: slowStart } })],
  async play({ canvasElement }) {
    await within(canvasElement).findByText('Starting …', undefined, patient);
  },
};

export const SuspenseLive: Story = {
  render: suspense,
  decorators: [withRealKernel],
  async play({ canvasElement }) {
    await shows(canvasElement, 'Action', 'launched');
  },
};

export const SuspenseFailed: Story = {
  render: suspense,
  decorators: [withTestKernel({ vats: { todo: neverStarts } })],
  async play({ canvasElement }) {
    await within(canvasElement).findByRole('alert', undefined, patient);
  },
};
