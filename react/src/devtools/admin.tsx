/** What panels share: the kernel's methods, its status, values that are read again and again, and what was asked of it. */
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
  /** Rises with each action that has ended: what is shown may be different now. */
  done: number;
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
  const [done, setDone] = useState(0);
  const lastId = useRef(0);
  const act = useCallback(async (what: string, work: () => Promise<unknown>): Promise<boolean> => {
    lastId.current += 1;
    const id = lastId.current;
    const end = (state: Action['state'], text: string): void => {
      setActions((all) => all.map((each) => (each.id === id ? { ...each, state, text } : each)));
      setDone((count) => count + 1);
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
  }, []);
  const shared = useMemo(() => {
    const admin: unknown = kernel.admin;
    return { kernel, admin: admin as Methods, actions, act, done };
  }, [kernel, actions, act, done]);
  return <SharedContext.Provider value={shared}>{children}</SharedContext.Provider>;
}

export function useShared(): Shared {
  const shared = useContext(SharedContext);
  if (shared === undefined) throw new Error('a panel stands outside of its shell');
  return shared;
}

export function useStatus(): ClientStatus {
  const { kernel } = useShared();
  const subscribe = useCallback((listener: () => void) => kernel.subscribe(listener), [kernel]);
  return useSyncExternalStore(
    subscribe,
    () => kernel.status,
    () => kernel.status,
  );
}

export type Read<T> = { data: T | undefined; error: string | undefined; refresh: () => void };

/**
 * What `read` gives: again after each action, each change of the kernel's status, and every so many milliseconds while the
 * page is seen. It never starts a kernel.
 *
 * @param read - the same function as long as it reads the same; it is given what it gave the last time.
 */
export function useRead<T>(read: (last: T | undefined) => Promise<T>, everyMs = 1_000): Read<T> {
  const { done } = useShared();
  const status = useStatus();
  const [state, setState] = useState<{ of: unknown; data?: T; error?: string }>({ of: read });
  const [asked, setAsked] = useState(0);
  const last = useRef<{ of: unknown; data: T | undefined }>({ of: read, data: undefined });
  const isReady = status.phase === 'ready';

  useEffect(() => {
    if (!isReady) return undefined;
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const turn = async (): Promise<void> => {
      if (typeof document === 'undefined' || document.visibilityState !== 'hidden') {
        const known = last.current.of === read ? last.current.data : undefined;
        try {
          const data = await read(known);
          if (isOver) return;
          last.current = { of: read, data };
          setState({ of: read, data });
        } catch (thrown) {
          if (isOver) return;
          setState({
            of: read,
            error: messageOf(thrown),
            ...(known !== undefined && { data: known }),
          });
        }
      }
      timer = setTimeout(() => void turn(), everyMs);
    };
    void turn();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [read, everyMs, isReady, status.storeId, status.vats, done, asked]);

  const refresh = useCallback(() => setAsked((count) => count + 1), []);
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
