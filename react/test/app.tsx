/** An app of all hooks, its components as apps have them, and what its user sees: the same on every React, compiled, and in a browser. */
import { Suspense, useState, type ReactNode } from 'react';
import { useQueryErrorResetBoundary } from '@tanstack/react-query';
import { fireEvent, render, screen, waitFor } from '@testing-library/react';
import { isKernelError, type KernelClient, type SubclusterDefinition } from '@vatkit/sdk';
import { expect } from 'vitest';
import {
  KernelProvider,
  useKernelStatus,
  useRemotePeer,
  useSubcluster,
  useSuspenseSubcluster,
  useSuspenseVatCall,
  useVatCall,
  useVatLive,
  useVatMutation,
} from '../src/index.js';
import { Boundary } from './boundary.js';
import { BoardRoot } from './vats/board.vat.gen.js';

type Board = { board: SubclusterDefinition<BoardRoot> };
type AppProps = Board & { kernel: KernelClient };

function App({ kernel, board }: AppProps): ReactNode {
  return (
    <KernelProvider kernel={kernel}>
      <Phase />
      <Items board={board} />
      <Resetting>
        <Suspense fallback={<output data-testid="length">wait</output>}>
          <Length board={board} />
        </Suspense>
      </Resetting>
    </KernelProvider>
  );
}

function Phase(): ReactNode {
  const phase = useKernelStatus((status) => status.phase);
  return <output data-testid="phase">{phase}</output>;
}

function Items({ board }: Board): ReactNode {
  const { data: sub, error, relaunch } = useSubcluster(board);
  const root = sub?.root;
  const [url, setUrl] = useState<string>();
  const issue = useVatMutation(BoardRoot.add, { on: root });
  const add = useVatMutation(BoardRoot.addLater, {
    on: root,
    optimistic: (cache, text) =>
      cache.update(BoardRoot.list, { on: root }, (items) => [
        ...items,
        { text: `${text}?`, done: false },
      ]),
  });
  const { data: items = [] } = useVatCall(BoardRoot.list, { on: root });
  const { data: count } = useVatLive(BoardRoot.count, { on: root });
  const peer = useRemotePeer(url, BoardRoot);
  const texts = items.map(({ text }) => text).join();
  return (
    <>
      <button type="button" onClick={() => void issue.send('milk')}>
        add
      </button>
      <button type="button" onClick={() => void add.send('tea')}>
        add later
      </button>
      <button type="button" onClick={() => void add.send('')}>
        add nothing
      </button>
      <button type="button" onClick={() => void root?.goOn()}>
        go on
      </button>
      <button type="button" onClick={relaunch}>
        relaunch
      </button>
      <input aria-label="URL" onChange={(event) => setUrl(event.target.value)} />
      <output data-testid="items">{texts}</output>
      <output data-testid="count">{count}</output>
      <output data-testid="peer">{peer.status}</output>
      <output data-testid="error">{isKernelError(error) ? error.code : add.error?.message}</output>
    </>
  );
}

function Resetting({ children }: { children: ReactNode }): ReactNode {
  const { reset } = useQueryErrorResetBoundary();
  return <Boundary onReset={reset}>{children}</Boundary>;
}

function Length({ board }: Board): ReactNode {
  const { data: sub } = useSuspenseSubcluster(board);
  const { data } = useSuspenseVatCall(BoardRoot.list, { on: sub.root });
  return <output data-testid="length">{data.length}</output>;
}

export const components: readonly unknown[] = [App, Phase, Items, Resetting, Length];

const patient = { timeout: 15_000, interval: 5 };
const shows = (wanted: { [testId: string]: string }): Promise<void> =>
  waitFor(() => {
    const shown = Object.keys(wanted).map((id) => [id, screen.getByTestId(id).textContent]);
    expect(Object.fromEntries(shown)).toStrictEqual(wanted);
  }, patient);
const press = (name: string | RegExp): void => {
  fireEvent.click(screen.getByRole('button', { name }));
};

/** Uses the app as its user would. */
export async function walkThrough(props: AppProps): Promise<void> {
  const { unmount } = render(<App {...props} />);
  expect(screen.getByTestId('length').textContent).toBe('wait');
  await shows({ phase: 'ready', items: '', length: '0', peer: 'disabled' });
  expect(props.kernel.status.subclusters).toHaveLength(1);

  press('add');
  await shows({ items: 'milk', count: '1', length: '1' });
  press('add later');
  await shows({ items: 'milk,tea?', count: '1' });
  press('go on');
  await shows({ items: 'milk,tea', count: '2', length: '2' });
  press('add nothing');
  await shows({ items: 'milk,tea,?' });
  press('go on');
  await shows({ items: 'milk,tea', error: 'no text' });

  const { root } = await props.kernel.launch(props.board);
  fireEvent.change(screen.getByLabelText('URL'), {
    target: { value: await props.kernel.issue(root) },
  });
  await shows({ peer: 'connected' });

  await props.kernel.terminate(props.board.name);
  await shows({ error: 'VAT_TERMINATED' });
  press(/terminated/);
  await shows({ items: '', length: '0' });
  expect(props.kernel.status.subclusters).toHaveLength(1);
  unmount();
}
