import { useEffect, useState, type ReactNode } from 'react';
import type { Meta, StoryObj } from '@storybook/react-vite';
import { call, createKernel, type KernelClient } from '@vatkit/sdk';
import { KernelDevtools } from '@vatkit/react/devtools';
import { expect, userEvent, waitFor, within } from 'storybook/test';
import { market } from './vats.js';

let count = 0;
const makeKernel = (): KernelClient =>
  createKernel({
    worker: () =>
      new Worker(new URL('./kernels/memory.worker.ts', import.meta.url), { type: 'module' }),
    name: `story-${(count += 1)}`,
  });

type Props = { theme: 'light' | 'dark' | 'system'; panel: string; launches: boolean };

/** Devtools on a kernel of their own; a button buys something, so that there is something to see. */
function Desk({ theme, launches }: Props): ReactNode {
  const [kernel] = useState(makeKernel);
  const [shop, setShop] = useState<object>();
  useEffect(() => {
    if (launches)
      void kernel.launch(market).then(
        ({ root }) => setShop(root as object),
        () => undefined,
      );
    return () => void kernel.close();
  }, [kernel, launches]);
  const buy = (): void => {
    if (shop !== undefined)
      void (call as (...args: unknown[]) => Promise<unknown>)(shop, 'buy', 'tea').catch(
        () => undefined,
      );
  };
  return (
    <main
      style={{
        minHeight: '100vh',
        padding: 16,
        boxSizing: 'border-box',
        background: theme === 'dark' ? '#0c0d10' : undefined,
      }}
    >
      <button
        type="button"
        onClick={buy}
        disabled={shop === undefined}
        style={{ marginBottom: 12 }}
      >
        Buy tea
      </button>
      <KernelDevtools kernel={kernel} enabled inline theme={theme} />
    </main>
  );
}

const meta: Meta<typeof Desk> = {
  title: 'Devtools',
  component: Desk,
  args: { theme: 'light', panel: 'Vats', launches: true },
  argTypes: { theme: { control: 'inline-radio', options: ['light', 'dark', 'system'] } },
  async play({ canvasElement, args }) {
    const page = within(canvasElement);
    // Launched first: a panel that is open before it would tell of the launch.
    if (args.launches)
      await waitFor(() => expect(page.getByRole('button', { name: 'Buy tea' })).toBeEnabled(), {
        timeout: 15_000,
      });
    await userEvent.click(await page.findByRole('tab', { name: args.panel }));
  },
};
export default meta;
type Story = StoryObj<typeof Desk>;

const patient = { timeout: 10_000 };

export const Vats: Story = {
  async play(context) {
    await meta.play?.(context);
    const page = within(context.canvasElement);
    await userEvent.click(await page.findByRole('button', { name: 'Ping v1' }, patient));
    await page.findByText('pong', undefined, patient);
  },
};

export const Objects: Story = { args: { panel: 'Objects' } };

export const Messages: Story = {
  args: { panel: 'Messages' },
  async play(context) {
    await meta.play?.(context);
    const page = within(context.canvasElement);
    await page.findByText(/No message so far/, undefined, patient);
    const buy = page.getByRole('button', { name: 'Buy tea' });
    for (let times = 0; times < 4; times += 1) await userEvent.click(buy);
    const table = await page.findByRole('table', { name: 'Messages' });
    await within(table).findByText('rejected', undefined, patient);
    await userEvent.selectOptions(page.getByLabelText('Order'), 'cause');
    await waitFor(() => expect(within(table).getAllByText('charge')).toHaveLength(3));
  },
};

export const Database: Story = { args: { panel: 'Database' } };
export const Peers: Story = { args: { panel: 'Peers' } };
export const Activity: Story = { args: { panel: 'Activity' } };
export const Dark: Story = { args: { panel: 'Vats', theme: 'dark' } };
export const NothingLaunched: Story = { args: { launches: false } };
