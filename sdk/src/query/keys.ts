/**
 * Keys of queries: `['vatkit', { name, storeId, ref, iface, method, args }]`, all of it text. A part of it is a filter:
 * `invalidateQueries({ queryKey: ['vatkit', { method: 'list' }] })`.
 */
import type { QueryFilters } from '@tanstack/query-core';
import type { RefHandle } from '../client/ref.js';
import type { MethodDescriptor } from '../protocol/definition.js';
import type { OpaqueVatId } from '../protocol/session-wire.js';
import { canonicalText } from './canonical.js';
import { handleOf } from './handle.js';
import { touchedBy } from './records.js';
import type { ArgsOf, On, RefTo } from './types.js';

export type VatQueryKeyParts = {
  /** The kernel's. */
  readonly name: string | null;
  readonly storeId: string | null;
  /** The object's stable id within its store. */
  readonly ref: string | null;
  readonly iface: string;
  readonly method: string;
  readonly args: string;
  /** Of an infinite query, whose data have another form. */
  readonly pages?: true;
};

export type VatQueryKey = readonly ['vatkit', VatQueryKeyParts];

/** Is it a ref, and no way of saying that there is none yet? */
export function insistTarget(descriptor: MethodDescriptor, on: unknown): RefHandle | undefined {
  const handle = handleOf(on);
  if (handle || on === undefined || on === null || typeof on === 'symbol') return handle;
  throw new TypeError(`${nameOf(descriptor)} is asked of a ref; \`on\` is a ${typeof on}`);
}

export const nameOf = ({ interface: { name }, method }: MethodDescriptor): string =>
  `${name}.${method}`;

/** `vatkit:<storeId>/<id>`, which every ref says of itself. */
function placeOf(handle: RefHandle | undefined): Pick<VatQueryKeyParts, 'storeId' | 'ref'> {
  const [, , storeId = null, ref = null] = JSON.stringify(handle?.base ?? null).split(/["/:]/);
  return { storeId, ref };
}

export function makeKey(
  descriptor: MethodDescriptor,
  handle: RefHandle | undefined,
  args: unknown,
): VatQueryKey {
  const { interface: info, method } = descriptor;
  const name = handle?.origin?.name ?? null;
  return [
    'vatkit',
    { name, ...placeOf(handle), iface: info.name, method, args: canonicalText(args) },
  ];
}

/** The key of a query, for `getQueryData` and `setQueryData`. */
export function vatQueryKey<Method, Interface>(
  descriptor: MethodDescriptor<Method, Interface>,
  { on, args = [] as never }: { on: RefTo<Interface>; args?: ArgsOf<Method> },
): VatQueryKey {
  return makeKey(descriptor, insistTarget(descriptor, on), args);
}

/** Which cached queries are meant; what is left out is any. */
export type VatFilter<Method = unknown, Interface = unknown> = {
  /** A kernel's name. */
  kernel?: string;
  on?: On<Interface>;
  method?: MethodDescriptor<Method, Interface>;
  args?: ArgsOf<Method>;
  /** A vat that the answer depended on: one of `kernel.status.vats`, or its `opaqueId`. */
  vat?: OpaqueVatId | { readonly opaqueId?: OpaqueVatId };
};

/** What a part of a key finds. */
export function filterOf({ on, method, args }: VatFilter, others?: object): QueryFilters {
  const handle = handleOf(on);
  const parts = {
    ...others,
    ...(handle && placeOf(handle)),
    ...(method && { iface: method.interface.name, method: method.method }),
    ...(args && { args: canonicalText(args) }),
  };
  return { queryKey: ['vatkit', parts] };
}

/**
 * Filters for `invalidateQueries`, `removeQueries` and their like:
 *
 *     queryClient.invalidateQueries(vatQueryFilter({ on: root, method: TodoRoot.list }));
 */
export function vatQueryFilter<Method, Interface>({
  kernel,
  vat,
  ...filter
}: VatFilter<Method, Interface>): QueryFilters {
  return {
    ...filterOf(filter as VatFilter, kernel === undefined ? {} : { name: kernel }),
    ...(vat !== undefined && {
      predicate: (query) =>
        ((typeof vat === 'string' ? vat : vat.opaqueId) ?? '') in touchedBy(query),
    }),
  };
}
