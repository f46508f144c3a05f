/** A worker's, or where a test of a vat's module runs unlocked the one that Endo's modules have installed. */
export const hardenNow = <Value>(value: Value): Value => {
  const shared = (Object as unknown as Record<symbol, unknown>)[Symbol.for('harden')] as
    typeof harden | undefined;
  return (shared ?? harden)(value);
};
