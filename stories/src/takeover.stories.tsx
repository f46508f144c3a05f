import { useEffect, useState, type ReactNode } from 'react';
import type { Meta, StoryObj } from '@storybook/react-vite';
import type { KernelClient } from '@vatkit/sdk';
import {
  KernelProvider,
  useKernelStatus,
  useSubcluster,
  useVatCall,
  useVatMutation,
} from '@vatkit/react';
import { expect, userEvent, waitFor, within } from 'storybook/test';
import { Frame, Problem, State, Things } from './frame.js';
import { makeStoredKernel } from './kernels/kernels.js';
import { patient, shows } from './play.js';
import { TodoRoot, todo } from './todo.vat.gen.js';

type Props = {
  /** What the second tab adds. */
  text: string;
};

let last = 0;

/** All phases that the kernel went through. */
function usePhases(): string[] {
  const phase = useKernelStatus((status) => status.phase);
  const [phases, setPhases] = useState([phase]);
  if (phases.at(-1) !== phase) setPhases([...phases, phase]);
  return phases;
}

function SecondTab({ text }: Props): ReactNode {
  const phases = usePhases();
  const storage = useKernelStatus((status) => status.storage);
  const { data: sub, error } = useSubcluster(todo);
  const list = useVatCall(TodoRoot.list, { on: sub?.root, args: [] });
  const add = useVatMutation(TodoRoot.add, { on: sub?.root });
  return (
    <Frame hook="Takeover: the second tab">
      <State name="Phase" of={phases.at(-1)} />
      <State name="Was handed over" of={phases.includes('reconnecting')} />
      <State name="Storage" of={storage} />
      <State name="Adding" of={add.status} />
      <Problem error={error ?? list.error ?? add.error} />
      {list.data && <Things items={list.data} />}
      <div className="row">
        <button
          disabled={!sub}
          onClick={() => void add.send(text).catch(() => undefined)}
        >{`Add “${text}”`}</button>
      </div>
    </Frame>
  );
}

/** Two clients of one store, as two tabs are: the first has the kernel, until it is closed. */
function Takeover({ text }: Props): ReactNode {
  const [tabs, setTabs] = useState<{ first: KernelClient; second: KernelClient }>();
  const [isClosed, setIsClosed] = useState(false);
  useEffect(() => {
    const name = `story-tabs-${(last += 1)}-${crypto.randomUUID()}`;
    const [first, second] = [makeStoredKernel(name), makeStoredKernel(name)];
    void first.ready().then(() => setTabs({ first, second }));
    return () => void Promise.all([first.close(), second.close()]);
  }, []);
  if (tabs === undefined) return null;
  return (
    <>
      <div className="story row">
        <button
          disabled={isClosed}
          onClick={() => {
            setIsClosed(true);
            void tabs.first.close();
          }}
        >
          Close the first tab
        </button>
      </div>
      <KernelProvider kernel={tabs.second}>
        <SecondTab text={text} />
      </KernelProvider>
    </>
  );
}

const meta: Meta<typeof Takeover> = {
  title: 'Hooks/Takeover',
  component: Takeover,
  args: { text: 'buy milk' },
};
export default meta;

/** The kernel moves to the second tab. Nothing that was acknowledged is lost, and refs stay. */
export const Takeover_: StoryObj<typeof Takeover> = {
  name: 'Takeover',
  async play({ canvasElement }) {
    const page = within(canvasElement);
    const add = await page.findByRole('button', { name: /Add/ }, patient);
    await waitFor(() => expect(add).toBeEnabled(), patient);
    await userEvent.click(add);
    await page.findByText('buy milk', undefined, patient);
    await shows(canvasElement, 'Was handed over', 'false');
    await userEvent.click(page.getByRole('button', { name: 'Close the first tab' }));
    await shows(canvasElement, 'Was handed over', 'true');
    await shows(canvasElement, 'Phase', 'ready');
    await shows(canvasElement, 'Storage', 'file');
    await userEvent.click(add);
    await waitFor(() => expect(page.getAllByText('buy milk')).toHaveLength(2), patient);
  },
};
