/**
 * What vats ask their host to do for them between cranks: to fetch. Each ask is answered once, also when the vat has cancelled it,
 * or ended with its incarnation; it may have been carried out although a crash or a rollback made the vat forget it.
 */
import { limits } from '../limits.js';
import type { VatId } from '../protocol/refs.js';
import type { HostAnswer, HostAsk } from '../protocol/vat-wire.js';
import { messageOf } from './bundles.js';
import type { HostFetch } from './host-fetch.js';

export type VatAsksPowers = {
  /** Absent where the platform cannot fetch for vats. */
  fetch: HostFetch | undefined;
  /** The hosts that the vat's configuration names. */
  allowedHosts: (vatId: VatId) => readonly string[];
  reply: (vatId: VatId, incarnation: number, id: number, answer: HostAnswer) => void;
};

export function makeVatAsks({ fetch, allowedHosts, reply }: VatAsksPowers) {
  const open = new Map<string, Map<number, AbortController>>();
  const keyOf = (vatId: VatId, incarnation: number): string => `${vatId}.${incarnation}`;

  const perform = async (vatId: VatId, ask: HostAsk, signal: AbortSignal): Promise<HostAnswer> => {
    try {
      if (ask.op !== 'fetch') throw new TypeError('the vat asks for what no host does');
      if (fetch === undefined) throw new Error('fetch is not implemented on this platform');
      const value = await fetch(ask.request, { allowedHosts: allowedHosts(vatId), signal });
      return { ok: true, value };
    } catch (thrown) {
      const name = thrown instanceof Error ? thrown.name : 'Error';
      return { ok: false, error: { name, message: messageOf(thrown) } };
    }
  };

  return {
    begin(vatId: VatId, incarnation: number, id: number, ask: HostAsk): void {
      const key = keyOf(vatId, incarnation);
      const asks = open.get(key) ?? new Map<number, AbortController>();
      open.set(key, asks);
      if (asks.size >= limits.vatAsksMax || asks.has(id)) {
        const message = `a vat may have ${limits.vatAsksMax} requests to its host under way`;
        reply(vatId, incarnation, id, { ok: false, error: { name: 'RangeError', message } });
        return;
      }
      const controller = new AbortController();
      asks.set(id, controller);
      void perform(vatId, ask, controller.signal).then((answer) => {
        if (asks.delete(id)) reply(vatId, incarnation, id, answer);
      });
    },

    cancel(vatId: VatId, incarnation: number, id: number): void {
      open.get(keyOf(vatId, incarnation))?.get(id)?.abort();
    },

    /** The incarnation is over; nobody waits for its answers. */
    end(vatId: VatId, incarnation: number): void {
      const asks = open.get(keyOf(vatId, incarnation));
      open.delete(keyOf(vatId, incarnation));
      for (const [id, controller] of asks ?? []) {
        asks?.delete(id);
        controller.abort();
      }
    },
  };
}
