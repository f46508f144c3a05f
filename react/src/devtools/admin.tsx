/** What panels share: the kernel's methods, its status, values that are read again when they may have changed, and what was asked of it. */
import {
  createContext,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
  type ReactNode,
} from 'react';
import type { ClientStatus, KernelClient } from '@vatkit/sdk';
import type { Kernel } from '@vatkit/sdk/kernel';

type Methods = {
  [
    M in keyof Kernel as Kernel[M] extends (...args: never[]) => unknown ? M : never
  ]: Kernel[M] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never;
};

/** Something that was asked of the kernel by a button or a form. */
export type Action = {
  id: number;
  what: string;
  at: number;
  state: 'running' | 'done' | 'failed';
  text?: string;
};

const ACTIONS_MAX = 50;

type Shared = {
  kernel: KernelClient;
  admin: Methods;
  actions: readonly Action[];
  /** Does `work`, and shows how it went. Resolves to whether it went well. */
  act: (what: string, work: () => Promise<unknown>) => Promise<boolean>;
  /** Rises with each action that has ended, and with what the kernel does: what is shown may be different now. */
  changes: number;
};

const SharedContext = createContext<Shared | undefined>(undefined);

export function AdminProvider({
  kernel,
  children,
}: {
  kernel: KernelClient;
  children: ReactNode;
}): ReactNode {
  const [actions, setActions] = useState<readonly Action[]>([]);
  const [changes, setChanges] = useState(0);
  const change = useCallback(() => setChanges((count) => count + 1), []);
  const lastId = useRef(0);
  const act = useCallback(
    async (what: string, work: () => Promise<unknown>): Promise<boolean> => {
      lastId.current += 1;
      const id = lastId.current;
      const end = (state: Action['state'], text: string): void => {
        setActions((all) => all.map((each) => (each.id === id ? { ...each, state, text } : each)));
        change();
      };
      setActions((all) =>
        [{ id, what, at: Date.now(), state: 'running' as const }, ...all].slice(0, ACTIONS_MAX),
      );
      try {
        end('done', show(await work()));
        return true;
      } catch (thrown) {
        end('failed', messageOf(thrown));
        return false;
      }
    },
    [change],
  );
  useActivity(kernel, change);
  const shared = useMemo(() => {
    const admin: unknown = kernel.admin;
    return { kernel, admin: admin as Methods, actions, act, changes };
  }, [kernel, actions, act, changes]);
  return <SharedContext.Provider value={shared}>{children}</SharedContext.Provider>;
}

/** Milliseconds between two questions for news, and between those to a kernel that cannot tell. */
const NEWS_MS = 100;
const NO_NEWS_MS = 1_000;

/** Calls `change` when the kernel has done something, while it runs and the page is seen. It never starts a kernel. */
function useActivity(kernel: KernelClient, change: () => void): void {
  const { phase, storeId } = useStatusOf(kernel);
  useEffect(() => {
    if (phase !== 'ready') return undefined;
    const end = new AbortController();
    const { signal } = end;
    const follow = async (): Promise<void> => {
      const admin = kernel.admin as unknown as Methods;
      let after: number | undefined;
      while (!signal.aborted) {
        await pageSeen(signal);
        try {
          after = await admin.awaitActivity(after === undefined ? {} : { after });
          await wait(NEWS_MS);
        } catch {
          await wait(NO_NEWS_MS);
        }
        if (!signal.aborted) change();
      }
    };
    void follow();
    return () => end.abort();
  }, [kernel, phase, storeId, change]);
}

const wait = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

const pageSeen = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (document.visibilityState === 'hidden' && !signal.aborted) return;
      document.removeEventListener('visibilitychange', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
    signal.addEventListener('abort', look);
    look();
  });

export function useShared(): Shared {
  const shared = useContext(SharedContext);
  if (shared === undefined) throw new Error('a panel stands outside of its shell');
  return shared;
}

export const useStatus = (): ClientStatus => useStatusOf(useShared().kernel);

function useStatusOf(kernel: KernelClient): ClientStatus {
  const subscribe = useCallback((listener: () => void) => kernel.subscribe(listener), [kernel]);
  return useSyncExternalStore(
    subscribe,
    () => kernel.status,
    () => kernel.status,
  );
}

export type Read<T> = { data: T | undefined; error: string | undefined; refresh: () => void };

/**
 * What `read` gives: again after each action, and when the kernel has done something. It never starts a kernel.
 *
 * @param read - the same function as long as it reads the same; it is given what it gave the last time.
 * @param restMs - between two readings at least.
 */
export function useRead<T>(read: (last: T | undefined) => Promise<T>, restMs = 200): Read<T> {
  const { changes } = useShared();
  const { phase, storeId, vats } = useStatus();
  const [state, setState] = useState<{ of: unknown; data?: T; error?: string }>({ of: read });
  const isReady = phase === 'ready';
  const again = useRef<(() => void) | undefined>(undefined);

  useEffect(() => {
    if (!isReady) return undefined;
    let isOver = false;
    let isWanted = false;
    let isReading = false;
    let known: T | undefined;
    const turn = async (): Promise<void> => {
      isWanted = true;
      if (isReading) return;
      isReading = true;
      while (isWanted && !isOver) {
        isWanted = false;
        try {
          known = await read(known);
          if (!isOver) setState({ of: read, data: known });
        } catch (thrown) {
          const error = messageOf(thrown);
          if (!isOver) setState({ of: read, error, ...(known !== undefined && { data: known }) });
        }
        await wait(restMs);
      }
      isReading = false;
    };
    again.current = () => void turn();
    return () => {
      isOver = true;
    };
  }, [read, restMs, isReady, storeId]);

  useEffect(() => again.current?.(), [read, restMs, isReady, storeId, vats, changes]);

  const refresh = useCallback(() => again.current?.(), []);
  return { data: state.of === read ? state.data : undefined, error: state.error, refresh };
}

export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const { code } = thrown as { code?: unknown };
  const { cause } = thrown;
  const because =
    cause instanceof Error && !thrown.message.includes(cause.message) ? ` (${cause.message})` : '';
  const text = `${thrown.message}${because}`;
  return typeof code === 'string' && !text.includes(code) ? `${code}: ${text}` : text;
}

/** A value as text that can be read. */
export function show(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'bigint' ? `${part}n` : part,
  );
}
