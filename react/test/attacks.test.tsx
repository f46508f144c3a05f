/** What components do to hooks when they are many, quick, careless or wrong. */
import { Suspense, useState, type ReactNode } from 'react';
import { QueryClientProvider } from '@tanstack/react-query';
import { act, fireEvent, screen } from '@testing-library/react';
import { release } from '@vatkit/sdk';
import { vatInfiniteQueryOptions, vatQueryOptions } from '@vatkit/sdk/query';
import { expect, it, vi } from 'vitest';
import {
  KernelProvider,
  useKernel,
  useSubcluster,
  useSuspenseSubcluster,
  useVatCall,
  useVatMutation,
} from '../src/index.js';
import {
  atEnd,
  board,
  eventually,
  launchBoard,
  makeQueryClient,
  makeTestKernel,
  renderIn,
} from './harness.js';
import { BoardRoot, Note } from './vats/board.vat.gen.js';

const shown = (name: string): string => screen.getByTestId(name).textContent ?? '';

it('1,000 components on the same and on other queries ask once for each, and leave nothing behind', async () => {
  const { client } = makeTestKernel();
  const queryClient = makeQueryClient();
  const root = await launchBoard(client);
  release(await root.note('kept'));
  const Echo = ({ value }: { value: number }): ReactNode => {
    const { data } = useVatCall(BoardRoot.echo, { on: root, args: [value], gcTime: 1 });
    return data === undefined ? null : '.';
  };
  let seen: Note | undefined;
  const Same = (): ReactNode => {
    const { data } = useVatCall(BoardRoot.notes, { on: root, gcTime: 1 });
    const { data: items } = useVatCall(BoardRoot.list, { on: root, gcTime: 1 });
    seen = data?.[0] ?? seen;
    return data === undefined || items === undefined ? null : '.';
  };
  const many = Array.from({ length: 500 }, (_, each) => each);
  const { unmount } = renderIn(
    <p data-testid="all">
      {many.map((each) => (
        <Echo key={each} value={each % 100} />
      ))}
      {many.map((each) => (
        <Same key={each} />
      ))}
    </p>,
    { client, queryClient },
  );
  await eventually(() => expect(shown('all')).toHaveLength(1_000));
  expect(await root.reads()).toBe(1);
  expect(queryClient.getQueryCache().getAll()).toHaveLength(102);
  const note = seen as Note;
  expect(await note.read()).toBe('kept');
  unmount();
  await eventually(() => expect(queryClient.getQueryCache().getAll()).toHaveLength(0));
  await expect(note.read()).rejects.toMatchObject({ code: 'REF_RELEASED' });
});

it('a component that leaves during a launch leaves it to the next, who launches nothing anew', async () => {
  const { client, kernels } = makeTestKernel();
  const Launch = (): ReactNode => {
    const { status } = useSubcluster(board);
    return <p data-testid="launch">{status}</p>;
  };
  const Wait = (): ReactNode => {
    useSuspenseSubcluster(board);
    return <p data-testid="waited">there</p>;
  };
  const queryClient = makeQueryClient();
  const { show } = renderIn(
    <>
      <Launch />
      <Suspense fallback="wait">
        <Wait />
      </Suspense>
    </>,
    { client, queryClient },
  );
  expect(shown('launch')).toBe('pending');
  show(null);
  show(<Launch />);
  show(null);
  await client.ready();
  show(
    <Suspense fallback="wait">
      <Wait />
    </Suspense>,
  );
  await eventually(() => expect(shown('waited')).toBe('there'));
  expect(kernels).toHaveLength(1);
  expect(kernels[0]?.getSubclusters()).toHaveLength(1);
});

it('arguments that cannot pass are an error with their place, and no crash', async () => {
  const { client } = makeTestKernel();
  const root = await launchBoard(client);
  class Box {
    inside = 1;
  }
  const makeCyclic = (): object => {
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    return cyclic;
  };
  // Made anew at each render, as a component does that writes them where it uses them.
  const wrong = [() => new Map([[1, 2]]), () => new Box(), makeCyclic, () => () => 1];
  const One = ({ make, at }: { make: () => unknown; at: number }): ReactNode => {
    const value = make();
    const { error } = useVatCall(BoardRoot.echo, { on: root, args: [{ deep: [value] }] });
    const add = useVatMutation(BoardRoot.add, { on: root });
    return (
      <>
        <p data-testid={`call ${at}`}>{error?.message}</p>
        <button type="button" onClick={() => void add.send({ deep: [value] } as never)}>
          send
        </button>
        <p data-testid={`sent ${at}`}>{add.error?.message}</p>
      </>
    );
  };
  renderIn(
    wrong.map((make, at) => <One key={at} make={make} at={at} />),
    { client },
  );
  for (const button of screen.getAllByRole('button')) fireEvent.click(button);
  const found = [/Map/, /Box/, /cycl|itself/i, /function/];
  for (const [at, what] of found.entries()) {
    await eventually(() => {
      for (const text of [shown(`call ${at}`), shown(`sent ${at}`)]) {
        expect(text).toMatch(what);
        expect(text).toContain('deep[0]');
      }
    });
  }
  expect(await root.list()).toStrictEqual([]);
});

