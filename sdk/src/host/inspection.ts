/** What devtools and tests read of a kernel's tables. Nothing here changes anything. */
import type { KernelRows } from '../kernel/rows.js';
import { krefOrder } from '../kernel/rows.js';
import { limits } from '../limits.js';
import {
  CAVEAT_MAKER,
  HOST_REALM,
  isDurableVRef,
  isPromiseKRef,
  ROOT_VREF,
  type EndpointId,
  type KRef,
} from '../protocol/refs.js';
import type { KernelDatabase } from '../store/kv-store.js';

export type ObjectHolder = {
  /**
   * A vat `v1`, a client `c1`, a peer `r1`, the host `h1`, `a1` for callers of `Kernel` methods; or what stands for somebody:
   * `root of v1`, `kernel`, `pin`, `service name`, `ocap URL`, `caveat ko9`.
   */
  by: string;
  /** How often it was handed out, where that is counted, else 1. */
  times: number;
  /** A vat's durable state holds it. */
  durable?: true;
};

export type ObjectInfo = {
  kref: KRef;
  /** Whose object it is; null once that is gone. */
  owner: EndpointId | null;
  /** Whether it outlives its vat's incarnation, and what the owner calls it. */
  kind: 'root' | 'durable' | 'heap' | 'service' | 'caveat' | 'exposed' | 'remote';
  vref?: string;
  iface?: string;
  methods?: readonly string[];
  revoked: boolean;
  holders: ObjectHolder[];
  /** Holders in all that can send to it: also messages that wait, and settled promises. */
  reach: number;
};

export type ObjectPage = {
  objects: ObjectInfo[];
  /** Of all objects that there are. */
  total: number;
  /** To be asked `after` for the next page; absent on the last. */
  next?: KRef;
};

export type ObjectQuery = {
  after?: KRef;
  /** At most `objectsPageMax`, which is the default. */
  limit?: number;
  /** Only objects of this endpoint. */
  owner?: EndpointId;
  /** Only what this endpoint holds. */
  holder?: EndpointId;
};

export function readObjects(
  rows: KernelRows,
  shapeOf: (kref: KRef) => { iface?: string; methods: readonly string[] } | undefined,
  { after, limit = limits.objectsPageMax, owner, holder }: ObjectQuery = {},
): ObjectPage {
  const isWanted = (kref: KRef): boolean =>
    (owner === undefined || rows.objects.get(kref)?.owner === owner) &&
    (holder === undefined || isHeldBy(kref, holder));
  const isHeldBy = (kref: KRef, endpoint: EndpointId): boolean => {
    const vref = rows.clistByKRef.get(`${endpoint}.${kref}`)?.vref;
    return (vref !== undefined && vref[1] === '-') || rows.holds.has(`${endpoint}.${kref}`);
  };
  const all = rows.objects.ids().sort(krefOrder).filter(isWanted);
  const from = after === undefined ? 0 : all.findIndex((kref) => krefOrder(kref, after) > 0);
  const size = Math.min(Math.max(1, Math.floor(limit)), limits.objectsPageMax);
  const page = from < 0 ? [] : all.slice(from, from + size);
  const others = otherHolders(rows);
  const endpoints = [...rows.vats.ids(), ...rows.sessions.ids(), HOST_REALM].sort();
  const objects = page.map((kref): ObjectInfo => {
    const row = rows.objects.getRequired(kref);
    const shape = shapeOf(kref);
    const vref =
      row.owner === null ? undefined : rows.clistByKRef.get(`${row.owner}.${kref}`)?.vref;
    const holders = endpoints.flatMap((endpoint): ObjectHolder[] => {
      const entry = rows.clistByKRef.get(`${endpoint}.${kref}`);
      if (endpoint === row.owner || entry === undefined || !entry.reach) return [];
      const times = entry.mentions ?? 1;
      return [{ by: endpoint, times, ...(entry.durable && { durable: true }) }];
    });
    return {
      kref,
      owner: row.owner,
      kind: kindOf(row.owner, vref),
      ...(vref !== undefined && { vref }),
      ...(shape?.iface !== undefined && { iface: shape.iface }),
      ...(shape && { methods: [...shape.methods] }),
      revoked: row.revoked === true,
      holders: [...holders, ...(others.get(kref) ?? [])],
      reach: row.reach,
    };
  });
  const last = page.at(-1);
  return {
    objects,
    total: all.length,
    ...(last !== undefined && last !== all.at(-1) && { next: last }),
  };
}

function kindOf(owner: EndpointId | null, vref: string | undefined): ObjectInfo['kind'] {
  switch (owner?.[0]) {
    case 'h':
      return 'service';
    case 'k':
      return 'caveat';
    case 'c':
      return 'exposed';
    case 'r':
      return 'remote';
    default:
      if (vref === ROOT_VREF) return 'root';
      return vref !== undefined && isDurableVRef(vref) ? 'durable' : 'heap';
  }
}

/** Those that have no c-list. */
function otherHolders(rows: KernelRows): Map<KRef, ObjectHolder[]> {
  const found = new Map<KRef, ObjectHolder[]>();
  const add = (kref: KRef, by: string, times = 1): void => {
    if (isPromiseKRef(kref)) return;
    const holders = found.get(kref) ?? [];
    const known = holders.find((holder) => holder.by === by);
    if (known === undefined) found.set(kref, [...holders, { by, times }]);
    else known.times += times;
  };
  for (const id of rows.holds.ids()) {
    const [endpoint = '', kref = ''] = id.split('.');
    add(kref, endpoint, rows.holds.getRequired(id));
  }
  for (const vatId of rows.vats.ids()) add(rows.vats.getRequired(vatId).root, `root of ${vatId}`);
  add(CAVEAT_MAKER, 'kernel');
  for (const kref of rows.pins.ids()) add(kref, 'pin', rows.pins.getRequired(kref));
  for (const name of rows.services.ids()) {
    add(rows.services.getRequired(name).kref, `service ${name}`);
  }
  for (const number of rows.urls.ids()) add(rows.urls.getRequired(number).kref, 'ocap URL');
  for (const kref of rows.caveats.ids()) {
    const caveat = rows.caveats.getRequired(kref);
    if (caveat.type === 'forwarder') add(caveat.target, `caveat ${kref}`);
  }
  return found;
}

export type QueryPage = {
  rows: { [column: string]: unknown }[];
  /** How many rows the query gave; `rows` has the first `queryRowsMax` of them. */
  total: number;
};

/** @throws TypeError for a statement that writes, or that SQLite cannot read. */
export function queryStore(database: KernelDatabase, sql: string): QueryPage {
  const all = database.executeQuery(sql);
  const rows = all
    .slice(0, limits.queryRowsMax)
    .map((row) =>
      Object.fromEntries(Object.entries(row).map(([column, value]) => [column, shorten(value)])),
    );
  return { rows, total: all.length };
}

function shorten(value: unknown): unknown {
  if (typeof value !== 'string' || value.length <= limits.queryTextCharsMax) return value;
  return `${value.slice(0, limits.queryTextCharsMax)}… ${value.length} characters`;
}
