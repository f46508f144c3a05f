import { makeExo } from '@vatkit/sdk/vat';

/** Each leads to the other, and neither says what it returns. */
export const makeThere = () => makeExo('There', undefined, { back: () => makeBack() });
export const makeBack = () => makeExo('There', undefined, { there: () => makeThere() });

/** Of the same tag as the two above. */
export interface There {
  next(): There;
}
export const makeNext = (): There => makeExo('There', undefined, { next: () => makeNext() });

export type { Priority as Renamed } from './types.js';
