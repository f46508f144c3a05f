/** Hooks against a real kernel. */
import * as React from 'react';
import { Suspense, type ReactNode } from 'react';
import * as ReactDOM from 'react-dom';
import {
  QueryClient,
  skipToken,
  useInfiniteQuery,
  useQueries,
  useQueryErrorResetBoundary,
} from '@tanstack/react-query';
import { act, fireEvent, render, screen } from '@testing-library/react';
import { dup, isKernelError, release, type KernelClient } from '@vatkit/sdk';
import { vatInfiniteQueryOptions, vatQueryFilter, vatQueryOptions } from '@vatkit/sdk/query';
import { describe, expect, it, vi } from 'vitest';
import {
  KernelProvider,
  useKernel,
  useKernelStatus,
  useSubcluster,
  useSuspenseSubcluster,
  useSuspenseVatCall,
  useVatCall,
  useVatLive,
  useVatMutation,
} from '../src/index.js';
import { Boundary } from './boundary.js';
import {
  atEnd,
  board,
  eventually,
  isStrict,
  launchBoard,
  makeQueryClient,
  makeTestKernel,
  renderIn,
  sleep,
  type TestKernel,
} from './harness.js';
import { BoardRoot, Note } from './vats/board.vat.gen.js';

type Props = { root: BoardRoot | undefined };

const List = ({ root }: Props): ReactNode => {
  const { data, error, status } = useVatCall(BoardRoot.list, {
    on: root,
    select: (items) => items.map(({ text }) => text).join(),
  });
  return (
    <p>
      list {status}: {data} {error?.message}
    </p>
  );
};

const text = (start: string): string =>
  (screen.getByText((content) => content.startsWith(start)).textContent ?? '').trim();
const button = (): string => (screen.getByRole('button').textContent ?? '').trim();

/** How often `list` was asked; this is a read itself. */
const readsOf = (root: BoardRoot): Promise<number> =>
  new QueryClient().fetchQuery(vatQueryOptions(BoardRoot.reads, { on: root, gcTime: 0 }));

describe('useSubcluster', () => {
  it('launches once for all who ask, and the answers of its vats follow', async () => {
    const { client, kernels } = makeTestKernel();
    const App = (): ReactNode => {
      const { data: sub, status } = useSubcluster(board);
      const phase = useKernelStatus(({ phase: now }) => now);
      return (
        <>
          <p>
            launch {status} {phase}
          </p>
          <List root={sub?.root} />
        </>
      );
    };
    renderIn(
      <>
        <App />
      </>,
      { client },
    );
    expect(text('launch')).toBe('launch pending starting');
    expect(text('list')).toBe('list pending:');
    await eventually(() => expect(text('list')).toBe('list success:'));
    expect(text('launch')).toBe('launch success ready');
    expect(kernels[0]?.getSubclusters()).toHaveLength(1);
    const root = await launchBoard(client);
    await root.add('milk');
    await eventually(() => expect(text('list')).toBe('list success: milk'));
  });

  it('rests in its error after it was terminated, and launches again when told to', async () => {
    const { client } = makeTestKernel();
    const App = (): ReactNode => {
      const { data, status, error, relaunch } = useSubcluster(board);
      return (
        <button type="button" onClick={relaunch}>
          {status} {data?.action} {isKernelError(error) && error.code}
        </button>
      );
    };
    const { show } = renderIn(<App />, { client });
    await eventually(() => expect(button()).toMatch(/^success/));
    await client.terminate('board');
    await eventually(() => expect(button()).toBe('error  VAT_TERMINATED'));
    show(<App key="mounted again" />);
    await sleep(50);
    expect(button()).toBe('error  VAT_TERMINATED');
    fireEvent.click(screen.getByRole('button'));
    await eventually(() => expect(button()).toMatch(/^success/));
  });

  it('shows why it did not start', async () => {
    const { client } = makeTestKernel();
    const broken = { ...board, name: 'broken', config: { bootstrap: 'x', vats: {} } };
    const App = (): ReactNode => {
      const { error } = useSubcluster(broken);
      return <p>why: {isKernelError(error) && error.code}</p>;
    };
    renderIn(<App />, { client });
    await eventually(() => expect(text('why')).toBe('why: BAD_CONFIG'));
  });

  it('launches again from its name when its session is lost', async () => {
    const { client, die, kernels } = makeTestKernel();
    const App = (): ReactNode => {
      const { data: sub } = useSubcluster(board);
      const add = useVatMutation(BoardRoot.add, { on: sub?.root });
      return (
        <>
          <button type="button" onClick={() => void add.send('again')}>
            add
          </button>
          <List root={sub?.root} />
        </>
      );
    };
    renderIn(<App />, { client });
    await eventually(() => expect(text('list')).toBe('list success:'));
    fireEvent.click(screen.getByRole('button'));
    await eventually(() => expect(text('list')).toBe('list success: again'));
    await die();
    // What a kernel without storage knew is gone with it.
    await eventually(() => {
      expect(kernels.length).toBeGreaterThan(1);
      expect(text('list')).toBe('list success:');
    });
    fireEvent.click(screen.getByRole('button'));
    await eventually(() => expect(text('list')).toBe('list success: again'));
  });
});

