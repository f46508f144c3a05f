/** What an app may write, and what it may not: read by the compiler. */
import type { ReactNode } from 'react';
import {
  QueryClient,
  skipToken,
  useQueries,
  useQuery,
  useSuspenseQuery,
} from '@tanstack/react-query';
import type { Launched } from '@vatkit/sdk';
import { vatQueryOptions } from '@vatkit/sdk/query';
import {
  useRemotePeer,
  useSubcluster,
  useSuspenseSubcluster,
  useSuspenseVatCall,
  useVatCall,
  useVatLive,
  useVatMutation,
} from '../../src/index.js';
import { board, BoardRoot, Note, type Item } from '../vats/board.vat.gen.js';

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_equal: Equal<A, B>): void => undefined;

export function Use({ url }: { url: string | undefined }): ReactNode {
  const { data: sub } = useSubcluster(board);
  same<typeof sub, Launched<BoardRoot> | undefined>(true);
  const root = sub?.root;
  same<typeof root, BoardRoot | undefined>(true);

  const list = useVatCall(BoardRoot.list, { on: root, args: ['open'], refetchInterval: 1_000 });
  same<typeof list.data, Item[] | undefined>(true);
  same<typeof list.error, Error | null>(true);
  useVatCall(BoardRoot.list, { on: skipToken });
  useVatCall(BoardRoot.pageOf, { on: root, args: skipToken });
  const length = useVatCall(BoardRoot.list, { on: root, select: (items) => items.length });
  same<typeof length.data, number | undefined>(true);
  const none = useVatCall(BoardRoot.nothing, { on: root });
  same<typeof none.data, null | undefined>(true);
  const notes = useVatCall(BoardRoot.notes, { on: root });
  useVatCall(Note.read, { on: notes.data?.[0] });
  // @ts-expect-error no such filter
  useVatCall(BoardRoot.list, { on: root, args: ['closed'] });
  // @ts-expect-error it needs arguments
  useVatCall(BoardRoot.pageOf, { on: root });
  // @ts-expect-error a ref of another interface
  useVatCall(BoardRoot.list, { on: notes.data?.[0] });
  // @ts-expect-error a mutation
  useVatCall(BoardRoot.add, { on: root, args: ['x'] });
  // @ts-expect-error its key is made of what it asks
  useVatCall(BoardRoot.list, { on: root, queryKey: ['x'] });
  // @ts-expect-error what it asks is needed
  useVatCall(BoardRoot.list);

  const add = useVatMutation(BoardRoot.add, {
    on: root,
    optimistic(cache, text) {
      same<typeof text, string>(true);
      cache.update(BoardRoot.list, { on: root, args: ['all'] }, (items) => [
        ...items,
        { text, done: false },
      ]);
      // @ts-expect-error no item
      cache.update(BoardRoot.list, { on: root }, (items) => [...items, text]);
    },
    onSuccess: (count) => same<typeof count, bigint>(true),
  });
  const sent = add.send('milk');
  same<typeof sent, Promise<bigint>>(true);
  same<typeof add.data, bigint | undefined>(true);
  // @ts-expect-error it takes text
  void add.send(1);
  // @ts-expect-error it takes something
  void add.send();
  // @ts-expect-error a query
  useVatMutation(BoardRoot.list, { on: root });

  const count = useVatLive(BoardRoot.count, { on: root });
  same<typeof count.data, number | undefined>(true);
  const down = useVatLive(BoardRoot.countdown, { on: root, args: [3] });
  same<typeof down.data, number | undefined>(true);
  // @ts-expect-error a query
  useVatLive(BoardRoot.list, { on: root });

  // @ts-expect-error a mutation
  useVatLive(BoardRoot.add, { on: root, args: ['x'] });
  useVatLive(BoardRoot.countdown, { on: skipToken, args: skipToken });

  // Every option has the type that TanStack Query gives it.
  useVatCall(BoardRoot.list, {
    on: root,
    enabled: (query) => query.state.data?.[0]?.done !== true,
    refetchInterval(query) {
      same<typeof query.state.data, Item[] | undefined>(true);
      return false;
    },
    placeholderData: (before) => before,
    initialData: [],
    staleTime: 1_000,
    gcTime: Infinity,
    meta: { mine: true },
  });
  // @ts-expect-error no such method
  useVatCall(BoardRoot.nosuch, { on: root });
  // @ts-expect-error no such option
  useVatCall(BoardRoot.list, { on: root, polling: true });
  // @ts-expect-error text is no switch
  useVatCall(BoardRoot.list, { on: root, enabled: 'yes' });
  // @ts-expect-error text is no time
  useVatCall(BoardRoot.list, { on: root, refetchInterval: '1s' });
  // @ts-expect-error no items
  useVatCall(BoardRoot.list, { on: root, initialData: [1] });
  // @ts-expect-error no items
  useVatCall(BoardRoot.list, { on: root, placeholderData: 'none' });
  // @ts-expect-error a descriptor is no ref
  useVatMutation(BoardRoot.add, { on: BoardRoot });
  // @ts-expect-error a topic
  useVatMutation(BoardRoot.count, { on: root });
  // @ts-expect-error its function is the vat's method
  useVatMutation(BoardRoot.add, { on: root, mutationFn: () => Promise.resolve(1n) });

  const peer = useRemotePeer(url, Note);
  useRemotePeer(skipToken, Note);
  // @ts-expect-error no URL
  useRemotePeer(7, Note);
  same<typeof peer.ref, Note | undefined>(true);
  return null;
}

export function Suspended({ root }: { root: BoardRoot }): ReactNode {
  const { data } = useSuspenseVatCall(BoardRoot.list, { on: root });
  same<typeof data, Item[]>(true);
  // @ts-expect-error there must be a ref
  useSuspenseVatCall(BoardRoot.list, { on: undefined });
  // @ts-expect-error it is always enabled
  useSuspenseVatCall(BoardRoot.list, { on: root, enabled: false });
  // @ts-expect-error a mutation
  useSuspenseVatCall(BoardRoot.add, { on: root, args: ['x'] });
  // @ts-expect-error it cannot wait for what does not come
  useSuspenseVatCall(BoardRoot.list, { on: skipToken });
  // @ts-expect-error it cannot wait for what does not come
  useSuspenseSubcluster(undefined);
  const options = vatQueryOptions(BoardRoot.list, { on: root });
  same<ReturnType<typeof useQuery<Item[]>>['data'], Item[] | undefined>(true);
  const plain = useQuery(options);
  same<typeof plain.data, Item[] | undefined>(true);
  const suspended = useSuspenseQuery(options);
  same<typeof suspended.data, Item[]>(true);
  const [first] = useQueries({ queries: [options] });
  same<typeof first.data, Item[] | undefined>(true);
  const cached = new QueryClient().getQueryData(options.queryKey);
  same<typeof cached, Item[] | undefined>(true);
  void new QueryClient().prefetchQuery(options);
  return null;
}
