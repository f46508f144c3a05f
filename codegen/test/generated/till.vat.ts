import { makeDefaultExo } from '@vatkit/sdk/vat';

export function buildRootObject(_powers: unknown, parameters: { currency: string }) {
  return makeDefaultExo('till', {
    charge: (amount: number) => `${amount} ${parameters.currency}`,
  });
}
