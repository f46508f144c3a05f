/** Pages that are frozen, or kept for the back button, and come back. */
export function watchVisibility(hide: () => void) {
  let isAway = false;
  const waiting: (() => void)[] = [];
  const away = (): void => {
    if (isAway) return;
    isAway = true;
    hide();
  };
  const back = (): void => {
    isAway = false;
    for (const go of waiting.splice(0)) go();
  };
  const each = (how: 'addEventListener' | 'removeEventListener'): void => {
    // A worker has neither.
    if (typeof document !== 'object') return;
    document[how]('freeze', away);
    document[how]('resume', back);
    globalThis[how]('pagehide', away);
    globalThis[how]('pageshow', back);
  };
  each('addEventListener');
  return {
    shown: (): Promise<void> =>
      isAway ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(),
    stop(): void {
      each('removeEventListener');
      back();
    },
  };
}
