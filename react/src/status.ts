import { useCallback, useMemo, useSyncExternalStore } from 'react';
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
  let last: { status: ClientStatus; selected: Selected } | undefined;
  return (status: ClientStatus): Selected => {
    if (last?.status !== status) {
      const selected = selector(status);
      last = {
        status,
        selected: last === undefined ? selected : replaceEqualDeep(last.selected, selected),
      };
    }
    return last.selected;
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
  const selectOnServer = useMemo(() => makeSelection(selector), [selector]);
  const subscribe = useCallback((listener: () => void) => kernel.subscribe(listener), [kernel]);
  return useSyncExternalStore(
    subscribe,
    () => select(kernel.status),
    () => selectOnServer(serverStatus),
  );
}