describe('useVatCall', () => {
  it('is asked again after a change, and by no read', async () => {
    const { client } = makeTestKernel();
    const root = await launchBoard(client);
    renderIn(<List root={root} />, { client });
    await eventually(() => expect(text('list')).toBe('list success:'));
    const asked = await readsOf(root);
    await sleep(100);
    expect(await readsOf(root)).toBe(asked);
    await root.add('milk');
    await eventually(() => expect(text('list')).toBe('list success: milk'));
  });

  it('depends on every vat that its answer came from', async () => {
    const { client } = makeTestKernel();
    const root = await launchBoard(client);
    const other = await launchBoard(client, 'other');
    const App = (): ReactNode => {
      const { data } = useVatCall(BoardRoot.listOf, { on: root, args: [other] });
      return <p>other: {data?.length}</p>;
    };
    renderIn(<App />, { client });
    await eventually(() => expect(text('other')).toBe('other: 0'));
    await other.add('a');
    await eventually(() => expect(text('other')).toBe('other: 1'));
  });

  it('hears of a change in what it has read already, while it waits for another vat', async () => {
    const { client } = makeTestKernel();
    const root = await launchBoard(client);
    const other = await launchBoard(client, 'other');
    const App = (): ReactNode => {
      const { data } = useVatCall(BoardRoot.listAfter, { on: root, args: [other] });
      return <p>after: {data?.length}</p>;
    };
    renderIn(<App />, { client });
    await sleep(50);
    await root.add('meanwhile');
    await other.goOn();
    await eventually(() => expect(text('after')).toBe('after: 0'));
    await eventually(async () => {
      await other.goOn();
      expect(text('after')).toBe('after: 1');
    });
  });

  it('hears of what another client does', async () => {
    const { client, another } = makeTestKernel();
    renderIn(<List root={await launchBoard(client)} />, { client });
    await eventually(() => expect(text('list')).toBe('list success:'));
    await (await launchBoard(another())).add('theirs');
    await eventually(() => expect(text('list')).toBe('list success: theirs'));
  });

  it('renders on in a storm of commits, and ends on the last value', async () => {
    const { client } = makeTestKernel();
    const root = await launchBoard(client);
    const shown = new Set<string>();
    const App = (): ReactNode => {
      const { data = [] } = useVatCall(BoardRoot.list, { on: root });
      shown.add(String(data.length));
      return <p>length: {data.length}</p>;
    };
    renderIn(<App />, { client });
    await eventually(() => expect(text('length')).toBe('length: 0'));
    let last = 0n;
    for (let each = 0; each < 200; each += 1) {
      last = await root.add(`item ${each}`);
      await sleep(4);
    }
    await eventually(() => expect(text('length')).toBe(`length: ${last}`));
    expect(shown.size).toBeGreaterThan(20);
    expect(await readsOf(root)).toBeLessThan(230);
  });

  it.each([undefined, null, skipToken] as const)('does nothing on %s', async (on) => {
    const { client } = makeTestKernel();
    const App = (): ReactNode => {
      const { fetchStatus } = useVatCall(BoardRoot.list, { on });
      const { fetchStatus: live } = useVatLive(BoardRoot.count, { on });
      return (
        <p>
          now: {fetchStatus} {live}
        </p>
      );
    };
    renderIn(<App />, { client });
    await sleep(30);
    expect(text('now')).toBe('now: idle idle');
    expect(client.status.phase).toBe('idle');
  });

  it('tells an error, which heals by itself when the vat changes', async () => {
    const { client } = makeTestKernel();
    const root = await launchBoard(client);
    const App = (): ReactNode => {
      const { data, error } = useVatCall(BoardRoot.failIfEmpty, { on: root });
      return (
        <p>
          state: {data} {error?.message}
        </p>
      );
    };
    renderIn(<App />, { client });
    await eventually(() => expect(text('state')).toBe('state:  the board is empty'));
    await root.add('a');
    await eventually(() => expect(text('state')).toBe('state: 1'));
  });

  it('refuses what is no query, and what is no ref', () => {
    const { client } = makeTestKernel();
    const Wrong = (): ReactNode => {
      useVatCall(BoardRoot.add as never, { on: undefined, args: ['x'] as never });
      return null;
    };
    const NoRef = (): ReactNode => {
      useVatCall(BoardRoot.list, { on: 7 as never });
      return null;
    };
    const silence = vi.spyOn(console, 'error').mockReturnValue();
    atEnd(() => silence.mockRestore());
    renderIn(
      <>
        <Boundary>
          <Wrong />
        </Boundary>
        <Boundary>
          <NoRef />
        </Boundary>
      </>,
      { client },
    );
    const [wrong, noRef] = screen.getAllByRole('button').map(({ textContent }) => textContent);
    expect(wrong).toContain('BoardRoot.add is a mutation, not a query');
    expect(noRef).toContain('`on` is a number');
  });

  it('has keys for all arguments, and nothing where the vat answers nothing', async () => {
    const { client } = makeTestKernel();
    const root = await launchBoard(client);
    const App = (): ReactNode => {
      const bytes = new Uint8Array([1, 2, 255]);
      const { data } = useVatCall(BoardRoot.echo, {
        on: root,
        args: [5n, bytes, root, undefined, { b: 1, a: [NaN] }],
      });
      const { data: none } = useVatCall(BoardRoot.nothing, { on: root });
      return (
        <p>
          echo: {Array.isArray(data) && data.length}{' '}
          {Array.isArray(data) && data[2] === root && 'same'} {String(none)}
        </p>
      );
    };
    renderIn(<App />, { client });
    await eventually(() => expect(text('echo')).toBe('echo: 5 same null'));
  });

  it('holds the refs of an answer as long as it is cached', async () => {
    const { client } = makeTestKernel();
    const queryClient = makeQueryClient();
    const root = await launchBoard(client);
    release(await root.note('a'));
    const Text = ({ note }: { note: Note }): ReactNode => {
      const { data } = useVatCall(Note.read, { on: note });
      return <p>note: {data}</p>;
    };
    let seen: Note | undefined;
    const App = (): ReactNode => {
      const { data = [] } = useVatCall(BoardRoot.notes, { on: root, gcTime: 1 });
      if (data[0] !== undefined) seen = data[0];
      return data.map((note) => <Text key={JSON.stringify(note)} note={note} />);
    };
    const { unmount } = renderIn(<App />, { client, queryClient });
    await eventually(() => expect(text('note')).toBe('note: a'));
    const note = seen as Note;
    await note.edit('b');
    await eventually(() => expect(text('note')).toBe('note: b'));
    // Answers that come again hold it no longer than the last one.
    await root.add('x');
    await root.add('y');
    await sleep(50);
    expect(await note.read()).toBe('b');
    unmount();
    await eventually(async () => {
      await expect(note.read()).rejects.toMatchObject({ code: 'REF_RELEASED' });
    });
  });

  it('leaves a ref that the caller holds besides', async () => {
    const { client } = makeTestKernel();
    const queryClient = makeQueryClient();
    const root = await launchBoard(client);
    const note = dup(await root.note('a'));
    const App = (): ReactNode => {
      const { data = [] } = useVatCall(BoardRoot.notes, { on: root, gcTime: 1 });
      return <p>notes: {data.length}</p>;
    };
    const { unmount } = renderIn(<App />, { client, queryClient });
    await eventually(() => expect(text('notes')).toBe('notes: 1'));
    await root.forgetNotes();
    await eventually(() => expect(text('notes')).toBe('notes: 0'));
    unmount();
    await sleep(50);
    expect(await note.read()).toBe('a');
  });

  it('is not asked again by a kernel that closed', async () => {
    const { client } = makeTestKernel();
    renderIn(<List root={await launchBoard(client)} />, { client });
    await eventually(() => expect(text('list')).toBe('list success:'));
    await act(() => client.close());
    await sleep(50);
    expect(text('list')).toBe('list success:');
  });
});