it('a ref that was released says so, and one that comes in its place is asked', async () => {
  const { client } = makeTestKernel();
  const root = await launchBoard(client);
  const [gone, kept] = [await root.note('gone'), await root.note('kept')];
  release(gone);
  const Read = ({ note }: { note: Note | undefined }): ReactNode => {
    const { data, error, fetchStatus } = useVatCall(Note.read, { on: note });
    return (
      <p data-testid="read">
        {fetchStatus} {data} {(error as { code?: string } | null)?.code}
      </p>
    );
  };
  const { show } = renderIn(<Read note={gone} />, { client });
  await eventually(() => expect(shown('read')).toContain('REF_RELEASED'));
  for (const note of [undefined, kept, undefined, gone, kept, undefined])
    show(<Read note={note} />);
  expect(shown('read').trim()).toBe('idle');
  for (const note of [gone, undefined, kept]) show(<Read note={note} />);
  await eventually(() => expect(shown('read').trim()).toBe('idle kept'));
});

it('another kernel, or another cache, below a provider is asked like the first', async () => {
  const [one, other] = [makeTestKernel().client, makeTestKernel().client];
  await (await launchBoard(one)).add('one');
  await (await launchBoard(other)).add('other');
  const App = (): ReactNode => {
    const { name } = useKernel();
    const { data: sub } = useSubcluster(board);
    const { data } = useVatCall(BoardRoot.list, { on: sub?.root });
    return (
      <p data-testid="app">
        {name} {data?.map(({ text }) => text).join()}
      </p>
    );
  };
  const app = (kernel: typeof one, cache: ReturnType<typeof makeQueryClient>): ReactNode => (
    <QueryClientProvider client={cache}>
      <KernelProvider kernel={kernel}>
        <App />
      </KernelProvider>
    </QueryClientProvider>
  );
  const [first, second] = [makeQueryClient(), makeQueryClient()];
  const { show } = renderIn(app(one, first), { client: one });
  await eventually(() => expect(shown('app')).toBe(`${one.name} one`));
  show(app(other, first));
  // Nothing of one kernel is ever shown below the name of another.
  expect(shown('app')).not.toContain(' one');
  await eventually(() => expect(shown('app')).toBe(`${other.name} other`));
  show(app(other, second));
  await eventually(() => expect(shown('app')).toBe(`${other.name} other`));
  await (await launchBoard(other)).add('more');
  await eventually(() => expect(shown('app')).toBe(`${other.name} other,more`));
  show(app(one, second));
  await eventually(() => expect(shown('app')).toBe(`${one.name} one`));
});

it('a select that throws is an error and heals; one that makes a new object each time settles', async () => {
  const { client } = makeTestKernel();
  const root = await launchBoard(client);
  let renders = 0;
  const Fresh = (): ReactNode => {
    renders += 1;
    const { data } = useVatCall(BoardRoot.list, {
      on: root,
      select: (items) => ({ texts: items.map(({ text }) => text) }),
    });
    return <p data-testid="fresh">{data?.texts.join()}</p>;
  };
  const Strict = (): ReactNode => {
    const { data, error } = useVatCall(BoardRoot.list, {
      on: root,
      select(items) {
        if (items.length === 0) throw new Error('nothing to select');
        return items.length;
      },
    });
    return <p data-testid="strict">{error?.message ?? data}</p>;
  };
  renderIn(
    <>
      <Fresh />
      <Strict />
    </>,
    { client },
  );
  await eventually(() => expect(shown('strict')).toBe('nothing to select'));
  await root.add('a');
  await eventually(() => expect(shown('strict')).toBe('1'));
  await eventually(() => expect(shown('fresh')).toBe('a'));
  expect(renders).toBeLessThan(20);
});

it('the factories serve ensureQueryData, and infinite queries that were prefetched', async () => {
  const { client } = makeTestKernel();
  const queryClient = makeQueryClient();
  const root = await launchBoard(client);
  await root.add('a');
  const options = vatQueryOptions(BoardRoot.list, { on: root });
  expect(await queryClient.ensureQueryData(options)).toHaveLength(1);
  const before = await root.reads();
  expect(await queryClient.ensureQueryData(options)).toHaveLength(1);
  expect(await root.reads()).toBe(before);
  const pages = await queryClient.fetchInfiniteQuery({
    ...vatInfiniteQueryOptions(BoardRoot.pageOf, {
      on: root,
      args: (from: number): [number, number] => [from, 1],
      initialPageParam: 0,
      getNextPageParam: () => 1,
    }),
    pages: 2,
  } as never);
  expect(pages).toMatchObject({ pages: [[{ text: 'a' }], []], pageParams: [0, 1] });
});

