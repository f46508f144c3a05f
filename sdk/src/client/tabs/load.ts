/** The election among tabs, which is loaded when a realm that may have tabs first uses its kernel: a port needs none. */
import type { Tabs, TabsOptions } from './tabs.js';

export function loadTabs(options: TabsOptions): Tabs {
  let loading: Promise<Tabs> | undefined;
  let tabs: Tabs | undefined;
  let departures = 0;

  const load = async (): Promise<Tabs> => {
    loading ??= import('./tabs.js').then(({ makeTabs }) => makeTabs(options));
    try {
      return (tabs = await loading);
    } catch (thrown) {
      // The network may be back at the next use.
      loading = undefined;
      throw thrown;
    }
  };

  return {
    async open() {
      if (typeof Worker !== 'function') return options.worker();
      const before = departures;
      const { open } = tabs ?? (await load());
      if (departures !== before) throw new Error('this tab has left');
      return open();
    },
    leave() {
      departures += 1;
      tabs?.leave();
    },
    askStore: async (file) => (await load()).askStore(file),
  };
}