describe('the factories by themselves', () => {
  it('serve prefetching, useQueries, useInfiniteQuery and filters', async () => {
    const { client } = makeTestKernel();
    const queryClient = makeQueryClient();
    const root = await launchBoard(client);
    for (let each = 0; each < 5; each += 1) await root.add(String(each));
    await queryClient.prefetchQuery(vatQueryOptions(BoardRoot.list, { on: root }));
    const { queryKey } = vatQueryOptions(BoardRoot.list, { on: root });
    expect(queryClient.getQueryData(queryKey)).toHaveLength(5);
    const App = (): ReactNode => {
      const [all, open] = useQueries({
        queries: [
          vatQueryOptions(BoardRoot.list, { on: root }),
          vatQueryOptions(BoardRoot.list, { on: root, args: ['open'] }),
        ],
      });
      const { data, fetchNextPage } = useInfiniteQuery(
        vatInfiniteQueryOptions(BoardRoot.pageOf, {
          on: root,
          args: (from: number): [number, number] => [from, 2],
          initialPageParam: 0,
          getNextPageParam: (page, _pages, from) => (page.length < 2 ? null : from + 2),
        }),
      );
      const shown = data?.pages.map((page) => page.map((item) => item.text).join()).join('|');
      return (
        <button type="button" onClick={() => void fetchNextPage()}>
          {all.data?.length} {open.data?.length} {shown}
        </button>
      );
    };
    renderIn(<App />, { client, queryClient });
    await eventually(() => expect(button()).toBe('5 5 0,1'));
    fireEvent.click(screen.getByRole('button'));
    await eventually(() => expect(button()).toBe('5 5 0,1|2,3'));
    await root.add('5');
    await eventually(() => expect(button()).toBe('6 6 0,1|2,3'));
    const count = (filter: object): number => queryClient.getQueryCache().findAll(filter).length;
    expect(count(vatQueryFilter({ on: root }))).toBe(3);
    expect(count(vatQueryFilter({ method: BoardRoot.list }))).toBe(2);
    expect(count(vatQueryFilter({ method: BoardRoot.list, args: ['open'] }))).toBe(1);
    expect(count(vatQueryFilter({ kernel: client.name }))).toBe(3);
    expect(count(vatQueryFilter({ kernel: 'another' }))).toBe(0);
    const [vat = {}] = client.status.vats;
    expect(count(vatQueryFilter({ vat }))).toBe(3);
    expect(count(vatQueryFilter({ vat: { opaqueId: 'another' } }))).toBe(0);
    expect(count(vatQueryFilter({ vat: {} }))).toBe(0);
    await queryClient.invalidateQueries({ ...vatQueryFilter({ vat }), refetchType: 'none' });
    const { isInvalidated } = queryClient.getQueryState(queryKey) ?? {};
    expect(isInvalidated).toBe(true);
  });

  it('keep a prefetched answer current, without asking while nobody looks', async () => {
    const { client } = makeTestKernel();
    const queryClient = makeQueryClient();
    const root = await launchBoard(client);
    const options = vatQueryOptions(BoardRoot.list, { on: root });
    await queryClient.prefetchQuery(options);
    const asked = await readsOf(root);
    await root.add('a');
    await sleep(100);
    expect(await readsOf(root)).toBe(asked);
    expect(queryClient.getQueryState(options.queryKey)?.isInvalidated).toBe(true);
    expect(await queryClient.fetchQuery(options)).toHaveLength(1);
  });
});

