import type { ReactNode } from 'react';
import type { Meta, StoryObj } from '@storybook/react-vite';
import { createKernel } from '@vatkit/sdk';
import { KernelProvider, useKernel, useKernelStatus, useSubcluster } from '@vatkit/react';
import { expect, userEvent, waitFor, within } from 'storybook/test';
import { Frame, Problem, State } from './frame.js';
import { withRealKernel } from './kernels/kernels.js';
import { patient, shows } from './play.js';
import { todo } from './todo.vat.gen.js';

/** What `useKernelStatus` tells of the kernel that `useKernel` gives. */
function Status({ selected }: { selected: 'all' | 'phase' }): ReactNode {
  const kernel = useKernel();
  const { phase, vats, storage, error } = useKernelStatus();
  const isReady = useKernelStatus((status) => status.phase === 'ready');
  return (
    <Frame hook="useKernel, useKernelStatus">
      <State name="Phase" of={phase} />
      {selected === 'all' && (
        <>
          <State name="Kernel" of={kernel.name} />
          <State name="Storage" of={storage} />
          <State name="Vats" of={vats.length} />
          <State name="Ready" of={isReady} />
        </>
      )}
      <Problem error={error ?? null} />
      <div className="row">
        <button onClick={() => void kernel.ready().catch(() => undefined)}>Start it</button>
        <button onClick={() => void kernel.admin.terminateAllVats()}>Terminate all vats</button>
      </div>
    </Frame>
  );
}

function Launching(): ReactNode {
  useSubcluster(todo);
  return <Status selected="all" />;
}

const meta: Meta<typeof Status> = {
  title: 'Hooks/Kernel status',
  component: Status,
  args: { selected: 'all' },
  argTypes: { selected: { control: 'inline-radio', options: ['all', 'phase'] } },
  decorators: [withRealKernel],
};
export default meta;
type Story = StoryObj<typeof Status>;

/** Nothing has used it. */
export const Idle: Story = {
  async play({ canvasElement }) {
    await shows(canvasElement, 'Phase', 'idle');
  },
};

export const Live: Story = {
  render: () => <Launching />,
  async play({ canvasElement }) {
    const page = within(canvasElement);
    await shows(canvasElement, 'Phase', 'ready');
    await shows(canvasElement, 'Vats', '1');
    await shows(canvasElement, 'Storage', 'memory');
    await userEvent.click(page.getByRole('button', { name: 'Terminate all vats' }));
    await shows(canvasElement, 'Vats', '0');
  },
};

/** A worker that says nothing. */
const mute = (): Worker =>
  new Worker(URL.createObjectURL(new Blob(['onmessage = () => {}'], { type: 'text/javascript' })));
const makeMute = (startTimeoutMs: number) => () =>
  createKernel({
    worker: () => {
      const { port1 } = new MessageChannel();
      return startTimeoutMs > 10_000 ? port1 : mute();
    },
    name: `story-mute-${startTimeoutMs}`,
    startTimeoutMs,
  });
const loading = makeMute(600_000);
const broken = makeMute(500);

export const Loading: Story = {
  decorators: [(Story) => <KernelProvider kernel={loading}>{Story()}</KernelProvider>],
  async play({ canvasElement }) {
    await userEvent.click(within(canvasElement).getByRole('button', { name: 'Start it' }));
    await shows(canvasElement, 'Phase', 'starting');
  },
};

/** The worker is there, and no kernel in it. */
export const Failed: Story = {
  decorators: [(Story) => <KernelProvider kernel={broken}>{Story()}</KernelProvider>],
  async play({ canvasElement }) {
    const page = within(canvasElement);
    await userEvent.click(page.getByRole('button', { name: 'Start it' }));
    await shows(canvasElement, 'Phase', 'failed');
    await waitFor(
      () => expect(page.getByRole('alert')).toHaveTextContent('did not start'),
      patient,
    );
  },
};
