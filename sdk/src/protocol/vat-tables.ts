/** What a vat's worker says of its own tables, for tests and diagnosis: what a leak would let grow. */

/** The tables of a worker, here of one without a vat. */
export const emptyVatTables = Object.freeze({
  /** Heap objects that others were given, the root among them. */
  exports: 0,
  /** References of others, and those of them that are only recognized still. */
  imports: 0,
  droppedImports: 0,
  /** Promises with a name, on their way in or out. */
  promises: 0,
  /** References of others that are keys of the vat's weak collections. */
  weakKeys: 0,
  /** Rows of durable state, and references that they hold. */
  stateRows: 0,
  stateHolds: 0,
  /** Durable objects that have a representative in memory. */
  representatives: 0,
  /** Names that the next crank or reap will look at, and system calls that wait for the next crank. */
  suspects: 0,
  syscalls: 0,
  /** Requests to the host that are under way. */
  asks: 0,
});

export type VatTableSizes = { [Table in keyof typeof emptyVatTables]: number };

/** What a worker sent, which vat code may have taken over: any value. */
export function readVatTableSizes(sent: unknown): VatTableSizes {
  const given = (typeof sent === 'object' ? sent : undefined) as {
    [table: string]: unknown;
  } | null;
  const tables = Object.keys(emptyVatTables).map((table) => {
    const size = given?.[table];
    return [table, Number.isSafeInteger(size) ? size : 0];
  });
  return Object.fromEntries(tables) as VatTableSizes;
}