it('two caches that are given the same options keep their refs apart', async () => {
  const { client } = makeTestKernel();
  const root = await launchBoard(client);
  release(await root.note('a'));
  const options = vatQueryOptions(BoardRoot.notes, { on: root });
  const [one, other] = [makeQueryClient(), makeQueryClient()];
  await one.fetchQuery(options);
  const [note] = await other.fetchQuery(options);
  one.clear();
  await sleep(20);
  expect(await note?.read()).toBe('a');
});

describe('useVatMutation', () => {
  it('shows a guess at once, and what the vat says in its place', async () => {
    const { client } = makeTestKernel();
    const root = await launchBoard(client);
    const App = (): ReactNode => {
      const add = useVatMutation(BoardRoot.addLater, {
        on: root,
        optimistic: (cache, name) =>
          cache.update(BoardRoot.list, { on: root }, (items) => [
            ...items,
            { text: `${name}?`, done: false },
          ]),
      });
      return (
        <>
          <button type="button" onClick={() => void add.send('milk')}>
            good
          </button>
          <button type="button" onClick={() => void add.send('')}>
            bad
          </button>
          <p>
            sent: {add.status} {add.error?.message}
          </p>
          <List root={root} />
        </>
      );
    };
    renderIn(<App />, { client });
    await eventually(() => expect(text('list')).toBe('list success:'));
    fireEvent.click(screen.getByText('good'));
    await eventually(() => expect(text('list')).toBe('list success: milk?'));
    // An answer that comes meanwhile does not take the guess away.
    await root.add('bread');
    await eventually(() => expect(text('list')).toBe('list success: bread,milk?'));
    await root.goOn();
    await eventually(() => expect(text('list')).toBe('list success: bread,milk'));
    expect(text('sent')).toBe('sent: success');
    fireEvent.click(screen.getByText('bad'));
    await eventually(() => expect(text('list')).toBe('list success: bread,milk,?'));
    await root.goOn();
    await eventually(() => expect(text('sent')).toBe('sent: error no text'));
    await eventually(() => expect(text('list')).toBe('list success: bread,milk'));
  });

  it('rejects without a ref, and is sent once however it ends', async () => {
    const { client } = makeTestKernel();
    const root = await launchBoard(client);
    const fetches: unknown[] = [];
    const App = ({ on }: { on: BoardRoot | undefined }): ReactNode => {
      const add = useVatMutation(BoardRoot.add, { on });
      return (
        <button
          type="button"
          onClick={() => void add.send('x').catch((error: Error) => fetches.push(error.message))}
        >
          {add.status}
        </button>
      );
    };
    const queryClient = new QueryClient({ defaultOptions: { mutations: { retry: 3 } } });
    const { show } = renderIn(<App on={undefined} />, { client, queryClient });
    fireEvent.click(screen.getByRole('button'));
    await eventually(() => expect(fetches).toHaveLength(1));
    expect(fetches[0]).toContain('Cannot call BoardRoot.add');
    show(<App on={root} />);
    fireEvent.click(screen.getByRole('button'));
    await eventually(() => expect(button()).toBe('success'));
    expect(await root.list()).toHaveLength(1);
  });

  it('invalidates what it is told to', async () => {
    const { client } = makeTestKernel();
    const queryClient = makeQueryClient();
    const root = await launchBoard(client);
    queryClient.setQueryData(['mine'], 1);
    const App = (): ReactNode => {
      const add = useVatMutation(BoardRoot.add, {
        on: root,
        invalidates: [{ queryKey: ['mine'] }, BoardRoot.list],
      });
      return (
        <button type="button" onClick={() => void add.send('x')}>
          {add.status}
        </button>
      );
    };
    renderIn(<App />, { client, queryClient });
    fireEvent.click(screen.getByRole('button'));
    await eventually(() => expect(queryClient.getQueryState(['mine'])?.isInvalidated).toBe(true));
  });
});

