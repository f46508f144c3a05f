/** A page that a server renders, and that goes on in the browser. */
import { Suspense, type ReactNode } from 'react';
import { act, screen } from '@testing-library/react';
import { hydrateRoot } from 'react-dom/client';
import { renderToPipeableStream } from 'react-dom/server';
import { Writable } from 'node:stream';
import { expect, it, vi } from 'vitest';
import {
  KernelProvider,
  useKernelStatus,
  useSubcluster,
  useSuspenseSubcluster,
  useSuspenseVatCall,
  useVatCall,
  useVatLive,
} from '../src/index.js';
import { atEnd, board, eventually, makeTestKernel } from './harness.js';
import { BoardRoot } from './vats/board.vat.gen.js';

const Plain = (): ReactNode => {
  const { data: sub } = useSubcluster(board);
  const { data } = useVatCall(BoardRoot.list, { on: sub?.root });
  const { status } = useVatLive(BoardRoot.count, { on: sub?.root });
  const phase = useKernelStatus((now) => now.phase);
  return (
    <p data-testid="plain">
      {phase} {data?.length ?? 'none'} {status}
    </p>
  );
};

const Waiting = (): ReactNode => {
  const { data: sub } = useSuspenseSubcluster(board);
  const { data } = useSuspenseVatCall(BoardRoot.list, { on: sub.root });
  return <p data-testid="waiting">{data.length}</p>;
};

const renderOnServer = (ui: ReactNode): Promise<{ html: string; errors: unknown[] }> =>
  new Promise((resolve, reject) => {
    let html = '';
    const errors: unknown[] = [];
    const sink = new Writable({
      write(chunk, _encoding, done) {
        html += String(chunk);
        done();
      },
      final(done) {
        resolve({ html, errors });
        done();
      },
    });
    const { pipe } = renderToPipeableStream(ui, {
      onShellError: reject,
      onError: (error) => void errors.push(error),
      onAllReady: () => pipe(sink),
    });
  });

it('renders fallbacks, starts nothing, and hydrates without a mismatch', async () => {
  const { client } = makeTestKernel();
  const app = (
    <KernelProvider kernel={client}>
      <Plain />
      <Suspense fallback={<p data-testid="waiting">wait</p>}>
        <Waiting />
      </Suspense>
    </KernelProvider>
  );
  const { html, errors } = await renderOnServer(app);
  expect(html).toContain('idle');
  expect(html).toContain('none');
  expect(html).toContain('wait');
  expect(errors).toMatchObject([{ code: 'SERVER_RENDER' }]);
  expect(client.status.phase).toBe('idle');

  const complaint = vi.spyOn(console, 'error').mockReturnValue();
  atEnd(() => complaint.mockRestore());
  const container = document.createElement('div');
  document.body.append(container);
  container.innerHTML = html;
  const recovered: Error[] = [];
  const root = await act(() =>
    hydrateRoot(container, app, {
      onRecoverableError: (error) => void recovered.push(error as Error),
    }),
  );
  atEnd(() => {
    act(() => root.unmount());
    container.remove();
  });
  await eventually(() => {
    expect(screen.getByTestId('plain').textContent).toBe('ready 0 pending');
    expect(screen.getByTestId('waiting').textContent).toBe('0');
  });
  expect(complaint.mock.calls.flat().map(String).join('\n')).not.toMatch(/hydrat|did not match/i);
  // The boundary that the server left to the page, and nothing else.
  for (const { message } of recovered) expect(message).not.toMatch(/hydrat|did not match/i);
});
