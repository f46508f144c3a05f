import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { QueryClient, QueryClientContext, QueryClientProvider } from '@tanstack/react-query';
import type { KernelClient } from '@vatkit/sdk';
import { holdKernel, provideKernel } from './registry.js';
import { useIsServer } from './server.js';

export const KernelContext = createContext<KernelClient | undefined>(undefined);

export type KernelProviderProps = {
  /**
   * What `createKernel` gave, made outside of components; or a function that makes it: then the provider closes it, a
   * second after its last mount has ended. Of several clients of one name in a page all providers use the first.
   */
  kernel: KernelClient | (() => KernelClient);
  children?: ReactNode;
};

/** Gives a kernel to the hooks below it, and a QueryClient where there is none above. It starts nothing. */
export function KernelProvider({ kernel, children }: KernelProviderProps): ReactNode {
  const isServer = useIsServer();
  const isOwned = typeof kernel === 'function';
  const given = useMemo(() => (typeof kernel === 'function' ? kernel() : kernel), [kernel]);
  const shared = isServer ? given : provideKernel(given, isOwned);
  useEffect(() => holdKernel(shared, isOwned), [shared, isOwned]);

  const outer = useContext(QueryClientContext);
  const [own] = useState(() => new QueryClient());
  const provided = <KernelContext.Provider value={shared}>{children}</KernelContext.Provider>;
  return outer ? provided : <QueryClientProvider client={own}>{provided}</QueryClientProvider>;
}

/** The kernel of the nearest provider. @throws Error where there is none. */
export function useKernel(): KernelClient {
  const kernel = useContext(KernelContext);
  if (kernel) return kernel;
  throw new Error('There is no kernel here: put a <KernelProvider kernel={kernel}> above');
}
