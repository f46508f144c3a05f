/** Who waits for a vat's worker to answer. The heartbeat bounds how long. */
import type { VatId } from '../protocol/refs.js';
import type { VatTableSizes } from '../protocol/vat-tables.js';

export function makePings(send: (vatId: VatId, id: number) => void) {
  const waiting = new Map<string, (sizes: VatTableSizes | undefined) => void>();
  const keyOf = (vatId: VatId, id: number): string => `${vatId}.${id}`;
  let lastId = 0;

  return {
    /** Resolves to what the worker answers, to undefined when it is gone. */
    ping(vatId: VatId): Promise<VatTableSizes | undefined> {
      lastId += 1;
      const id = lastId;
      return new Promise((resolve) => {
        waiting.set(keyOf(vatId, id), resolve);
        send(vatId, id);
      });
    },

    answered(vatId: VatId, id: number, sizes: VatTableSizes): void {
      const key = keyOf(vatId, id);
      waiting.get(key)?.(sizes);
      waiting.delete(key);
    },

    /** Its worker answers no more; without an id, none does. */
    gone(vatId?: VatId): void {
      for (const [key, answer] of waiting) {
        if (vatId !== undefined && !key.startsWith(`${vatId}.`)) continue;
        waiting.delete(key);
        answer(undefined);
      }
    },
  };
}
