import { useMemo, useSyncExternalStore } from 'react';
import { replaceEqualDeep } from '@tanstack/react-query';
import type { ClientStatus } from '@vatkit/sdk';
import { useKernel } from './provider.js';

/** Of a kernel that was not used yet: what a server renders, and a page first. */
const serverStatus: ClientStatus = Object.freeze({
  phase: 'idle',
  vats: Object.freeze([]),
  subclusters: Object.freeze([]),
  launching: Object.freeze({}),
});

/** Selects of each status once, and keeps what is equal to what was selected before. */
function makeSelection<Selected>(selector: (status: ClientStatus) => Selected) {
  let last: ClientStatus | undefined;
  let selected: Selected;
  return (status: ClientStatus): Selected => {
    if (last !== status) selected = replaceEqualDeep(selected, selector(status));
    last = status;
    return selected;
  };
}

const all = (status: ClientStatus): ClientStatus => status;

/**
 * What the kernel is doing: its phase, vats, subclusters, launches under way.
 *
 *     const isReady = useKernelStatus(({ phase }) => phase === 'ready');
 */
export function useKernelStatus(): ClientStatus;
export function useKernelStatus<Selected>(selector: (status: ClientStatus) => Selected): Selected;
export function useKernelStatus(selector: (status: ClientStatus) => unknown = all): unknown {
  const kernel = useKernel();
  const select = useMemo(() => makeSelection(selector), [selector]);
  return useSyncExternalStore(
    kernel.subscribe,
    () => select(kernel.status),
    () => select(serverStatus),
  );
}
