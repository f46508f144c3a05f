/** What a worker is told first: which vat it runs, with which code, and what that code is given. */
import type { KernelEffect } from '../kernel/events.js';
import { limits } from '../limits.js';
import type { Bundle, ToVat } from '../protocol/vat-wire.js';
import { parseBundle } from './bundles.js';

/** @param textOf - a bundle of the store, as text. */
export function makeVatStarts(textOf: (hash: string) => string) {
  const parsed = new Map<string, Bundle>();

  const bundleOf = (hash: string): Bundle => {
    let bundle = parsed.get(hash);
    if (bundle === undefined) {
      bundle = parseBundle(textOf(hash));
      if (parsed.size >= limits.parsedBundlesMax) parsed.clear();
      parsed.set(hash, bundle);
    }
    return bundle;
  };

  return {
    bundleOf,

    init: ({ vatId, bundleHash, config }: KernelEffect & { type: 'start-vat' }): ToVat => ({
      type: 'init',
      vatId,
      // The map is for people's eyes, in the host: no vat needs it.
      bundle: { ...bundleOf(bundleHash), sourceMap: undefined },
      endowments: {
        globals: config.globals ?? [],
        ...(config.network && { network: config.network }),
        ...(config.platformConfig && { platformConfig: config.platformConfig }),
      },
      limits: { messageBytesMax: limits.messageBytesMax, asksMax: limits.vatAsksMax },
    }),
  };
}
