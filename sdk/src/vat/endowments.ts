import type { VatId } from '../protocol/refs.js';
import type { VatEndowments } from '../protocol/vat-wire.js';

export function makeEndowments(_vatId: VatId, _endowments: VatEndowments): Record<string, unknown> {
  return {};
}
