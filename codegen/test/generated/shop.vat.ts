/** A vat that needs others: their types come from here, what they are from `defineSubcluster`. */
import { E, makeDefaultExo } from '@vatkit/sdk/vat';
import type { ERef } from '@vatkit/sdk/vat';

/** What the shop expects of its till. */
interface Till {
  charge(amount: number): string;
}

export function buildRootObject(_powers: unknown, parameters: { name: string }) {
  let till: ERef<Till> | undefined;
  return makeDefaultExo('shop', {
    async bootstrap(vats: { till: ERef<Till> }, services: { clock: ERef<{ now(): number }> }) {
      ({ till } = vats);
      return `${parameters.name} opened at ${await E(services.clock).now()}`;
    },
    async buy(amount: number): Promise<string> {
      if (till === undefined) throw new Error('closed');
      return E(till).charge(amount);
    },
  });
}