describe('useVatLive', () => {
  const Count = ({ root }: Props): ReactNode => {
    const { data, status } = useVatLive(BoardRoot.count, { on: root });
    return (
      <p>
        count {status}: {data}
      </p>
    );
  };

  it('follows a topic from its last value on, and makes no query ask again', async () => {
    const { client } = makeTestKernel();
    const root = await launchBoard(client);
    await root.add('a');
    const { show } = renderIn(
      <>
        <Count root={root} />
        <List root={root} />
      </>,
      { client },
    );
    await eventually(() => expect(text('count')).toBe('count success: 1'));
    await eventually(() => expect(text('list')).toBe('list success: a'));
    const asked = await readsOf(root);
    await sleep(100);
    expect(await readsOf(root)).toBe(asked);
    await root.add('b');
    await eventually(() => expect(text('count')).toBe('count success: 2'));
    show(<p>away</p>);
    await root.add('c');
    show(<Count root={root} />);
    await eventually(() => expect(text('count')).toBe('count success: 3'));
  });

  it('goes on when the vat restarts', async () => {
    const { client } = makeTestKernel();
    const root = await launchBoard(client);
    await root.add('a');
    renderIn(<Count root={root} />, { client });
    await eventually(() => expect(text('count')).toBe('count success: 1'));
    await client.admin.restartVat('v1');
    await root.add('b');
    await eventually(() => expect(text('count')).toBe('count success: 2'));
  });

  it('reads an async iterator to its end', async () => {
    const { client } = makeTestKernel();
    const root = await launchBoard(client);
    const App = (): ReactNode => {
      const { data } = useVatLive(BoardRoot.countdown, { on: root, args: [3] });
      return <p>at: {data}</p>;
    };
    renderIn(<App />, { client });
    await eventually(() => expect(text('at')).toBe('at: 0'));
  });
});