it('options of a query pass through: enabled, initialData, placeholderData, refetchInterval', async () => {
  const { client } = makeTestKernel();
  const root = await launchBoard(client);
  const App = (): ReactNode => {
    const [isOn, setOn] = useState(false);
    const off = useVatCall(BoardRoot.list, { on: root, enabled: isOn, placeholderData: [] });
    const given = useVatCall(BoardRoot.pageOf, { on: root, args: [0, 9], initialData: [] });
    useVatCall(BoardRoot.list, { on: root, args: ['open'], refetchInterval: 5 });
    return (
      <button data-testid="options" type="button" onClick={() => setOn(true)}>
        {String(off.isPlaceholderData)} {off.data?.length} {given.data?.length}
      </button>
    );
  };
  renderIn(<App />, { client });
  expect(shown('options')).toBe('true 0 0');
  await eventually(async () => expect(await root.reads()).toBeGreaterThan(5));
  expect(shown('options')).toBe('true 0 0');
  fireEvent.click(screen.getByTestId('options'));
  await eventually(() => expect(shown('options')).toBe('false 0 0'));
});

it('a guess on data that were given at first, before any answer, is undone to them', async () => {
  const { client } = makeTestKernel();
  const [root, other] = [await launchBoard(client), await launchBoard(client, 'other')];
  const queryClient = makeQueryClient();
  const { queryKey } = vatQueryOptions(BoardRoot.listAfter, { on: root, args: [other] });
  queryClient.setQueryData(queryKey, [{ text: 'given', done: false }]);
  const App = (): ReactNode => {
    const { data, isFetching } = useVatCall(BoardRoot.listAfter, {
      on: root,
      args: [other],
      staleTime: 0,
    });
    const add = useVatMutation(BoardRoot.addLater, {
      on: root,
      optimistic: (cache, text) =>
        cache.update(BoardRoot.listAfter, { on: root }, (items) => [
          ...items,
          { text: `${text}?`, done: false },
        ]),
    });
    return (
      <button data-testid="given" type="button" onClick={() => void add.send('')}>
        {`${String(isFetching)} ${add.status} ${data?.map(({ text }) => text).join()}`}
      </button>
    );
  };
  renderIn(<App />, { client, queryClient });
  await eventually(() => expect(shown('given')).toBe('true idle given'));
  fireEvent.click(screen.getByTestId('given'));
  await eventually(() => expect(shown('given')).toBe('true pending given,?'));
  await eventually(async () => {
    await root.goOn();
    expect(shown('given')).toBe('true error given');
  });
  await eventually(async () => {
    await other.goOn();
    expect(shown('given')).toBe('false error ');
  });
});

it('a query whose answer is to stay as it is stays, and others go on', async () => {
  const { client } = makeTestKernel();
  const root = await launchBoard(client);
  const App = (): ReactNode => {
    const kept = useVatCall(BoardRoot.list, { on: root, args: ['open'], staleTime: 'static' });
    const live = useVatCall(BoardRoot.list, { on: root });
    return <p data-testid="kept">{`${kept.data?.length} ${live.data?.length}`}</p>;
  };
  renderIn(<App />, { client });
  await eventually(() => expect(shown('kept')).toBe('0 0'));
  await root.add('a');
  await eventually(() => expect(shown('kept')).toBe('0 1'));
  await root.add('b');
  await eventually(() => expect(shown('kept')).toBe('0 2'));
});

it('a component whose module is evaluated again goes on in the same launch', async () => {
  const { client, kernels } = makeTestKernel();
  const complaint = vi.spyOn(console, 'error');
  atEnd(() => complaint.mockRestore());
  // Each evaluation makes components, a definition, and often a client anew.
  const evaluate = () =>
    function App(): ReactNode {
      const { data: sub } = useSubcluster({ ...board, config: { ...board.config } });
      const { data } = useVatCall(BoardRoot.list, { on: sub?.root });
      return <p data-testid="app">{data?.length}</p>;
    };
  const [First, Second] = [evaluate(), evaluate()];
  const { show } = renderIn(<First />, { client });
  await eventually(() => expect(shown('app')).toBe('0'));
  const [one] = kernels[0]?.getSubclusters() ?? [];
  await (await launchBoard(client)).add('kept');
  await eventually(() => expect(shown('app')).toBe('1'));
  show(<Second />);
  await act(async () => undefined);
  expect(shown('app')).toBe('1');
  expect(kernels[0]?.getSubclusters()).toMatchObject([{ id: one?.id }]);
  expect(complaint).not.toHaveBeenCalled();
});
