/** The kernel's tables of subclusters and vats, as copies that their reader may change. */
import { KernelError } from '../errors.js';
import { krefOrder, type KernelRows, type VatRow } from '../kernel/rows.js';
import type { SubclusterId, VatId } from '../protocol/refs.js';
import type { WireStatus } from '../protocol/session-wire.js';
import type { Subcluster, VatInfo } from './kernel-types.js';

type IsRunning = (vatId: VatId) => boolean;

export function subclusterOf(rows: KernelRows, id: SubclusterId): Subcluster | undefined {
  const row = rows.subclusters.get(id);
  return row && { id, config: copyJson(row.config), vats: { ...row.vats } };
}

/** @throws KernelError NOT_FOUND where there is no such vat. */
export function vatRowOf(rows: KernelRows, vatId: VatId): VatRow {
  const row = rows.vats.get(vatId);
  if (row === undefined)
    throw new KernelError('NOT_FOUND', `Vat does not exist. (${String(vatId)})`);
  return row;
}

export const vatIdsOf = (rows: KernelRows): VatId[] => rows.vats.ids().sort(krefOrder);

export const subclusterIdsOf = (rows: KernelRows): SubclusterId[] =>
  rows.subclusters.ids().sort(krefOrder);

export const vatInfosOf = (rows: KernelRows, isRunning: IsRunning): VatInfo[] =>
  vatIdsOf(rows).map((id) => {
    const row = vatRowOf(rows, id);
    const { config, subcluster } = row;
    return {
      id,
      config: copyJson(config),
      subclusterId: subcluster,
      status: statusOf(id, row, isRunning),
    };
  });

/** What clients are told of all vats and subclusters. */
export const wireStatusOf = (
  rows: KernelRows,
  isRunning: IsRunning,
  storage: WireStatus['storage'],
  opaqueVatId: (vatId: VatId) => string,
  peers: WireStatus['peers'],
): WireStatus => ({
  vats: vatIdsOf(rows).map((id) => {
    const row = vatRowOf(rows, id);
    return {
      id,
      name: row.name,
      subclusterId: row.subcluster,
      status: statusOf(id, row, isRunning),
      opaqueId: opaqueVatId(id),
    };
  }),
  subclusters: subclusterIdsOf(rows).map((id) => {
    const { name, vats } = rows.subclusters.getRequired(id);
    return { id, vats: { ...vats }, ...(name !== undefined && { name }) };
  }),
  storage,
  peers,
});

function statusOf(id: VatId, { condition }: VatRow, isRunning: IsRunning): VatInfo['status'] {
  if (condition !== 'running') return condition;
  return isRunning(id) ? 'running' : 'stopped';
}

/** Texts, which may be bundles, are shared. */
function copyJson<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyJson) as T;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, copyJson(part)])) as T;
}