describe('suspense', () => {
  const Inner = (): ReactNode => {
    const { data: sub } = useSuspenseSubcluster(board);
    const { data } = useSuspenseVatCall(BoardRoot.list, { on: sub.root });
    return <p>items: {data.length}</p>;
  };

  it('waits, and then is live', async () => {
    const { client } = makeTestKernel();
    renderIn(
      <Suspense fallback={<p>wait</p>}>
        <Inner />
      </Suspense>,
      { client },
    );
    expect(text('wait')).toBe('wait');
    await eventually(() => expect(text('items')).toBe('items: 0'));
    await (await launchBoard(client)).add('a');
    await eventually(() => expect(text('items')).toBe('items: 1'));
  });

  it('throws to a boundary, which begins anew when it is reset', async () => {
    const { client } = makeTestKernel();
    const silence = vi.spyOn(console, 'error').mockReturnValue();
    atEnd(() => silence.mockRestore());
    const App = (): ReactNode => {
      const { reset } = useQueryErrorResetBoundary();
      return (
        <Boundary onReset={reset}>
          <Suspense fallback={<p>wait</p>}>
            <Inner />
          </Suspense>
        </Boundary>
      );
    };
    renderIn(<App />, { client });
    await eventually(() => expect(text('items')).toBe('items: 0'));
    await client.terminate('board');
    await eventually(() => expect(button()).toContain('VAT_TERMINATED'));
    fireEvent.click(screen.getByRole('button'));
    await eventually(() => expect(text('items')).toBe('items: 0'));
  });
});

