import { useSyncExternalStore } from 'react';
import { KernelError } from '@vatkit/sdk';

const never = (): (() => void) => () => undefined;

/** On a server, and in the first render of a page that a server has rendered. */
export const useIsServer = (): boolean =>
  useSyncExternalStore(
    never,
    () => false,
    () => true,
  );

/** @throws KernelError SERVER_RENDER: the nearest Suspense boundary streams its fallback, and the page goes on from there. */
export function useClientOnly(hook: string): void {
  if (!useIsServer()) return;
  throw new KernelError('SERVER_RENDER', `${hook} waits for a kernel, which only a page has`);
}