const deaths: { how: string; code: RegExp; end: (kernel: TestKernel) => Promise<void> }[] = [
  {
    how: 'is closed',
    code: /KERNEL_CLOSED\] This client was closed$/,
    end: ({ client }) => client.close(),
  },
  {
    how: 'dies and does not start again',
    code: /: there is no kernel any more/,
    async end({ refuse, die }) {
      refuse();
      await die();
    },
  },
];
it.each(deaths)(
  'a kernel that $how throws to a boundary, which resets with another kernel',
  async ({ code, end }) => {
    const [one, other] = [makeTestKernel(), makeTestKernel()];
    const silence = vi.spyOn(console, 'error').mockReturnValue();
    atEnd(() => silence.mockRestore());
    const Length = (): ReactNode => {
      const { data: sub } = useSuspenseSubcluster(board);
      const { data } = useSuspenseVatCall(BoardRoot.list, { on: sub.root });
      return <p>items: {data.length}</p>;
    };
    const App = (): ReactNode => {
      const [kernel, setKernel] = React.useState(one.client);
      const { reset } = useQueryErrorResetBoundary();
      const begin = (): void => {
        setKernel(other.client);
        reset();
      };
      return (
        <KernelProvider kernel={kernel}>
          <Boundary onReset={begin}>
            <Suspense fallback={<p>wait</p>}>
              <Length />
            </Suspense>
          </Boundary>
        </KernelProvider>
      );
    };
    renderIn(<App />, one);
    await eventually(() => expect(text('items')).toBe('items: 0'));
    await (await launchBoard(one.client)).add('gone');
    await eventually(() => expect(text('items')).toBe('items: 1'));
    await act(() => end(one));
    await eventually(() => expect(button()).toMatch(code));
    fireEvent.click(screen.getByRole('button'));
    await eventually(() => expect(text('items')).toBe('items: 0'));
    await (await launchBoard(other.client)).add('a');
    await eventually(() => expect(text('items')).toBe('items: 1'));
  },
);

describe('KernelProvider', () => {
  const Name = ({ tell }: { tell: (kernel: KernelClient) => void }): ReactNode => {
    const kernel = useKernel();
    tell(kernel);
    return <p>name: {kernel.name}</p>;
  };

  it('is needed', () => {
    const silence = vi.spyOn(console, 'error').mockReturnValue();
    atEnd(() => silence.mockRestore());
    expect(() => render(<Name tell={() => undefined} />)).toThrow('put a <KernelProvider');
  });

  it('shares one kernel of a name, and starts none', () => {
    const { client } = makeTestKernel();
    const { client: unused } = makeTestKernel();
    const twin = { ...unused, name: client.name, status: unused.status } as KernelClient;
    const seen = new Set<KernelClient>();
    const tell = (kernel: KernelClient): void => void seen.add(kernel);
    renderIn(
      <>
        <Name tell={tell} />
        <KernelProvider kernel={twin}>
          <Name tell={tell} />
        </KernelProvider>
      </>,
      { client },
    );
    expect([...seen]).toStrictEqual([client]);
    expect(client.status.phase).toBe('idle');
  });

  it('closes what it made, a second after the last mount', async () => {
    const made: KernelClient[] = [];
    const make = (): KernelClient => {
      const { client } = makeTestKernel();
      made.push(client);
      return client;
    };
    const { rerender, unmount } = renderIn(null, makeTestKernel());
    const app = (key: string): ReactNode => (
      <KernelProvider key={key} kernel={make}>
        <Name tell={() => undefined} />
      </KernelProvider>
    );
    rerender(app('a'));
    await sleep(20);
    const used = made.find(({ name }) => text('name').endsWith(name)) as KernelClient;
    unmount();
    await sleep(500);
    expect(used.status.phase).toBe('idle');
    await eventually(() => expect(used.status.phase).toBe('closed'));
  });
});

it('runs in the mode, and on the React, that the project says', () => {
  let renders = 0;
  const Counted = (): ReactNode => {
    renders += 1;
    return null;
  };
  renderIn(<Counted />, makeTestKernel());
  expect(renders).toBe(isStrict ? 2 : 1);
  expect(React.version.startsWith(process.env.VATKIT_REACT ?? '19')).toBe(true);
  expect(ReactDOM.version).toBe(React.version);
});
